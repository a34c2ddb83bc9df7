//! What is stored, compared with the counts and digests of it. Never in it: how they are kept up to date.

use onrecord_seal::MacKey;

use crate::backend::Backend;
use crate::error::{BackendError, TablesError};
use crate::table_digests::{TABLES, TableDigests};

/// In a store that is too large to be read whole at a start, tables with more values are not read then.
const VALUES_MAX: u64 = 1 << 16;

/// Counts everything that is stored.
pub(crate) fn count(backend: &dyn Backend, key: &MacKey) -> Result<TableDigests, BackendError> {
    let mut found = TableDigests::new(key.clone());
    add(&mut found, backend, "")?;
    Ok(found)
}

/// Reads and compares all tables; of a large store, all but the large ones, whose names are returned.
pub(crate) fn check(stored: &TableDigests, backend: &dyn Backend) -> Result<Vec<String>, TablesError> {
    let is_read = |count| backend.is_small() || count <= VALUES_MAX;
    let (read, unread): (Vec<_>, Vec<_>) = stored.tables().partition(|(_, count)| is_read(*count));
    let mut found = TableDigests::new(stored.key().clone());
    if unread.is_empty() {
        // Finds tables that should not be there, too.
        add(&mut found, backend, "")?;
    } else {
        for (table, _) in &read {
            add(&mut found, backend, table)?;
        }
    }
    let names = read.iter().map(|(name, _)| *name).chain(found.tables().map(|(name, _)| name));
    match stored.difference(&found, names) {
        Some(difference) => Err(TablesError::Difference(difference)),
        None => Ok(unread.into_iter().map(|(name, _)| name.to_owned()).collect()),
    }
}

fn add(found: &mut TableDigests, backend: &dyn Backend, prefix: &str) -> Result<(), BackendError> {
    backend.for_each(prefix, &mut |key, value| {
        if key != TABLES {
            found.change(key, None, Some(value));
        }
    })
}
