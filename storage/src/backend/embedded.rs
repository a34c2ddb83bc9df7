//! The store in one file of one directory: the embedded engine (ADR 0001). Never in it: another commit mode
//! than the engine's default; mixing modes is what its own authors warn of.

mod meta;
mod newest_commit;
mod offline_check;
mod overlay;
mod problem;
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
use redb::{Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use rustix::fs::{Access, access};

use self::restore::{Restore, Restored, Step};
use super::kind::{BackendKind, BackendOption, BackendTarget, CheckStatus, DataFinding};
use super::{Backend, Visitor, below, children};
use crate::batch::Batch;
use crate::error::{BackendError, Conflict};
use crate::read::Read;
use crate::snapshot::Records;
use crate::table_digests::{TABLES, TableDigests};
use newest_commit::{Commit, NewestCommit};
pub use problem::{OpenError, Problem};

/// The format this version writes and reads.
pub const FORMAT: u64 = 1;

const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");
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
    /// Says which commit was the newest when the store was used last. None on a disk for tests.
    newest: Option<NewestCommit>,
    is_small: bool,
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
        let newest = NewestCommit::open(directory)?;
        // The names of the files, and that of the directory, must outlast a crash as their contents do.
        File::open(directory)?.sync_all()?;
        if let Some(above) = directory.canonicalize()?.parent() {
            // A directory above that cannot even be read was not made here.
            let _unreadable = File::open(above).and_then(|above| above.sync_all());
        }
        let opener = move |check| {
            let backend = FileBackend::new(private(&path)?)?;
            Ok(builder(check).create_with_backend(backend)?)
        };
        Self::start(Box::new(opener), Some((lock, newest)), length <= CHECK_MAX)
    }

    /// The same engine on a disk that forgets.
    #[cfg(feature = "test-support")]
    pub fn on(disk: &crate::backend::lossy::LossyDisk) -> Result<Self, OpenError> {
        let disk = disk.clone();
        let opener = move |check| Ok(builder(check).create_with_backend(disk.attach())?);
        Self::start(Box::new(opener), None, false)
            .map_err(|problem| OpenError { directory: PathBuf::from("(lossy)"), problem })
    }

    fn start(opener: Opener, files: Option<(File, NewestCommit)>, is_small: bool) -> Result<Self, Problem> {
        let (lock, newest) = files.unzip();
        let noted = read_note(newest.as_ref())?;
        let (database, commit) = opened(&opener, is_small, noted)?;
        if noted != Some(commit)
            && let Some(newest) = &newest
        {
            newest.begin(commit)?;
        }
        let snapshots = snapshot::Snapshots::default();
        Ok(Self { database: RwLock::new(Some(database)), opener, snapshots, newest, is_small, _lock: lock })
    }

    /// Commits, with a number, and notes the number beside the store: it may be ahead of the note, never behind it.
    fn transact(
        &self,
        batches: &[Batch],
        mut digests: Option<&mut TableDigests>,
    ) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        let (verdicts, commit) = self.with("commit", |database| {
            let write = database.begin_write()?;
            let mut table = write.open_table(VALUES)?;
            let verdicts: Vec<_> = batches
                .iter()
                .map(|batch| apply(&mut table, batch, digests.as_deref_mut()))
                .collect::<Result<_, _>>()?;
            let mut made = batches.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
            if !made.any(|(batch, _)| !batch.changes().is_empty()) {
                drop(table);
                write.abort()?;
                return Ok((verdicts, None));
            }
            if let Some(record) = digests.and_then(TableDigests::next_record) {
                table.insert(TABLES, &*record)?;
            }
            drop(table);
            let commit = meta::next_commit(&write)?;
            write.commit()?;
            Ok((verdicts, Some(commit)))
        })?;
        if let (Some(newest), Some(commit)) = (&self.newest, commit) {
            newest.note(commit);
        }
        Ok(verdicts)
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

/// The commit that was noted last.
fn read_note(newest: Option<&NewestCommit>) -> Result<Option<Commit>, Problem> {
    Ok(newest.map(NewestCommit::read).transpose()?.flatten())
}

/// Opens the file; with `check` it is read whole, and refused where it is not as the engine has written it. Refused, too, if
/// it is behind the commit that was `noted`. Returns its last commit, and notes nothing.
fn opened(opener: &Opener, check: bool, noted: Option<Commit>) -> Result<(Database, Commit), Problem> {
    caught(|| {
        let database = opener(check)?;
        let commit = match check_commit(meta::read(&database)?, noted)? {
            Some(commit) => commit,
            None => meta::stamp(&database)?,
        };
        Ok((database, commit))
    })
}

/// Refuses a store whose last commit is before the one that was noted.
fn check_commit(last: Option<Commit>, noted: Option<Commit>) -> Result<Option<Commit>, Problem> {
    let found = last.map_or(0, |last| last.number);
    match noted.filter(|noted| last.is_none_or(|last| last.store == noted.store)) {
        Some(noted) if noted.number > found => Err(Problem::Behind { found, noted: noted.number }),
        _ => Ok(last),
    }
}

/// Runs the engine. It panics at some damage of its file, and reports other damage: both are one error.
fn caught<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Problem::Damaged("the engine cannot read it".to_owned())))
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
        self.transact(batches, None)
    }

    fn commit_with_digests(
        &self,
        batches: &[Batch],
        digests: &mut TableDigests,
    ) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        self.transact(batches, Some(digests))
    }

    fn for_each(&self, prefix: &str, visit: Visitor<'_>) -> Result<ControlFlow<()>, BackendError> {
        self.with("list", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            for item in table.range::<&str>(prefix..)? {
                let (key, value) = item?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                if visit(key.value(), value.value()).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn count(&self) -> Result<Option<u64>, BackendError> {
        self.with("list", |database| Ok(Some(database.begin_read()?.open_table(VALUES)?.len()?)))
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

    fn is_small(&self) -> bool {
        self.is_small
    }

    fn reopen(&self) -> Result<(), BackendError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Closed first: the engine locks its file.
        self.snapshots.end();
        drop(database.take());
        // The last commit is not noted: it may be one that was refused, and be only in the system's memory. A power cut
        // would take it from the store, and the note would then refuse the store. The next acknowledged commit is noted.
        let reopened = read_note(self.newest.as_ref()).and_then(|noted| opened(&self.opener, true, noted));
        let (reopened, _) = reopened.map_err(|problem| BackendError::new("reopen", problem))?;
        *database = Some(reopened);
        Ok(())
    }
}

type Values<'txn> = redb::Table<'txn, &'static str, &'static [u8]>;

fn apply(
    table: &mut Values<'_>,
    batch: &Batch,
    mut digests: Option<&mut TableDigests>,
) -> Result<Result<(), Conflict>, redb::Error> {
    for precondition in batch.preconditions() {
        let stored = table.get(precondition.key())?;
        if let Err(conflict) = precondition.check(stored.as_ref().map(redb::AccessGuard::value)) {
            return Ok(Err(conflict));
        }
    }
    for change in batch.changes() {
        let (key, value) = (change.key.as_str(), change.value.as_deref());
        let old = match value {
            Some(value) => table.insert(key, value)?,
            None => table.remove(key)?,
        };
        if let Some(digests) = &mut digests {
            digests.change(key, old.as_ref().map(redb::AccessGuard::value), value);
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

    fn check_data(&self, progress: &mut dyn FnMut(u64, u64)) -> Vec<DataFinding> {
        offline_check::check(&self.0, progress)
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
