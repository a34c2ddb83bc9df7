//! What `sys/rekey` and `sys/generate-root` have in common: their rows, who may begin and end an attempt, and key shares that
//! are slowed down where they are wrong.
//! Never in it: what either of them does.

use onrecord_seal::{Progress, SecretBytes};
use onrecord_storage::BarrierError;
use onrecord_value::Object;

use crate::audit_errors;
use crate::ceremonies::attempt::{Attempt, decode_share};
use crate::ceremonies::guesses::{Giver, Guesses};
use crate::engine::space::failed;
use crate::engine::sys::Sys;
use crate::engine::{Call, Path, Unsealed, fields};
use crate::network::Network;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape};
use crate::routes::Role;

/// A route of a ceremony: key shares stand in the place of a token.
pub(super) const fn ceremony(pattern: &'static str, synopsis: &'static str) -> Path<Sys> {
    Path::new(pattern, synopsis).needs_no_token().role(Role::Ceremony)
}

/// Whether a policy allows the caller the operation with `sudo`. Such a caller's attempt is its own: nobody without that
/// right can end it.
pub(super) fn is_privileged(call: &Call<'_>) -> bool {
    call.decide(call.operation).is_some_and(|decision| decision.allowed && (decision.sudo || decision.root))
}

/// Whether a caller may end an attempt, or put another one in its place.
pub(super) fn may_end(call: &Call<'_>, attempt: &Attempt) -> Result<(), Refusal> {
    if attempt.is_privileged && !is_privileged(call) {
        let text = "permission denied: this attempt was begun with a token, and is ended with a token whose policies allow it \
                    with sudo";
        return Err(Refusal { text: Some(text.to_owned()), ..Refusal::denied() });
    }
    Ok(())
}

/// A nonce that a request names must be that of the attempt.
pub(super) fn check_nonce(given: Option<&str>, nonce: &str, what: &str) -> Result<(), Refusal> {
    match given {
        Some("") | None => Ok(()),
        Some(given) if given == nonce => Ok(()),
        Some(_) => Err(Refusal::invalid(format!(
            "incorrect nonce supplied; nonce for this {what} operation is \"{nonce}\""
        ))),
    }
}

/// The key share of a request that names an attempt.
pub(super) fn share(call: &Call<'_>, nonce: &str, what: &str) -> Result<SecretBytes, Refusal> {
    let given = fields::text(call.data, "nonce")?.unwrap_or_default();
    if given.is_empty() {
        return Err(Refusal::invalid(format!(
            "missing nonce: that of the {what} operation, as the answer to its start has it"
        )));
    }
    check_nonce(Some(&given), nonce, what)?;
    let key = fields::text(call.data, "key")?.unwrap_or_default();
    if key.is_empty() {
        return Err(Refusal::invalid("'key' must be specified in request body as JSON"));
    }
    decode_share(&key).ok_or_else(|| Refusal::invalid("'key' must be a valid hex or base64 string"))
}

/// Where a share comes from, if it may be looked at now.
pub(super) fn giver(unsealed: &Unsealed, guesses: &Guesses, call: &Call<'_>) -> Result<Giver, Refusal> {
    let giver = Some(Network::of_client(call.peer));
    let Some(wait) = guesses.wait(giver, unsealed.host.clock.monotonic()) else { return Ok(giver) };
    unsealed.meters.key_share_refused();
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let text = format!(
        "too many wrong key shares came from this address: the next one is looked at in {seconds} s; from another address at once"
    );
    let audit_error = Some(audit_errors::TOO_MANY_WRONG_SHARES);
    Err(Refusal { status: 429, text: Some(text), audit_error, in_data: false })
}

/// The key that the shares make, once there are enough of them and `check` takes it; `None` if there are not.
pub(super) async fn take(
    unsealed: &Unsealed,
    guesses: &Guesses,
    giver: Giver,
    progress: Progress,
    check: impl AsyncFnOnce(&SecretBytes) -> Result<(), BarrierError>,
) -> Result<Option<SecretBytes>, Refusal> {
    let Progress::Complete(key) = progress else {
        guesses.given(giver);
        return Ok(None);
    };
    let why = match key {
        Ok(key) => match check(&key).await {
            Ok(()) => {
                guesses.right(giver);
                return Ok(Some(key));
            }
            Err(BarrierError::Unseal(error)) => error.to_string(),
            Err(error) => return Err(failed(&error)),
        },
        Err(error) => error.to_string(),
    };
    unsealed.meters.key_share_refused();
    if let Some(rounds) = guesses.wrong(giver, unsealed.host.clock.monotonic()) {
        let address = giver.map(|giver| giver.to_string()).unwrap_or_default();
        tracing::warn!(address, rounds, "the key shares of a ceremony were wrong");
    }
    Err(Refusal::invalid(format!("{why}; all key shares given so far are forgotten")))
}

/// An answer without an envelope, as clients of these routes expect it.
pub(super) fn bare(data: Object) -> Outcome {
    Reply { data: Some(data), shape: ReplyShape::Bare, ..Reply::default() }.into()
}
