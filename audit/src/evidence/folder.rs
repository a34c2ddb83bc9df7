//! The folder of a tree beside its log. What readers may ask for is written under another name and renamed, so they find the
//! old bytes or the new ones; tiles that no checkpoint covers yet are written where they stay. Every step goes on from the
//! descriptor of the log's directory; no symbolic link is followed.
//! Never in it: what the resources hold.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use onrecord_evidence::{Store, StoreReader};
use onrecord_value::Time;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::device::FileId;

const SEARCH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
const CREATE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// The name under which a resource is written before it is renamed.
const NEW: &str = ".new";
/// No resource is longer.
const RESOURCE_MAX: u64 = 2 * 1024 * 1024;
/// Directories that stay open: those of the newest tiles and bundles.
const OPEN_MAX: usize = 4;

/// Where a folder is: a name in an open directory.
#[derive(Debug)]
pub(super) struct Place {
    parent: OwnedFd,
    name: OsString,
    /// How the names of rotated files of the log begin.
    stem: Vec<u8>,
}

impl Place {
    /// The folder beside a log.
    pub(super) fn beside(parent: OwnedFd, log: &OsStr) -> Self {
        let mut name = log.to_owned();
        name.push(".tlog");
        let stem = Path::new(log).file_stem().unwrap_or(log).as_bytes().to_vec();
        Self { parent, name, stem }
    }

    /// The directory of the log.
    pub(super) const fn directory(&self) -> &OwnedFd {
        &self.parent
    }

    pub(super) fn stem(&self) -> &[u8] {
        &self.stem
    }

    fn id(&self) -> io::Result<Option<FileId>> {
        match rustix::fs::statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileId::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn open(&self) -> io::Result<Option<OwnedFd>> {
        open_directory(&self.parent, &self.name)
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(mut at) = self.open()? else { return Ok(None) };
        let (directories, name) = split(path)?;
        for part in directories.split('/').filter(|part| !part.is_empty()) {
            match open_directory(&at, OsStr::new(part))? {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        let file = match retry_on_intr(|| rustix::fs::openat(&at, name, READ, Mode::empty())) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(RESOURCE_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

fn open_directory(at: &OwnedFd, name: &OsStr) -> io::Result<Option<OwnedFd>> {
    match retry_on_intr(|| rustix::fs::openat(at, name, SEARCH, Mode::empty())) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// The directories before a resource's name, and the name. Nothing leads out of the folder.
fn split(path: &str) -> io::Result<(&str, &str)> {
    let refuse = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\0');
    if path.split('/').any(refuse) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not the name of a resource"));
    }
    Ok(path.rsplit_once('/').unwrap_or(("", path)))
}

/// Reads what others may see of a tree: the checkpoint, tiles and bundles, and what was kept beside them.
#[derive(Clone, Debug)]
pub struct FolderReader(pub(super) Arc<Place>);

impl StoreReader for FolderReader {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        if path == super::state::NAME || path == NEW { Ok(None) } else { self.0.read(path) }
    }
}

/// The folder, to be written by one thread.
#[derive(Debug)]
pub(super) struct Folder {
    place: Arc<Place>,
    /// The permissions of the files.
    mode: u32,
    /// Whether new files lack some of them, which the process's mask or the directory takes; `None` until one was made.
    masked: Option<bool>,
    root: Option<(Arc<OwnedFd>, FileId)>,
    open: Vec<(String, Arc<OwnedFd>)>,
}

impl Folder {
    /// Files can be read by those who can read the log, whose permissions are `mode`.
    pub(super) fn new(place: Arc<Place>, mode: u32) -> Self {
        Self { place, mode: mode & 0o644 | 0o600, masked: None, root: None, open: Vec::new() }
    }

    /// Whether the folder that was written to still has its name. True for one that was not made yet.
    pub(super) fn is_in_place(&self) -> io::Result<bool> {
        match &self.root {
            None => Ok(true),
            Some((_, id)) => Ok(self.place.id()? == Some(*id)),
        }
    }

    /// Whether there is anything of that name.
    pub(super) fn exists(&self) -> io::Result<bool> {
        Ok(self.place.id()?.is_some())
    }

    /// Gives the folder another name, and returns it. What is written then makes a new one.
    pub(super) fn keep_aside(&mut self, now: Time) -> io::Result<Option<String>> {
        self.forget();
        if !self.exists()? {
            return Ok(None);
        }
        let mut time = Vec::new();
        now.rfc3339_seconds(&mut time);
        let time = String::from_utf8_lossy(&time).replace([':', '-'], "");
        let beside = format!("{}.old-{time}", self.place.name.to_string_lossy());
        for attempt in 0..100_u8 {
            let kept_as = if attempt == 0 { beside.clone() } else { format!("{beside}-{attempt}") };
            match rustix::fs::statat(&self.place.parent, &kept_as, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                Ok(_) => continue,
                Err(errno) => return Err(errno.into()),
            }
            rustix::fs::renameat(&self.place.parent, &self.place.name, &self.place.parent, &kept_as)?;
            return Ok(Some(kept_as));
        }
        Err(Errno::EXIST.into())
    }

    /// Has the next write make the folder where it is missing.
    pub(super) fn forget(&mut self) {
        (self.root, self.masked) = (None, None);
        self.open.clear();
    }

    const fn directory_mode(&self) -> Mode {
        Mode::from_raw_mode(self.mode | (self.mode & 0o444) >> 2 | 0o300)
    }

    fn make(&self, at: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
        if let Some(found) = open_directory(at, name)? {
            return Ok(found);
        }
        match rustix::fs::mkdirat(at, name, self.directory_mode()) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        open_directory(at, name)?.ok_or_else(|| Errno::NOENT.into())
    }

    fn root(&mut self) -> io::Result<Arc<OwnedFd>> {
        if let Some((root, _)) = &self.root {
            return Ok(Arc::clone(root));
        }
        let root = Arc::new(self.make(&self.place.parent, &self.place.name)?);
        let id = FileId::of(&rustix::fs::fstat(&root)?);
        self.root = Some((Arc::clone(&root), id));
        Ok(root)
    }

    fn directory(&mut self, path: &str) -> io::Result<Arc<OwnedFd>> {
        let mut at = self.root()?;
        if path.is_empty() {
            return Ok(at);
        }
        if let Some((_, open)) = self.open.iter().find(|(open, _)| open == path) {
            return Ok(Arc::clone(open));
        }
        for part in path.split('/') {
            at = Arc::new(self.make(&at, OsStr::new(part))?);
        }
        if self.open.len() >= OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push((path.to_owned(), Arc::clone(&at)));
        Ok(at)
    }

    fn create(&mut self, directory: &OwnedFd, name: &str) -> Result<File, Errno> {
        let mode = Mode::from_raw_mode(self.mode);
        let file = File::from(retry_on_intr(|| rustix::fs::openat(directory, name, CREATE, mode))?);
        let masked = match self.masked {
            Some(masked) => masked,
            None => Mode::from_raw_mode(rustix::fs::fstat(&file)?.st_mode & 0o7777) != mode,
        };
        self.masked = Some(masked);
        if masked {
            rustix::fs::fchmod(&file, mode)?;
        }
        Ok(file)
    }

    fn write_new(&mut self, root: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
        let mut file = match self.create(root, NEW) {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(root, NEW, AtFlags::empty())?;
                self.create(root, NEW)?
            }
            created => created?,
        };
        file.write_all(bytes)
    }
}

impl StoreReader for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.place.read(path)
    }
}

impl Store for Folder {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (directories, name) = split(path)?;
        let root = self.root()?;
        self.write_new(&root, bytes)?;
        let directory = self.directory(directories)?;
        let renamed = rustix::fs::renameat(&root, NEW, &directory, name);
        if renamed.is_err() {
            // Somebody removed a directory: it is made again the next time.
            self.open.clear();
        }
        Ok(renamed?)
    }

    fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (directories, name) = split(path)?;
        let directory = self.directory(directories)?;
        match self.create(&directory, name) {
            Ok(mut file) => file.write_all(bytes),
            // A kill left it behind, or an attempt that failed.
            Err(Errno::EXIST) => self.write(path, bytes),
            Err(errno) => {
                self.open.clear();
                Err(errno.into())
            }
        }
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        let (directories, name) = split(path)?;
        let directory = self.directory(directories)?;
        match rustix::fs::unlinkat(&directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        // The directory of partial tiles goes with the last of them.
        if let Some((parent, last)) = directories.rsplit_once('/')
            && last.strip_suffix(".p").is_some()
        {
            let parent = self.directory(parent)?;
            if rustix::fs::unlinkat(&parent, last, AtFlags::REMOVEDIR).is_ok() {
                self.open.retain(|(open, _)| open != directories);
            }
        }
        Ok(())
    }
}

/// The file of a directory and its path, for those who look at it from outside.
pub(super) fn path_of(log: &Path) -> std::path::PathBuf {
    let mut name = log.file_name().unwrap_or_default().to_owned();
    name.push(".tlog");
    log.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder(dir: &Path, mode: u32) -> Folder {
        let parent = OwnedFd::from(File::open(dir).unwrap());
        Folder::new(Arc::new(Place::beside(parent, OsStr::new("a.log"))), mode)
    }

    #[test]
    fn resources_are_kept_with_the_permissions_of_the_log_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = folder(dir.path(), 0o640);
        assert_eq!(folder.read("checkpoint").unwrap(), None);
        folder.write("tile/0/000.p/5", b"five").unwrap();
        folder.write("tile/0/000.p/5", b"again").unwrap();
        assert_eq!(folder.read("tile/0/000.p/5").unwrap().unwrap(), b"again");
        let tlog = dir.path().join("a.log.tlog");
        let mode = |path: &str| tlog.join(path).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode("tile/0/000.p/5"), 0o640);
        folder.add("tile/0/001", b"a pa").unwrap();
        folder.add("tile/0/001", b"all of it").unwrap();
        assert_eq!(folder.read("tile/0/001").unwrap().unwrap(), b"all of it");
        assert_eq!(mode("tile/0/001"), 0o640);
        folder.remove("tile/0/000.p/5").unwrap();
        assert!(!tlog.join("tile/0/000.p").exists() && tlog.join("tile/0").exists());

        std::os::unix::fs::symlink(dir.path(), tlog.join("tile/1")).unwrap();
        assert!(folder.write("tile/1/000", b"x").is_err() && folder.read("tile/1/000").is_err());
        for path in ["../x", "tile//0", "", "/etc/passwd", "tile/./0"] {
            assert!(folder.read(path).is_err() && folder.write(path, b"x").is_err(), "{path}");
        }
        assert!(folder.is_in_place().unwrap());
        let kept = folder.keep_aside(Time::from_unix_nanos(0)).unwrap().unwrap();
        assert_eq!(kept, "a.log.tlog.old-19700101T000000Z");
        folder.write("checkpoint", b"new").unwrap();
        std::fs::rename(&tlog, dir.path().join("moved")).unwrap();
        assert!(!folder.is_in_place().unwrap());
        assert!(dir.path().join(kept).join("tile/0").exists());
    }
}
