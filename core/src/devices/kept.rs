//! Losses that no gap entry has reported yet, kept in storage (`misses/UUID`) so that they survive a kill (I9): a device
//! reports them in a gap entry of that boot when it is back. Never in it: how a device loses entries.

use std::collections::BTreeMap;

use onrecord_audit::Broker;
use onrecord_audit::broker::Loss;
use onrecord_entry::{Boot, SeqRange};
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::{Object, Time, Value, object};

use super::Devices;
use crate::stored::{Plain, Record as _, load, parse, record};

#[derive(Default)]
pub(super) struct Kept(BTreeMap<String, Vec<Loss>>);

impl Kept {
    pub(super) async fn load(view: &View) -> Result<Self, StoreError> {
        let mut kept = BTreeMap::new();
        for uuid in view.list("misses/").await? {
            let key = format!("misses/{uuid}");
            if let Some(stored) = view.get(&key).await? {
                let missed = decode(stored.expose()).ok_or_else(|| view.unreadable(&key))?;
                kept.insert(uuid, missed);
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

record! { SeqRange() { "from" => from, "to" => to, } }

fn encode(losses: &[Loss]) -> Vec<u8> {
    let start = |loss: &Loss| {
        let mut start = object! {
            "boot" => loss.boot.number(),
            "missed" => loss.count,
            "ranges" => loss.seqs.iter().map(|range| range.to_object()).collect::<Value>(),
        };
        if let Some(since) = loss.since {
            start.insert("since", since);
        }
        start
    };
    Value::Object(object! { "starts" => losses.iter().map(start).collect::<Value>() }).to_json()
}

fn decode(stored: &[u8]) -> Option<Vec<Loss>> {
    let start = |start: &Object| {
        let seqs: Vec<SeqRange> = load::<Plain, _>(start, "ranges")?;
        let (boot, count) = (load::<Plain, _>(start, "boot")?, load::<Plain, _>(start, "missed")?);
        let since = load::<Plain, Option<Time>>(start, "since")?;
        Some(Loss::kept(Boot::new(boot), count, seqs.into_iter().collect(), since))
    };
    let starts: Vec<Object> = load::<Plain, _>(&parse(stored)?, "starts")?;
    starts.iter().map(start).collect()
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
