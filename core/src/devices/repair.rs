//! Devices removed on the machine itself, where a server cannot be asked because none of its devices works
//! (`operator audit-repair`). The act is kept in storage (`repair/UUID`) until a device has it on record.
//! Never in it: who may do so (rights on the data directory and the key shares; `lifecycle::repair`).

use std::time::Duration;

use onrecord_audit::Broker;
use onrecord_audit::status::{DeviceStatus, Health, Outlook};
use onrecord_entry::Operation;
use onrecord_seal::Entropy;
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::{Time, object};

use super::{Device, Devices, DevicesError, stored, with_slash};
use crate::offline_act::OfflineAct;
use crate::stored::{Record as _, record};

/// The path under which such an act is on record, followed by that of the device.
const PATH: &str = "sys/audit/repair/";

/// So long after a first refusal it is not tried again, and twice as long after each further one, up to the longest:
/// each try may leave a copy on some device.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Removal {
    id: String,
    path: String,
    kind: String,
    /// Seconds since 1970.
    at: i64,
    /// The user of the system who did it.
    uid: u32,
}

#[derive(Default)]
pub(crate) struct Removals {
    pending: Vec<Removal>,
    tries: Tries,
}

/// When it is tried, on the monotonic clock.
#[derive(Default)]
pub(crate) struct Tries {
    not_before: Duration,
    refused: u32,
}

impl Tries {
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        now >= self.not_before
    }

    pub(crate) fn refused(&mut self, now: Duration) {
        let rest = FIRST_REST.saturating_mul(1_u32.checked_shl(self.refused).unwrap_or(u32::MAX));
        self.not_before = now + rest.min(LONGEST_REST);
        self.refused = self.refused.saturating_add(1);
    }
}

pub(crate) async fn list(view: &View) -> Result<Vec<Device>, StoreError> {
    let mut devices: Vec<Device> = stored::all(view).await?.into_iter().map(|(device, _)| device).collect();
    devices.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(devices)
}

/// Removes the stored device of a path: its salt is retired, and the act is kept until it is on record. What it was;
/// `None` if there is none.
pub(crate) async fn remove(
    view: &View,
    entropy: &dyn Entropy,
    path: &str,
    now: Time,
    uid: u32,
) -> Result<Option<Device>, DevicesError> {
    let path = with_slash(path);
    let found = list(view).await?.into_iter().find(|device| device.path == path);
    let Some(device) = found else { return Ok(None) };
    let removal =
        Removal { id: entropy.uuid()?, path, kind: device.kind.clone(), at: now.unix_seconds(), uid };
    let mut batch = Batch::new();
    stored::retire(view, &mut batch, &device, now)?;
    view.put(&mut batch, &format!("repair/{}", removal.id), &removal.encode())?;
    view.commit(batch).await.map_err(BarrierError::from)?;
    Ok(Some(device))
}

impl Removals {
    pub(crate) async fn load(view: &View) -> Result<Self, StoreError> {
        let mut pending = Vec::new();
        for id in view.list("repair/").await? {
            let key = format!("repair/{id}");
            let Some(stored) = view.get(&key).await? else { continue };
            let removal = Removal::decode(stored.expose(), (id,)).ok_or_else(|| view.unreadable(&key))?;
            let Removal { path, kind, at, uid, .. } = &removal;
            tracing::warn!(path, kind, at, uid, "an audit device was removed by operator audit-repair");
            pending.push(removal);
        }
        pending.sort_by_key(|removal| removal.at);
        Ok(Self { pending, tries: Tries::default() })
    }
}

impl Devices {
    /// Puts on record what was removed on the machine, as soon as a device works and the rule can be met.
    pub async fn record_removals(&self, broker: &Broker) {
        let mut removals = self.removals.lock().await;
        let now = self.host.clock.monotonic();
        if removals.pending.is_empty() || !removals.tries.is_due(now) || !can_record(broker) {
            return;
        }
        while let Some(removal) = removals.pending.first() {
            if !removal.record(broker).await {
                removals.tries.refused(self.host.clock.monotonic());
                return;
            }
            let removal = removals.pending.remove(0);
            removals.tries = Tries::default();
            if let Err(error) = self.forget_removal(&removal).await {
                tracing::warn!(%error, "the removal of an audit device will be put on record again");
            }
        }
    }

    async fn forget_removal(&self, removal: &Removal) -> Result<(), BarrierError> {
        let mut batch = Batch::new();
        self.view.delete(&mut batch, &format!("repair/{}", removal.id))?;
        Ok(self.view.commit(batch).await?)
    }
}

/// Whether a device can be expected to take an entry, and the rule to be met.
pub(crate) fn can_record(broker: &Broker) -> bool {
    let devices = broker.status();
    Outlook::of(broker.rules().minimum, &devices).is_met() && devices.iter().any(works)
}

/// A device that lagged has caught up once nothing waits for it, though it is left alone for a while longer.
fn works(device: &DeviceStatus) -> bool {
    let caught_up = device.health == Health::Lagging && device.queue.entries == 0;
    !device.discards && (device.health == Health::Healthy || caught_up)
}

impl Removal {
    async fn record(&self, broker: &Broker) -> bool {
        let act = OfflineAct {
            id: &self.id,
            operation: Operation::Delete,
            path: &format!("{PATH}{}", self.path.trim_end_matches('/')),
            data: &object! { "at" => self.at, "uid" => self.uid, "type" => self.kind.as_str() },
            peer: ("", 0),
            client: ("", 0),
            status: 204,
            subject: "a removed audit device",
        };
        act.record(broker).await
    }
}

record! { Removal(id: String) { "at" => at, "path" => path, "type" => kind, "uid" => uid, } }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_removal_reads_back() {
        let removal = Removal {
            id: "u".into(),
            path: "file/".into(),
            kind: "file".into(),
            at: 1_700_000_000,
            uid: 1000,
        };
        assert_eq!(removal.encode(), br#"{"at":1700000000,"path":"file/","type":"file","uid":1000}"#);
        assert_eq!(Removal::decode(&removal.encode(), ("u".into(),)), Some(removal));
        assert_eq!(Removal::decode(b"{}", ("u".into(),)), None);
    }

    #[test]
    fn each_refusal_doubles_the_rest_from_a_second_to_a_minute() {
        let mut tries = Tries::default();
        let mut now = Duration::from_secs(100);
        assert!(tries.is_due(now));
        for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
            tries.refused(now);
            now += Duration::from_secs(rest);
            assert!(
                !tries.is_due(now.saturating_sub(Duration::from_nanos(1))) && tries.is_due(now),
                "{rest}"
            );
        }
        tries.refused = u32::MAX;
        tries.refused(now);
        assert!(tries.is_due(now + LONGEST_REST));
    }
}
