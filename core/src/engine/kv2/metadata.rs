//! The metadata of keys: read, list, write, patch, and removal of a key with all its versions.
//! Never in it: the data of versions.

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::printable::find_invisible;
use onrecord_value::{Object, Value, object};

use super::data::{deletion_time, open};
use super::record::Record;
use super::{Kv2, check_cas, group_key, nothing, record_key, store};
use crate::admission::Permit;
use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal};

/// Limits of `custom_metadata`.
mod limit {
    pub(super) const KEYS: usize = 64;
    pub(super) const KEY_BYTES: usize = 128;
    pub(super) const VALUE_BYTES: usize = 512;
}

impl Kv2 {
    /// `GET metadata/KEY`.
    pub(super) fn read_metadata<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.get(&record_key(call.captured)).map(|stored| show_metadata(call, stored?))
    }

    /// `LIST metadata/PREFIX`.
    pub(super) fn list<'a>(&'a self, prefix: &str, permit: &'a Permit) -> Read<'a, Result<Outcome, Refusal>> {
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        let names = self.space.list(&format!("{}{slash}", record_key(prefix)));
        names.map(|names| {
            let names = names?;
            permit.hold_names(&names)?;
            Ok(Outcome::keys(names))
        })
    }

    /// `POST metadata/KEY`: settings and custom metadata; makes the key if it is not there.
    pub(super) async fn write_metadata(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let custom = fields::map(call.data, "custom_metadata")?;
        custom.map_or(Ok(()), check_custom)?;
        let cas = fields::whole(call.data, "metadata_cas")?;
        let at = record_key(call.captured);
        let change = self.space.change(&at, call.existing, call.permit, |stored, draft| {
            call.recheck_operation(stored.is_some())?;
            let mut record = open(stored, call.now)?;
            let groups = record.groups();
            self.change_metadata(&mut record, call, cas, false)?;
            if let Some(custom) = custom {
                record.custom = Some(custom.clone());
            }
            record.updated = call.now;
            store(draft, call.captured, record, &groups)
        });
        change.await
    }

    /// `PATCH metadata/KEY`: as a write, but `null` sets back, and custom metadata is merged.
    pub(super) async fn patch_metadata(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let patch = fields::map(call.data, "custom_metadata")?;
        let cas = fields::whole(call.data, "metadata_cas")?;
        let patched = self.edit(call, nothing, |record, _| {
            self.change_metadata(record, call, cas, true)?;
            if let Some(patch) = patch {
                let custom = record.custom.get_or_insert_default();
                super::merge::merge(custom, patch);
                check_custom(custom)?;
            } else if call.data.get("custom_metadata").is_some_and(Value::is_null) {
                record.custom = None;
            }
            Ok((true, Outcome::empty()))
        });
        patched.await
    }

    /// Counts a change of a key's metadata, and makes that of its settings.
    fn change_metadata(
        &self,
        record: &mut Record<'_>,
        call: &Call<'_>,
        cas: Option<i64>,
        patch: bool,
    ) -> Result<(), Refusal> {
        let required = record.settings.metadata_cas_required || self.config().metadata_cas_required;
        check_cas("metadata ", required, cas, record.metadata_version)?;
        record.metadata_version += 1;
        record.settings.apply(call.data, patch)
    }

    /// `DELETE metadata/KEY`: the key and all its versions, for good.
    pub(super) async fn delete_metadata(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let key = call.captured;
        let at = record_key(key);
        let change = self.space.change(&at, None, call.permit, |stored, draft| {
            let Some(stored) = stored else { return Ok(()) };
            for group in Record::decode(stored.expose())?.groups() {
                draft.delete(&group_key(key, group))?;
            }
            draft.delete(&at)
        });
        change.await
    }
}

fn show_metadata(call: &Call<'_>, stored: Option<SecretBytes>) -> Result<Outcome, Refusal> {
    let Some(stored) = stored else { return Ok(Outcome::absent()) };
    call.permit.hold_read(stored.expose())?;
    let record = Record::decode(stored.expose())?;
    let versions = record.versions.iter().map(|version| {
        let shown = object! {
            "created_time" => version.created,
            "deletion_time" => deletion_time(version),
            "destroyed" => version.destroyed(),
        };
        (version.number.to_string(), shown)
    });
    let mut shown = record.settings.show();
    shown.extend(object! {
        "created_time" => record.created,
        "current_metadata_version" => record.metadata_version,
        "current_version" => record.current,
        "custom_metadata" => record.custom,
        "oldest_version" => record.oldest,
        "updated_time" => record.updated,
        "versions" => versions.collect::<Object>(),
    });
    call.permit.hold_decoded(&shown)?;
    Ok(fields::answer(shown, call.data, &[]).into())
}

/// Custom metadata is a small map of printable texts.
fn check_custom(custom: &Object) -> Result<(), Refusal> {
    let refused = |why: String| Err(Refusal::invalid(format!("custom_metadata validation failed: {why}")));
    if custom.len() > limit::KEYS {
        return refused(format!("at most {} keys are taken, there are {}", limit::KEYS, custom.len()));
    }
    for (key, value) in custom {
        let Some(value) = value.as_str() else {
            return refused(format!(
                "the value of key {key:?} must be a string, it is of kind {}",
                value.kind()
            ));
        };
        if key.is_empty() || key.len() > limit::KEY_BYTES {
            return refused(format!("a key has 1 to {} bytes, one has {}", limit::KEY_BYTES, key.len()));
        }
        if value.is_empty() || value.len() > limit::VALUE_BYTES {
            return refused(format!(
                "a value has 1 to {} bytes, that of key {key:?} has {}",
                limit::VALUE_BYTES,
                value.len()
            ));
        }
        if let Some(found) = find_invisible(key).or_else(|| find_invisible(value)) {
            return refused(format!("a key or its value must not contain {found}"));
        }
    }
    Ok(())
}
