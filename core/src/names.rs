//! Names and texts that are kept, shown and recorded in the clear: they have no characters that are not seen, or that change
//! what is seen. Only what is new is checked: what is stored stays as it is.
//! Never in it: paths of requests, which are recorded as they were sent, and secrets.

use onrecord_value::Value;
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

/// How many pairs a login can say of its client, and how long a name, a key and a value can be, in bytes. All of it is in all
/// entries of the client.
const SAID_MAX: (usize, usize, usize, usize) = (320, 512, 128, 512);

/// Checks how much of its client a login says, which a claim or a certificate may decide.
pub(crate) fn check_login(draft: &TokenDraft) -> Result<(), Refusal> {
    let (pairs, name_bytes, key_bytes, value_bytes) = SAID_MAX;
    let alias = draft.alias.as_ref();
    let is_long = |name: &String| name.len() > name_bytes;
    if is_long(&draft.display_name) || alias.is_some_and(|alias| is_long(&alias.name)) {
        return Err(Refusal::invalid(format!("the name of the client may have {name_bytes} bytes")));
    }
    for metadata in draft.meta.iter().chain(alias.map(|alias| &alias.metadata)) {
        if metadata.len() > pairs {
            return Err(Refusal::invalid(format!("the metadata of the client may have {pairs} pairs")));
        }
        let is_too_long = |(key, value): &(&str, &Value)| {
            key.len() > key_bytes || value.as_str().is_some_and(|value| value.len() > value_bytes)
        };
        if let Some((key, value)) = metadata.iter().find(is_too_long) {
            let bytes = value.as_str().map_or(0, str::len);
            let shown: String = key.chars().take(key_bytes).collect();
            return Err(Refusal::invalid(format!(
                "the metadata {shown:?} of the client has {bytes} bytes; a key may have {key_bytes} and a value {value_bytes}"
            )));
        }
    }
    Ok(())
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
