//! The table of audit devices: what is enabled where, with which options and which salt; kept in storage, carried out
//! by the broker. Never in it: the API's texts for bodies (`engine::sys::audit`), or how a device writes.
//!
//! A device's record and its salt are one batch. A device that goes leaves its salt behind, with its path and its time,
//! so that its log can still be searched (I8).

mod apply;
mod declared;
mod kept;
mod load;
mod log;
mod logs;
mod opening;
mod query_sources;
pub(crate) mod repair;
mod salts;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use onrecord_audit::broker::{DEVICES_MAX, EnableError};
use onrecord_audit::device::{OptionError, check_prefix};
use onrecord_audit::{Broker, DeviceKinds, DeviceOptions};
use onrecord_entry::SaltId;
use onrecord_seal::EntropyError;
use onrecord_seal::age::AgeError;
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::Time;
use onrecord_value::printable::{Invisible, find_invisible};

use crate::current::Current;
use crate::host::Host;
use crate::log_keys::{LogKeys, Moment};
use crate::settings::{AuditSettings, EnableRequest};
use kept::Kept;
use opening::{Origin, Prepared};
use repair::Removals;

pub use declared::DeclareError;
pub(crate) use load::Unopened;
pub(crate) use log::Log;
pub use logs::AuditLog;
pub(crate) use logs::logs;
pub(crate) use stored::KeptSalt;

/// Devices by path, each with its closing slash.
pub(crate) type Table = BTreeMap<String, Arc<Device>>;

/// An enabled device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Where, with a closing slash.
    pub path: String,
    /// Random UUID; names its salt in storage.
    pub uuid: String,
    /// `audit_file_1a2b3c4d`.
    pub accessor: String,
    /// `file`, …
    pub kind: String,
    /// What its operator says it is for.
    pub description: String,
    /// Echoed only.
    pub local: bool,
    /// Its options as given.
    pub options: BTreeMap<String, String>,
    /// Whether the configuration file made it, and alone may remove it.
    pub declared: bool,
    /// Since when.
    pub since: Time,
    /// Since when it has the salt that it has.
    pub salt_since: Time,
    /// The id of its first salt, if it has had another since.
    pub first_salt: Option<SaltId>,
    /// The lines that were made with the salt that it has; `None` if there are both kinds, or if it is not known: older versions
    /// did not store it, and after a restoration there may be later ones.
    pub salt_lines: Option<SaltLines>,
}

/// What all lines of a salt are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaltLines {
    /// Texts are hashed.
    Hashed,
    /// Texts are in the clear.
    Raw,
}

impl SaltLines {
    const fn of(options: &DeviceOptions) -> Self {
        if options.form.log_raw { Self::Raw } else { Self::Hashed }
    }
}

/// Why a device is not enabled or not disabled. The text is the API's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevicesError {
    /// The configuration forbids devices made through the API.
    #[error(
        "cannot enable audit device via API; use declarative, config-based audit device management instead"
    )]
    NotThroughApi,
    /// The configuration forbids prefixes on devices made through the API.
    #[error("audit log prefixing is not allowed")]
    NoPrefixes,
    /// No path.
    #[error("backend path must be specified")]
    NoPath,
    /// The path has characters that are not seen: it stands in logs and lists.
    #[error("backend path must not contain {0}")]
    BadPath(Invisible),
    /// Another device is there, above or below.
    #[error("path already in use")]
    PathInUse,
    /// The configuration file made it.
    #[error("cannot disable configuration-managed audit device")]
    Declared,
    /// The configuration's rule demands this number of devices, and no more are enabled (decision 8).
    #[error("cannot disable {}", needed(*.0))]
    Needed(usize),
    /// The options do not make a device.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The device could not be enabled, or does not take the probe entry.
    #[error(transparent)]
    Enable(EnableError),
    /// The table could not be stored.
    #[error("failed to update audit table")]
    Storage(#[from] BarrierError),
    /// There is no randomness to make a salt of.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The salts could not be sealed to the key that was given.
    #[error("\"recipient\": {0}")]
    Seal(#[from] AgeError),
    /// The system has no thread to open the device in.
    #[error("internal error")]
    NoThread,
    /// The device hangs while it is opened.
    #[error("sanity check failed; opening the audit device hangs")]
    OpenTimedOut,
    /// The device's salt is not in storage.
    #[error("internal error")]
    NoSalt,
    /// It was changed otherwise while its successor was tried.
    #[error("it was changed at this moment; try again")]
    ChangedMeanwhile,
}

fn needed(minimum: usize) -> String {
    match minimum {
        1 => "the last audit device: the configuration demands one".to_owned(),
        _ => format!("the audit device: the configuration demands {minimum}"),
    }
}

impl From<StoreError> for DevicesError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}

/// The enabled devices.
pub struct Devices {
    view: View,
    host: Host,
    kinds: DeviceKinds,
    /// Sign the checkpoints of the devices' logs.
    log_keys: Arc<LogKeys>,
    /// The rule and the API's limits, as they are now.
    settings: Current<AuditSettings>,
    table: Current<Table>,
    removals: tokio::sync::Mutex<Removals>,
    kept: tokio::sync::Mutex<Kept>,
    /// Paths at which a device is being opened and tried; nobody waits for that but who asked for it.
    pending: Mutex<BTreeSet<String>>,
    /// Held while the table is changed, from reading it to showing the new one. Never while a device is waited for.
    gate: tokio::sync::Mutex<()>,
}

/// A path that is being taken; free again when this is dropped.
struct Claim<'a> {
    pending: &'a Mutex<BTreeSet<String>>,
    path: String,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

impl Devices {
    /// The table as it is now.
    pub fn table(&self) -> Arc<Table> {
        self.table.get()
    }

    /// What signs the checkpoints of the devices' logs.
    pub(crate) fn log_keys(&self) -> Arc<LogKeys> {
        Arc::clone(&self.log_keys)
    }

    /// The rule and the API's limits, as they are now.
    pub fn settings(&self) -> Arc<AuditSettings> {
        self.settings.get()
    }

    pub(crate) fn set_settings(&self, settings: Arc<AuditSettings>) {
        self.settings.set(settings);
    }

    fn show(&self, table: Table) {
        if table.is_empty() {
            warn_of_none();
        }
        self.table.set(table);
    }

    /// Enables a device that a client of the API asks for. Returns warnings about options that have no effect.
    pub async fn enable(
        &self,
        broker: &Broker,
        wanted: EnableRequest,
        now: Time,
    ) -> Result<Vec<String>, DevicesError> {
        let settings = self.settings();
        if !settings.placement.allows_api_creation() {
            return Err(DevicesError::NotThroughApi);
        }
        if wanted.options.contains_key("prefix") && !settings.placement.allows_prefixes() {
            return Err(DevicesError::NoPrefixes);
        }
        check_prefix(&wanted.options)?;
        let _place = self.claim(with_slash(&wanted.path), &BTreeSet::new()).await?;
        // Before anything is opened: nothing is left of a device that is refused.
        if broker.devices() >= DEVICES_MAX {
            return Err(DevicesError::Enable(EnableError::TooMany));
        }
        let origin = Origin { declared: false, placement: settings.placement.clone(), instead_of: None };
        let Prepared { device, salt, candidate, warnings } =
            self.prepare(broker, wanted, origin, now).await?;
        // The salt is durable before the first line that needs it: the probe has one of its own.
        let mut batch = Batch::new();
        stored::put(&self.view, &mut batch, &device, &salt)?;
        self.view.commit(batch).await.map_err(BarrierError::from)?;
        if let Err(error) = broker.admit(candidate) {
            self.forget(&device).await;
            return Err(DevicesError::Enable(error));
        }
        tracing::info!(path = device.path, kind = device.kind, "enabled audit backend");
        let _gate = self.gate.lock().await;
        let mut table = Table::clone(&self.table());
        table.insert(device.path.clone(), Arc::new(device));
        self.show(table);
        Ok(warnings)
    }

    /// Disables a device at once. `false`: there was none.
    pub async fn disable(&self, broker: &Broker, path: &str, now: Time) -> Result<bool, DevicesError> {
        let path = with_slash(path);
        let _gate = self.gate.lock().await;
        let table = self.table();
        let Some(device) = table.get(&path) else { return Ok(false) };
        if device.declared {
            return Err(DevicesError::Declared);
        }
        let minimum = self.settings().demanded();
        if table.len() <= minimum {
            return Err(DevicesError::Needed(minimum));
        }
        // It may be enabled again, when another key signs.
        let clock = self.host.clock.monotonic();
        self.log_keys.keep_heads(broker, clock, Moment::Now).await?;
        let mut batch = Batch::new();
        stored::retire(&self.view, &mut batch, device, now)?;
        self.view.commit(batch).await.map_err(BarrierError::from)?;
        broker.disable(&path);
        tracing::info!(path, "disabled audit backend");
        let mut table = Table::clone(&table);
        table.remove(&path);
        self.show(table);
        Ok(true)
    }

    /// Takes a path, if no device is there, above or below, or about to be, apart from those that are leaving.
    async fn claim(&self, path: String, leaving: &BTreeSet<&str>) -> Result<Claim<'_>, DevicesError> {
        if path == "/" {
            return Err(DevicesError::NoPath);
        }
        if let Some(found) = find_invisible(&path) {
            return Err(DevicesError::BadPath(found));
        }
        let _gate = self.gate.lock().await;
        let table = self.table();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let conflict = |other: &String| other.starts_with(&path) || path.starts_with(other.as_str());
        if table.keys().filter(|other| !leaving.contains(other.as_str())).any(conflict)
            || pending.iter().any(conflict)
        {
            return Err(DevicesError::PathInUse);
        }
        pending.insert(path.clone());
        Ok(Claim { pending: &self.pending, path })
    }

    /// Takes the record of a device back that did not take its probe; no line was made with its salt.
    async fn forget(&self, device: &Device) {
        let mut batch = Batch::new();
        let forgotten = match stored::forget(&self.view, &mut batch, device) {
            Ok(()) => self.view.commit(batch).await.map_err(BarrierError::from),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = forgotten {
            tracing::warn!(path = device.path, %error, "a device that was not enabled is still in the stored table");
        }
    }
}

/// The HMAC of a text on the device at a path; `None` if none is enabled there.
pub(crate) fn hash(broker: &Broker, path: &str, text: &str) -> Option<String> {
    broker.hash(&with_slash(path), text)
}

/// Says in the log that nothing is put on record (decision 8).
pub(crate) fn warn_of_none() {
    tracing::warn!(
        "NO AUDIT DEVICE IS ENABLED: requests are carried out and answered without being put on record"
    );
}

fn with_slash(path: &str) -> String {
    let path = path.strip_suffix('/').unwrap_or(path);
    format!("{path}/")
}
