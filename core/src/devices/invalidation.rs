//! Taking over a device or a salt that another process stored. Never in it: what this process alone keeps: losses that
//! are not reported, removals that are not on record.

use std::sync::{Arc, PoisonError};

use onrecord_audit::Broker;
use onrecord_entry::{Formatter, Salt};
use onrecord_storage::BarrierError;

use super::load::restore;
use super::{Device, Devices, DevicesError, Table, stored, warn_of_none};

impl Devices {
    /// Takes over what is stored of a device: enables it, disables it, opens it with other options or gives it another
    /// salt. `key` is below the devices' own prefix.
    pub async fn invalidate(&self, broker: &Broker, key: &str) -> Result<(), DevicesError> {
        let Some(uuid) = key.strip_prefix("device/").or_else(|| key.strip_prefix("salt/")) else {
            return Ok(());
        };
        let _gate = self.gate.lock().await;
        let stored = stored::one(&self.view, uuid).await.map_err(BarrierError::from)?;
        let mut table = Table::clone(&self.table());
        let known = table.values().find(|device| device.uuid == uuid).cloned();
        match (known, stored) {
            (None, None) => return Ok(()),
            (Some(old), Some((device, salt))) if writes_alike(&old, &device) => {
                if let Ok(options) = self.kinds.parse(&device.kind, &device.options) {
                    let formatter = Formatter::new(options.form, Arc::new(Salt::new(&salt)));
                    broker.set_formatter(&device.path, formatter.with_first_salt(device.first_salt));
                }
                table.insert(device.path.clone(), Arc::new(device));
            }
            (old, stored) => {
                if let Some(old) = old {
                    broker.disable(&old.path);
                    table.remove(&old.path);
                }
                let kept = self.kept.lock().await;
                let stored = stored.into_iter().collect();
                let restored =
                    restore(stored, &self.kinds, &kept, &self.host, &self.settings(), broker).await?;
                for device in restored.1 {
                    tracing::error!(path = device.path, error = %device.error, "this audit device could not be opened");
                }
                table.extend(restored.0);
            }
        }
        if table.is_empty() {
            warn_of_none();
        }
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }
}

/// Whether two records of a device differ in nothing that it is opened with.
fn writes_alike(old: &Device, new: &Device) -> bool {
    (&old.path, &old.kind, &old.options) == (&new.path, &new.kind, &new.options)
}
