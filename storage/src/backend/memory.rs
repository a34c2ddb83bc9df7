//! The store that lives in memory and ends with the process. Never in it: anything that lasts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::backend::{Backend, below, children};
use crate::batch::{Batch, Change};
use crate::error::{BackendError, Conflict};
use crate::read::Read;

/// A map in memory.
#[derive(Default)]
pub struct Memory {
    values: RwLock<Values>,
}

type Values = BTreeMap<String, Arc<[u8]>>;

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn values(&self) -> RwLockReadGuard<'_, Values> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys not below `first`, in order.
fn from<'a>(values: &'a Values, first: &str) -> impl Iterator<Item = Result<String, Infallible>> + use<'a> {
    let range = (Bound::Included(first), Bound::Unbounded);
    values.range::<str, _>(range).map(|(key, _)| Ok(key.clone()))
}

fn certain<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
    }
}

impl Backend for Memory {
    fn kind(&self) -> &'static str {
        "inmem"
    }

    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        Read::Ready(Ok(self.values().get(key).map(|value| value.to_vec())))
    }

    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        let values = self.values();
        Read::Ready(Ok(certain(children(prefix, after, limit, |first| Ok(from(&values, first))))))
    }

    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        let values = self.values();
        Read::Ready(Ok(certain(below(prefix, after, limit, |first| Ok(from(&values, first))))))
    }

    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        // Held over the whole commit, so that no reader sees half a batch.
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        Ok(batches.iter().map(|batch| apply(&mut values, batch)).collect())
    }

    fn reopen(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

fn apply(values: &mut Values, batch: &Batch) -> Result<(), Conflict> {
    for precondition in batch.preconditions() {
        if !precondition.holds(values.get(precondition.key()).map(|value| &**value)) {
            return Err(Conflict::new(precondition.key()));
        }
    }
    for change in batch.changes() {
        match change {
            Change::Put { key, value } => values.insert(key.clone(), Arc::clone(value)),
            Change::Delete { key } => values.remove(key),
        };
    }
    Ok(())
}
