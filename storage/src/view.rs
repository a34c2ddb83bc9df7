//! A handle on the keys below one prefix, which it cannot leave. Never in it: other prefixes, raw storage.

use std::sync::Arc;

use onrecord_seal::SecretBytes;

use crate::barrier::{Barrier, OWN};
use crate::batch::{Batch, Precondition, Seen};
use crate::commit::Commit;
use crate::error::StoreError;
use crate::key::{self, KeyError};
use crate::key_lock::KeyLock;
use crate::read::Read;
use crate::store::Storage;

/// Values in the clear below one prefix. Cheap to clone. Every call fails with [`StoreError::Sealed`] while
/// the barrier is sealed, and with [`StoreError::Key`] for a key that would leave the prefix.
#[derive(Clone)]
pub struct View {
    barrier: Barrier,
    prefix: Arc<str>,
}

impl Barrier {
    /// The keys below `prefix`, which ends in `/` and is none of the barrier's own.
    pub fn view(&self, prefix: &str) -> Result<View, KeyError> {
        if prefix.is_empty() || prefix.starts_with(OWN) {
            return Err(KeyError::Reserved);
        }
        key::check_folder(prefix)?;
        Ok(View { barrier: self.clone(), prefix: Arc::from(prefix) })
    }
}

impl View {
    /// Its prefix; ends in `/`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The barrier it belongs to.
    pub fn barrier(&self) -> &Barrier {
        &self.barrier
    }

    /// A view of a folder below (`folder` ends in `/`).
    pub fn view(&self, folder: &str) -> Result<Self, KeyError> {
        key::check_folder(folder)?;
        Ok(Self { barrier: self.barrier.clone(), prefix: Arc::from([&self.prefix, folder].concat()) })
    }

    /// The value at a key, as of the last acknowledged commit or later.
    pub fn get(&self, key: &str) -> Read<'_, Result<Option<SecretBytes>, StoreError>> {
        match self.whole(key) {
            Ok(key) => self.barrier.get(key),
            Err(error) => Read::Ready(Err(error.into())),
        }
    }

    /// The value as the batches on their way will leave it, for a batch that depends on it and requires what
    /// was [`Seen`]. Never for an answer: they may yet be refused.
    pub fn latest(&self, key: &str) -> Read<'_, Result<(Option<SecretBytes>, Seen), StoreError>> {
        self.seen_by(key, Storage::latest)
    }

    /// The value as of the last acknowledged commit or later, for a batch that depends on it and requires what was
    /// [`Seen`].
    pub fn seen(&self, key: &str) -> Read<'_, Result<(Option<SecretBytes>, Seen), StoreError>> {
        self.seen_by(key, Storage::seen)
    }

    fn seen_by<'a>(
        &'a self,
        key: &str,
        see: impl FnOnce(&'a Storage, &str) -> Read<'a, Result<Seen, StoreError>>,
    ) -> Read<'a, Result<(Option<SecretBytes>, Seen), StoreError>> {
        match self.whole(key) {
            Ok(key) => self.barrier.seen(|storage| see(storage, &key)),
            Err(error) => Read::Ready(Err(error.into())),
        }
    }

    /// Whether what was [`Seen`] is what [`View::latest`] would give, as far as is known without a read: it is at this
    /// key, and no batch on its way changes that.
    pub fn is_latest(&self, key: &str, seen: &Seen) -> bool {
        seen.key.strip_prefix(&*self.prefix) == Some(key) && !self.barrier.storage().is_pending(&seen.key)
    }

    /// The error for a value that opens and is not what should be there.
    pub fn unreadable(&self, key: &str) -> StoreError {
        StoreError::Unreadable([&self.prefix, key].concat())
    }

    /// The error for a value that must be there and is not.
    pub fn missing(&self, key: &str) -> StoreError {
        StoreError::Missing([&self.prefix, key].concat())
    }

    /// Orders writers that read, decide and commit a key: see [`Storage::lock`].
    pub async fn lock(&self, key: &str) -> Result<KeyLock<'_>, StoreError> {
        Ok(self.barrier.storage().lock(&self.whole(key)?).await)
    }

    /// The children of a folder (empty: the view itself; else ends in `/`), sorted; sub-folders end in `/`.
    pub fn list(&self, folder: &str) -> Read<'_, Result<Vec<String>, StoreError>> {
        self.list_page(folder, "", usize::MAX)
    }

    /// At most `limit` children of a folder after the child `after` (empty: from the first).
    pub fn list_page(
        &self,
        folder: &str,
        after: &str,
        limit: usize,
    ) -> Read<'_, Result<Vec<String>, StoreError>> {
        match self.unsealed_folder(folder) {
            Ok(folder) => self.barrier.storage().list(&folder, after, limit),
            Err(error) => Read::Ready(Err(error)),
        }
    }

    /// At most `limit` keys anywhere below a folder, after the key `after` (empty: from the first). All are
    /// relative to this view and sorted.
    pub fn keys(&self, folder: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, StoreError>> {
        let after = if after.is_empty() { Ok(String::new()) } else { self.whole(after) };
        let (folder, after) = match (self.unsealed_folder(folder), after) {
            (Ok(folder), Ok(after)) => (folder, after),
            (Err(error), _) => return Read::Ready(Err(error)),
            (_, Err(error)) => return Read::Ready(Err(error.into())),
        };
        self.barrier.storage().keys(&folder, &after, limit).map(|keys| {
            let mut keys = keys?;
            for key in &mut keys {
                key.drain(..self.prefix.len().min(key.len()));
            }
            Ok(keys)
        })
    }

    /// Encrypts a value now, in this thread, and adds its put to a batch.
    pub fn put(&self, batch: &mut Batch, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let key = self.whole(key)?;
        if key.len() > key::MAX_BYTES {
            return Err(KeyError::TooLong.into());
        }
        let record = self.barrier.encrypt(&key, value)?;
        batch.put(key, record);
        Ok(())
    }

    /// Adds a delete to a batch.
    pub fn delete(&self, batch: &mut Batch, key: &str) -> Result<(), StoreError> {
        self.barrier.check_unsealed()?;
        batch.delete(self.whole(key)?);
        Ok(())
    }

    /// Refuses the batch if something is stored at the key.
    pub fn require_absent(&self, batch: &mut Batch, key: &str) -> Result<(), StoreError> {
        batch.require(Precondition::Absent(self.whole(key)?));
        Ok(())
    }

    /// Refuses the batch if nothing is stored at the key.
    pub fn require_present(&self, batch: &mut Batch, key: &str) -> Result<(), StoreError> {
        batch.require(Precondition::Present(self.whole(key)?));
        Ok(())
    }

    /// Adds deletes of at most `limit` keys below a folder to a batch and says how many they are. Fewer than
    /// `limit`: the folder will be empty.
    pub async fn delete_below(
        &self,
        batch: &mut Batch,
        folder: &str,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let keys = self.keys(folder, "", limit).await?;
        let count = keys.len();
        for key in keys {
            batch.delete(format!("{}{key}", self.prefix));
        }
        Ok(count)
    }

    /// Puts a batch in line: see [`Storage::commit`].
    pub fn commit(&self, batch: Batch) -> Commit {
        self.barrier.commit(batch)
    }

    fn whole(&self, key: &str) -> Result<String, KeyError> {
        key::check(key)?;
        Ok([&self.prefix, key].concat())
    }

    fn unsealed_folder(&self, folder: &str) -> Result<String, StoreError> {
        self.barrier.check_unsealed()?;
        key::check_folder(folder)?;
        Ok([&self.prefix, folder].concat())
    }
}
