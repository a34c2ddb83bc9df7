//! The store that lives in memory and ends with the process. Never in it: anything that lasts.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::kind::{BackendKind, BackendTarget, CheckStatus};
use super::{Backend, Visitor, below, children};
use crate::batch::Batch;
use crate::error::{BackendError, Conflict};
use crate::read::Read;
use crate::snapshot::Records;
use crate::table_digests::{TABLES, TableDigests};

/// An ordered map with the reads and changes of a back end, for back ends that hold all of their data.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<String, Arc<[u8]>>);

impl Values {
    /// See [`Backend::read`].
    pub fn read(&self, key: &str) -> Option<Vec<u8>> {
        self.0.get(key).map(|value| value.to_vec())
    }

    /// See [`Backend::list`].
    pub fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, BackendError> {
        children(prefix, after, limit, |first| Ok(self.keys_from(first)))
    }

    /// See [`Backend::keys`].
    pub fn keys(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, BackendError> {
        below(prefix, after, limit, |first| Ok(self.keys_from(first)))
    }

    /// Makes the changes of all batches whose preconditions hold: see [`Backend::commit`].
    pub fn commit(&mut self, batches: &[Batch]) -> Vec<Result<(), Conflict>> {
        batches.iter().map(|batch| self.apply(batch, &mut |_, _, _| {}, &mut Vec::new())).collect()
    }

    /// As [`Values::commit`]; `digests` are told of the changes, and their record is stored. See
    /// [`Backend::commit_with_digests`].
    pub fn commit_with_digests(
        &mut self,
        batches: &[Batch],
        digests: &mut TableDigests,
    ) -> Vec<Result<(), Conflict>> {
        self.replace_with_digests(batches, digests, &mut Vec::new())
    }

    /// As [`Values::commit_with_digests`]; hands out the values that were replaced.
    fn replace_with_digests(
        &mut self,
        batches: &[Batch],
        digests: &mut TableDigests,
        replaced: &mut Vec<Arc<[u8]>>,
    ) -> Vec<Result<(), Conflict>> {
        let mut changed = false;
        let mut change = |key: &str, old: Option<&[u8]>, new: Option<&[u8]>| {
            changed = true;
            digests.change(key, old, new);
        };
        let verdicts = batches.iter().map(|batch| self.apply(batch, &mut change, replaced)).collect();
        if let Some(record) = changed.then(|| digests.next_record()).flatten() {
            self.0.insert(TABLES.to_owned(), record.into());
        }
        verdicts
    }

    /// All keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// The keys not below `first`, in order.
    fn keys_from<'a>(&'a self, first: &str) -> impl Iterator<Item = Result<String, BackendError>> + use<'a> {
        let range = (Bound::Included(first), Bound::Unbounded);
        self.0.range::<str, _>(range).map(|(key, _)| Ok(key.clone()))
    }

    fn apply(
        &mut self,
        batch: &Batch,
        changed: &mut impl FnMut(&str, Option<&[u8]>, Option<&[u8]>),
        replaced: &mut Vec<Arc<[u8]>>,
    ) -> Result<(), Conflict> {
        for precondition in batch.preconditions() {
            precondition.check(self.0.get(precondition.key()).map(|value| &**value))?;
        }
        for change in batch.changes() {
            let old = match &change.value {
                Some(value) => self.0.insert(change.key.clone(), Arc::clone(value)),
                None => self.0.remove(&change.key),
            };
            changed(&change.key, old.as_deref(), change.value.as_deref());
            replaced.extend(old);
        }
        Ok(())
    }
}

impl Records for Values {
    fn count(&self) -> Result<u64, BackendError> {
        Ok(self.0.len() as u64)
    }

    fn after(&self, after: &str, bytes: usize) -> Result<Vec<(String, Vec<u8>)>, BackendError> {
        let (mut found, mut length) = (Vec::new(), 0);
        for (key, value) in self.0.range::<str, _>((Bound::Excluded(after), Bound::Unbounded)) {
            found.push((key.clone(), value.to_vec()));
            length += key.len() + value.len();
            if length >= bytes {
                break;
            }
        }
        Ok(found)
    }
}

impl FromIterator<(String, Vec<u8>)> for Values {
    fn from_iter<T: IntoIterator<Item = (String, Vec<u8>)>>(values: T) -> Self {
        Self(values.into_iter().map(|(key, value)| (key, value.into())).collect())
    }
}

/// A map in memory.
#[derive(Default)]
pub struct Memory {
    values: RwLock<Values>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn values(&self) -> RwLockReadGuard<'_, Values> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Memory {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        // Copied when the lock is free again: a value may be large, and a writer that waits lets no reader in.
        let value = self.values().0.get(key).cloned();
        Read::Ready(Ok(value.map(|value| value.to_vec())))
    }

    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(self.values().list(prefix, after, limit))
    }

    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(self.values().keys(prefix, after, limit))
    }

    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        let mut replaced = Vec::new();
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        // Held over the whole commit, so that no reader sees half a batch. What is replaced is freed after it.
        Ok(batches.iter().map(|batch| values.apply(batch, &mut |_, _, _| {}, &mut replaced)).collect())
    }

    fn records(&self) -> Result<Box<dyn Records>, BackendError> {
        // The values are shared, not copied.
        Ok(Box::new(self.values().clone()))
    }

    fn commit_with_digests(
        &self,
        batches: &[Batch],
        digests: &mut TableDigests,
    ) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        // Dropped after the lock: a large value takes long to free, and readers would wait for it.
        let mut replaced = Vec::new();
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        Ok(values.replace_with_digests(batches, digests, &mut replaced))
    }

    fn for_each(&self, prefix: &str, visit: Visitor<'_>) -> Result<ControlFlow<()>, BackendError> {
        let values = self.values();
        let mut below = values.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(below.try_for_each(|(key, value)| visit(key, value)))
    }

    fn count(&self) -> Result<Option<u64>, BackendError> {
        Ok(Some(self.values().0.len() as u64))
    }

    fn reopen(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

pub(super) static KIND: BackendKind = BackendKind {
    name: "inmem",
    about: "Keeps the data in memory: it is lost when the server stops.",
    options: &[],
    is_durable: false,
    parse: |_| Ok(Arc::new(NewMemory)),
};

struct NewMemory;

impl BackendTarget for NewMemory {
    fn open(&self) -> Result<Box<dyn Backend>, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(Memory::new()))
    }

    fn check(&self) -> (CheckStatus, String) {
        (CheckStatus::Warn, "in memory: all data is lost when the server stops".to_owned())
    }
}
