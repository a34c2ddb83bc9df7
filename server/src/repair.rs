//! The stored audit devices of a stopped server, for an operator who may write to its data directory and has its key
//! shares (`operator audit-repair`).
//! Never in it: what removing a device means (the core's).

use std::path::PathBuf;

use onrecord_core::{Core, Repair};

use crate::config::{Config, StorageConfig};
use crate::options::Options;
use crate::run::open_core;
use crate::start_error::StartError;

/// A stored audit device, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// Its path, with the closing slash.
    pub path: String,
    /// `file`, …
    pub kind: String,
    /// Its description.
    pub description: String,
    /// Whether the configuration file declares it: the next start enables it again.
    pub declared: bool,
}

/// The table of audit devices of a stopped server.
pub struct AuditRepair {
    runtime: tokio::runtime::Runtime,
    core: Core,
    open: Option<Repair>,
}

impl AuditRepair {
    /// Opens the storage of a configuration. It stays sealed until it has the key shares.
    ///
    /// # Errors
    /// The configuration is wrong or has no storage on disk, a running server holds the directory, or there are no keys.
    pub fn open(config: &[PathBuf]) -> Result<Self, StartError> {
        let options = Options { config: config.to_vec(), ..Options::default() };
        let read = Config::read(config)?;
        let Some(StorageConfig::File(directory)) = &read.storage else {
            return Err(StartError::new(
                "the configuration has no storage \"file\": there is nothing to repair",
            ));
        };
        if !directory.join("store.redb").exists() {
            return Err(StartError::new(format!("{}: there is no data", directory.display())));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(StartError::from_cause)?;
        let core = {
            let _entered = runtime.enter();
            open_core(&options, &read)?
        };
        if !runtime.block_on(core.initialised()).map_err(StartError::from_cause)? {
            return Err(StartError::new("the server is not initialized: it has no audit devices"));
        }
        Ok(Self { runtime, core, open: None })
    }

    /// Takes a key share. Returns how many more are needed.
    ///
    /// # Errors
    /// The text is not a key share, or the shares do not fit together.
    pub fn submit_key_share(&mut self, key: &str) -> Result<usize, StartError> {
        self.open = self.runtime.block_on(self.core.repair(key)).map_err(StartError::from_cause)?;
        if self.open.is_some() {
            return Ok(0);
        }
        let status = self.runtime.block_on(self.core.seal_status()).map_err(StartError::from_cause)?;
        Ok(usize::from(status.threshold).saturating_sub(status.progress))
    }

    /// All stored devices, by path.
    ///
    /// # Errors
    /// There are not enough shares yet, or the storage cannot be read.
    pub fn devices(&self) -> Result<Vec<StoredDevice>, StartError> {
        let devices = self.runtime.block_on(self.opened()?.devices()).map_err(StartError::from_cause)?;
        let shown = devices.into_iter().map(|device| StoredDevice {
            path: device.path,
            kind: device.kind,
            description: device.description,
            declared: device.declared,
        });
        Ok(shown.collect())
    }

    /// Removes the device of a path and retires its salt; the next start records that. Returns whether there was one.
    ///
    /// # Errors
    /// As [`devices`](Self::devices), or the removal could not be stored.
    pub fn remove(&self, path: &str) -> Result<bool, StartError> {
        let uid = rustix::process::getuid().as_raw();
        let removed =
            self.runtime.block_on(self.opened()?.remove(path, uid)).map_err(StartError::from_cause)?;
        Ok(removed.is_some())
    }

    fn opened(&self) -> Result<&Repair, StartError> {
        self.open.as_ref().ok_or_else(|| StartError::new("more key shares are needed"))
    }
}
