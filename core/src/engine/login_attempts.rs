//! Logins that can be guessed at: each is begun at an account, which too many failed ones lock, and ends as a success or with
//! a refusal that does not tell what was wrong.
//! Never in it: how a method checks credentials; the counts of failed logins (`lockout`).

use onrecord_entry::text::Template;

use crate::audit_errors;
use crate::engine::{Call, Unsealed};
use crate::lockout::LoginAttempt;
use crate::outcome::Refusal;

/// Begins a login at an account of the mount. A locked account refuses it.
pub(crate) async fn begin(unsealed: &Unsealed, call: &Call<'_>, name: &str) -> Result<LoginAttempt, Refusal> {
    let rules = call.mount.tune.lockout_rules();
    let begun = unsealed.lockouts.begin(&call.mount.accessor, name, rules, call.now).await;
    begun.map_err(|_| Refusal {
        text: Some("permission denied".to_owned()),
        audit_error: Some(audit_errors::LOGIN_LOCKED),
        ..Refusal::denied()
    })
}

/// Why a login fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no such account.
    NoAccount,
    /// The credentials are not those of the account.
    WrongCredentials,
    /// They are, but the client's address is not one that they may be used from.
    Elsewhere,
}

/// Ends a login that failed. The client learns the same text whatever was wrong; the record says more where that gives
/// nothing away to a reader of the log.
pub(crate) fn refuse(attempt: LoginAttempt, failure: Failure, text: &'static str) -> Refusal {
    if attempt.failed(failure != Failure::NoAccount) {
        return refusal(audit_errors::LOGIN_LOCKS, text);
    }
    failed(failure, text)
}

/// As [`refuse`], for a login by what cannot be guessed, at which no account is locked.
pub(crate) fn failed(failure: Failure, text: &'static str) -> Refusal {
    let why = match failure {
        Failure::Elsewhere => audit_errors::LOGIN_ELSEWHERE,
        Failure::NoAccount | Failure::WrongCredentials => audit_errors::LOGIN_REFUSED,
    };
    refusal(why, text)
}

fn refusal(audit_error: Template, text: &'static str) -> Refusal {
    Refusal { status: 400, text: Some(text.to_owned()), audit_error: Some(audit_error), in_data: true }
}
