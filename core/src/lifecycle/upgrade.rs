//! Opening the barrier, and bringing a storage of an older version to the form of this one, in one commit: however the first
//! unsealing ends, all of it is stored or nothing.
//! Never in it: key shares being collected, or what is loaded afterwards.

use onrecord_seal::SecretBytes;
use onrecord_storage::{BarrierError, Batch, Digests};

use super::{CeremonyError, Core};
use crate::engine::mounts;
use crate::engine::unsealed::Cluster;
use crate::place;

impl Core {
    /// Opens the barrier. On an error it is sealed.
    pub(super) async fn open_barrier(&self, unseal_key: &SecretBytes) -> Result<(), CeremonyError> {
        let barrier = &self.inner.barrier;
        if barrier.unseal(unseal_key).await? == Digests::Missing
            && let Err(error) = self.upgrade().await
        {
            barrier.seal();
            tracing::error!(%error, "unsealing failed: the storage of an older version cannot be upgraded");
            return Err(error);
        }
        Ok(())
    }

    /// Stores what versions before this one made at the first unsealing, if one of them has initialised the server and has not
    /// unsealed it, or not to the end; and the digests of all that is stored.
    async fn upgrade(&self) -> Result<(), CeremonyError> {
        let barrier = &self.inner.barrier;
        let core = barrier.view(place::CORE).map_err(|error| BarrierError::Store(error.into()))?;
        let mut batch = Batch::new();
        if core.get(mounts::KEY).await.map_err(BarrierError::from)?.is_none() {
            self.make_mounts(&mut batch)?;
        }
        if core.get(Cluster::KEY).await.map_err(BarrierError::from)?.is_none() {
            self.make_cluster(&mut batch)?;
        }
        barrier.make_digests(batch).await?;
        tracing::info!(
            "the storage is of an older version: from now on what is stored is counted, and checked at each unsealing"
        );
        Ok(())
    }
}
