//! An engine's own part of the store: reads at any time, writes one after another for each key, each as one batch.
//! Never in it: what is stored.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use onrecord_seal::SecretBytes;
use onrecord_storage::View;
use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

use crate::engine::codec::Broken;
use crate::outcome::Refusal;

/// Writers of two keys wait for each other only if their hashes fall together.
const SHARDS: usize = 1024;

/// Lets one writer at a time at a key. One table serves all mounts.
pub struct Turns {
    hasher: RandomState,
    shards: Vec<Mutex<()>>,
}

impl Turns {
    /// A table in which nobody writes.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::new(())).collect() })
    }

    async fn take(&self, mount: &str, key: &str) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one((mount, key));
        let shard = usize::try_from(hash % SHARDS as u64).ok()?;
        Some(self.shards.get(shard)?.lock().await)
    }
}

/// A mount's part of the store.
pub struct Space {
    mount: String,
    view: View,
    turns: Arc<Turns>,
    /// Whether the mount is gone; its writers hold it for reading.
    closed: RwLock<bool>,
}

impl Space {
    /// The part of the store that `view` shows, for the mount of this id.
    pub fn new(mount: &str, view: View, turns: Arc<Turns>) -> Self {
        Self { mount: mount.to_owned(), view, turns, closed: RwLock::new(false) }
    }

    /// What is stored at a key.
    pub fn get(&self, key: &str) -> Result<Option<SecretBytes>, Refusal> {
        self.view.get(key).map_err(|error| failed(&error))
    }

    /// Whether anything is stored at a key.
    pub fn contains(&self, key: &str) -> Result<bool, Refusal> {
        self.view.contains(key).map_err(|error| failed(&error))
    }

    /// The names below a prefix, sorted; those that have names below them end in `/`.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, Refusal> {
        self.view.list(prefix).map_err(|error| failed(&error))
    }

    /// Waits for the turn to write to what `key` stands for.
    pub async fn write(&self, key: &str) -> Result<Writing<'_>, Refusal> {
        let open = self.closed.read().await;
        if *open {
            return Err(Refusal::unsupported_path());
        }
        let turn = self.turns.take(&self.mount, key).await;
        Ok(Writing { batch: self.view.batch(), space: self, _open: open, _turn: turn })
    }

    /// Lets the writers that have begun end, and no other begin.
    pub async fn close(&self) {
        *self.closed.write().await = true;
    }
}

/// One writer's turn: what it changes becomes one batch.
pub struct Writing<'a> {
    space: &'a Space,
    batch: onrecord_storage::ViewBatch,
    _open: RwLockReadGuard<'a, bool>,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Writing<'_> {
    /// Stores a value.
    pub fn put(&mut self, key: &str, value: Vec<u8>) {
        self.batch.put(key, SecretBytes::new(value));
    }

    /// Removes a key, if it is there.
    pub fn delete(&mut self, key: &str) {
        self.batch.delete(key);
    }

    /// Makes the changes, all or none; durable when it returns.
    pub async fn commit(self) -> Result<(), Refusal> {
        self.space.view.commit(self.batch).await.map_err(|error| failed(&error))
    }
}

/// A failure of the store, for the operator; the client learns only that there was one.
pub(crate) fn failed(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(error = %error, "the store failed a request");
    Refusal::internal()
}

impl From<Broken> for Refusal {
    fn from(error: Broken) -> Self {
        failed(&error)
    }
}
