//! The table of what is known about the store itself: its format, its random number, the number of its last commit.
//! Never in it: values.

use std::hash::{BuildHasher, RandomState};

use redb::{
    Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle, WriteTransaction,
};

use super::newest_commit::Commit;
use super::problem::Problem;
use super::{FORMAT, VALUES};

const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
const STORE: &str = "store";
const COMMIT: &str = "commit";

/// The last commit of a store of our format; `None` if the file is new.
pub(super) fn read(database: &Database) -> Result<Option<Commit>, Problem> {
    let read = database.begin_read().map_err(redb::Error::from)?;
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => {
            let mut tables = read.list_tables().map_err(redb::Error::from)?;
            return match tables.next() {
                Some(other) => Err(Problem::Damaged(format!(
                    "the table {:?} is missing, but {:?} is there",
                    META.name(),
                    other.name()
                ))),
                None => Ok(None),
            };
        }
        Err(error) => return Err(redb::Error::from(error).into()),
    };
    let number =
        |key| -> Result<Option<u64>, redb::Error> { Ok(meta.get(key)?.map(|number| number.value())) };
    match number(FORMAT_KEY)? {
        Some(FORMAT) => {}
        Some(found) => return Err(Problem::Format(found)),
        None => return Err(Problem::Damaged("it does not say its format".to_owned())),
    }
    if let Err(error) = read.open_table(VALUES) {
        return Err(match error {
            TableError::TableDoesNotExist(name) => Problem::Damaged(format!("the table {name:?} is missing")),
            error => redb::Error::from(error).into(),
        });
    }
    match (number(STORE)?, number(COMMIT)?) {
        (Some(store), Some(number)) => Ok(Some(Commit { store, number })),
        // Of a version that did not count.
        (None, None) => stamp(database).map(Some),
        _ => Err(Problem::Damaged("it does not say the number of its last commit".to_owned())),
    }
}

/// Marks a store as ours.
pub(super) fn stamp(database: &Database) -> Result<Commit, Problem> {
    Ok(write_first(database)?)
}

fn write_first(database: &Database) -> Result<Commit, redb::Error> {
    let commit = Commit { store: RandomState::new().hash_one(META.name()), number: 1 };
    let write = database.begin_write()?;
    {
        let mut meta = write.open_table(META)?;
        meta.insert(FORMAT_KEY, FORMAT)?;
        meta.insert(STORE, commit.store)?;
        meta.insert(COMMIT, commit.number)?;
    }
    // Made here, so that no reader ever finds it missing.
    drop(write.open_table(VALUES)?);
    write.commit()?;
    Ok(commit)
}

/// Counts a commit, in its own transaction.
pub(super) fn next_commit(write: &WriteTransaction) -> Result<Commit, redb::Error> {
    let mut meta = write.open_table(META)?;
    let store = meta.get(STORE)?.map_or(0, |store| store.value());
    let number = meta.get(COMMIT)?.map_or(0, |number| number.value()) + 1;
    meta.insert(COMMIT, number)?;
    Ok(Commit { store, number })
}
