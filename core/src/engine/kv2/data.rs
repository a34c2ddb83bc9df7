//! The data of keys: read, write, patch; delete, undelete and destroy versions.
//! Never in it: metadata's own endpoints.

use std::collections::BTreeMap;

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::{Object, Time, Value, object};

use super::record::{Body, Record, Version, in_group, without};
use super::{Kv2, check_cas, gone, group_key, merge, nothing, record_key, store};
use crate::admission::Permit;
use crate::engine::codec::{Broken, decode_object, encode_object};
use crate::engine::fields::{self, answer};
use crate::engine::{Call, ChangeBatch};
use crate::outcome::{Outcome, Refusal};

/// How often a version is looked for that is in neither of the two records where it may be.
const LOOKS: u32 = 3;

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
    /// `GET data/KEY` or, for the names in the data with `null` for the values, `GET subkeys/KEY`: of one version or the
    /// newest.
    pub(super) fn read<'a>(
        &'a self,
        call: &'a Call<'a>,
        subkeys: bool,
    ) -> Read<'a, Result<Outcome, Refusal>> {
        let depth = || if subkeys { fields::count(call.data, "depth") } else { Ok(None) };
        let (number, depth) = match version_field(call).and_then(|number| Ok((number, depth()?))) {
            Ok((number, depth)) => (number, depth.filter(|depth| *depth > 0).unwrap_or(u64::MAX)),
            Err(refusal) => return Read::Ready(Err(refusal)),
        };
        let part = if subkeys { "subkeys" } else { "data" };
        let known: &[&str] = if subkeys { &["version", "depth"] } else { &["version"] };
        self.find(call, call.captured, number, LOOKS).map(move |found| {
            Ok(match found? {
                Lookup::Absent => Outcome::absent(),
                Lookup::Unreadable(metadata) => gone(object! { part => Value::Null, "metadata" => metadata }),
                Lookup::Data(data, metadata) => {
                    let data = if subkeys { names(data, depth) } else { data };
                    answer(object! { part => data, "metadata" => metadata }, call.data, known).into()
                }
            })
        })
    }

    /// The wanted version, or the newest: in the key's record or, if it is not in that, in its group. One that moves out of
    /// its record or is destroyed between the two reads is found, or not, by the next look; there are `looks` of them.
    fn find<'a>(
        &'a self,
        call: &'a Call<'a>,
        key: &'a str,
        wanted: Option<u64>,
        looks: u32,
    ) -> Read<'a, Result<Lookup, Refusal>> {
        self.space.read(&record_key(key), call.permit).then(move |stored| {
            let (group, number, metadata) = match in_record(stored, wanted, call) {
                Ok(Place::Outside(group, number, metadata)) => (group, number, metadata),
                Ok(Place::Here(found)) => return Read::Ready(Ok(found)),
                Err(refusal) => return Read::Ready(Err(refusal)),
            };
            self.space.read(&group_key(key, group), call.permit).then(move |members| {
                match in_members(members, number, call.permit) {
                    Ok(Some(data)) => Read::Ready(Ok(Lookup::Data(data, metadata))),
                    Ok(None) if looks > 1 => self.find(call, key, wanted, looks - 1),
                    Ok(None) => Read::Ready(Err(Broken.into())),
                    Err(refusal) => Read::Ready(Err(refusal)),
                }
            })
        })
    }

    /// `POST data/KEY`: a new version.
    pub(super) async fn write(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let data = encode_object(data_field(call)?);
        let cas = cas_field(call)?;
        let at = record_key(call.captured);
        let change = self.space.change(&at, call.existing, call.permit, |stored, draft| {
            call.recheck_operation(stored.is_some())?;
            let mut record = open(stored, call.now)?;
            let config = self.config();
            check_cas("", record.settings.cas_required || config.cas_required, cas, record.current)?;
            let groups = record.groups();
            record.push(call.now, &data, &config);
            let reply = newest(&record);
            store(draft, call.captured, record, &groups)?;
            Ok(reply)
        });
        Ok(answer(change.await?, call.data, &["data", "options", "path", "version"]).into())
    }

    /// `PATCH data/KEY`: a new version made of the newest and a merge patch.
    pub(super) async fn patch(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let patch = data_field(call)?;
        let cas = cas_field(call)?;
        let patched = self.edit(call, nothing, |record, draft| {
            let Some(version) = record.version(record.current) else { return Ok((false, nothing())) };
            if !version.readable(call.now) {
                let metadata = show(record, version);
                return Ok((false, gone(object! { "data" => Value::Null, "metadata" => metadata })));
            }
            let config = self.config();
            check_cas("", record.settings.cas_required || config.cas_required, cas, record.current)?;
            let mut data = data_of(version, call, draft)?;
            merge::merge(&mut data, patch);
            record.push(call.now, encode_object(&data), &config);
            Ok((true, answer(newest(record), call.data, &["data", "options", "path"]).into()))
        });
        patched.await
    }

    /// `DELETE data/KEY`: the newest version counts as deleted from now on.
    pub(super) async fn delete_latest(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        self.mark(call, None, |version| delete(version, call.now)).await
    }

    /// `POST delete/KEY`: versions count as deleted from now on.
    pub(super) async fn delete(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        self.mark(call, Some(versions_field(call)?), |version| delete(version, call.now)).await
    }

    /// `POST undelete/KEY`: deleted versions can be read again.
    pub(super) async fn undelete(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let undelete = |version: &mut Version<'_>| !version.destroyed() && version.deletion.take().is_some();
        self.mark(call, Some(versions_field(call)?), undelete).await
    }

    /// Changes versions, or the newest; `mark` says whether it did.
    async fn mark(
        &self,
        call: &Call<'_>,
        numbers: Option<Vec<u64>>,
        mark: impl Fn(&mut Version<'_>) -> bool,
    ) -> Result<Outcome, Refusal> {
        let marked = self.edit(call, Outcome::empty, |record, _| {
            let newest = [record.current];
            let mut changed = false;
            for number in numbers.as_deref().unwrap_or(&newest) {
                changed |= record.version_mut(*number).is_some_and(&mark);
            }
            Ok((changed, Outcome::empty()))
        });
        marked.await
    }

    /// `POST destroy/KEY`: the data of versions is removed for good.
    pub(super) async fn destroy(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let numbers = versions_field(call)?;
        let destroyed = self.edit(call, Outcome::empty, |record, draft| {
            let (mut changed, mut outside) = (false, BTreeMap::<u64, Vec<u64>>::new());
            for number in &numbers {
                let Some(version) = record.version_mut(*number) else { continue };
                changed |= !version.destroyed();
                if let Body::Outside(group) = std::mem::replace(&mut version.body, Body::Gone) {
                    outside.entry(group).or_default().push(*number);
                }
            }
            let left = record.groups();
            for (group, numbers) in outside.into_iter().filter(|(group, _)| left.contains(group)) {
                let at = group_key(call.captured, group);
                let members = draft.latest(&at)?.ok_or(Broken)?;
                call.permit.hold_change(members.expose().len())?;
                draft.put(&at, &without(members.expose(), &numbers)?)?;
            }
            Ok((changed, Outcome::empty()))
        });
        destroyed.await
    }

    /// Changes what is stored of a key, if anything is: `change` says whether it did, and the answer.
    pub(super) async fn edit(
        &self,
        call: &Call<'_>,
        absent: fn() -> Outcome,
        mut change: impl FnMut(&mut Record<'_>, &mut ChangeBatch<'_>) -> Result<(bool, Outcome), Refusal>,
    ) -> Result<Outcome, Refusal> {
        let at = record_key(call.captured);
        let edited = self.space.change(&at, None, call.permit, |stored, draft| {
            let Some(stored) = stored else { return Ok(absent()) };
            let mut record = Record::decode(stored.expose())?;
            let groups = record.groups();
            let (changed, outcome) = change(&mut record, draft)?;
            if changed {
                record.updated = call.now;
                store(draft, call.captured, record, &groups)?;
            }
            Ok(outcome)
        });
        edited.await
    }
}

/// What the key's record says of a version, or of the newest.
fn in_record(
    stored: Result<Option<SecretBytes>, Refusal>,
    wanted: Option<u64>,
    call: &Call<'_>,
) -> Result<Place, Refusal> {
    let Some(stored) = stored? else { return Ok(Place::Here(Lookup::Absent)) };
    let record = Record::decode(stored.expose())?;
    let Some(version) = record.version(wanted.unwrap_or(record.current)) else {
        return Ok(Place::Here(Lookup::Absent));
    };
    let metadata = show(&record, version);
    if !version.readable(call.now) {
        return Ok(Place::Here(Lookup::Unreadable(metadata)));
    }
    match &version.body {
        Body::Gone => Err(Broken.into()),
        Body::Inline(data) => Ok(Place::Here(Lookup::Data(decode(data, call.permit)?, metadata))),
        Body::Outside(group) => Ok(Place::Outside(*group, version.number, metadata)),
    }
}

/// The data of a version in the record of its group, if it is there.
fn in_members(
    members: Result<Option<SecretBytes>, Refusal>,
    number: u64,
    permit: &Permit,
) -> Result<Option<Object>, Refusal> {
    let Some(members) = members? else { return Ok(None) };
    let Some(data) = in_group(members.expose(), number)? else { return Ok(None) };
    decode(&data, permit).map(Some)
}

/// A version's data, within the budgets.
fn decode(stored: &[u8], permit: &Permit) -> Result<Object, Refusal> {
    permit.hold_read(stored)?;
    let data = decode_object(stored)?;
    permit.hold_decoded(&data)?;
    Ok(data)
}

/// The data of a version that is not destroyed.
fn data_of(version: &Version<'_>, call: &Call<'_>, draft: &mut ChangeBatch<'_>) -> Result<Object, Refusal> {
    match &version.body {
        Body::Gone => Err(Broken.into()),
        Body::Inline(data) => decode(data, call.permit),
        Body::Outside(group) => {
            let members = draft.latest(&group_key(call.captured, *group));
            Ok(in_members(members, version.number, call.permit)?.ok_or(Broken)?)
        }
    }
}

/// Marks a version as deleted; says whether it was not.
fn delete(version: &mut Version<'_>, now: Time) -> bool {
    let readable = version.readable(now);
    if readable {
        version.deletion = Some(now);
    }
    readable
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
