//! A tree in a folder: the `FILE.tlog` beside a log, or a copy of it.
//! Never in it: a write, the meaning of what is read.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use onrecord_evidence::StoreReader;

use super::kept::KeptNote;
use crate::check::log_name;

/// The largest resource is a checkpoint with its signatures; tiles and bundles have less than 9 KiB.
const RESOURCE_MAX: u64 = 1024 * 1024;

/// How the names of files begin that have a cosigned checkpoint.
const COSIGNED: &str = "cosigned.";
/// So many of them are read.
const COSIGNED_MAX: usize = 64;

/// The folder of a tree, which is only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFolder {
    path: PathBuf,
}

impl TreeFolder {
    /// The folder at a path. Nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder that a file device keeps beside its file, `FILE.tlog`, if it is there. For a rotated file (`FILE.1`,
    /// `FILE-20261122.gz`) it is that of its log.
    pub fn beside(file: &Path) -> Option<Self> {
        let name = file.to_str()?;
        let candidates = [name, log_name(name)].map(|name| PathBuf::from(format!("{name}.tlog")));
        candidates.into_iter().find(|path| path.is_dir()).map(Self::new)
    }

    /// Whether a path is such a folder, or an older one that a device put aside (`FILE.tlog.old-TIME`).
    pub fn is_one(path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        (name.ends_with(".tlog") || name.contains(".tlog.old-")) && path.is_dir()
    }

    /// The checkpoints that witnesses cosigned, which a device keeps in files `cosigned.NAME` beside the newest. What is not a
    /// checkpoint is left out.
    pub fn cosigned(&self) -> Vec<KeptNote> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter(|name| name.starts_with(COSIGNED)).take(COSIGNED_MAX).collect();
        names.sort_unstable();
        let text = |name: &String| String::from_utf8(self.read(name).ok()??).ok();
        names.iter().filter_map(|name| KeptNote::parse(name, &text(name)?).ok()).collect()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl StoreReader for TreeFolder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path.join(path);
        let missing = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        };
        let opened = match fs::metadata(&path) {
            // Opening anything else could block.
            Ok(known) if !known.is_file() => return Err(io::Error::other("not a file")),
            Ok(known) => File::open(&path).map(|file| (file, known.len())),
            Err(error) => Err(error),
        };
        let (file, length) = match opened {
            Ok(opened) => opened,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if length > RESOURCE_MAX {
            return Err(io::Error::other("longer than 1 MiB"));
        }
        // With one call: there are many tiles, and what is there is not written to but replaced.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.take(length).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}
