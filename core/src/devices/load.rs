//! The stored table, opened at unseal. Never in it: deciding whether the server may run without a device.

use std::sync::{Arc, Mutex, RwLock};

use onrecord_audit::device::OptionError;
use onrecord_audit::{Broker, DeviceError, DeviceKinds};
use onrecord_entry::{Formatter, Salt};
use onrecord_storage::{BarrierError, View};
use zeroize::Zeroizing;

use super::kept::Kept;
use super::opening::{OPEN_TIMEOUT, Opening, config};
use super::repair::Removals;
use super::{Device, Devices, DevicesError, Table, stored};
use crate::host::Host;
use crate::settings::AuditSettings;

/// The stored device that could not be opened at unseal, and why.
#[derive(Debug)]
pub struct Unopened {
    /// The device's path.
    pub path: String,
    /// Why.
    pub error: NotOpened,
    /// Whether what is behind it may just not have been started yet.
    pub may_start_later: bool,
    /// The device as it is stored.
    pub(crate) device: Arc<Device>,
}

/// Why a stored device could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotOpened {
    /// It cannot be opened, or its options make no device.
    #[error(transparent)]
    Options(OptionError),
    /// It hangs while it is opened. It opens when it is written to.
    #[error("opening it hangs")]
    Hangs,
}

impl NotOpened {
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
    pub async fn load(
        view: View,
        host: Host,
        kinds: DeviceKinds,
        settings: Arc<AuditSettings>,
        broker: &Broker,
    ) -> Result<(Self, Vec<Unopened>), DevicesError> {
        let kept = Kept::load(&view).await.map_err(BarrierError::from)?;
        let removals = Removals::load(&view).await.map_err(BarrierError::from)?;
        let stored = stored::all(&view).await.map_err(BarrierError::from)?;
        let (table, unopened) = restore(stored, &kinds, &kept, &host, &settings, broker).await?;
        let devices = Self {
            view,
            host,
            kinds,
            settings: RwLock::new(settings),
            table: RwLock::new(Arc::new(table)),
            kept: tokio::sync::Mutex::new(kept),
            removals: tokio::sync::Mutex::new(removals),
            pending: Mutex::default(),
            gate: tokio::sync::Mutex::new(()),
        };
        Ok((devices, unopened))
    }
}

/// Enables stored devices without a probe; those that could not be opened, closed.
pub(super) async fn restore(
    stored: Vec<(Device, Zeroizing<String>)>,
    kinds: &DeviceKinds,
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
        let options = match kinds.parse(&device.kind, &device.options) {
            Ok(options) => options,
            Err(error) => {
                let (path, device) = (device.path.clone(), Arc::new(device));
                table.insert(path.clone(), Arc::clone(&device));
                unopened.push(Unopened {
                    path,
                    error: NotOpened::Options(error),
                    may_start_later: false,
                    device,
                });
                continue;
            }
        };
        let limits = &settings.placement;
        let placement = if device.declared { limits.for_configuration() } else { limits.clone() };
        let opening = Opening::begin(options.clone(), placement.clone(), Arc::clone(&host.clock))?;
        openings.push((device, salt, options, placement, opening));
    }
    let deadline = host.clock.monotonic() + OPEN_TIMEOUT;
    for (device, salt, options, placement, opening) in openings {
        let left = deadline.saturating_sub(host.clock.monotonic());
        let (sink, error) = match opening.wait(left).await {
            Ok(sink) => (sink, None),
            Err(DevicesError::Options(error)) => {
                (options.open_later(&placement, Arc::clone(&host.clock)), Some(NotOpened::Options(error)))
            }
            Err(DevicesError::OpenTimedOut) => {
                (options.open_later(&placement, Arc::clone(&host.clock)), Some(NotOpened::Hangs))
            }
            Err(other) => return Err(other),
        };
        let form = Formatter::new(options.form.clone(), Arc::new(Salt::new(&salt)))
            .with_first_salt(device.first_salt);
        let mut config = config(&device, &options, sink, form).losses(kept.of(&device.uuid));
        let (path, device) = (device.path.clone(), Arc::new(device));
        if let Some(error) = error {
            if let Some(cause) = error.cause() {
                config = config.failing(cause);
            }
            let may_start_later = options.may_start_later() && matches!(error, NotOpened::Options(_));
            let (path, device) = (path.clone(), Arc::clone(&device));
            unopened.push(Unopened { path, error, may_start_later, device });
        }
        broker.restore(config).map_err(DevicesError::Enable)?;
        table.insert(path, device);
    }
    Ok((table, unopened))
}
