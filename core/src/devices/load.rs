//! The stored table, opened at unseal; and a device or a salt that another process stored, taken over. What this process
//! alone keeps (losses that are not reported, removals that are not on record) is not read again. Never in it: deciding whether the server may run without a device.

use std::sync::{Arc, Mutex};

use onrecord_audit::device::OptionError;
use onrecord_audit::{Broker, DeviceError, DeviceKinds};
use onrecord_entry::Salt;
use onrecord_storage::{BarrierError, Batch, View};
use onrecord_value::Time;
use zeroize::Zeroizing;

use super::kept::Kept;
use super::opening::{OPEN_TIMEOUT, begin_opening, config, formatter};
use super::repair::Removals;
use super::{Device, Devices, DevicesError, SaltLines, Table, stored};
use crate::current::Current;
use crate::host::Host;
use crate::log_keys::LogKeys;
use crate::settings::AuditSettings;

#[derive(Debug)]
pub(crate) struct Unopened {
    pub(crate) device: Arc<Device>,
    pub(crate) error: NotOpened,
    /// Whether what is behind it may just not have been started yet.
    pub(crate) may_start_later: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    /// It cannot be opened, or its options make no device.
    #[error(transparent)]
    Options(OptionError),
    /// It hangs while it is opened. It opens when it is written to.
    #[error("opening it hangs")]
    Hangs,
}

impl NotOpened {
    /// As the server's log has it.
    pub(crate) fn without_options(&self) -> String {
        match self {
            Self::Options(error) => error.without_options(),
            Self::Hangs => self.to_string(),
        }
    }

    /// The fault of the device behind it, which keeps being tried.
    fn cause(&self) -> Option<DeviceError> {
        match self {
            Self::Options(error) => error.cause().cloned(),
            Self::Hangs => Some(DeviceError::OpenTimedOut),
        }
    }
}

impl Devices {
    /// Reads the table and enables every device of it, without a probe. Those that could not be opened are enabled
    /// closed: they come back by themselves, and are returned for the caller to decide whether the server may run.
    /// What a device missed before an earlier end it tells now.
    pub(crate) async fn load(
        view: View,
        host: Host,
        kinds: DeviceKinds,
        log_keys: Arc<LogKeys>,
        settings: Arc<AuditSettings>,
        broker: &Broker,
    ) -> Result<(Self, Vec<Unopened>), DevicesError> {
        let (kept, removals) = (Kept::load(&view).await?, Removals::load(&view).await?);
        let stored = stored::all(&view).await?;
        let (table, unopened) = restore(stored, &kinds, &log_keys, &kept, &host, &settings, broker).await?;
        let devices = Self {
            view,
            host,
            kinds,
            log_keys,
            settings: Current::new(settings),
            table: Current::new(table),
            kept: tokio::sync::Mutex::new(kept),
            removals: tokio::sync::Mutex::new(removals),
            pending: Mutex::default(),
            gate: tokio::sync::Mutex::new(()),
        };
        Ok((devices, unopened))
    }

    /// Forgets that lines of salts are hashed, after a restoration at this time: the files may have raw ones that were made with a
    /// salt after the snapshot. Salts that were made since are left as they are.
    pub(crate) async fn forget_salt_lines(view: &View, restored: Time) -> Result<(), DevicesError> {
        let mut batch = Batch::new();
        for (device, _) in stored::all(view).await? {
            if device.salt_since <= restored && device.salt_lines == Some(SaltLines::Hashed) {
                stored::put_device(view, &mut batch, &Device { salt_lines: None, ..device })?;
            }
        }
        Ok(view.commit(batch).await.map_err(BarrierError::from)?)
    }

    /// Takes over what is stored of a device: enables it, disables it, opens it with other options or gives it another
    /// salt. `key` is below the devices' own prefix.
    pub async fn invalidate(&self, broker: &Broker, key: &str) -> Result<(), DevicesError> {
        let Some(uuid) = key.strip_prefix("device/").or_else(|| key.strip_prefix("salt/")) else {
            return Ok(());
        };
        let _gate = self.gate.lock().await;
        let stored = stored::one(&self.view, uuid).await?;
        let mut table = Table::clone(&self.table());
        let known = table.values().find(|device| device.uuid == uuid).cloned();
        match (known, stored) {
            (None, None) => return Ok(()),
            (Some(old), Some((device, salt))) if writes_alike(&old, &device) => {
                if let Ok(options) = self.kinds.parse(&device.kind, &device.options) {
                    let salt = Arc::new(Salt::new(&salt));
                    broker.set_formatter(&device.path, formatter(&device, &options, salt));
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
                let (kinds, keys, host) = (&self.kinds, &self.log_keys, &self.host);
                let restored = restore(stored, kinds, keys, &kept, host, &self.settings(), broker).await?;
                for Unopened { device, error, .. } in restored.1 {
                    let error = error.without_options();
                    tracing::error!(path = device.path, error, "this audit device could not be opened");
                }
                table.extend(restored.0);
            }
        }
        self.show(table);
        Ok(())
    }
}

pub(super) async fn restore(
    stored: Vec<(Device, Zeroizing<String>)>,
    kinds: &DeviceKinds,
    log_keys: &Arc<LogKeys>,
    kept: &Kept,
    host: &Host,
    settings: &AuditSettings,
    broker: &Broker,
) -> Result<(Table, Vec<Unopened>), DevicesError> {
    let mut table = Table::new();
    let mut unopened = Vec::new();
    // All are opened at once: several that hang cost no more than one.
    let mut openings = Vec::new();
    for (device, salt) in stored {
        let device = Arc::new(device);
        table.insert(device.path.clone(), Arc::clone(&device));
        let options = match kinds.parse(&device.kind, &device.options) {
            Ok(options) => options,
            Err(error) => {
                let error = NotOpened::Options(error);
                unopened.push(Unopened { device, error, may_start_later: false });
                continue;
            }
        };
        let limits = &settings.placement;
        let placement = if device.declared { limits.for_configuration() } else { limits.clone() };
        let opening = begin_opening(options.clone(), placement.clone(), Arc::clone(&host.clock))?;
        openings.push((device, Arc::new(Salt::new(&salt)), options, placement, opening));
    }
    let deadline = host.clock.monotonic() + OPEN_TIMEOUT;
    for (device, salt, options, placement, opening) in openings {
        let left = deadline.saturating_sub(host.clock.monotonic());
        let opened = opening.wait(left).await.map(|opened| opened.map_err(NotOpened::Options));
        let losses = kept.of(&device.uuid);
        let config = match opened.unwrap_or(Err(NotOpened::Hangs)) {
            Ok(sink) => config(&device, &options, sink, salt, log_keys).losses(losses),
            Err(error) => {
                let sink = options.open_later(&placement, Arc::clone(&host.clock));
                let closed = config(&device, &options, sink, salt, log_keys).losses(losses);
                let cause = error.cause();
                let may_start_later = options.may_start_later() && matches!(error, NotOpened::Options(_));
                unopened.push(Unopened { device, error, may_start_later });
                match cause {
                    Some(cause) => closed.failing(cause),
                    None => closed,
                }
            }
        };
        broker.restore(config).map_err(DevicesError::Enable)?;
    }
    Ok((table, unopened))
}

/// Whether two records of a device differ in nothing that it is opened with.
fn writes_alike(old: &Device, new: &Device) -> bool {
    (&old.path, &old.kind, &old.options) == (&new.path, &new.kind, &new.options)
}
