//! Where devices and salts lie: `device/UUID`, `salt/UUID`, and `retired/UUID` for a salt that no device has any more.
//! A salt that another took the place of moves to a UUID of its own.
//! Never in it: opening devices.

use onrecord_entry::SaltId;
use onrecord_storage::{Batch, StoreError, View};
use onrecord_value::{Object, Time, Value, json, object};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

use super::salts::KeptSalt;
use super::{Device, text_of};

/// Adds a device, whose salt is stored, to a batch.
pub(super) fn put_device(view: &View, batch: &mut Batch, device: &Device) -> Result<(), StoreError> {
    view.put(batch, &format!("device/{}", device.uuid), &encode(device))
}

/// Adds a device with its salt to a batch.
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

/// What is kept of a salt beside it.
fn retired(device: &Device, now: Time) -> Vec<u8> {
    Value::Object(object! {
        "from" => text_of(device.salt_since),
        "path" => device.path.as_str(),
        "to" => text_of(now),
        "type" => device.kind.as_str(),
    })
    .to_json()
}

/// The salt of a UUID.
pub(super) async fn salt(view: &View, uuid: &str) -> Result<Option<Zeroizing<String>>, StoreError> {
    let stored = view.get(&format!("salt/{uuid}")).await?;
    Ok(stored.map(|salt| Zeroizing::new(String::from_utf8_lossy(salt.expose()).into_owned())))
}

/// All salts, of enabled devices and retired.
pub(super) async fn salts(view: &View) -> Result<Vec<KeptSalt>, StoreError> {
    let mut found = Vec::new();
    for (device, text) in all(view).await? {
        found.push(KeptSalt::new(&text, device.path, device.kind, device.salt_since, None));
    }
    for uuid in view.list("retired/").await? {
        let (Some(record), Some(text)) =
            (view.get(&format!("retired/{uuid}")).await?, salt(view, &uuid).await?)
        else {
            continue;
        };
        let record = json::parse_object(record.expose(), json::Limits::default()).unwrap_or_default();
        let text_of = |key: &str| record.str(key).unwrap_or_default().to_owned();
        let time_of = |key: &str| record.str(key).and_then(|time| Time::parse(time).ok());
        let (from, to) = (time_of("from").unwrap_or(Time::UNIX_EPOCH), time_of("to"));
        found.push(KeptSalt::new(
            &text,
            text_of("path"),
            text_of("type"),
            from,
            to.or(Some(Time::UNIX_EPOCH)),
        ));
    }
    Ok(found)
}

/// Takes a device out of the table together with its salt, which no line was made with.
pub(super) fn forget(view: &View, batch: &mut Batch, device: &Device) -> Result<(), StoreError> {
    view.delete(batch, &format!("device/{}", device.uuid))?;
    view.delete(batch, &format!("salt/{}", device.uuid))
}

/// All devices with their salts.
pub(super) async fn all(view: &View) -> Result<Vec<(Device, Zeroizing<String>)>, StoreError> {
    let mut found = Vec::new();
    for uuid in view.list("device/").await? {
        found.extend(one(view, &uuid).await?);
    }
    Ok(found)
}

/// The device of a UUID with its salt.
pub(super) async fn one(view: &View, uuid: &str) -> Result<Option<(Device, Zeroizing<String>)>, StoreError> {
    let Some(record) = view.get(&format!("device/{uuid}")).await? else { return Ok(None) };
    let Some(salt) = salt(view, uuid).await? else {
        tracing::error!(uuid, "an audit device is stored without its salt, and is left out");
        return Ok(None);
    };
    let device = decode(uuid, record.expose());
    if device.is_none() {
        tracing::error!(uuid, "the record of an audit device cannot be read, and is left out");
    }
    Ok(device.map(|device| (device, salt)))
}

fn encode(device: &Device) -> Vec<u8> {
    let options: Object = device.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Value::Object(object! {
        "accessor" => device.accessor.as_str(),
        "declared" => device.declared,
        "description" => device.description.as_str(),
        "first_salt" => device.first_salt.map_or(Value::Null, |id| id.to_string().into()),
        "local" => device.local,
        "options" => options,
        "path" => device.path.as_str(),
        "salt_since" => text_of(device.salt_since),
        "since" => text_of(device.since),
        "type" => device.kind.as_str(),
    })
    .to_json()
}

fn decode(uuid: &str, stored: &[u8]) -> Option<Device> {
    let record = json::parse_object(stored, json::Limits::default()).ok()?;
    let text = |key: &str| record.str(key).map(str::to_owned);
    let truth = |key: &str| record.get(key).and_then(Value::as_bool);
    let option = |(key, value): (&str, &Value)| Some((key.to_owned(), value.as_str()?.to_owned()));
    let since = Time::parse(record.str("since")?).ok()?;
    Some(Device {
        path: text("path")?,
        uuid: uuid.to_owned(),
        accessor: text("accessor")?,
        kind: text("type")?,
        description: text("description")?,
        local: truth("local")?,
        options: record.object("options")?.iter().filter_map(option).collect::<BTreeMap<_, _>>(),
        declared: truth("declared")?,
        since,
        first_salt: record.str("first_salt").and_then(SaltId::parse),
        // Devices of older versions still have their first salt.
        salt_since: record.str("salt_since").and_then(|time| Time::parse(time).ok()).unwrap_or(since),
    })
}

#[cfg(test)]
mod tests {
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
        };
        assert_eq!(
            String::from_utf8_lossy(&encode(&device)),
            r#"{"accessor":"audit_file_1a2b3c4d","declared":false,"description":"\u003cd\u003e","first_salt":"00000000000000ab","local":true,"options":{"file_path":"/a.log","odd":""},"path":"deep/er/","salt_since":"2027-01-15T08:00:00.000000005Z","since":"2023-11-14T22:13:20.000000005Z","type":"file"}"#
        );
        assert_eq!(
            String::from_utf8_lossy(&retired(&device, Time::from_unix(1_900_000_000, 0))),
            r#"{"from":"2027-01-15T08:00:00.000000005Z","path":"deep/er/","to":"2030-03-17T17:46:40Z","type":"file"}"#
        );
        assert_eq!(decode("u", &encode(&device)), Some(device));
        assert_eq!(decode("u", b"{}"), None);
    }
}
