//! Where an opened directory, file or socket is: all its names, and the directories that it is in, by their numbers.
//! Never in it: which places are allowed.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

use super::mounts::{self, Mounts};
use crate::device::claim::FileId;

const SEARCH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// No path of the system is deeper.
const DEPTH_MAX: usize = 4096;

pub(crate) struct Location {
    /// As this process can name it, each without symbolic links.
    pub(super) names: Vec<PathBuf>,
    /// The directory itself and those above it, from the inside; of a file or a socket, those that it is in.
    pub(super) ancestors: Vec<FileId>,
    /// It is still to be made, perhaps with directories of its own; the ancestors are those of what is there.
    pub(super) is_missing: bool,
}

impl Location {
    /// Of an opened directory; `None` if it cannot be found out.
    pub(crate) fn of_directory(directory: impl AsFd) -> Option<Self> {
        let names = names(&directory, &Mounts::read()?)?;
        Some(Self { names, ancestors: ancestors(directory)?, is_missing: false })
    }

    /// Of a file that was opened in a directory. The file may be a mount of its own.
    pub(crate) fn of_file(file: impl AsFd, directory: impl AsFd) -> Option<Self> {
        let names = names(file, &Mounts::read()?)?;
        Some(Self { names, ancestors: ancestors(directory)?, is_missing: false })
    }

    /// Of an opened socket's name.
    pub(crate) fn of_socket(socket: impl AsFd) -> Option<Self> {
        let path = path(&socket)?;
        let directory = rustix::fs::open(path.parent()?, SEARCH, Mode::empty()).ok()?;
        let named = rustix::fs::statat(&directory, path.file_name()?, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        // It may have been moved at this moment.
        let same = FileId::of(&named) == id(&socket)?;
        if same { Self::of_file(socket, directory) } else { None }
    }

    /// What will be made in the directory.
    #[must_use]
    pub(crate) fn join(mut self, parts: &[&OsStr]) -> Self {
        self.is_missing = !parts.is_empty();
        self.names.iter_mut().for_each(|name| name.extend(parts));
        self
    }

    /// All names of a directory; of one that is not there, the one that it is given.
    pub(super) fn names_of(directory: &Path, mounts: &Mounts) -> Vec<PathBuf> {
        let opened = rustix::fs::open(directory, SEARCH, Mode::empty()).ok();
        opened.and_then(|opened| names(opened, mounts)).unwrap_or_else(|| vec![directory.to_owned()])
    }

    /// A place that is known by its path alone.
    #[cfg(test)]
    pub(super) fn named(path: &str) -> Self {
        Self { names: vec![PathBuf::from(path)], ancestors: Vec::new(), is_missing: false }
    }
}

fn id(fd: impl AsFd) -> Option<FileId> {
    rustix::fs::fstat(fd).ok().map(|stat| FileId::of(&stat))
}

/// The kernel's own word for where a descriptor is; without it nothing is known and nothing is allowed.
fn path(fd: impl AsFd) -> Option<PathBuf> {
    let link = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    std::fs::read_link(link).ok().filter(|path| path.is_absolute())
}

fn names(fd: impl AsFd, mounts: &Mounts) -> Option<Vec<PathBuf>> {
    mounts.names(mounts::number(&fd)?, &path(&fd)?)
}

/// Walks up from descriptor to descriptor, so that a directory that is renamed meanwhile is not met under another's name.
fn ancestors(directory: impl AsFd) -> Option<Vec<FileId>> {
    let open = |from: &OwnedFd| rustix::fs::openat(from, "..", SEARCH, Mode::empty()).ok();
    let mut at = rustix::fs::openat(directory, ".", SEARCH, Mode::empty()).ok()?;
    let mut all = Vec::new();
    // A directory that is mounted on one of its own has the same numbers as the one above it.
    let mut last = None;
    while all.len() < DEPTH_MAX {
        let here = (id(&at)?, mounts::number(&at)?);
        if last == Some(here) {
            return Some(all);
        }
        all.push(here.0);
        last = Some(here);
        at = open(&at)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn an_opened_directory_is_in_all_directories_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let location = Location::of_directory(File::open(&inner).unwrap()).unwrap();
        let above = inner.ancestors().map(|path| id(File::open(path).unwrap()).unwrap());
        assert_eq!(location.ancestors, above.collect::<Vec<_>>());
        assert!(location.names.contains(&std::fs::canonicalize(&inner).unwrap()), "{:?}", location.names);
        let new = location.join(&[OsStr::new("c"), OsStr::new("d")]);
        assert!(new.names.iter().all(|name| name.ends_with("b/c/d")));
    }

    #[test]
    fn a_directory_that_was_renamed_is_where_it_is_now() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        std::fs::create_dir(&new).unwrap();
        let opened = File::open(&old).unwrap();
        std::fs::rename(&old, new.join("moved")).unwrap();
        let location = Location::of_directory(&opened).unwrap();
        assert_eq!(location.ancestors.get(1), id(File::open(&new).unwrap()).as_ref());
        assert!(location.names.iter().all(|name| name.ends_with("new/moved")));
    }

    #[test]
    fn a_socket_is_in_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let _socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let found = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let location = Location::of_socket(&found).unwrap();
        assert_eq!(location.ancestors.first(), id(File::open(dir.path()).unwrap()).as_ref());
        std::fs::remove_file(&path).unwrap();
        assert!(Location::of_socket(&found).is_none(), "it has no name any more");
    }
}
