//! What devices have not told yet, kept in storage (`misses/UUID`) so that a kill does not take it away (I9): a device
//! tells it as a gap entry of that start when it is back. Never in it: how a device misses something.

use std::collections::BTreeMap;

use onrecord_audit::Broker;
use onrecord_audit::broker::Missed;
use onrecord_entry::{Boot, SeqRange};
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::{Object, Time, Value, json, object};

use super::{Devices, text_of};

/// What is in storage, by UUID of the device.
#[derive(Default)]
pub(super) struct Kept(BTreeMap<String, Vec<Missed>>);

impl Kept {
    pub(super) fn load(view: &View) -> Result<Self, StoreError> {
        let mut kept = BTreeMap::new();
        for uuid in view.list("misses/")? {
            if let Some(stored) = view.get(&format!("misses/{uuid}"))? {
                match decode(stored.expose()) {
                    Some(missed) => drop(kept.insert(uuid, missed)),
                    None => {
                        tracing::error!(
                            uuid,
                            "what an audit device missed before the last end cannot be read"
                        );
                    }
                }
            }
        }
        Ok(Self(kept))
    }

    pub(super) fn of(&self, uuid: &str) -> Vec<Missed> {
        self.0.get(uuid).cloned().unwrap_or_default()
    }
}

impl Devices {
    /// Keeps what devices have not told yet, where that has changed. To be called about every half second: what was
    /// missed between the last call and a kill is not known afterwards.
    pub async fn keep_misses(&self, broker: &Broker) -> Result<(), BarrierError> {
        let mut kept = self.kept.lock().await;
        let (table, mut batch) = (self.table(), Batch::new());
        let mut changed = Vec::new();
        for (path, missed) in broker.missed() {
            let Some(device) = table.get(&*path) else { continue };
            if kept.0.get(&device.uuid).map_or(&[][..], Vec::as_slice) == missed {
                continue;
            }
            let key = format!("misses/{}", device.uuid);
            if missed.is_empty() {
                self.view.delete(&mut batch, &key)?;
            } else {
                self.view.put(&mut batch, &key, &encode(&missed))?;
            }
            changed.push((device.uuid.clone(), missed));
        }
        // A device that is gone has nobody left to tell it to.
        let known = |uuid: &str| table.values().any(|device| device.uuid == uuid);
        for uuid in kept.0.keys().filter(|uuid| !known(uuid)) {
            self.view.delete(&mut batch, &format!("misses/{uuid}"))?;
            changed.push((uuid.clone(), Vec::new()));
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.view.commit(batch).await?;
        for (uuid, missed) in changed {
            if missed.is_empty() { drop(kept.0.remove(&uuid)) } else { drop(kept.0.insert(uuid, missed)) }
        }
        Ok(())
    }
}

fn encode(missed: &[Missed]) -> Vec<u8> {
    let starts: Vec<Value> = missed
        .iter()
        .map(|missed| {
            let range = |range: &SeqRange| Value::Object(object! { "from" => range.from, "to" => range.to });
            let ranges: Vec<Value> = missed.ranges.iter().map(range).collect();
            let mut start = object! {
                "boot" => missed.boot.number(),
                "missed" => missed.count,
                "ranges" => Value::Array(ranges),
            };
            if let Some(since) = missed.since {
                start.insert("since", text_of(since));
            }
            Value::Object(start)
        })
        .collect();
    Value::Object(object! { "starts" => Value::Array(starts) }).to_json()
}

fn decode(stored: &[u8]) -> Option<Vec<Missed>> {
    let record = json::parse_object(stored, json::Limits::default()).ok()?;
    let start = |value: &Value| {
        let start = value.as_object()?;
        let range = |value: &Value| {
            let range = value.as_object()?;
            Some(SeqRange { from: number(range, "from")?, to: number(range, "to")? })
        };
        Some(Missed {
            boot: Boot::new(number(start, "boot")?),
            count: number(start, "missed")?,
            ranges: start.get("ranges")?.as_array()?.iter().map(range).collect::<Option<_>>()?,
            since: start.str("since").and_then(|text| Time::parse(text).ok()),
        })
    };
    record.get("starts")?.as_array()?.iter().map(start).collect()
}

fn number(object: &Object, key: &str) -> Option<u64> {
    match object.get(key)? {
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back() {
        let missed = vec![
            Missed {
                boot: Boot::new(u64::MAX),
                count: 7,
                ranges: vec![SeqRange { from: 1, to: 6 }, SeqRange { from: 9, to: 9 }],
                since: Some(Time::from_unix(1_700_000_000, 5)),
            },
            Missed { boot: Boot::new(2), count: 1, ranges: vec![SeqRange { from: 3, to: 3 }], since: None },
        ];
        assert_eq!(decode(&encode(&missed)), Some(missed));
        assert_eq!(decode(b"{}"), None);
    }
}
