//! The audit devices of a server that does not run: listed and removed by an operator who may write to its storage and has its
//! key shares. The way out of a table of which no device can be opened.
//! Never in it: opening devices, or anything else that is behind the barrier.

use onrecord_storage::{BarrierError, View};

use super::init::Ceremony;
use super::{CeremonyError, Core};
use crate::devices::{Device, DevicesError, repair};
use crate::place;

/// The stored audit devices, open to changes until this is dropped: the server is sealed again then.
pub struct Repair {
    core: Core,
    view: View,
}

impl Core {
    /// Takes a key share; with the last one needed, opens the table of audit devices and nothing else.
    ///
    /// # Errors
    /// As [`Core::unseal`]; an unsealed server is refused, too.
    pub async fn repair(&self, key: &str) -> Result<Option<Repair>, CeremonyError> {
        let _ceremony = Ceremony::begin(&self.inner.ceremony)?;
        if self.unsealed().is_some() || self.inner.gate.is_shutting() {
            return Err(CeremonyError::Busy);
        }
        let Some(unseal_key) = self.take_share(key).await? else { return Ok(None) };
        self.open_barrier(&unseal_key).await?;
        let view = self.inner.barrier.view(place::AUDIT);
        let view = view.map_err(|error| BarrierError::Store(error.into()))?;
        Ok(Some(Repair { core: self.clone(), view }))
    }
}

impl Repair {
    /// All devices, by path.
    pub async fn devices(&self) -> Result<Vec<Device>, DevicesError> {
        Ok(repair::list(&self.view).await?)
    }

    /// Removes one, and retires its salt. What it was; `None` if there is none at the path. The next start puts it on
    /// record, with the user of the system who did it, as soon as one of its devices works.
    pub async fn remove(&self, path: &str, uid: u32) -> Result<Option<Device>, DevicesError> {
        let host = &self.core.inner.host;
        repair::remove(&self.view, &*host.entropy, path, host.clock.now(), uid).await
    }
}

impl Drop for Repair {
    fn drop(&mut self) {
        self.core.inner.barrier.seal();
    }
}
