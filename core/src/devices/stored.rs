//! Where devices and salts lie: `device/UUID`, `salt/UUID`, and `retired/UUID` for a salt that no device has any more.
//! A salt that another took the place of moves to a UUID of its own.
//! Never in it: opening devices.

use onrecord_entry::salt_export::ExportedSalt;
use onrecord_entry::{Salt, SaltId};
use onrecord_storage::{Batch, StoreError, View};
use onrecord_value::{Time, Value};
use zeroize::Zeroizing;

use super::{Device, SaltLines};
use crate::stored::{Field, Plain, Record as _, parse, record};

/// A salt, and which device's lines it was used for.
#[derive(Debug)]
pub struct KeptSalt {
    /// As lines name it.
    pub id: SaltId,
    /// The device's path.
    pub path: String,
    /// The device's type; empty if its record is of a version that did not keep it.
    pub kind: String,
    /// Since when lines were made with it.
    pub from: Time,
    /// Until when; `None` for that of an enabled device.
    pub to: Option<Time>,
    /// What its lines are like, if that is known and alike for all.
    pub(super) lines: Option<SaltLines>,
    salt: Salt,
}

impl KeptSalt {
    fn of((exported, lines): (ExportedSalt, Option<SaltLines>)) -> Self {
        let salt = exported.salt();
        let ExportedSalt { id, path, kind, from, to, .. } = exported;
        Self { id, path, kind, from, to, lines, salt }
    }

    /// The hash of a text, as lines of its time show it.
    pub fn hash(&self, text: &str) -> String {
        self.salt.hash(text.as_bytes())
    }
}

pub(super) fn put_device(view: &View, batch: &mut Batch, device: &Device) -> Result<(), StoreError> {
    view.put(batch, &format!("device/{}", device.uuid), &device.encode())
}

pub(super) fn put(view: &View, batch: &mut Batch, device: &Device, salt: &str) -> Result<(), StoreError> {
    put_device(view, batch, device)?;
    view.put(batch, &format!("salt/{}", device.uuid), salt.as_bytes())
}

/// Takes a device out of the table and keeps its salt, with its path and its time.
pub(super) fn retire(view: &View, batch: &mut Batch, device: &Device, now: Time) -> Result<(), StoreError> {
    view.delete(batch, &format!("device/{}", device.uuid))?;
    view.put(batch, &format!("retired/{}", device.uuid), &retired(device, now))
}

/// Keeps a device's salt under another UUID, because the device gets a new one.
pub(super) fn archive(
    view: &View,
    batch: &mut Batch,
    device: &Device,
    uuid: &str,
    salt: &str,
    now: Time,
) -> Result<(), StoreError> {
    view.put(batch, &format!("salt/{uuid}"), salt.as_bytes())?;
    view.put(batch, &format!("retired/{uuid}"), &retired(device, now))
}

#[derive(Default)]
struct Retired {
    from: Option<Time>,
    path: String,
    to: Option<Time>,
    kind: String,
    salt_lines: Option<SaltLines>,
}

record! { Retired() { } optional { "from" => from, "path" => path, "salt_lines" => salt_lines, "to" => to, "type" => kind, } }

impl Field<Plain> for SaltLines {
    fn store(&self) -> Value {
        Value::from(match self {
            Self::Hashed => "hashed",
            Self::Raw => "raw",
        })
    }

    fn load(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "hashed" => Some(Self::Hashed),
            "raw" => Some(Self::Raw),
            _ => None,
        }
    }
}

fn retired(device: &Device, now: Time) -> Vec<u8> {
    let (path, kind) = (device.path.clone(), device.kind.clone());
    let salt_lines = device.salt_lines;
    Retired { from: Some(device.salt_since), path, to: Some(now), kind, salt_lines }.encode()
}

pub(super) async fn salt(view: &View, uuid: &str) -> Result<Option<Zeroizing<String>>, StoreError> {
    let key = format!("salt/{uuid}");
    let Some(stored) = view.get(&key).await? else { return Ok(None) };
    let text = std::str::from_utf8(stored.expose()).map_err(|_| view.unreadable(&key))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

pub(super) async fn salts(view: &View) -> Result<Vec<KeptSalt>, StoreError> {
    Ok(with_lines(view).await?.into_iter().map(KeptSalt::of).collect())
}

/// All salts with their texts.
pub(super) async fn with_texts(view: &View) -> Result<Vec<ExportedSalt>, StoreError> {
    Ok(with_lines(view).await?.into_iter().map(|(salt, _)| salt).collect())
}

/// All salts with their texts, and what their lines are like.
async fn with_lines(view: &View) -> Result<Vec<(ExportedSalt, Option<SaltLines>)>, StoreError> {
    let mut found = Vec::new();
    for (device, text) in all(view).await? {
        let salt = ExportedSalt::new(text, device.path, device.kind, device.salt_since, None);
        found.push((salt, device.salt_lines));
    }
    for uuid in view.list("retired/").await? {
        let key = format!("retired/{uuid}");
        let record = view.get(&key).await?.ok_or_else(|| view.missing(&key))?;
        let text = salt(view, &uuid).await?.ok_or_else(|| view.missing(&format!("salt/{uuid}")))?;
        let record = Retired::decode(record.expose(), ()).ok_or_else(|| view.unreadable(&key))?;
        let (from, to) = (record.from.unwrap_or(Time::UNIX_EPOCH), record.to.or(Some(Time::UNIX_EPOCH)));
        found.push((ExportedSalt::new(text, record.path, record.kind, from, to), record.salt_lines));
    }
    Ok(found)
}

/// Takes a device out of the table together with its salt, which no line was made with.
pub(super) fn forget(view: &View, batch: &mut Batch, device: &Device) -> Result<(), StoreError> {
    view.delete(batch, &format!("device/{}", device.uuid))?;
    view.delete(batch, &format!("salt/{}", device.uuid))
}

pub(super) async fn all(view: &View) -> Result<Vec<(Device, Zeroizing<String>)>, StoreError> {
    let mut found = Vec::new();
    for uuid in view.list("device/").await? {
        found.extend(one(view, &uuid).await?);
    }
    Ok(found)
}

pub(super) async fn one(view: &View, uuid: &str) -> Result<Option<(Device, Zeroizing<String>)>, StoreError> {
    let key = format!("device/{uuid}");
    let Some(record) = view.get(&key).await? else { return Ok(None) };
    let salt = salt(view, uuid).await?.ok_or_else(|| view.missing(&format!("salt/{uuid}")))?;
    let device = decode(uuid, record.expose()).ok_or_else(|| view.unreadable(&key))?;
    Ok(Some((device, salt)))
}

record! { Device(uuid: String) {
    "accessor" => accessor,
    "declared" => declared,
    "description" => description,
    "first_salt" => first_salt,
    "local" => local,
    "options" => options,
    "path" => path,
    "salt_since" => salt_since,
    "since" => since,
    "type" => kind,
} optional {
    "salt_lines" => salt_lines,
} }

fn decode(uuid: &str, stored: &[u8]) -> Option<Device> {
    let mut record = parse(stored)?;
    // Devices of older versions still have their first salt.
    if !record.contains("salt_since") {
        record.insert("salt_since", record.get("since")?.clone());
    }
    Device::from_object(&record, (uuid.to_owned(),))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_stored_device_reads_back() {
        let device = Device {
            path: "deep/er/".into(),
            uuid: "u".into(),
            accessor: "audit_file_1a2b3c4d".into(),
            kind: "file".into(),
            description: "<d>".into(),
            local: true,
            options: BTreeMap::from([("file_path".into(), "/a.log".into()), ("odd".into(), String::new())]),
            declared: false,
            since: Time::from_unix(1_700_000_000, 5),
            salt_since: Time::from_unix(1_800_000_000, 5),
            first_salt: SaltId::parse("00000000000000ab"),
            salt_lines: Some(SaltLines::Hashed),
        };
        assert_eq!(
            String::from_utf8_lossy(&device.encode()),
            r#"{"accessor":"audit_file_1a2b3c4d","declared":false,"description":"\u003cd\u003e","first_salt":"00000000000000ab","local":true,"options":{"file_path":"/a.log","odd":""},"path":"deep/er/","salt_lines":"hashed","salt_since":"2027-01-15T08:00:00.000000005Z","since":"2023-11-14T22:13:20.000000005Z","type":"file"}"#
        );
        assert_eq!(
            String::from_utf8_lossy(&retired(&device, Time::from_unix(1_900_000_000, 0))),
            r#"{"from":"2027-01-15T08:00:00.000000005Z","path":"deep/er/","salt_lines":"hashed","to":"2030-03-17T17:46:40Z","type":"file"}"#
        );
        assert_eq!(decode("u", &device.encode()), Some(device.clone()));
        assert_eq!(decode("u", b"{}"), None);
        let older = Device { salt_lines: None, ..device };
        assert!(
            !String::from_utf8_lossy(&older.encode()).contains("salt_lines"),
            "as versions before stored it"
        );
        assert_eq!(decode("u", &older.encode()), Some(older));
    }
}
