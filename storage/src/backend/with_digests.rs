//! A commit with digests for back ends that do not see old values while they commit: they are read before. Nobody else
//! commits meanwhile. Never in it: what a digest is.

use std::collections::HashMap;
use std::sync::Arc;

use super::Backend;
use crate::batch::Batch;
use crate::error::{BackendError, Conflict};
use crate::read::block_on;
use crate::table_digests::{TABLES, TableDigests};

type Changed<'a> = HashMap<&'a str, Option<Arc<[u8]>>>;

/// Commits the batches, and the record of the digests as one more.
pub(super) fn commit<B: Backend + ?Sized>(
    backend: &B,
    batches: &[Batch],
    digests: &mut TableDigests,
) -> Result<Vec<Result<(), Conflict>>, BackendError> {
    let mut changed = Changed::new();
    let stored = |changed: &Changed<'_>, key: &str| match changed.get(key) {
        Some(value) => Ok(value.clone()),
        None => Ok(block_on(backend.read(key))?.map(Arc::from)),
    };
    let mut expected = Vec::with_capacity(batches.len());
    for batch in batches {
        let mut verdict = Ok(());
        for precondition in batch.preconditions() {
            verdict = precondition.check(stored(&changed, precondition.key())?.as_deref());
            if verdict.is_err() {
                break;
            }
        }
        for change in batch.changes().iter().filter(|_| verdict.is_ok()) {
            digests.change(&change.key, stored(&changed, &change.key)?.as_deref(), change.value.as_deref());
            changed.insert(&change.key, change.value.clone());
        }
        expected.push(verdict);
    }
    let record = if changed.is_empty() { None } else { digests.next_record() };
    let mut with_record = Vec::new();
    let all = match record {
        Some(record) => {
            with_record.extend(batches.iter().map(Batch::duplicate));
            let mut last = Batch::new();
            last.put(TABLES, record);
            with_record.push(last);
            &with_record[..]
        }
        None => batches,
    };
    let mut verdicts = backend.commit(all)?;
    verdicts.truncate(batches.len());
    if verdicts != expected {
        return Err(BackendError::new("commit", "the store was changed by another process"));
    }
    Ok(verdicts)
}
