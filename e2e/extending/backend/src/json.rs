//! The whole kind: its row of the table, its options, and the back end. Each transaction writes the file again, which is
//! enough for some hundred secrets and no more.
//! Never in it: encryption (what a back end gets is encrypted), or queues.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use onrecord_storage::backend::{BackendKind, BackendOption, BackendTarget, GivenOptions, OptionError};
use onrecord_storage::memory::Values;
use onrecord_storage::{Backend, BackendError, Batch, Conflict, Read};

/// The row of the table of kinds.
pub static KIND: BackendKind = BackendKind {
    name: "json",
    about: "Keeps the data in one JSON file, which each transaction writes again.",
    options: &[BackendOption { key: "path", about: "the directory of the file", required: true }],
    is_durable: true,
    parse,
};

fn parse(given: &GivenOptions) -> Result<Arc<dyn BackendTarget>, OptionError> {
    let path = given.text("path");
    if Path::new(path).is_relative() {
        return Err(OptionError::BadValue(format!("storage \"json\": the path {path:?} must be absolute")));
    }
    Ok(Arc::new(Directory(path.into())))
}

/// The directory of the file.
struct Directory(PathBuf);

impl BackendTarget for Directory {
    fn open(&self) -> Result<Box<dyn Backend>, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(JsonFile::open(&self.0)?))
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.0)
    }

    fn has_data(&self) -> bool {
        self.0.join(FILE).exists()
    }
}

const FILE: &str = "store.json";
const NEW_FILE: &str = "store.json.new";
const LOCK: &str = "lock";

/// Why the file was not opened.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", directory.display())]
pub struct JsonError {
    directory: PathBuf,
    source: io::Error,
}

/// A directory with the file, locked for this process.
pub struct JsonFile {
    directory: PathBuf,
    /// What the file holds.
    values: RwLock<Values>,
    /// Held for its lock.
    _lock: File,
}

impl JsonFile {
    /// Reads the file in `directory`; both are made if they are not there.
    pub fn open(directory: &Path) -> Result<Self, JsonError> {
        let failed = |source| JsonError { directory: directory.to_owned(), source };
        Self::lock_and_read(directory).map_err(failed)
    }

    fn lock_and_read(directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let lock = private(&directory.join(LOCK))?;
        lock.try_lock()?;
        let values = RwLock::new(read(directory)?);
        Ok(Self { directory: directory.to_owned(), values, _lock: lock })
    }

    fn values(&self) -> RwLockReadGuard<'_, Values> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, values: Values) {
        *self.values.write().unwrap_or_else(PoisonError::into_inner) = values;
    }
}

impl Backend for JsonFile {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        Read::Ready(Ok(self.values().read(key)))
    }

    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(self.values().list(prefix, after, limit))
    }

    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(self.values().keys(prefix, after, limit))
    }

    /// Readers see the changes only when they are in the file.
    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        let mut values = self.values().clone();
        let verdicts = values.commit(batches);
        write(&self.directory, &values).map_err(|error| BackendError::new("commit", error))?;
        self.replace(values);
        Ok(verdicts)
    }

    /// What is in the file after a failed commit is what counts.
    fn reopen(&self) -> Result<(), BackendError> {
        let values = read(&self.directory).map_err(|error| BackendError::new("reopen", error))?;
        self.replace(values);
        Ok(())
    }
}

/// A file that only its owner reads.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// The values in the file, once they are durable; none if there is no file yet.
fn read(directory: &Path) -> io::Result<Values> {
    let text = match fs::read(directory.join(FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Values::default()),
        text => text?,
    };
    // A rename that an earlier commit could not make durable.
    sync(directory)?;
    let stored: BTreeMap<String, String> = serde_json::from_slice(&text)?;
    let values = stored.into_iter().map(|(key, value)| Ok((key, const_hex::decode(value)?)));
    values.collect::<Result<_, const_hex::FromHexError>>().map_err(io::Error::other)
}

/// Puts a new file in the place of the old one. A crash leaves either of them whole.
fn write(directory: &Path, values: &Values) -> io::Result<()> {
    let stored: BTreeMap<&str, String> =
        values.iter().map(|(key, value)| (key, const_hex::encode(value))).collect();
    let mut file = private(&directory.join(NEW_FILE))?;
    file.write_all(&serde_json::to_vec(&stored)?)?;
    file.sync_all()?;
    fs::rename(directory.join(NEW_FILE), directory.join(FILE))?;
    sync(directory)
}

/// Makes the names in a directory, and its own, durable.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()?;
    directory.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
}
