//! The gate between sealed and unsealed: who is inside, and how it is shut.
//! Never in it: how the server is opened.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::admission::{Admission, Permit};
use crate::open::Open;

/// Lets the devices write what waits for them, in a thread of its own: it blocks.
async fn drain(open: &Arc<Open>, patience: Duration) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let inside = Arc::clone(open);
    let spawned = std::thread::Builder::new().name("onrecord-drain".to_owned()).spawn(move || {
        // Who asked waits for it, or does not care.
        let _unheard = sender.send(inside.broker.drain(patience));
    });
    let undrained =
        if spawned.is_ok() { receiver.await.unwrap_or_default() } else { open.broker.drain(patience) };
    for (path, why) in undrained {
        tracing::error!(%path, %why, "an audit device did not write all that waited for it");
    }
}

/// Holds the unsealed server.
pub(crate) struct Gate {
    open: RwLock<Option<Arc<Open>>>,
    /// Counts the journeys inside; it has no limit of its own.
    inside: Arc<Admission>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { open: RwLock::new(None), inside: Admission::new(usize::MAX, usize::MAX) }
    }
}

impl Gate {
    /// The unsealed server.
    pub(crate) fn open(&self) -> Option<Arc<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The unsealed server for a journey, which is counted until the permit is dropped. Counted under the lock: who
    /// shuts the gate misses nobody.
    pub(crate) fn enter(&self) -> Option<(Arc<Open>, Permit)> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref()?;
        Some((Arc::clone(open), self.inside.admit(0).ok()?))
    }

    /// Opens.
    pub(crate) fn set(&self, open: Arc<Open>) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }

    /// Shuts: nobody enters any more. What was open, for the one who shut it.
    pub(crate) fn shut(&self) -> Option<Arc<Open>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Shuts, waits until at most `rest` journeys are inside, lets the devices write what waits for them, and only then
    /// wipes the keys: salts are needed until the last journey has ended. `false` if it was shut already.
    pub(crate) async fn seal(&self, rest: usize, patience: Duration) -> bool {
        let Some(open) = self.shut() else { return false };
        self.inside.drained(rest).await;
        drain(&open, patience).await;
        open.barrier.seal();
        tracing::info!("the server is sealed");
        true
    }
}
