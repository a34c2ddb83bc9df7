//! The stored audit devices of a stopped server, for an operator who may write to its data directory and has its key
//! shares (`operator audit-repair`).
//! Never in it: what removing a device means (the core's).

use std::path::{Path, PathBuf};

use onrecord_core::{Core, Device, Repair};

use crate::config::Config;
use crate::error::StartError;
use crate::kinds::Kinds;
use crate::options::Options;
use crate::run::open_core;

/// The table of audit devices of a stopped server.
pub struct AuditRepair {
    runtime: tokio::runtime::Runtime,
    core: Core,
    open: Option<Repair>,
}

impl AuditRepair {
    /// Opens the storage of a configuration, which must hold data and not be in use. It stays sealed until it has the key
    /// shares.
    pub fn open(config: &[PathBuf], kinds: &Kinds) -> Result<Self, StartError> {
        let options = Options { config: config.to_vec(), kinds: kinds.clone(), ..Options::default() };
        let read = Config::read(config, kinds)?;
        let Some(storage) = read.storage.as_ref().filter(|storage| storage.kind.is_durable) else {
            let durable = kinds.backends.iter().filter(|kind| kind.is_durable);
            let names: Vec<String> = durable.map(|kind| format!("{:?}", kind.name)).collect();
            let names = names.join(" or ");
            return Err(
                format!("the configuration has no storage {names}: there is nothing to repair").into()
            );
        };
        if !storage.target.has_data() {
            let place = storage.target.directory().unwrap_or(Path::new(storage.kind.name));
            return Err(format!("{}: there is no data", place.display()).into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let core = {
            let _entered = runtime.enter();
            open_core(&options, &read)?
        };
        if !runtime.block_on(core.initialised())? {
            return Err("the server is not initialized: it has no audit devices".into());
        }
        Ok(Self { runtime, core, open: None })
    }

    /// Takes a key share. Returns how many more are needed.
    pub fn submit_key_share(&mut self, key: &str) -> Result<usize, StartError> {
        self.open = self.runtime.block_on(self.core.repair(key))?;
        if self.open.is_some() {
            return Ok(0);
        }
        let status = self.runtime.block_on(self.core.seal_status())?;
        Ok(usize::from(status.threshold).saturating_sub(status.progress))
    }

    /// All stored devices, by path. An error as long as shares are missing.
    pub fn devices(&self) -> Result<Vec<Device>, StartError> {
        Ok(self.runtime.block_on(self.opened()?.devices())?)
    }

    /// Removes the device of a path and retires its salt; the next start records that. Returns whether there was one.
    pub fn remove(&self, path: &str) -> Result<bool, StartError> {
        let uid = rustix::process::getuid().as_raw();
        Ok(self.runtime.block_on(self.opened()?.remove(path, uid))?.is_some())
    }

    fn opened(&self) -> Result<&Repair, StartError> {
        Ok(self.open.as_ref().ok_or("more key shares are needed")?)
    }
}
