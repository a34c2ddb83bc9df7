//! Names and texts that are kept, shown and recorded in the clear: they have no characters that are not seen, or that change
//! what is seen. Only what is new is checked: what is stored stays as it is.
//! Never in it: paths of requests, which are recorded as they were sent, and secrets.

use onrecord_value::printable::{Invisible, find_invisible};

use crate::outcome::Refusal;
use crate::token::{LoginAlias, TokenDraft};

/// Checks a name. `what` is the name of the field, for the client.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    find_invisible(name).map_or(Ok(()), |found| Err(refused(what, found)))
}

/// Checks a text for people, which may have several lines.
pub(crate) fn check_description(what: &str, text: &str) -> Result<(), Refusal> {
    text.split(['\n', '\r', '\t']).try_for_each(|line| check_name(what, line))
}

/// Checks what is recorded of a new token in the clear. Its policies may be those of another token, which are kept already.
pub(crate) fn check_token(draft: &TokenDraft) -> Result<(), Refusal> {
    check_name("display_name", &draft.display_name)?;
    draft.meta.iter().flatten().try_for_each(|(key, value)| {
        check_name("meta", key)?;
        check_name("meta", value.as_str().unwrap_or_default())
    })
}

/// Checks what is kept of a new account.
pub(crate) fn check_alias(alias: &LoginAlias) -> Result<(), Refusal> {
    check_name("the name of the account", &alias.name)?;
    alias.metadata.iter().try_for_each(|(key, value)| {
        check_name("metadata", key)?;
        check_name("metadata", value.as_str().unwrap_or_default())
    })
}

fn refused(what: &str, found: Invisible) -> Refusal {
    Refusal::invalid(format!("{what} must not contain {found}"))
}
