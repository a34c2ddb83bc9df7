//! The data of keys: read, write, patch; delete, undelete and destroy versions.
//! Never in it: metadata's own endpoints.

use std::collections::BTreeMap;

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::{Object, Time, Value, object};

use super::record::{Body, Record, Version, in_group, without};
use super::{Kv2, answer, gone, group_key, merge, nothing, record_key, store};
use crate::engine::codec::{Broken, decode_object, encode_object};
use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal};

const CAS_MISMATCH: &str = "check-and-set parameter did not match the current version";
const CAS_REQUIRED: &str = "check-and-set parameter required for this call";

/// What a look for a version finds.
enum Lookup {
    /// No such key or version.
    Absent,
    /// The version's data is deleted or destroyed; this is its metadata.
    Unreadable(Object),
    /// Data and metadata.
    Data(Object, Object),
}

/// Where a version is.
enum Place {
    /// In the key's record, or not readable.
    Here(Lookup),
    /// In this group under this number, with this metadata.
    Outside(u64, u64, Object),
}

impl Kv2 {
    /// `GET data/KEY`, of one version or the newest.
    pub(super) fn read<'a>(&'a self, call: &'a Call<'a>, key: &'a str) -> Read<'a, Result<Outcome, Refusal>> {
        let number = match version_field(call) {
            Ok(number) => number,
            Err(refusal) => return Read::Ready(Err(refusal)),
        };
        self.find(key, number, call.now).map(|found| {
            Ok(match found? {
                Lookup::Absent => Outcome::absent(),
                Lookup::Unreadable(metadata) => {
                    gone(object! { "data" => Value::Null, "metadata" => metadata })
                }
                Lookup::Data(data, metadata) => {
                    answer(object! { "data" => data, "metadata" => metadata }, call, &["version"])
                }
            })
        })
    }

    /// `GET subkeys/KEY`: the names in the data, with `null` for the values.
    pub(super) fn subkeys<'a>(
        &'a self,
        call: &'a Call<'a>,
        key: &'a str,
    ) -> Read<'a, Result<Outcome, Refusal>> {
        let fields = || Ok((version_field(call)?, fields::count(call.data, "depth")?));
        let (number, depth) = match fields() {
            Ok((number, depth)) => (number, depth.filter(|depth| *depth > 0).unwrap_or(u64::MAX)),
            Err(refusal) => return Read::Ready(Err(refusal)),
        };
        self.find(key, number, call.now).map(move |found| {
            Ok(match found? {
                Lookup::Absent => Outcome::absent(),
                Lookup::Unreadable(metadata) => {
                    gone(object! { "subkeys" => Value::Null, "metadata" => metadata })
                }
                Lookup::Data(data, metadata) => {
                    let data = object! { "subkeys" => names(data, depth), "metadata" => metadata };
                    answer(data, call, &["version", "depth"])
                }
            })
        })
    }

    /// The wanted version, or the newest.
    fn find<'a>(&'a self, key: &'a str, wanted: Option<u64>, now: Time) -> Read<'a, Result<Lookup, Refusal>> {
        self.look_up(key, wanted, now).then(move |found| match found {
            Ok(Some(found)) => Read::Ready(Ok(found)),
            Ok(None) => Read::pending(self.find_again(key, wanted, now)),
            Err(refusal) => Read::Ready(Err(refusal)),
        })
    }

    /// A version that moves out of its record or is destroyed between the two reads of a look-up is found, or not, by
    /// the next look-up.
    async fn find_again(&self, key: &str, wanted: Option<u64>, now: Time) -> Result<Lookup, Refusal> {
        for _ in 0..2 {
            if let Some(found) = self.look_up(key, wanted, now).await? {
                return Ok(found);
            }
        }
        Err(Broken.into())
    }

    /// One look at the key's record and, if the version is not in it, at its group; `None` if it is not there either.
    fn look_up<'a>(
        &'a self,
        key: &'a str,
        wanted: Option<u64>,
        now: Time,
    ) -> Read<'a, Result<Option<Lookup>, Refusal>> {
        self.space.get(&record_key(key)).then(move |stored| {
            let (group, number, metadata) = match in_record(stored, wanted, now) {
                Ok(Place::Outside(group, number, metadata)) => (group, number, metadata),
                Ok(Place::Here(found)) => return Read::Ready(Ok(Some(found))),
                Err(refusal) => return Read::Ready(Err(refusal)),
            };
            self.space.get(&group_key(key, group)).map(move |members| {
                let Some(members) = members? else { return Ok(None) };
                let Some(data) = in_group(members.expose(), number)? else { return Ok(None) };
                Ok(Some(Lookup::Data(decode_object(&data)?, metadata)))
            })
        })
    }

    /// `POST data/KEY`: a new version.
    pub(super) async fn write(&self, call: &Call<'_>, key: &str) -> Result<Outcome, Refusal> {
        let data = encode_object(data_field(call)?);
        let cas = cas_field(call)?;
        let at = record_key(key);
        let change = self.space.change(&at, call.existing, |stored, draft| {
            call.recheck_operation(stored.is_some())?;
            let mut record = open(stored, call.now)?;
            self.check_cas(&record, cas)?;
            let groups = record.groups();
            record.push(call.now, &data, &self.config());
            let reply = newest(&record);
            store(draft, key, record, &groups)?;
            Ok(reply)
        });
        Ok(answer(change.await?, call, &["data", "options", "path", "version"]))
    }

    /// `PATCH data/KEY`: a new version made of the newest and a merge patch.
    pub(super) async fn patch(&self, call: &Call<'_>, key: &str) -> Result<Outcome, Refusal> {
        let patch = data_field(call)?;
        let cas = cas_field(call)?;
        let at = record_key(key);
        let change = self.space.change(&at, None, |stored, draft| {
            let Some(stored) = stored else { return Ok(nothing()) };
            let mut record = Record::decode(stored.expose())?;
            let Some(version) = record.version(record.current) else { return Ok(nothing()) };
            if !version.readable(call.now) {
                let metadata = show(&record, version);
                return Ok(gone(object! { "data" => Value::Null, "metadata" => metadata }));
            }
            self.check_cas(&record, cas)?;
            let group = |group| draft.latest(&group_key(key, group));
            let mut data = data_of(version, group)?.ok_or(Broken)?;
            merge::merge(&mut data, patch);
            let groups = record.groups();
            record.push(call.now, encode_object(&data), &self.config());
            let reply = newest(&record);
            store(draft, key, record, &groups)?;
            Ok(answer(reply, call, &["data", "options", "path"]))
        });
        change.await
    }

    fn check_cas(&self, record: &Record<'_>, cas: Option<i64>) -> Result<(), Refusal> {
        match cas {
            None if record.settings.cas_required || self.config().cas_required => {
                Err(Refusal::invalid(CAS_REQUIRED))
            }
            Some(cas) if u64::try_from(cas) != Ok(record.current) => Err(Refusal::invalid(CAS_MISMATCH)),
            _ => Ok(()),
        }
    }

    /// `DELETE data/KEY`: the newest version counts as deleted from now on.
    pub(super) async fn delete_latest(&self, call: &Call<'_>, key: &str) -> Result<Outcome, Refusal> {
        self.mark(call, key, |record| {
            let current = record.current;
            delete(record, current, call.now)
        })
        .await
    }

    /// `POST delete/KEY`: versions count as deleted from now on.
    pub(super) async fn delete(&self, call: &Call<'_>, key: &str) -> Result<Outcome, Refusal> {
        let numbers = versions_field(call)?;
        self.mark(call, key, |record| {
            let mut changed = false;
            for number in &numbers {
                changed |= delete(record, *number, call.now);
            }
            changed
        })
        .await
    }

    /// `POST undelete/KEY`: deleted versions can be read again.
    pub(super) async fn undelete(&self, call: &Call<'_>, key: &str) -> Result<Outcome, Refusal> {
        let numbers = versions_field(call)?;
        self.mark(call, key, |record| {
            let mut changed = false;
            for number in &numbers {
                if let Some(version) = record.version_mut(*number).filter(|version| !version.destroyed()) {
                    changed |= version.deletion.take().is_some();
                }
            }
            changed
        })
        .await
    }

    /// `POST destroy/KEY`: the data of versions is removed for good.
    pub(super) async fn destroy(&self, call: &Call<'_>, key: &str) -> Result<Outcome, Refusal> {
        let numbers = versions_field(call)?;
        let at = record_key(key);
        let change = self.space.change(&at, None, |stored, draft| {
            let Some(stored) = stored else { return Ok(()) };
            let mut record = Record::decode(stored.expose())?;
            let groups = record.groups();
            let (mut changed, mut outside) = (false, BTreeMap::<u64, Vec<u64>>::new());
            for number in &numbers {
                let Some(version) = record.version_mut(*number) else { continue };
                match std::mem::replace(&mut version.body, Body::Gone) {
                    Body::Gone => continue,
                    Body::Inline(_) => {}
                    Body::Outside(group) => outside.entry(group).or_default().push(*number),
                }
                changed = true;
            }
            let left = record.groups();
            for (group, numbers) in outside.into_iter().filter(|(group, _)| left.contains(group)) {
                let at = group_key(key, group);
                let members = draft.latest(&at)?.ok_or(Broken)?;
                draft.put(&at, &without(members.expose(), &numbers)?)?;
            }
            if changed {
                record.updated = call.now;
                store(draft, key, record, &groups)?;
            }
            Ok(())
        });
        change.await?;
        Ok(Outcome::empty())
    }

    /// Changes what a key says of its versions; `mark` says whether it did. An absent key stays absent.
    async fn mark(
        &self,
        call: &Call<'_>,
        key: &str,
        mark: impl Fn(&mut Record<'_>) -> bool,
    ) -> Result<Outcome, Refusal> {
        let at = record_key(key);
        let change = self.space.change(&at, None, |stored, draft| {
            let Some(stored) = stored else { return Ok(()) };
            let mut record = Record::decode(stored.expose())?;
            let groups = record.groups();
            if mark(&mut record) {
                record.updated = call.now;
                store(draft, key, record, &groups)?;
            }
            Ok(())
        });
        change.await?;
        Ok(Outcome::empty())
    }
}

/// What the key's record says of a version, or of the newest.
fn in_record(
    stored: Result<Option<SecretBytes>, Refusal>,
    wanted: Option<u64>,
    now: Time,
) -> Result<Place, Refusal> {
    let Some(stored) = stored? else { return Ok(Place::Here(Lookup::Absent)) };
    let record = Record::decode(stored.expose())?;
    let Some(version) = record.version(wanted.unwrap_or(record.current)) else {
        return Ok(Place::Here(Lookup::Absent));
    };
    let metadata = show(&record, version);
    if !version.readable(now) {
        return Ok(Place::Here(Lookup::Unreadable(metadata)));
    }
    match &version.body {
        Body::Gone => Err(Broken.into()),
        Body::Inline(data) => Ok(Place::Here(Lookup::Data(decode_object(data)?, metadata))),
        Body::Outside(group) => Ok(Place::Outside(*group, version.number, metadata)),
    }
}

/// The data of a version; `read` reads the record of its group, if it is in one.
fn data_of(
    version: &Version<'_>,
    read: impl FnOnce(u64) -> Result<Option<SecretBytes>, Refusal>,
) -> Result<Option<Object>, Refusal> {
    match &version.body {
        Body::Gone => Ok(None),
        Body::Inline(data) => Ok(Some(decode_object(data)?)),
        Body::Outside(group) => {
            let Some(members) = read(*group)? else { return Ok(None) };
            let data = in_group(members.expose(), version.number)?;
            Ok(data.map(|data| decode_object(&data)).transpose()?)
        }
    }
}

/// Marks a version as deleted; says whether it was not.
fn delete(record: &mut Record<'_>, number: u64, now: Time) -> bool {
    let Some(version) = record.version_mut(number).filter(|version| version.readable(now)) else {
        return false;
    };
    version.deletion = Some(now);
    true
}

/// The stored key, or a new one.
pub(super) fn open(stored: Option<&SecretBytes>, now: Time) -> Result<Record<'_>, Refusal> {
    Ok(match stored {
        Some(stored) => Record::decode(stored.expose())?,
        None => Record::new(now),
    })
}

fn data_field<'a>(call: &Call<'a>) -> Result<&'a Object, Refusal> {
    fields::map(call.data, "data")?.ok_or_else(|| Refusal::invalid("no data provided"))
}

fn cas_field(call: &Call<'_>) -> Result<Option<i64>, Refusal> {
    let Some(options) = fields::map(call.data, "options")? else { return Ok(None) };
    fields::whole(options, "cas")
}

/// The version that a read asks for; none is the newest.
fn version_field(call: &Call<'_>) -> Result<Option<u64>, Refusal> {
    Ok(match fields::whole(call.data, "version")?.unwrap_or(0) {
        0 => None,
        number => Some(u64::try_from(number).unwrap_or(0)),
    })
}

fn versions_field(call: &Call<'_>) -> Result<Vec<u64>, Refusal> {
    let numbers = fields::wholes(call.data, "versions")?.unwrap_or_default();
    if numbers.is_empty() {
        return Err(Refusal::invalid("No version number provided"));
    }
    Ok(numbers.into_iter().filter_map(|number| u64::try_from(number).ok()).collect())
}

/// The metadata of a version, as answers carry it beside the data.
fn show(record: &Record<'_>, version: &Version<'_>) -> Object {
    object! {
        "created_time" => version.created,
        "custom_metadata" => record.custom.clone(),
        "deletion_time" => deletion_time(version),
        "destroyed" => version.destroyed(),
        "version" => version.number,
    }
}

fn newest(record: &Record<'_>) -> Object {
    record.version(record.current).map_or_else(Object::new, |version| show(record, version))
}

/// A version's time of deletion; an empty text where there is none.
pub(super) fn deletion_time(version: &Version<'_>) -> Value {
    version.deletion.map_or_else(|| Value::from(""), Value::from)
}

/// The names of a map down to a depth; what lies below is `null`.
fn names(data: Object, depth: u64) -> Object {
    data.into_iter()
        .map(|(name, value)| match value {
            Value::Object(inner) if depth > 1 && !inner.is_empty() => {
                (name, Value::from(names(inner, depth - 1)))
            }
            _ => (name, Value::Null),
        })
        .collect()
}
