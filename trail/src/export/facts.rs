//! What several formats of events say in words of their own: how a request ended, what kind of act it was.
//! Never in it: the words of a format.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::query::{Field, Row};

/// The name of the product in events.
pub(super) const PRODUCT: &str = "OnRecord";
/// Its version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// It has no answer in the logs.
    Unknown,
}

pub(super) fn outcome(row: &Row) -> Outcome {
    let failed = row.denied()
        || row.text(Field::Error).is_some()
        || row.number(Field::Status).is_some_and(|status| status >= 400);
    match (failed, row.is_answered()) {
        (true, _) => Outcome::Failure,
        (false, true) => Outcome::Success,
        (false, false) => Outcome::Unknown,
    }
}

/// What an operation does to what its path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    Read,
    Update,
    Delete,
    Other,
}

pub(super) fn act(operation: &str) -> Act {
    match operation {
        "create" => Act::Create,
        "read" | "list" | "scan" | "header" | "help" => Act::Read,
        "update" | "patch" | "renew" | "alias-lookahead" | "resolve-role" => Act::Update,
        "delete" | "revoke" | "rollback" => Act::Delete,
        _ => Act::Other,
    }
}

/// The client's address, if it is one of the Internet Protocol.
pub(super) fn ip(row: &Row) -> Option<IpAddr> {
    row.text(Field::Address)?.parse().ok()
}

/// Whether a token was issued or asked for by a login.
pub(super) fn is_login(row: &Row) -> bool {
    let path = row.text(Field::Path).unwrap_or(Cow::Borrowed(""));
    path.starts_with("auth/") && !path.starts_with("auth/token/") && path.contains("/login")
}

/// A port, if the number is one.
pub(super) fn port(row: &Row) -> Option<u16> {
    row.number(Field::Port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}
