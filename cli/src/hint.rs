//! What the command line adds to an error whose text clients of compatible servers know: the cause, what is accepted, and
//! what to do.
//! Never in it: the text of the error itself.

use onrecord_client::{ApiError, Cause, Error, TransportError};

/// What a Go server answers to plain HTTP where it expects TLS, and ours does too.
const PLAIN_HTTP: &str = "Client sent an HTTP request to an HTTPS server";

/// What is accepted, by parts of texts that do not say it.
const ACCEPTED: &[(&str, &str)] = &[
    ("MAX_RETRIES\": strconv.", "a whole number, 0 or more"),
    ("strconv.ParseBool: parsing ", "true or false (also 1, 0, t, f)"),
    (
        "strconv.ParseInt: parsing ",
        "a whole number, or for a duration a number with a unit, such as 90s, 1h30m or 7d",
    ),
    ("strconv.ParseUint: parsing ", "a whole number, 0 or more"),
    ("time: invalid duration ", DURATION),
    ("time: missing unit in duration ", DURATION),
    ("time: unknown unit ", DURATION),
    ("could not parse duration from input", DURATION),
    ("could not parse \"VAULT_CLIENT_TIMEOUT\"", DURATION),
    ("could not parse \"ONRECORD_CLIENT_TIMEOUT\"", DURATION),
];

/// What to do, by parts of texts that do not say it.
const REMEDIES: &[(&str, &str)] = &[
    ("route entry not found", "Nothing is mounted at this path. \"secrets list\" lists the mounts."),
    ("no mount entry found", "\"secrets list\" lists the mounts."),
    ("unknown audit backend", "\"audit list\" lists the audit devices."),
    ("unknown audit salt", "\"audit salts\" lists the ids of salts."),
    (
        "plugin not found in the catalog",
        "\"plugin list\" lists the secrets engines and login methods that OnRecord has.",
    ),
    ("of the kv engine", "Accepted: 1 or 2."),
    (
        "check-and-set parameter",
        "The check-and-set parameter (-cas) must be the current version, or 0 if the secret does not exist. \"kv \
         metadata get\" shows the version.",
    ),
    ("invalid 'token_type' value", "Accepted: service or batch."),
    ("metric response format", "Accepted: prometheus, or no format for JSON."),
];

const DURATION: &str = "seconds, or a number with a unit, such as 90s, 1h30m or 7d";

/// `Accepted: …`, if the text of an error leaves it out.
pub(crate) fn accepted(text: &str) -> Option<String> {
    let (_, accepted) = ACCEPTED.iter().find(|(part, _)| text.contains(part))?;
    Some(format!("Accepted: {accepted}."))
}

/// What the error of a call leaves out.
pub(crate) fn of(error: &Error) -> Option<String> {
    match error {
        Error::Transport(failed) => of_transport(failed),
        Error::Api(refused) => of_refusal(refused),
        _ => None,
    }
}

fn of_transport(failed: &TransportError) -> Option<String> {
    let (scheme, authority) = authority(&failed.url)?;
    match (&failed.cause, scheme) {
        (Cause::PlainServer, _) => {
            Some(other_scheme(&format!("The server at {authority} does not use TLS."), "http", authority))
        }
        (Cause::Closed | Cause::Protocol(_), "http") => {
            let cause = format!("If the server at {authority} uses TLS, it does not answer plain HTTP.");
            Some(other_scheme(&cause, "https", authority))
        }
        _ => None,
    }
}

fn of_refusal(refused: &ApiError) -> Option<String> {
    if refused.errors.iter().any(|text| text.contains(PLAIN_HTTP)) {
        let (_, authority) = authority(&refused.url)?;
        return Some(other_scheme(&format!("The server at {authority} uses TLS."), "https", authority));
    }
    let known = |text: &String| REMEDIES.iter().find(|(part, _)| text.contains(part)).map(|(_, hint)| *hint);
    let remedy = refused.errors.iter().find_map(known).map(str::to_owned);
    remedy.or_else(|| refused.errors.iter().find_map(|text| accepted(text)))
}

fn other_scheme(cause: &str, scheme: &str, authority: &str) -> String {
    let address = format!("{scheme}://{authority}");
    format!("{cause} Use {scheme}: set VAULT_ADDR={address}, or give -address={address}.")
}

/// The scheme, and host and port, of a URL.
fn authority(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    Some((scheme, rest.split('/').next().unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_is_added_to_texts_that_leave_it_out() {
        for (text, wanted) in [
            ("a: strconv.ParseBool: parsing \"x\": invalid syntax", Some("true or false")),
            ("time: invalid duration \"x\"", Some("seconds, or a number with a unit")),
            ("could not parse \"VAULT_CLIENT_TIMEOUT\"", Some("seconds, or")),
            ("permission denied", None),
        ] {
            let told = accepted(text);
            assert_eq!(told.is_some(), wanted.is_some(), "{text}");
            assert!(told.unwrap_or_default().contains(wanted.unwrap_or_default()), "{text}");
        }
    }
}
