//! Removal of what unmounted engines have left: in batches of bounded size, and again after a crash.
//! Never in it: the decision to unmount.

use onrecord_storage::Batch;

use super::{MountError, Mounts, data_folder};

/// How many keys one batch removes.
const KEYS: usize = 512;

impl Mounts {
    /// Removes what removals before the last sealing have left. May take its time.
    pub(super) async fn sweep_leftovers(&self) {
        for uuid in self.snapshot().pending_deletion.clone() {
            self.sweep(&uuid).await;
        }
    }

    /// Removes all data of a removed mount, then forgets it. A failure is tried again after the next unsealing.
    pub(super) async fn sweep(&self, uuid: &str) {
        if let Err(error) = self.try_sweep(uuid).await {
            tracing::warn!(%error, mount = uuid, "data of a removed mount is left until the next unsealing");
        }
    }

    async fn try_sweep(&self, uuid: &str) -> Result<(), MountError> {
        let view = self.0.barrier.view(&data_folder(uuid))?;
        loop {
            let mut batch = Batch::new();
            let removed = view.delete_below(&mut batch, "", KEYS).await?;
            view.commit(batch).await?;
            if removed < KEYS {
                break;
            }
        }
        let _turn = self.0.writer.lock().await;
        self.replace(self.snapshot().swept(uuid)).await
    }
}
