//! The store in one file of one directory: the embedded engine (ADR 0001). Never in it: another commit mode
//! than the engine's default; mixing modes is what its own authors warn of.

pub mod restore;
mod snapshot;

use std::error::Error;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use rustix::fs::{Access, access};

use self::restore::{Restore, Restored, Step};
use super::kind::{BackendKind, BackendOption, BackendTarget, CheckStatus};
use super::{Backend, below, children};
use crate::batch::Batch;
use crate::error::{BackendError, Conflict};
use crate::read::Read;
use crate::snapshot::Records;

/// The format this version writes and reads.
pub const FORMAT: u64 = 1;

const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
const FILE: &str = "store.redb";
const LOCK: &str = "lock";
/// Bytes of pages that the engine may keep in memory.
const CACHE: usize = 16 << 20;
/// A larger file is not checked whole when it is opened: that reads all of it.
const CHECK_MAX: u64 = 1 << 30;

/// A directory that holds the store, locked for this process.
pub struct Embedded {
    /// Written only to reopen; `None` if that failed.
    database: RwLock<Option<Database>>,
    opener: Opener,
    snapshots: snapshot::Snapshots,
    /// Held for its lock.
    _lock: Option<File>,
}

type Opener = Box<dyn Fn(bool) -> Result<Database, Problem> + Send + Sync>;

impl Embedded {
    /// Opens the store in `directory`, or makes it: the directory with mode 0700, the files with 0600.
    ///
    /// # Errors
    /// Names the directory: it cannot be made or read, another process has it, or a newer version wrote it.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        Self::open_in(directory).map_err(|problem| OpenError { directory: directory.to_owned(), problem })
    }

    fn open_in(directory: &Path) -> Result<Self, Problem> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let lock = private(&directory.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Problem::InUse),
            Err(TryLockError::Error(error)) => return Err(Problem::Io(error)),
        }
        let path = directory.join(FILE);
        let length = private(&path)?.metadata()?.len();
        // The names of the two files, and that of the directory, must outlast a crash as their contents do.
        File::open(directory)?.sync_all()?;
        if let Some(above) = directory.canonicalize()?.parent() {
            // A directory above that cannot even be read was not made here.
            let _unreadable = File::open(above).and_then(|above| above.sync_all());
        }
        let opener = move |check| {
            let backend = FileBackend::new(private(&path)?)?;
            Ok(builder(check).create_with_backend(backend)?)
        };
        Self::start(Box::new(opener), Some(lock), length <= CHECK_MAX)
    }

    /// The same engine on a disk that forgets.
    #[cfg(feature = "test-support")]
    pub fn on(disk: &crate::backend::lossy::LossyDisk) -> Result<Self, OpenError> {
        let disk = disk.clone();
        let opener = move |check| Ok(builder(check).create_with_backend(disk.attach())?);
        Self::start(Box::new(opener), None, false)
            .map_err(|problem| OpenError { directory: PathBuf::from("(lossy)"), problem })
    }

    fn start(opener: Opener, lock: Option<File>, check: bool) -> Result<Self, Problem> {
        let database = opened(&opener, check)?;
        let snapshots = snapshot::Snapshots::default();
        Ok(Self { database: RwLock::new(Some(database)), opener, snapshots, _lock: lock })
    }

    fn with<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, BackendError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database =
            database.as_ref().ok_or_else(|| BackendError::new(operation, "the store is closed"))?;
        caught(|| Ok(work(database)?)).map_err(|problem| BackendError::new(operation, problem))
    }
}

/// Opens the file; with `check` it is read whole, and refused where it is not as the engine has written it.
fn opened(opener: &Opener, check: bool) -> Result<Database, Problem> {
    caught(|| {
        let database = opener(check)?;
        check_format(&database)?;
        Ok(database)
    })
}

/// Runs the engine. It panics at some damage of its file, and reports other damage: both are one error.
fn caught<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Err(Problem::Engine(redb::Error::Corrupted(what)))) => Err(Problem::Damaged(what)),
        Ok(done) => done,
        Err(_) => Err(Problem::Damaged("the engine cannot read it".to_owned())),
    }
}

fn builder(check: bool) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(check);
    builder
}

/// Opens or makes a file that only its owner reads.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Refuses a newer format, and stamps a new store with ours.
fn check_format(database: &Database) -> Result<(), Problem> {
    let found = {
        let read = database.begin_read().map_err(redb::Error::from)?;
        match read.open_table(META) {
            Ok(meta) => meta.get(FORMAT_KEY).map_err(redb::Error::from)?.map(|format| format.value()),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(redb::Error::from(error).into()),
        }
    };
    match found {
        Some(FORMAT) => Ok(()),
        Some(found) => Err(Problem::Format(found)),
        None => stamp(database).map_err(Problem::Engine),
    }
}

fn stamp(database: &Database) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    write.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
    // Made here, so that no reader ever finds it missing.
    drop(write.open_table(VALUES)?);
    write.commit()?;
    Ok(())
}

impl Backend for Embedded {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        Read::Ready(self.with("read", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        }))
    }

    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(self.with("list", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            children(prefix, after, limit, |first| keys_from(&table, first))
        }))
    }

    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(self.with("list", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            below(prefix, after, limit, |first| keys_from(&table, first))
        }))
    }

    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        self.with("commit", |database| {
            let write = database.begin_write()?;
            let mut table = write.open_table(VALUES)?;
            let verdicts: Vec<_> =
                batches.iter().map(|batch| apply(&mut table, batch)).collect::<Result<_, _>>()?;
            drop(table);
            let mut made = batches.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
            if made.any(|(batch, _)| !batch.changes().is_empty()) {
                write.commit()?;
            } else {
                write.abort()?;
            }
            Ok(verdicts)
        })
    }

    fn records(&self) -> Result<Box<dyn Records>, BackendError> {
        self.with("snapshot", |database| self.snapshots.begin(database))
    }

    fn restorations(&self) -> Result<Vec<(String, Vec<u8>)>, BackendError> {
        self.with("restorations", restore::notes)
    }

    fn forget_restoration(&self, id: &str) -> Result<(), BackendError> {
        self.with("restorations", |database| restore::forget_note(database, id))
    }

    fn reopen(&self) -> Result<(), BackendError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Closed first: the engine locks its file.
        self.snapshots.end();
        drop(database.take());
        let opened = opened(&self.opener, true).map_err(|problem| BackendError::new("reopen", problem))?;
        *database = Some(opened);
        Ok(())
    }
}

type Values<'txn> = redb::Table<'txn, &'static str, &'static [u8]>;

fn apply(table: &mut Values<'_>, batch: &Batch) -> Result<Result<(), Conflict>, redb::Error> {
    for precondition in batch.preconditions() {
        let stored = table.get(precondition.key())?;
        if let Err(conflict) = precondition.check(stored.as_ref().map(redb::AccessGuard::value)) {
            return Ok(Err(conflict));
        }
    }
    for change in batch.changes() {
        match &change.value {
            Some(value) => drop(table.insert(change.key.as_str(), &**value)?),
            None => drop(table.remove(change.key.as_str())?),
        }
    }
    Ok(Ok(()))
}

fn keys_from(
    table: &redb::ReadOnlyTable<&'static str, &'static [u8]>,
    first: &str,
) -> Result<impl Iterator<Item = Result<String, redb::Error>> + use<>, redb::Error> {
    let range = table.range::<&str>(first..)?;
    Ok(range.map(|item| Ok(item?.0.value().to_owned())))
}

/// Why a directory was not opened as a store.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the storage directory {}: {problem}", directory.display())]
#[non_exhaustive]
pub struct OpenError {
    /// The directory.
    pub directory: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What can be wrong with a store's directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another process has it.
    #[error("another process is using it")]
    InUse,
    /// A version that this one does not know wrote it, in this format.
    #[error("it has format {0}, written by a newer version; this one knows {FORMAT}")]
    Format(u64),
    /// Its file is not as the engine has written it: what the engine says.
    #[error("the file {FILE} is damaged ({0}): restore the directory from a backup")]
    Damaged(String),
    /// The system refuses it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The engine refuses it.
    #[error("{0}")]
    Engine(#[from] redb::Error),
}

impl From<redb::DatabaseError> for Problem {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            error => Self::Engine(error.into()),
        }
    }
}

/// The row of the table of kinds.
pub(super) static KIND: BackendKind = BackendKind {
    name: "file",
    about: "Keeps the data in an embedded store, in one directory.",
    options: &[BackendOption { key: "path", about: "the directory of its data", required: true }],
    is_durable: true,
    parse: |given| Ok(Arc::new(Directory(given.text("path").into()))),
};

/// The directory of a store.
struct Directory(PathBuf);

impl BackendTarget for Directory {
    fn open(&self) -> Result<Box<dyn Backend>, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(Embedded::open(&self.0)?))
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.0)
    }

    fn has_data(&self) -> bool {
        self.0.join(FILE).exists()
    }

    fn restore(
        &self,
        wanted: &Restore,
        step: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Restored, Box<dyn Error + Send + Sync>> {
        Ok(restore::restore(&self.0, wanted, step)?)
    }

    fn check(&self) -> (CheckStatus, String) {
        let (directory, name) = (&self.0, self.0.display());
        let existing = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        if let Err(errno) = access(existing, Access::WRITE_OK | Access::EXEC_OK) {
            return (CheckStatus::Fail, format!("{}: {}", existing.display(), io::Error::from(errno)));
        }
        if existing != directory {
            return (CheckStatus::Ok, format!("{name} will be created"));
        }
        if !directory.is_dir() {
            return (CheckStatus::Fail, format!("{name} is not a directory"));
        }
        match File::open(directory.join(LOCK)).map(|lock| lock.try_lock()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (CheckStatus::Ok, format!("{name} exists and holds no data yet"))
            }
            Ok(Ok(())) => (CheckStatus::Ok, format!("{name} exists and is not in use")),
            Ok(Err(TryLockError::WouldBlock)) => {
                (CheckStatus::Warn, format!("{name} is in use by a running server: its data is not checked"))
            }
            Err(error) | Ok(Err(TryLockError::Error(error))) => {
                (CheckStatus::Fail, format!("{name}/{LOCK}: {error}"))
            }
        }
    }
}
