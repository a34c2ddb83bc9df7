//! The check of a whole store that no server uses, without a change to it: its pages, its last commit, and the counts of what
//! is stored. Never in it: what takes the unseal key.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redb::{Database, ReadableDatabase, ReadableTable};

use super::newest_commit::{self, NewestCommit};
use super::overlay::Overlay;
use super::{CHECK_MAX, FILE, LOCK, Problem, VALUES, builder, caught, check_commit, meta};
use crate::backend::kind::{CheckStatus, DataFinding};
use crate::error::REMEDY;
use crate::table_digests::{self, TABLES};

const PAGES: &str = "storage: pages";
const COMMITS: &str = "storage: last commit";
const COUNTS: &str = "storage: counts";
const VALUES_CHECK: &str = "storage: values";
/// What an unsealing does not read of a store that is too large.
const BUT_LARGE_TABLES: &str = ", but for tables that are too large to be read at a start: it counts their values, and its log names them";
/// How often the progress is told.
const TICK: Duration = Duration::from_millis(200);

type Counts = BTreeMap<String, u64>;

/// Checks a directory. `progress` is told the bytes read and those of the file.
pub(super) fn check(directory: &Path, progress: &mut dyn FnMut(u64, u64)) -> Vec<DataFinding> {
    let finding = |check, status, detail: String| DataFinding { check, status, detail };
    let _lock = match lock(directory) {
        Ok(lock) => lock,
        Err(Problem::InUse) => {
            let detail = format!(
                "{} is in use by a running server: stop the server, or check a copy of a snapshot",
                directory.display()
            );
            return vec![finding(PAGES, CheckStatus::Warn, detail)];
        }
        Err(problem) => {
            return vec![finding(PAGES, CheckStatus::Fail, format!("{}: {problem}", directory.display()))];
        }
    };
    let length = directory.join(FILE).metadata().map_or(0, |data| data.len());
    if length == 0 && !directory.join(newest_commit::FILE).exists() {
        return vec![finding(PAGES, CheckStatus::Ok, format!("{} holds no data yet", directory.display()))];
    }
    let database = match open(directory, length, progress) {
        Ok(database) => database,
        Err(problem) => return vec![finding(PAGES, CheckStatus::Fail, problem.to_string())],
    };
    let mut found = vec![finding(
        PAGES,
        CheckStatus::Ok,
        format!("{FILE}: all {} MB are as they were written", length.div_ceil(1_000_000)),
    )];
    let (status, detail) = match last_commit(directory, &database) {
        Ok(detail) => detail,
        Err(problem) => (CheckStatus::Fail, problem.to_string()),
    };
    found.push(finding(COMMITS, status, detail));
    let (status, detail) = match caught(|| Ok(count(&database)?)) {
        Ok((counts, record)) => compare(&counts, record.as_deref()),
        Err(problem) => (CheckStatus::Fail, problem.to_string()),
    };
    found.push(finding(COUNTS, status, detail));
    found.push(finding(
        VALUES_CHECK,
        CheckStatus::Warn,
        format!(
            "not checked: whether the values are those that were stored last takes the unseal key; each unsealing checks it{}",
            if length > CHECK_MAX { BUT_LARGE_TABLES } else { "" }
        ),
    ));
    found
}

/// Locks the directory as a server does; nothing is made.
fn lock(directory: &Path) -> Result<Option<File>, Problem> {
    let file = match File::open(directory.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && directory.is_dir() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Problem::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Opens the store over its file and reads every page of it, in a thread of its own, so that the progress can be told.
fn open(directory: &Path, length: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<Database, Problem> {
    let read = Arc::new(AtomicU64::new(0));
    let overlay = Overlay::new(File::open(directory.join(FILE))?, Arc::clone(&read))?;
    let ended = AtomicBool::new(false);
    let caller = std::thread::current();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| {
            let opened = caught(|| Ok(builder(true).create_with_backend(overlay)?));
            ended.store(true, Ordering::Release);
            caller.unpark();
            opened
        });
        while !ended.load(Ordering::Acquire) {
            progress(read.load(Ordering::Relaxed).min(length), length);
            std::thread::park_timeout(TICK);
        }
        opening.join().unwrap_or_else(|_| Err(Problem::Damaged("it cannot be read".to_owned())))
    })
}

fn last_commit(directory: &Path, database: &Database) -> Result<(CheckStatus, String), Problem> {
    let noted = match File::open(directory.join(newest_commit::FILE)) {
        Ok(file) => NewestCommit::of(file).read()?,
        Err(_) => None,
    };
    let commit = caught(|| check_commit(meta::read(database)?, noted))?;
    Ok(match (commit, noted) {
        (Some(commit), Some(noted)) if commit.store == noted.store => {
            (CheckStatus::Ok, format!("number {} is there, and no later one was acknowledged", commit.number))
        }
        (Some(commit), _) => (
            CheckStatus::Warn,
            format!(
                "number {}; whether later ones were acknowledged is not known: {} is of another store, or absent",
                commit.number,
                newest_commit::FILE
            ),
        ),
        (None, _) => (CheckStatus::Ok, "there is none yet".to_owned()),
    })
}

/// The counts of what is stored, by table, and the record of what they should be.
fn count(database: &Database) -> Result<(Counts, Option<Vec<u8>>), redb::Error> {
    let table = database.begin_read()?.open_table(VALUES)?;
    let (mut counts, mut record) = (Counts::new(), None);
    for item in table.iter()? {
        let (key, value) = item?;
        if key.value() == TABLES {
            record = Some(value.value().to_vec());
        } else {
            *counts.entry(table_digests::table_of(key.value()).to_owned()).or_default() += 1;
        }
    }
    Ok((counts, record))
}

fn compare(counts: &Counts, record: Option<&[u8]>) -> (CheckStatus, String) {
    if counts.is_empty() && record.is_none() {
        return (CheckStatus::Ok, "nothing is stored: the server is not initialized".to_owned());
    }
    let listed: Vec<String> = counts.iter().map(|(table, count)| format!("{table} {count}")).collect();
    let listed = listed.join(", ");
    let Some(record) = record else {
        let detail = format!(
            "{listed}; what they should be is not stored: the store is of an older version, or damaged"
        );
        return (CheckStatus::Warn, detail);
    };
    let Some(stored) = table_digests::counts(record) else {
        return (CheckStatus::Fail, format!("the stored value of {TABLES:?} cannot be read; {REMEDY}"));
    };
    let of = |counts: &Counts, table: &String| counts.get(table).copied().unwrap_or_default();
    match stored.keys().chain(counts.keys()).find(|table| of(&stored, table) != of(counts, table)) {
        None => (CheckStatus::Ok, format!("each table has as many values as were stored: {listed}")),
        Some(table) => {
            let (found, stored) = (of(counts, table), of(&stored, table));
            let detail =
                format!("{found} values are stored below {table:?}, where there were {stored}; {REMEDY}");
            (CheckStatus::Fail, detail)
        }
    }
}
