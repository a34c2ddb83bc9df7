//! An engine's own part of the store: reads at any time; changes of a key one after another, each one batch.
//! Never in it: what is stored.

use onrecord_seal::SecretBytes;
use onrecord_storage::{Batch, Commit, CommitError, StoreError, View};
use tokio::sync::RwLock;

use super::codec::Broken;
use crate::outcome::Refusal;

/// How often a change is tried again because one before it, which it had counted on, was refused by the store.
const TRIES: u32 = 4;

/// A mount's part of the store.
pub struct Space {
    view: View,
    /// Whether the mount is gone. A write holds it for reading until it is durable.
    closed: RwLock<bool>,
}

/// What a change makes of the store: one batch.
pub struct ChangeBatch<'a> {
    view: &'a View,
    batch: Batch,
}

impl Space {
    /// The part of the store that `view` shows.
    pub fn new(view: View) -> Self {
        Self { view, closed: RwLock::new(false) }
    }

    /// What is stored at a key.
    pub fn get(&self, key: &str) -> Result<Option<SecretBytes>, Refusal> {
        self.view.get(key).map_err(refused)
    }

    /// The names below a folder (empty: the whole space; else ends in `/`), sorted; folders end in `/`.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, Refusal> {
        self.view.list(folder).map_err(refused)
    }

    /// Changes what depends on the value at `key`, as one batch, durable on return. `decide` is called with that
    /// value and makes the batch; changes of one key are decided one after another. It may be called again, if a
    /// change that it saw did not become durable, and must not keep anything from the first time.
    pub async fn change<T>(
        &self,
        key: &str,
        mut decide: impl FnMut(Option<&SecretBytes>, &mut ChangeBatch<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let closed = self.closed.read().await;
        if *closed {
            return Err(Refusal::unsupported_path());
        }
        for _ in 0..TRIES {
            let (result, commit) = self.attempt(key, &mut decide)?;
            match commit.await {
                Ok(()) => return Ok(result),
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(failed(&Unsettled))
    }

    /// The lock is not held over an await: it orders the changes of a key, not their commits.
    fn attempt<T>(
        &self,
        key: &str,
        decide: &mut impl FnMut(Option<&SecretBytes>, &mut ChangeBatch<'_>) -> Result<T, Refusal>,
    ) -> Result<(T, Commit), Refusal> {
        let _turn = self.view.lock(key).map_err(refused)?;
        let (old, seen) = self.view.latest(key).map_err(refused)?;
        let mut draft = ChangeBatch { view: &self.view, batch: Batch::new() };
        // Even if nothing changes: what was seen may still be on its way, and must not be answered before it is there.
        draft.batch.require(seen);
        let result = decide(old.as_ref(), &mut draft)?;
        Ok((result, self.view.commit(draft.batch)))
    }

    /// Lets the changes that have begun end, and no other begin.
    pub async fn close(&self) {
        *self.closed.write().await = true;
    }
}

impl ChangeBatch<'_> {
    /// Another value that goes with the one the change depends on, as the changes before this one leave it.
    pub fn latest(&self, key: &str) -> Result<Option<SecretBytes>, Refusal> {
        self.view.latest(key).map(|(value, _)| value).map_err(refused)
    }

    /// Stores a value.
    pub fn put(&mut self, key: &str, value: &[u8]) -> Result<(), Refusal> {
        self.view.put(&mut self.batch, key, value).map_err(refused)
    }

    /// Removes a value, if it is there.
    pub fn delete(&mut self, key: &str) -> Result<(), Refusal> {
        self.view.delete(&mut self.batch, key).map_err(refused)
    }
}

/// Every try counted on a change that was refused.
#[derive(Debug)]
struct Unsettled;

impl std::fmt::Display for Unsettled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("changes that a change counted on were refused again and again")
    }
}

impl std::error::Error for Unsettled {}

/// What the client is told when the store cannot read or prepare something. A path that is no key is the client's own
/// doing; of all else it learns only that there was a failure.
pub(crate) fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::Key(error) => Refusal::invalid(error.to_string()),
        StoreError::Sealed => {
            Refusal { status: 503, text: Some("Vault is sealed".to_owned()), ..Refusal::internal() }
        }
        error => failed(&error),
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
