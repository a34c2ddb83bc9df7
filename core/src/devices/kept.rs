//! Losses that no gap entry has reported yet, kept in storage (`misses/UUID`) so that they survive a kill (I9): a device
//! reports them in a gap entry of that boot when it is back. Never in it: how a device loses entries.

use std::collections::BTreeMap;

use onrecord_audit::Broker;
use onrecord_audit::broker::Loss;
use onrecord_entry::{Boot, SeqRange};
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::{Object, Time, Value, json, object};

use super::{Devices, text_of};

/// What is in storage, by UUID of the device.
#[derive(Default)]
pub(super) struct Kept(BTreeMap<String, Vec<Loss>>);

impl Kept {
    pub(super) async fn load(view: &View) -> Result<Self, StoreError> {
        let mut kept = BTreeMap::new();
        for uuid in view.list("misses/").await? {
            if let Some(stored) = view.get(&format!("misses/{uuid}")).await? {
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

    pub(super) fn of(&self, uuid: &str) -> Vec<Loss> {
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
        for (path, missed) in broker.losses() {
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

fn encode(missed: &[Loss]) -> Vec<u8> {
    let starts: Vec<Value> = missed
        .iter()
        .map(|missed| {
            let range = |range: SeqRange| Value::Object(object! { "from" => range.from, "to" => range.to });
            let ranges: Vec<Value> = missed.seqs.iter().map(range).collect();
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

fn decode(stored: &[u8]) -> Option<Vec<Loss>> {
    let record = json::parse_object(stored, json::Limits::default()).ok()?;
    let start = |value: &Value| {
        let start = value.as_object()?;
        let range = |value: &Value| {
            let range = value.as_object()?;
            Some(SeqRange { from: number(range, "from")?, to: number(range, "to")? })
        };
        let count = number(start, "missed")?;
        let seqs = start.get("ranges")?.as_array()?.iter().map(range).collect::<Option<_>>()?;
        let since = start.str("since").and_then(|text| Time::parse(text).ok());
        Some(Loss::kept(Boot::new(number(start, "boot")?), count, seqs, since))
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
        let seqs = [SeqRange { from: 1, to: 6 }, SeqRange { from: 9, to: 9 }].into_iter().collect();
        let missed = vec![
            Loss::kept(Boot::new(u64::MAX), 7, seqs, Some(Time::from_unix(1_700_000_000, 5))),
            Loss::kept(Boot::new(2), 1, SeqRange { from: 3, to: 3 }.into(), None),
        ];
        assert_eq!(
            String::from_utf8_lossy(&encode(&missed)),
            r#"{"starts":[{"boot":18446744073709551615,"missed":7,"ranges":[{"from":1,"to":6},{"from":9,"to":9}],"since":"2023-11-14T22:13:20.000000005Z"},{"boot":2,"missed":1,"ranges":[{"from":3,"to":3}]}]}"#
        );
        assert_eq!(decode(&encode(&missed)), Some(missed));
        assert_eq!(decode(b"{}"), None);
    }
}
