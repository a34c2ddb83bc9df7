//! Puts a snapshot in the place of the store of a directory that no server uses. The new store is written and checked
//! beside the old one, and takes its name in one step of the file system: whenever this is ended, the directory holds the
//! old store or the new one. The old one stays, as `store.redb.before-restore-TIME`.
//! Never in it: who may do so, or keys.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    TableError,
};

use super::newest_commit::{self, Commit, NewestCommit};
use super::overlay::Overlay;
use super::{FILE, FORMAT, LOCK, Problem, VALUES, builder, caught, meta, private};
use crate::barrier::ROOT_KEY;
use crate::snapshot::{self, Restoration, SnapshotError, SnapshotInfo};

/// The notes of restorations that are not on record yet.
const RESTORED: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("restored");
/// The new store, while it is written.
const NEW: &str = "store.redb.restoring";
/// What the name of the old store gets, before the time.
const BEFORE: &str = "before-restore-";
/// Bytes of one transaction.
const TRANSACTION: usize = 8 << 20;

/// A restoration to be made.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The snapshot's file.
    pub snapshot: PathBuf,
    /// Names the restoration.
    pub id: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The same as it stands in the name of the old store.
    pub time: String,
    /// The user of the system who does it.
    pub uid: u32,
    /// Whether the snapshot may have other keys than the store in the directory.
    pub force: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The snapshot is read to its end.
    Verify,
    /// The new store is written.
    Write,
    /// The new store is read and compared with the snapshot.
    Check,
    /// The old store gets a second name.
    KeepOld,
    /// The new store takes the place of the old one.
    Replace,
    /// The directory is synced.
    Sync,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Verify, Self::Write, Self::Check, Self::KeepOld, Self::Replace, Self::Sync];
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The snapshot.
    pub snapshot: SnapshotInfo,
    /// Where the old store is; none if there was none.
    pub old: Option<PathBuf>,
    /// Whether the keys of the old store are those of the snapshot; `None`: it could not be read.
    pub same_keys: Option<bool>,
}

/// Why nothing was restored: the directory holds the old store. With [`RestoreError::NotSynced`] it holds the new one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The file is not a snapshot that can be restored.
    #[error("the snapshot {}: {error}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: SnapshotError,
    },
    /// The snapshot was made by a server with other keys than the store in the directory.
    #[error(
        "the snapshot has other keys than the store in {}: it is of another server, or of this one before it was initialised \
         again. With -force it is restored nevertheless; the key shares of the snapshot's server unseal it then",
        .0.display()
    )]
    OtherKeys(PathBuf),
    /// The directory cannot be used, or the new store cannot be written.
    #[error("cannot restore into the storage directory {}: {problem}", directory.display())]
    Store {
        /// The directory.
        directory: PathBuf,
        /// What is wrong.
        #[source]
        problem: Problem,
    },
    /// The new store does not hold what the snapshot does.
    #[error(
        "the restored store is not as the snapshot ({0}): the disk may be failing. The old store is unchanged"
    )]
    Differs(String),
    /// The new store is in place, but a power cut may still bring the old one back.
    #[error(
        "the snapshot is restored into the storage directory {}, but not synced: {error}. {}",
        directory.display(),
        old.as_ref().map_or_else(
            || "There was no old store".to_owned(),
            |old| format!("The old store is kept as {}", old.display())
        )
    )]
    NotSynced {
        /// The directory.
        directory: PathBuf,
        /// Where the old store is; none if there was none.
        old: Option<PathBuf>,
        /// What failed.
        #[source]
        error: io::Error,
    },
    /// It was ended on request.
    #[error("ended before it was done: the old store is unchanged")]
    Ended,
}

/// What the old store says, as far as it can be read.
#[derive(Default)]
struct Old {
    exists: bool,
    root_key: Option<Vec<u8>>,
    notes: Vec<(String, Vec<u8>)>,
}

/// Restores. `step` hears of each step before it is made, and may end it there, except at [`Step::Sync`]: the new store is in
/// place then.
pub fn restore(
    directory: &Path,
    wanted: &Restore,
    step: &mut dyn FnMut(Step) -> ControlFlow<()>,
) -> Result<Restored, RestoreError> {
    let mut next = |at| match step(at) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(RestoreError::Ended),
    };
    let job = Job { directory, wanted };
    next(Step::Verify)?;
    let mut root_key = None;
    let snapshot = job.read(|key, value| {
        if key == ROOT_KEY {
            root_key = Some(value.to_vec());
        }
        Ok(())
    })?;
    job.check_formats(&snapshot, root_key.is_some())?;
    let _lock = job.lock()?;
    let old = job.old()?;
    let same_keys = old.root_key.as_ref().map(|old| Some(old) == root_key.as_ref());
    if same_keys == Some(false) && !wanted.force {
        return Err(RestoreError::OtherKeys(directory.to_owned()));
    }
    next(Step::Write)?;
    let done = job.write(&snapshot, &old, &mut next).and_then(|commit| job.replace(&old, commit, &mut next));
    if let Err(error) = done {
        if !matches!(error, RestoreError::Ended) {
            // What is left is removed by the next restoration.
            let _left = fs::remove_file(job.new_store());
        }
        return Err(error);
    }
    Ok(Restored { snapshot, old: job.kept_if(&old), same_keys })
}

struct Job<'a> {
    directory: &'a Path,
    wanted: &'a Restore,
}

impl Job<'_> {
    fn store(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    fn new_store(&self) -> PathBuf {
        self.directory.join(NEW)
    }

    /// The name that the old store keeps.
    fn kept(&self) -> PathBuf {
        self.directory.join(format!("{FILE}.{BEFORE}{}", self.wanted.time))
    }

    fn kept_if(&self, old: &Old) -> Option<PathBuf> {
        old.exists.then(|| self.kept())
    }

    fn problem(&self, problem: impl Into<Problem>) -> RestoreError {
        RestoreError::Store { directory: self.directory.to_owned(), problem: problem.into() }
    }

    fn refused(&self, error: SnapshotError) -> RestoreError {
        RestoreError::Snapshot { path: self.wanted.snapshot.clone(), error }
    }

    fn read(
        &self,
        mut each: impl FnMut(&str, &[u8]) -> Result<(), Problem>,
    ) -> Result<SnapshotInfo, RestoreError> {
        let read =
            snapshot::read(&self.wanted.snapshot, |key, value| each(key, value).map_err(Reading::Store));
        read.map_err(|error| match error {
            Reading::Snapshot(error) => self.refused(error),
            Reading::Store(problem) => self.problem(problem),
        })
    }

    fn check_formats(&self, snapshot: &SnapshotInfo, has_keys: bool) -> Result<(), RestoreError> {
        if snapshot.header.store_format != FORMAT {
            return Err(self.problem(Problem::Format(snapshot.header.store_format)));
        }
        if !has_keys {
            let what = "it holds no keys of a server".to_owned();
            return Err(self.refused(SnapshotError::Damaged { at: snapshot.bytes, what }));
        }
        Ok(())
    }

    /// Locks the directory, and makes it if it is not there.
    fn lock(&self) -> Result<File, RestoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.directory);
        made.map_err(|error| self.problem(error))?;
        let path = self.directory.join(LOCK);
        self.create_if_missing(&path)?;
        let lock = private(&path).map_err(|error| self.problem(error))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(self.problem(Problem::InUse)),
            Err(TryLockError::Error(error)) => Err(self.problem(error)),
        }
    }

    /// Makes a file for the owner of the store, whom the server runs as: another user may restore. The file must not exist: a
    /// symbolic link could lead to a file of somebody else.
    fn create(&self, path: &Path) -> io::Result<File> {
        let owner = match fs::metadata(self.store()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::metadata(self.directory)?,
            found => found?,
        };
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let (user, group) = (owner.uid(), owner.gid());
        if file.metadata()?.uid() != user
            && let Err(error) = fchown(&file, Some(user), Some(group))
        {
            fs::remove_file(path)?;
            let advice = format!(
                "{} cannot be given to the owner of the store, user {user} ({error}): restore as that user or as root",
                path.display()
            );
            return Err(io::Error::new(error.kind(), advice));
        }
        Ok(file)
    }

    fn create_if_missing(&self, path: &Path) -> Result<(), RestoreError> {
        match self.create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(self.problem(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Reads what is needed of the old store, without a change to it. Removes what a restoration left that was ended.
    fn old(&self) -> Result<Old, RestoreError> {
        let left = self.leftovers().map_err(|error| self.problem(error))?;
        for path in left {
            fs::remove_file(path).map_err(|error| self.problem(error))?;
        }
        if !self.store().exists() {
            return Ok(Old::default());
        }
        let read = caught(|| {
            let file = Overlay::new(File::open(self.store())?, Arc::default())?;
            let database = builder(false).create_with_backend(file)?;
            Ok(read_old(&database.begin_read().map_err(redb::Error::from)?)?)
        });
        // A store that cannot be read is what snapshots are for.
        Ok(read.unwrap_or(Old { exists: true, ..Old::default() }))
    }

    /// A new store that was not finished, and a second name of the store that is in use still.
    fn leftovers(&self) -> io::Result<Vec<PathBuf>> {
        let store = fs::metadata(self.store()).ok();
        let second_name = format!("{FILE}.{BEFORE}");
        let mut found = Vec::new();
        for entry in fs::read_dir(self.directory)? {
            let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let name = name.to_string_lossy();
            let is_store = || {
                let (Some(store), Ok(other)) = (&store, fs::symlink_metadata(&entry)) else { return false };
                (store.dev(), store.ino()) == (other.dev(), other.ino())
            };
            if name == NEW || (name.starts_with(&second_name) && is_store()) {
                found.push(entry);
            }
        }
        Ok(found)
    }

    fn write(
        &self,
        snapshot: &SnapshotInfo,
        old: &Old,
        next: &mut impl FnMut(Step) -> Result<(), RestoreError>,
    ) -> Result<Commit, RestoreError> {
        let new = Restoration::new(&self.wanted.id, self.wanted.at, self.wanted.uid, snapshot);
        let notes = old.notes.iter().cloned().chain([(new.id.clone(), new.encode())]).collect::<Vec<_>>();
        let path = self.new_store();
        let file = self.create(&path).map_err(|error| self.problem(error))?;
        let database = caught(|| begin_store(file, &notes));
        let (database, commit) = database.map_err(|problem| self.problem(problem))?;
        let mut waiting = Waiting::default();
        let copied = self.read(|key, value| waiting.add(&database, key, value))?;
        if copied.sha256 != snapshot.sha256 {
            return Err(RestoreError::Differs("the snapshot's file was changed meanwhile".to_owned()));
        }
        waiting.commit(&database).map_err(|problem| self.problem(problem))?;
        drop(database);
        next(Step::Check)?;
        self.compare(&path)?;
        Ok(commit)
    }

    /// Compares the new store, opened again and read whole, with the snapshot.
    fn compare(&self, path: &Path) -> Result<(), RestoreError> {
        let opened = caught(|| {
            let database = open_new(private(path)?, true)?;
            let read = database.begin_read().map_err(redb::Error::from)?;
            let table = read.open_table(VALUES).map_err(redb::Error::from)?;
            Ok((database, table))
        });
        let (_database, table) = opened.map_err(|problem| RestoreError::Differs(problem.to_string()))?;
        let mut differs = None;
        let snapshot = self.read(|key, value| {
            let stored = caught(|| {
                Ok(table.get(key).map_err(redb::Error::from)?.map(|stored| stored.value() == value))
            })?;
            if stored != Some(true) && differs.is_none() {
                differs = Some(format!("the value of {key:?}"));
            }
            Ok(())
        })?;
        let stored = table.len().map_err(|error| self.problem(redb::Error::from(error)))?;
        let records = snapshot.header.records;
        if differs.is_none() && stored != records {
            differs = Some(format!("{stored} records instead of {records}"));
        }
        differs.map_or(Ok(()), |what| Err(RestoreError::Differs(what)))
    }

    fn replace(
        &self,
        old: &Old,
        commit: Commit,
        next: &mut impl FnMut(Step) -> Result<(), RestoreError>,
    ) -> Result<(), RestoreError> {
        next(Step::KeepOld)?;
        if old.exists {
            // A second name, so that the store has its own name at all times.
            fs::hard_link(self.store(), self.kept()).map_err(|error| self.problem(error))?;
            self.sync().map_err(|error| self.problem(error))?;
        }
        next(Step::Replace)?;
        self.create_if_missing(&self.directory.join(newest_commit::FILE))?;
        fs::rename(self.new_store(), self.store()).map_err(|error| self.problem(error))?;
        // Not ended here: the snapshot is restored.
        let _ended = next(Step::Sync);
        // What is noted of the old store says nothing about the new one.
        let noted = NewestCommit::open(self.directory).and_then(|newest| newest.begin(commit));
        noted.and_then(|()| self.sync()).map_err(|error| RestoreError::NotSynced {
            directory: self.directory.to_owned(),
            old: self.kept_if(old),
            error,
        })
    }

    fn sync(&self) -> io::Result<()> {
        File::open(self.directory).and_then(|directory| directory.sync_all())
    }
}

enum Reading {
    Snapshot(SnapshotError),
    Store(Problem),
}

impl From<SnapshotError> for Reading {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

fn open_new(file: File, check: bool) -> Result<Database, Problem> {
    Ok(builder(check).create_with_backend(FileBackend::new(file)?)?)
}

/// A store without values.
fn begin_store(file: File, notes: &[(String, Vec<u8>)]) -> Result<(Database, Commit), Problem> {
    let database = open_new(file, false)?;
    let commit = meta::stamp(&database)?;
    put_notes(&database, notes)?;
    Ok((database, commit))
}

fn put_notes(database: &Database, notes: &[(String, Vec<u8>)]) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut restored = write.open_table(RESTORED)?;
        for (id, note) in notes {
            restored.insert(id.as_str(), note.as_slice())?;
        }
    }
    write.commit()?;
    Ok(())
}

fn read_old(read: &ReadTransaction) -> Result<Old, redb::Error> {
    let table = read.open_table(VALUES)?;
    let root_key = table.get(ROOT_KEY)?.map(|value| value.value().to_vec());
    Ok(Old { exists: true, root_key, notes: read_notes(read)? })
}

fn read_notes(read: &ReadTransaction) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
    let table = match read.open_table(RESTORED) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let note =
        |item: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>), redb::StorageError>| {
            let (id, note) = item?;
            Ok((id.value().to_owned(), note.value().to_vec()))
        };
    table.iter()?.map(note).collect()
}

/// The notes of a store that is open.
pub(super) fn notes(database: &Database) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
    read_notes(&database.begin_read()?)
}

/// Removes a note of a store that is open.
pub(super) fn forget_note(database: &Database, id: &str) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    write.open_table(RESTORED)?.remove(id)?;
    write.commit()?;
    Ok(())
}

/// Records that wait for the next transaction.
#[derive(Default)]
struct Waiting {
    records: Vec<(String, Vec<u8>)>,
    bytes: usize,
}

impl Waiting {
    fn add(&mut self, database: &Database, key: &str, value: &[u8]) -> Result<(), Problem> {
        self.bytes += key.len() + value.len();
        self.records.push((key.to_owned(), value.to_vec()));
        if self.bytes >= TRANSACTION { self.commit(database) } else { Ok(()) }
    }

    fn commit(&mut self, database: &Database) -> Result<(), Problem> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        caught(|| Ok(insert(database, &records)?))
    }
}

fn insert(database: &Database, records: &[(String, Vec<u8>)]) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(VALUES)?;
        for (key, value) in records {
            table.insert(key.as_str(), value.as_slice())?;
        }
    }
    write.commit()?;
    Ok(())
}
