//! What a request says about response wrapping: for how long its answer shall be wrapped, and which wrapping token it
//! names. One that is not valid is refused here, before the request is recorded: so its request entry says it.
//! Never in it: what is wrapped, and how it is stored (`wrap`, `engine::sys::wrapping`).

use std::time::Duration;

use onrecord_seal::Secret;
use onrecord_value::{GoDuration, Time, duration};

use crate::audit_errors;
use crate::engine::fields;
use crate::engine::unsealed::Unsealed;
use crate::exchange::Target;
use crate::operation::Operation;
use crate::outcome::Refusal;
use crate::request::Request;
use crate::routes::{Access, Role, Route};
use crate::tokens::{ActiveToken, Reservation};

/// The one path at which a token in the body is as good as one in the header.
const UNWRAP: &str = "sys/wrapping/unwrap";
/// The field that names a wrapping token.
pub(crate) const FIELD: &str = "token";
/// Where in the cubbyhole of a wrapping token the answer is.
pub(crate) const KEY: &str = "response";

/// The seconds of the header `X-Vault-Wrap-TTL`, at most `max`; none if it asks for nothing.
pub(crate) fn parse_ttl(header: Option<&str>, max: Duration) -> Result<Option<u64>, Refusal> {
    let Some(text) = header else { return Ok(None) };
    let refused = |why: String| {
        let text = format!(
            "error parsing X-Vault-Wrap-TTL header: {why}; it is seconds, or a number with a unit, such as 90s, 5m or 1h"
        );
        Refusal::at_capture(400, text, audit_errors::BAD_WRAP_TTL)
    };
    let ttl = duration::parse(text.trim()).map_err(|error| refused(error.to_string()))?;
    if ttl.is_negative() {
        return Err(refused("it must not be negative".to_owned()));
    }
    let seconds = u64::try_from(ttl.secs()).unwrap_or(0);
    if seconds > max.as_secs() {
        let max = GoDuration::from_secs(i64::try_from(max.as_secs()).unwrap_or(i64::MAX));
        let why = format!(
            "{} is longer than max_lease_ttl of the server, {}",
            duration::format(ttl),
            duration::format(max)
        );
        return Err(refused(why));
    }
    // What is shorter than a second counts as one.
    Ok((!ttl.is_zero()).then_some(seconds.max(1)))
}

/// Takes the token in the body for that of the request, if the request has no other and is to unwrap it.
pub(crate) fn adopt_token(request: &mut Request) {
    if request.token.is_none() && request.path == UNWRAP {
        let token = request.data.str(FIELD).filter(|token| !token.is_empty());
        request.token = token.map(|token| Secret::new(token.to_owned()));
    }
}

/// Whether a request may have its token in its body.
pub(crate) fn may_have_token_in_body(target: &Target) -> bool {
    matches!(target, Target::Api(path) if path == UNWRAP)
}

/// Whether [`check`] has anything to look at.
pub(crate) fn concerns(request: &Request, row: Option<&Route>) -> bool {
    names_token(row) || request.wrap_ttl.is_some()
}

fn names_token(row: Option<&Route>) -> bool {
    row.is_some_and(|row| row.role == Role::NamesWrappingToken)
}

/// Refuses a request whose answer cannot be wrapped, and one that names a wrapping token which is not valid.
pub(crate) async fn check(
    unsealed: &Unsealed,
    request: &Request,
    caller: &Reservation,
    row: Option<&Route>,
) -> Result<(), Refusal> {
    let row = row.filter(|row| row.role == Role::NamesWrappingToken);
    if request.wrap_ttl.is_some() && (row.is_some() || request.operation == Operation::Help) {
        return Err(not_wrappable());
    }
    let Some(row) = row.filter(|row| row.takes(request.operation)) else { return Ok(()) };
    let named = fields::text(&request.data, FIELD)?.filter(|token| !token.is_empty());
    let sent = request.token.as_ref().map(|token| token.expose().as_str());
    let Some(token) = named.as_deref().or(sent) else { return Err(invalid()) };
    let own = caller.authenticated().filter(|caller| caller.entry.id.expose() == token);
    if own.is_some_and(|caller| caller.entry.is_wrapping()) {
        return Ok(());
    }
    find(unsealed, token, request.received).await?;
    // The request itself was sent with it, and another has its only use.
    let is_taken = row.access == Access::Policy && sent == Some(token);
    if is_taken { Err(invalid()) } else { Ok(()) }
}

/// The live wrapping token with this text. None of its uses is reserved.
pub(crate) async fn find(unsealed: &Unsealed, token: &str, now: Time) -> Result<ActiveToken, Refusal> {
    let found = unsealed.tokens.find(token, now).await?;
    found.filter(|found| found.entry().is_wrapping()).ok_or_else(invalid)
}

/// The wrapping token was used before, has expired, or never was one.
pub(crate) fn invalid() -> Refusal {
    let text = "wrapping token is not valid or does not exist";
    Refusal::at_capture(400, text, audit_errors::WRAPPING_TOKEN)
}

/// The answer cannot be wrapped.
pub(crate) fn not_wrappable() -> Refusal {
    let text = "the answer of this path cannot be wrapped: send the request without X-Vault-Wrap-TTL";
    Refusal::at_capture(400, text, audit_errors::NOT_WRAPPABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_ttl_is_seconds_or_a_duration_within_the_servers_bound() {
        let parse = |text: &str| {
            parse_ttl(Some(text), Duration::from_hours(1)).map_err(|refusal| refusal.text.unwrap())
        };
        for (text, seconds) in
            [("60", Some(60)), ("5m", Some(300)), ("1h", Some(3600)), ("10ms", Some(1)), ("0", None)]
        {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        for (text, why) in [
            ("soon", "time: invalid duration \"soon\""),
            ("-1s", "it must not be negative"),
            ("3601", "1h0m1s is longer than max_lease_ttl of the server, 1h0m0s"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(
                told.starts_with(&format!("error parsing X-Vault-Wrap-TTL header: {why}; it is seconds")),
                "{told}"
            );
        }
        assert!(matches!(parse_ttl(None, Duration::ZERO), Ok(None)));
    }
}
