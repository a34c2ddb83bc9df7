//! What the embedded store held at one moment, for a snapshot: a read transaction that stays open.
//! Never in it: the format of a snapshot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata};

use super::{VALUES, caught};
use crate::error::BackendError;
use crate::snapshot::Records;

type Table = ReadOnlyTable<&'static str, &'static [u8]>;
type Shared = Mutex<Option<Table>>;

/// The snapshots that are open. The engine closes its file only when none is.
#[derive(Default)]
pub(super) struct Snapshots(Mutex<Vec<Weak<Shared>>>);

struct Snapshot(Arc<Shared>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Snapshots {
    pub(super) fn begin(&self, database: &Database) -> Result<Box<dyn Records>, redb::Error> {
        let table = database.begin_read()?.open_table(VALUES)?;
        let shared = Arc::new(Mutex::new(Some(table)));
        let mut open = lock(&self.0);
        open.retain(|other| other.strong_count() > 0);
        open.push(Arc::downgrade(&shared));
        Ok(Box::new(Snapshot(shared)))
    }

    /// Ends all of them, before the file is closed.
    pub(super) fn end(&self) {
        for open in lock(&self.0).drain(..) {
            if let Some(shared) = open.upgrade() {
                lock(&shared).take();
            }
        }
    }
}

impl Snapshot {
    fn with<T>(&self, work: impl FnOnce(&Table) -> Result<T, redb::Error>) -> Result<T, BackendError> {
        let table = lock(&self.0);
        let ended =
            || BackendError::new("snapshot", "the store was opened again meanwhile: begin a new snapshot");
        let table = table.as_ref().ok_or_else(ended)?;
        caught(|| Ok(work(table)?)).map_err(|problem| BackendError::new("snapshot", problem))
    }
}

impl Records for Snapshot {
    fn count(&self) -> Result<u64, BackendError> {
        self.with(|table| Ok(table.len()?))
    }

    fn after(&self, after: &str, bytes: usize) -> Result<Vec<(String, Vec<u8>)>, BackendError> {
        self.with(|table| {
            let (mut found, mut length) = (Vec::new(), 0);
            let first = if after.is_empty() { String::new() } else { format!("{after}\0") };
            for item in table.range::<&str>(&*first..)? {
                let (key, value) = item?;
                let (key, value) = (key.value().to_owned(), value.value().to_vec());
                length += key.len() + value.len();
                found.push((key, value));
                if length >= bytes {
                    break;
                }
            }
            Ok(found)
        })
    }
}
