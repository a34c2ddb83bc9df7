//! What is stored, compared with the counts and digests of it. Never in it: how they are kept up to date.

use std::ops::ControlFlow;

use onrecord_seal::MacKey;

use crate::backend::Backend;
use crate::error::{BackendError, TablesError};
use crate::table_digests::{TABLES, TableDigests};

/// What is read at a start of a store that is too large to be read whole then.
struct Limits {
    /// Tables with more values are not read.
    values: u64,
    /// The most that is read of all tables together, those with the fewest values first.
    bytes: u64,
}

const OF_LARGE_STORES: Limits = Limits { values: 1 << 16, bytes: 1 << 30 };

/// Counts everything that is stored.
pub(crate) fn count(backend: &dyn Backend, key: &MacKey) -> Result<TableDigests, BackendError> {
    let mut found = TableDigests::new(key.clone());
    let mut left = u64::MAX;
    let _all = add(&mut found, backend, "", &mut left)?;
    Ok(found)
}

/// Reads and compares all tables. Of a large store, tables may be too large for that: their names are returned, and of
/// them only the number of values is compared, together with that of all others.
pub(crate) fn check(stored: &TableDigests, backend: &dyn Backend) -> Result<Vec<String>, TablesError> {
    if backend.is_small() {
        check_all(stored, backend)
    } else {
        check_within(&OF_LARGE_STORES, stored, backend)
    }
}

fn check_all(stored: &TableDigests, backend: &dyn Backend) -> Result<Vec<String>, TablesError> {
    let found = count(backend, stored.key())?;
    // Finds tables that should not be there, too.
    let names = stored.tables().chain(found.tables()).map(|(name, _)| name);
    stored
        .difference(&found, names)
        .map_or(Ok(Vec::new()), |difference| Err(TablesError::Difference(difference)))
}

fn check_within(
    limits: &Limits,
    stored: &TableDigests,
    backend: &dyn Backend,
) -> Result<Vec<String>, TablesError> {
    let mut tables: Vec<(&str, u64)> = stored.tables().collect();
    tables.sort_by_key(|(_, count)| *count);
    let mut found = TableDigests::new(stored.key().clone());
    let (mut read, mut unread, mut bytes) = (Vec::new(), Vec::new(), limits.bytes);
    for (table, count) in tables {
        let is_read = count <= limits.values && add(&mut found, backend, table, &mut bytes)?.is_continue();
        if is_read { read.push(table) } else { unread.push(table.to_owned()) }
    }
    if let Some(difference) = stored.difference(&found, read.into_iter()) {
        return Err(TablesError::Difference(difference));
    }
    if let Some(found) = backend.count()? {
        let values: u64 = stored.tables().map(|(_, count)| count).sum();
        let stored_values = values + u64::from(stored.have_record());
        if found != stored_values {
            if unread.is_empty() {
                // All can be read: that names the table.
                return check_all(stored, backend);
            }
            let stored = stored_values;
            return Err(TablesError::Count { stored, found, unread: unread.join(" ") });
        }
    }
    Ok(unread)
}

/// Adds what is stored below a prefix, until as many bytes were read as are left.
fn add(
    found: &mut TableDigests,
    backend: &dyn Backend,
    prefix: &str,
    left: &mut u64,
) -> Result<ControlFlow<()>, BackendError> {
    backend.for_each(prefix, &mut |key, value| {
        let Some(rest) = left.checked_sub(value.len() as u64) else {
            *left = 0;
            return ControlFlow::Break(());
        };
        *left = rest;
        if key != TABLES {
            found.change(key, None, Some(value));
        }
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use onrecord_seal::SecretBytes;

    use super::*;
    use crate::batch::Batch;
    use crate::memory::Memory;

    /// Three tables, of 2, 3 and 4 values of 100 bytes.
    fn filled() -> (TableDigests, Memory) {
        let mut digests = TableDigests::new(MacKey::new(&SecretBytes::new(vec![7; 32])).unwrap());
        let memory = Memory::new();
        let mut batch = Batch::new();
        for (table, values) in [("few/", 2), ("more/", 3), ("most/", 4)] {
            (0..values).for_each(|value| batch.put(format!("{table}{value}"), vec![value; 100]));
        }
        memory.commit_with_digests(&[batch], &mut digests).unwrap().remove(0).unwrap();
        (digests, memory)
    }

    fn change(memory: &Memory, key: &str, value: Option<&[u8]>) {
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(key, value.to_vec()),
            None => batch.delete(key),
        }
        memory.commit(&[batch]).unwrap().remove(0).unwrap();
    }

    fn check(
        values: u64,
        bytes: u64,
        digests: &TableDigests,
        memory: &Memory,
    ) -> Result<Vec<String>, String> {
        check_within(&Limits { values, bytes }, digests, memory).map_err(|error| error.to_string())
    }

    #[test]
    fn a_large_store_is_read_up_to_its_limits_the_smallest_tables_first() {
        let (digests, memory) = filled();
        for (values, bytes, unread) in [
            (9, 9_000, &[][..]),
            (3, 9_000, &["most/"]),
            (9, 600, &["most/"]),
            (9, 400, &["more/", "most/"]),
            (9, 0, &["few/", "more/", "most/"]),
        ] {
            assert_eq!(check(values, bytes, &digests, &memory).unwrap(), unread, "{values} {bytes}");
        }
    }

    #[test]
    fn what_a_table_lacks_that_is_not_read_is_noticed_by_the_count_of_all() {
        let (digests, memory) = filled();
        change(&memory, "most/1", None);
        let found = check(3, 9_000, &digests, &memory).unwrap_err();
        assert!(found.contains("9 values are stored in all, where there were 10"), "{found}");
        assert!(found.contains("most/") && found.contains("restore a backup"), "{found}");
    }

    #[test]
    fn a_table_that_should_not_be_there_is_noticed_in_a_large_store() {
        let (digests, memory) = filled();
        change(&memory, "another/1", Some(b"stray"));
        let found = check(3, 9_000, &digests, &memory).unwrap_err();
        assert!(found.contains("11 values are stored in all, where there were 10"), "{found}");
    }

    #[test]
    fn an_older_value_of_a_table_that_is_read_is_found_in_a_large_store() {
        let (digests, memory) = filled();
        change(&memory, "more/1", Some(b"older"));
        let found = check(3, 9_000, &digests, &memory).unwrap_err();
        assert!(found.contains("the values below \"more/\" are not those"), "{found}");
    }
}
