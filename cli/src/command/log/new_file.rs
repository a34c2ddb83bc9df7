//! Files that commands write: whole or not at all, and only over another one if that is asked for.
//! Never in it: what is in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use onrecord_value::printable::printable;

use super::unreadable;
use crate::command::{Failure, Flag, Invocation};

pub(super) const FORCE: Flag = Flag::bool("force", "Replace what is at -out already.");

/// A file that is to be made.
pub(super) struct NewFile {
    path: PathBuf,
    replace: bool,
}

impl NewFile {
    /// Refuses a path where something is already, before any work is done for it.
    pub(super) fn check(path: &str, invocation: &Invocation) -> Result<Self, Failure> {
        let replace = invocation.is_set("force");
        let new = Self { path: PathBuf::from(path), replace };
        match fs::symlink_metadata(&new.path) {
            Ok(known) if known.is_dir() => Err(new.failure("it is a folder")),
            Ok(_) if !replace => Err(new.exists()),
            _ => Ok(new),
        }
    }

    /// Writes a text.
    pub(super) fn write(&self, text: &[u8]) -> Result<(), Failure> {
        self.write_with(|file| file.write_all(text).map_err(|error| self.failure(&error.to_string())))
    }

    /// Has it written beside its place, readable by its owner alone, and moves it there.
    pub(super) fn write_with<T>(
        &self,
        work: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let beside = beside(&self.path);
        let made = create(&beside).map_err(|error| self.failure(&error.to_string()))?;
        let mut file = BufWriter::new(made);
        let done = work(&mut file).and_then(|value| {
            let synced =
                file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
            match synced.and_then(|()| self.place(&beside)) {
                Ok(()) => Ok(value),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(self.exists()),
                Err(error) => Err(self.failure(&error.to_string())),
            }
        });
        if done.is_err() {
            // What was written so far is of no use; it may be gone already.
            drop(fs::remove_file(&beside));
        }
        done
    }

    fn place(&self, beside: &Path) -> io::Result<()> {
        if self.replace {
            return fs::rename(beside, &self.path);
        }
        // A link is refused where something came meanwhile; a rename would replace it.
        match fs::hard_link(beside, &self.path) {
            Ok(()) => fs::remove_file(beside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists || self.path.exists() => {
                Err(io::ErrorKind::AlreadyExists.into())
            }
            // Some file systems have no links.
            Err(_) => fs::rename(beside, &self.path),
        }
    }

    fn exists(&self) -> Failure {
        unreadable(format!("{} exists already: give another -out, or -force to replace it", self.shown()))
    }

    fn failure(&self, why: &str) -> Failure {
        unreadable(format!("Cannot write {}: {why}", self.shown()))
    }

    fn shown(&self) -> String {
        printable(&self.path.display().to_string())
    }
}

/// Where something is written before it is moved to its place.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// A new file that its owner alone can read.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
