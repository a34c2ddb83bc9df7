//! The table of audit devices: what is enabled where, with which options and which salt; kept in storage, carried out
//! by the broker. Never in it: the API's texts for bodies (`engine::sys::audit`), or how a device writes.
//!
//! A device's record and its salt are one batch. A device that goes leaves its salt behind, with its path and its time,
//! so that its log can still be searched (I8).

mod declared;
mod load;
mod log;
mod salts;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use onrecord_audit::device::check_prefix;
use onrecord_audit::{
    Broker, Clock, Device as Sink, DeviceOptions, EnableError, Enrolment, Form, OptionError, Placement,
    Probe, Salt,
};
use onrecord_seal::{Entropy, EntropyError};
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::Time;
use zeroize::Zeroizing;

use crate::host::Host;

pub use declared::DeclareError;
pub use load::Unopened;
pub(crate) use log::Log;
pub use salts::{KeptSalt, Resalted};

/// Devices by path, each with its closing slash.
pub type Table = BTreeMap<String, Arc<Device>>;

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
}

/// A device to be enabled.
pub struct Wish {
    /// Where, without the closing slash.
    pub path: String,
    /// `file`, …
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Echoed only.
    pub local: bool,
    /// Its options.
    pub options: BTreeMap<String, String>,
}

/// Why a device is not enabled or not disabled. The text is the API's.
#[derive(Debug)]
#[non_exhaustive]
pub enum DevicesError {
    /// The configuration forbids devices made through the API.
    NotThroughApi,
    /// The configuration forbids prefixes on devices made through the API.
    NoPrefixes,
    /// No path.
    NoPath,
    /// The path has control characters: it stands in the server's log.
    BadPath,
    /// Another device is there, above or below.
    PathInUse,
    /// The configuration file made it.
    Declared,
    /// The configuration's rule wants so many, and no more are enabled (decision 8).
    Needed(usize),
    /// The options do not make a device.
    Options(OptionError),
    /// The device could not be enabled, or does not take the probe entry.
    Enable(EnableError),
    /// The table could not be stored.
    Storage(BarrierError),
    /// There is no randomness to make a salt of.
    Entropy(EntropyError),
    /// The system has no thread to open the device in.
    NoThread,
}

impl fmt::Display for DevicesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThroughApi => f.write_str(
                "cannot enable audit device via API; use declarative, config-based audit device management instead",
            ),
            Self::NoPrefixes => f.write_str("audit log prefixing is not allowed"),
            Self::NoPath => f.write_str("backend path must be specified"),
            Self::BadPath => f.write_str("backend path must not contain control characters"),
            Self::PathInUse => f.write_str("path already in use"),
            Self::Declared => f.write_str("cannot disable configuration-managed audit device"),
            Self::Needed(1) => {
                f.write_str("cannot disable the last audit device: the configuration demands one")
            }
            Self::Needed(minimum) => {
                write!(f, "cannot disable the audit device: the configuration demands {minimum}")
            }
            Self::Options(error) => error.fmt(f),
            Self::Enable(error) => error.fmt(f),
            Self::Storage(_) => f.write_str("failed to update audit table"),
            Self::Entropy(error) => error.fmt(f),
            Self::NoThread => f.write_str("internal error"),
        }
    }
}

impl std::error::Error for DevicesError {}

impl From<BarrierError> for DevicesError {
    fn from(error: BarrierError) -> Self {
        Self::Storage(error)
    }
}

impl From<StoreError> for DevicesError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<OptionError> for DevicesError {
    fn from(error: OptionError) -> Self {
        Self::Options(error)
    }
}

impl From<EntropyError> for DevicesError {
    fn from(error: EntropyError) -> Self {
        Self::Entropy(error)
    }
}

/// The enabled devices.
pub struct Devices {
    view: View,
    host: Host,
    placement: Placement,
    /// The fewest devices the rule allows.
    minimum: usize,
    table: RwLock<Arc<Table>>,
    /// Paths at which a device is being opened and tried; nobody waits for that but who asked for it.
    pending: Mutex<BTreeSet<String>>,
    /// Held by whoever changes the table, from reading it to showing the new one. Never while a device is waited for.
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
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enables a device that a client of the API asks for.
    pub async fn enable(&self, broker: &Broker, wish: Wish, now: Time) -> Result<(), DevicesError> {
        if !self.placement.allows_api_creation() {
            return Err(DevicesError::NotThroughApi);
        }
        if wish.options.contains_key("prefix") && !self.placement.allows_prefixes() {
            return Err(DevicesError::NoPrefixes);
        }
        check_prefix(&wish.options)?;
        self.make(broker, wish, false, now).await
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
        if table.len() <= self.minimum {
            return Err(DevicesError::Needed(self.minimum));
        }
        self.remove(broker, device, now).await?;
        Ok(true)
    }

    /// The HMAC of a text on the device at a path; `None` if none is enabled there.
    pub fn hash(&self, broker: &Broker, path: &str, text: &str) -> Option<String> {
        broker.hash(&with_slash(path), text)
    }

    async fn make(&self, broker: &Broker, wish: Wish, declared: bool, now: Time) -> Result<(), DevicesError> {
        let claim = self.claim(with_slash(&wish.path)).await?;
        let path = claim.path.clone();
        let uuid = self.host.entropy.uuid()?;
        let accessor =
            format!("audit_{}_{}", wish.kind, self.host.entropy.uuid()?.get(..8).unwrap_or_default());
        let options = DeviceOptions::parse(&wish.kind, &wish.options)?;
        warn_of_unknown(&path, &options);
        let placement = if declared { self.placement.for_configuration() } else { self.placement.clone() };
        let sink = open_aside(options.clone(), placement, Arc::clone(&self.host.clock)).await?;
        let (salt, text) = new_salt(&*self.host.entropy)?;
        let form = Form::new(options.form.clone(), salt);
        let Wish { kind, description, local, options: given, .. } = wish;
        let device = Device {
            path: path.clone(),
            uuid,
            accessor,
            kind,
            description,
            local,
            options: given,
            declared,
            since: now,
            salt_since: now,
        };
        // The salt is durable before the first line that needs it.
        let mut batch = Batch::new();
        stored::put(&self.view, &mut batch, &device, &text)?;
        self.view.commit(batch).await.map_err(BarrierError::from)?;
        let probe = if options.skip_test { None } else { Some(self.probe()?) };
        if let Err(error) = broker.enable(Enrolment::new(path.as_str(), sink, form), probe).await {
            self.forget(&device).await;
            return Err(DevicesError::Enable(error));
        }
        tracing::info!(path, kind = device.kind, "enabled audit backend");
        let _gate = self.gate.lock().await;
        let mut table = Table::clone(&self.table());
        table.insert(path, Arc::new(device));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }

    /// Takes a path, if no device is there, above or below, or about to be.
    async fn claim(&self, path: String) -> Result<Claim<'_>, DevicesError> {
        if path == "/" {
            return Err(DevicesError::NoPath);
        }
        if path.chars().any(char::is_control) {
            return Err(DevicesError::BadPath);
        }
        let _gate = self.gate.lock().await;
        let table = self.table();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let conflict = |other: &String| other.starts_with(&path) || path.starts_with(other.as_str());
        if table.keys().any(conflict) || pending.iter().any(conflict) {
            return Err(DevicesError::PathInUse);
        }
        pending.insert(path.clone());
        Ok(Claim { pending: &self.pending, path })
    }

    async fn remove(&self, broker: &Broker, device: &Device, now: Time) -> Result<(), DevicesError> {
        let mut batch = Batch::new();
        stored::retire(&self.view, &mut batch, device, now)?;
        self.view.commit(batch).await.map_err(BarrierError::from)?;
        broker.disable(&device.path);
        tracing::info!(path = device.path, "disabled audit backend");
        let mut table = Table::clone(&self.table());
        table.remove(&device.path);
        if table.is_empty() {
            warn_of_none();
        }
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }

    /// The entry that tries a device, with a salt that is thrown away.
    fn probe(&self) -> Result<Probe, DevicesError> {
        let (salt, _) = new_salt(&*self.host.entropy)?;
        Ok(Probe { id: self.host.entropy.uuid()?, salt })
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

/// Says in the log that nothing is put on record (decision 8).
pub(crate) fn warn_of_none() {
    tracing::warn!(
        "NO AUDIT DEVICE IS ENABLED: requests are carried out and answered without being put on record"
    );
}

/// Names the keys that mean nothing; never their values (decision 7).
fn warn_of_unknown(path: &str, options: &DeviceOptions) {
    if !options.unknown.is_empty() {
        tracing::warn!(path, keys = ?options.unknown, "unknown audit device options are stored and ignored");
    }
}

fn with_slash(path: &str) -> String {
    let path = path.strip_suffix('/').unwrap_or(path);
    format!("{path}/")
}

fn new_salt(entropy: &dyn Entropy) -> Result<(Arc<Salt>, Zeroizing<String>), EntropyError> {
    let mut random = Zeroizing::new([0; 16]);
    entropy.fill(&mut *random)?;
    let text = Salt::text_from(&random);
    Ok((Arc::new(Salt::new(&text)), text))
}

/// Opens a device in a thread of its own: a file system that hangs must hold up this request and no other.
async fn open_aside(
    options: DeviceOptions,
    placement: Placement,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Sink>, DevicesError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let open = move || {
        // Nobody waits any more if the receiver is gone.
        let _unheard = sender.send(options.open(&placement, clock));
    };
    let thread = std::thread::Builder::new().name("onrecord-open".to_owned()).spawn(open);
    if thread.is_err() {
        return Err(DevicesError::NoThread);
    }
    match receiver.await {
        Ok(opened) => Ok(opened?),
        Err(_) => Err(DevicesError::NoThread),
    }
}
