//! Doing what the configuration file asks for, all of it or nothing: new devices are opened and tried first, then the
//! changes are stored in one batch, and only then does any device come or go. So no moment is without the old device
//! or the new one, and a wrong value leaves all as it was. Never in it: deciding what is to be done (`declared`).

use std::collections::BTreeSet;
use std::sync::Arc;

use onrecord_audit::broker::{DEVICES_MAX, EnableError};
use onrecord_audit::{Broker, DeviceKinds, Placement};
use onrecord_storage::{BarrierError, Batch};
use onrecord_value::Time;

use super::declared::Plan;
use super::opening::{Origin, Prepared};
use super::{DeclareError, Device, Devices, DevicesError, Table, stored, with_slash};
use crate::settings::{AuditSettings, EnableRequest};

impl Devices {
    /// Makes the enabled devices fit the configuration: new ones are enabled, with a probe; changed ones are replaced;
    /// those that are gone from it are disabled; the API's are left alone. Says what it did.
    ///
    /// `settings`: what the configuration says; new devices are held to its limits. `minimum`: how many devices must be
    /// left, if any goes.
    ///
    /// # Errors
    /// [`DeclareError`]; nothing is changed then.
    pub async fn declare(
        &self,
        broker: &Broker,
        settings: &AuditSettings,
        minimum: usize,
        now: Time,
    ) -> Result<Vec<String>, DeclareError> {
        let plan = Plan::of(&self.kinds, &self.table(), &settings.declared_devices)?;
        if plan.is_empty() {
            return Ok(Vec::new());
        }
        let lines = plan.lines();
        for line in &lines {
            tracing::info!("audit devices of the configuration: {line}");
        }
        suffices(self.table().len(), plan.add.len(), &plan.remove, minimum)?;
        self.carry_out(broker, plan, &settings.placement, minimum, now).await?;
        Ok(lines)
    }

    async fn carry_out(
        &self,
        broker: &Broker,
        plan: Plan,
        placement: &Placement,
        minimum: usize,
        now: Time,
    ) -> Result<(), DeclareError> {
        let Plan { add, mut change, describe, remove } = plan;
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        let leaving: BTreeSet<&str> = remove.iter().map(|device| device.path.as_str()).collect();
        let mut places = Vec::new();
        let mut replaced = Vec::new();
        // What goes or changes leaves its file to whatever comes: files move with their devices, and may be exchanged.
        let placement = change
            .iter()
            .map(|(old, _)| old)
            .chain(&remove)
            .filter_map(|old| broker.claim(&old.path))
            .fold(placement.for_configuration(), |placement, claim| placement.succeeding(&claim));
        for wanted in &add {
            let path = with_slash(&wanted.path);
            let place = self.claim(path.clone(), &leaving).await;
            places.push(place.map_err(|error| DeclareError::Device(path, error))?);
        }
        // A file has one successor, the first to come. Who keeps its own comes first, and who is there before who is new: one
        // that is given it by mistake is refused before it changes anything in it, and is the one named.
        change.sort_by_key(|(old, wanted)| !keeps_file(&self.kinds, old, wanted));
        for (old, wanted) in change {
            let refused = |error| DeclareError::Device(old.path.clone(), error);
            let origin = Origin { declared: true, placement: placement.clone(), instead_of: Some(&old) };
            changed.push(self.prepare(broker, wanted, origin, now).await.map_err(refused)?);
            replaced.push(old);
        }
        for wanted in add {
            let path = with_slash(&wanted.path);
            let refused = |error| DeclareError::Device(path, error);
            let origin = Origin { declared: true, placement: placement.clone(), instead_of: None };
            added.push(self.prepare(broker, wanted, origin, now).await.map_err(refused)?);
        }
        let _gate = self.gate.lock().await;
        let mut table = Table::clone(&self.table());
        // Given a new salt, say, while the new device was tried.
        let stale =
            |device: &&Arc<Device>| table.get(&device.path).is_none_or(|now| !Arc::ptr_eq(now, device));
        if let Some(device) = replaced.iter().chain(&remove).find(stale) {
            return Err(DeclareError::Device(device.path.clone(), DevicesError::ChangedMeanwhile));
        }
        // The API may have made devices and disabled others meanwhile.
        suffices(table.len(), added.len(), &remove, minimum)?;
        let ready = added.iter().chain(&changed);
        self.store(ready, &describe, &remove, now).await.map_err(DeclareError::NotStored)?;
        for Prepared { device, candidate, .. } in changed {
            // One whose options made no device at its load is in the table and not in the broker.
            let known = broker.status().iter().any(|status| *status.path == *device.path);
            let put = if known { broker.replace(candidate) } else { broker.admit(candidate) };
            self.settle(put, device, &mut table).await;
        }
        for Prepared { device, candidate, .. } in added {
            let put = broker.admit(candidate);
            self.settle(put, device, &mut table).await;
        }
        for device in describe {
            table.insert(device.path.clone(), Arc::new(device));
        }
        for device in remove {
            broker.disable(&device.path);
            tracing::info!(path = device.path, "disabled audit backend");
            table.remove(&device.path);
        }
        self.show(table);
        drop(places);
        Ok(())
    }

    async fn store<'a>(
        &self,
        ready: impl Iterator<Item = &'a Prepared>,
        describe: &[Device],
        remove: &[Arc<Device>],
        now: Time,
    ) -> Result<(), DevicesError> {
        let mut batch = Batch::new();
        for Prepared { device, salt, .. } in ready {
            stored::put(&self.view, &mut batch, device, salt)?;
        }
        for device in describe {
            stored::put_device(&self.view, &mut batch, device)?;
        }
        for device in remove {
            stored::retire(&self.view, &mut batch, device, now)?;
        }
        self.view.commit(batch).await.map_err(BarrierError::from)?;
        Ok(())
    }

    /// Shows a device in the table once it has its place. It fails only where there are too many, or the server is
    /// being sealed: its record is taken back then.
    async fn settle(&self, put: Result<(), EnableError>, device: Device, table: &mut Table) {
        match put {
            Ok(()) => {
                tracing::info!(path = device.path, kind = device.kind, "enabled audit backend");
                table.insert(device.path.clone(), Arc::new(device));
            }
            Err(error) => {
                tracing::error!(path = device.path, %error, "an audit device could not be enabled");
                if !table.contains_key(&device.path) {
                    self.forget(&device).await;
                }
            }
        }
    }
}

fn keeps_file(kinds: &DeviceKinds, old: &Device, wanted: &EnableRequest) -> bool {
    let file = |kind: &str, options| Some(kinds.parse(kind, options).ok()?.file()?.to_owned());
    file(&old.kind, &old.options).is_some_and(|path| file(&wanted.kind, &wanted.options) == Some(path))
}

/// Whether this many devices may be added and these removed: at no time too many, and at the end as many as are demanded.
fn suffices(there: usize, added: usize, removed: &[Arc<Device>], minimum: usize) -> Result<(), DeclareError> {
    // What is new comes before anything goes.
    if added > 0 && there + added > DEVICES_MAX {
        return Err(DeclareError::TooMany);
    }
    let left = (there + added).saturating_sub(removed.len());
    if !removed.is_empty() && left < minimum {
        return Err(DeclareError::TooFew(minimum, left));
    }
    Ok(())
}
