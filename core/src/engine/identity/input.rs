//! The fields that entities, groups and aliases have in common: converted, bounded, and free of what is not seen.
//! Never in it: what is stored.

use std::borrow::Cow;

use onrecord_value::{Object, Value};

use crate::engine::mount::Mount;
use crate::engine::token::sanitised;
use crate::engine::{Call, Unsealed, fields};
use crate::names::check_name;
use crate::outcome::Refusal;
use crate::policies::{RESPONSE_WRAPPING, ROOT};

/// How long a name can be, in bytes.
const NAME_BYTES_MAX: usize = 512;
/// How many pairs metadata can have, and how long a key and a value can be, in bytes.
const METADATA_MAX: (usize, usize, usize) = (64, 128, 512);
const POLICIES_MAX: usize = 256;
/// How many ids a list can have.
pub(super) const IDS_MAX: usize = 10_000;

/// How a request says which record it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By its fields `id` and `name`, if it has one of them.
    Field,
    /// By the id in the path.
    Id,
    /// By the name in the path.
    Name,
}

impl By {
    /// The id that the request names.
    pub(super) fn id<'a>(self, call: &Call<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
        match self {
            Self::Field => filled(call.data, "id"),
            Self::Id => Ok(Some(Cow::Borrowed(call.captured))),
            Self::Name => Ok(None),
        }
    }

    /// The name that the request has, checked.
    pub(super) fn name<'a>(self, call: &Call<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
        let name = match self {
            Self::Name => Some(Cow::Borrowed(call.captured.trim_matches('/'))),
            Self::Field | Self::Id => filled(call.data, "name")?,
        };
        name.as_deref().map_or(Ok(()), |name| check(name, "name"))?;
        Ok(name)
    }
}

/// A text that is not empty.
pub(super) fn filled<'a>(data: &'a Object, field: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    Ok(fields::text(data, field)?.filter(|text| !text.is_empty()))
}

pub(super) fn check(name: &str, field: &str) -> Result<(), Refusal> {
    check_name(field, name)?;
    if name.len() > NAME_BYTES_MAX {
        let text = format!("{field} has {} bytes; it may have {NAME_BYTES_MAX}", name.len());
        return Err(Refusal::invalid(text));
    }
    Ok(())
}

/// Texts by name: a map, or texts such as `key=value`.
pub(super) fn metadata(data: &Object, field: &str) -> Result<Option<Object>, Refusal> {
    let metadata: Object = match fields::sent(data, field) {
        None => return Ok(None),
        Some(Value::Array(_) | Value::String(_)) => {
            let pairs = fields::texts(data, field)?.unwrap_or_default();
            let pair = |text: &String| {
                let (key, value) = text.split_once('=').ok_or_else(|| {
                    fields::refused(field, format!("{text:?} is not a pair, such as \"key=value\""))
                })?;
                Ok((key.to_owned(), value.to_owned()))
            };
            pairs.iter().map(pair).collect::<Result<_, Refusal>>()?
        }
        Some(_) => fields::texts_by_name(data, field)?.unwrap_or_default().into_iter().collect(),
    };
    let (pairs, key_bytes, value_bytes) = METADATA_MAX;
    let mut texts = metadata.iter().map(|(key, value)| (key, value.as_str().unwrap_or_default()));
    if metadata.len() > pairs || texts.any(|(key, value)| key.len() > key_bytes || value.len() > value_bytes)
    {
        return Err(Refusal::invalid(format!(
            "{field} may have {pairs} pairs, with keys of {key_bytes} bytes and values of {value_bytes} bytes"
        )));
    }
    for (key, value) in &metadata {
        check_name(field, key)?;
        check_name(field, value.as_str().unwrap_or_default())?;
    }
    Ok(Some(metadata))
}

/// Names of policies, in lower case and sorted. Nobody is root by identity.
pub(super) fn policies(data: &Object) -> Result<Option<Vec<String>>, Refusal> {
    let Some(names) = fields::texts(data, "policies")? else { return Ok(None) };
    let names = sanitised(&names);
    if names.iter().any(|name| name == ROOT || name == RESPONSE_WRAPPING) {
        return Err(Refusal::invalid(format!("policies cannot contain {ROOT} or {RESPONSE_WRAPPING}")));
    }
    if names.len() > POLICIES_MAX {
        let text = format!("policies has {} names; it may have {POLICIES_MAX}", names.len());
        return Err(Refusal::invalid(text));
    }
    names.iter().try_for_each(|name| check_name("policies", name))?;
    Ok(Some(names))
}

/// A list of ids, sorted, each once.
pub(super) fn ids(data: &Object, field: &str) -> Result<Option<Vec<String>>, Refusal> {
    let Some(mut ids) = fields::texts(data, field)? else { return Ok(None) };
    if ids.len() > IDS_MAX {
        return Err(Refusal::invalid(format!("{field} has {} ids; it may have {IDS_MAX}", ids.len())));
    }
    ids.retain(|id| !id.is_empty());
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}

/// Refuses an accessor that no mount has.
pub(super) fn check_accessor(unsealed: &Unsealed, accessor: &str) -> Result<(), Refusal> {
    let table = unsealed.mounts.snapshot();
    if table.iter().any(|mount| mount.accessor == accessor) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!("invalid mount accessor {accessor:?}: sys/auth lists the accessors")))
}

/// The path and the type of the mount with an accessor; empty if there is none any more.
pub(super) fn mount_facts(unsealed: &Unsealed, accessor: &str) -> (String, &'static str) {
    let table = unsealed.mounts.snapshot();
    let facts = |mount: &std::sync::Arc<Mount>| (mount.path.clone(), mount.kind.name);
    table.iter().find(|mount| mount.accessor == accessor).map(facts).unwrap_or_default()
}
