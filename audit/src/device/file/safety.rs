//! Opening a file so that nobody can make the server write where it must not (decision 5): every check is made
//! on an opened descriptor, and each step goes on from the descriptor that was checked.
//! Never in it: what an unsafe file is good for otherwise.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::options::FileOptions;
use super::torn;
use crate::device::claim::FileId;
use crate::device::error::DeviceError;
use crate::device::error::violation::Violation;
use crate::device::options::FileMode;
use crate::device::placement::Placement;

/// A file that passed.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) directory: OwnedFd,
    pub(super) id: FileId,
    pub(super) size: u64,
    /// It was not there before.
    pub(super) created: bool,
    permissions: u32,
}

/// What opening in a directory gave.
struct Found {
    file: File,
    readable: bool,
    created: bool,
}

/// Takes a file back that was made for nothing: it goes, if it is still empty.
pub(super) fn unmake_file(file: &File, directory: &OwnedFd, path: &Path) {
    let empty = rustix::fs::fstat(file).is_ok_and(|stat| stat.st_size == 0);
    if let (true, Some(name)) = (empty, path.file_name()) {
        // Left behind, it does no harm.
        let _left_over = rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
}

impl Opened {
    /// Sets the permissions, if they are to be set and differ.
    pub(super) fn settle_mode(&self, options: &FileOptions) -> Result<(), DeviceError> {
        match options.mode {
            FileMode::Exact(mode) if mode != self.permissions => {
                rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode))
                    .map_err(|errno| DeviceError::system("chmod", &options.path, errno))
            }
            FileMode::Keep | FileMode::Exact(_) => Ok(()),
        }
    }
}

/// Opens the file of `options`, made with its directories if need be, and checks it.
pub(super) fn open(options: &FileOptions, placement: &Placement) -> Result<Opened, DeviceError> {
    let path = options.path.as_path();
    let refuse = |violation| DeviceError::Unsafe { path: Arc::from(path), violation };
    let raw = path.as_os_str().as_bytes();
    let dotted = raw.split(|&byte| byte == b'/').any(|part| part == b"." || part == b"..");
    if placement.is_limited() && dotted {
        return Err(refuse(Violation::DotComponent));
    }
    let name = match path.file_name() {
        Some(name) if !raw.ends_with(b"/") => name,
        _ => {
            return Err(DeviceError::system(
                "open",
                path,
                if raw.is_empty() { Errno::NOENT } else { Errno::ISDIR },
            ));
        }
    };
    if !placement.allows_name(name.as_bytes()) {
        return Err(refuse(Violation::Name));
    }
    let mut made = Vec::new();
    let opened = open_directory(options, placement, &mut made)
        .and_then(|directory| open_in(&directory, name, options).map(|found| (directory, found)));
    let (directory, Found { file, readable, created }) = opened.inspect_err(|_| unmake(&made))?;
    let stat = rustix::fs::fstat(&file).map_err(|errno| DeviceError::system("stat", path, errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refuse(Violation::NotRegular));
    }
    if stat.st_nlink != 1 {
        return Err(refuse(Violation::SeveralLinks));
    }
    let permissions = stat.st_mode & 0o7777;
    if permissions & 0o6111 != 0 {
        return Err(refuse(Violation::Executable));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if placement.is_limited() && size > 0 && !(readable && torn::begins_with_an_entry(&file)) {
        return Err(refuse(Violation::ForeignContent));
    }
    let id = FileId { dev: stat.st_dev, ino: stat.st_ino };
    Ok(Opened { file, directory, id, size, created, permissions })
}

const SEARCH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory that was made, by its name in another.
type Made<'a> = (OwnedFd, &'a OsStr);

/// Removes directories that were made for a file that could not be. Whatever somebody put there meanwhile stays.
fn unmake(made: &[Made<'_>]) {
    for (parent, name) in made.iter().rev() {
        if rustix::fs::unlinkat(parent, *name, AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
}

/// Opens the directory, and makes what is missing of it.
fn open_directory<'a>(
    options: &'a FileOptions,
    placement: &Placement,
    made: &mut Vec<Made<'a>>,
) -> Result<OwnedFd, DeviceError> {
    let path = options.path.as_path();
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut walked = PathBuf::from(if path.is_absolute() { "/" } else { "" });
    let start = if path.is_absolute() { "/" } else { "." };
    let mut at = rustix::fs::open(start, SEARCH, Mode::empty())
        .map_err(|errno| DeviceError::system("open", Path::new(start), errno))?;
    let mut parts = parent.components().filter_map(|component| match component {
        Component::Normal(part) => Some(part),
        Component::ParentDir => Some(OsStr::new("..")),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    let mut missing: Vec<&OsStr> = Vec::new();
    for part in parts.by_ref() {
        match rustix::fs::openat(&at, part, SEARCH, Mode::empty()) {
            Ok(next) => at = next,
            Err(Errno::NOENT) => {
                missing.push(part);
                break;
            }
            Err(Errno::NOTDIR) => {
                return Err(DeviceError::system("mkdir", &walked.join(part), Errno::NOTDIR));
            }
            Err(errno) => return Err(DeviceError::system("open", path, errno)),
        }
        walked.push(part);
    }
    missing.extend(parts);
    allowed(&at, &missing, options, placement)?;
    let mode = match options.mode {
        FileMode::Keep if !missing.is_empty() => return Err(DeviceError::system("stat", path, Errno::NOENT)),
        FileMode::Keep => Mode::empty(),
        // Who may read the files may also pass through to them.
        FileMode::Exact(mode) => Mode::from_raw_mode(mode | (mode & 0o444) >> 2 | 0o300),
    };
    for part in &missing {
        walked.push(part);
        let new = match rustix::fs::mkdirat(&at, *part, mode) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(DeviceError::system("mkdir", &walked, errno)),
        };
        let next = rustix::fs::openat(&at, *part, SEARCH | OFlags::NOFOLLOW, Mode::empty())
            .map_err(|errno| DeviceError::system("mkdir", &walked, errno))?;
        let parent = std::mem::replace(&mut at, next);
        if new {
            made.push((parent, *part));
        }
    }
    allowed(&at, &[], options, placement)?;
    Ok(at)
}

/// Checks where an opened directory really is, with what will be made in it.
fn allowed(
    directory: &OwnedFd,
    missing: &[&OsStr],
    options: &FileOptions,
    placement: &Placement,
) -> Result<(), DeviceError> {
    if !placement.is_limited() {
        return Ok(());
    }
    let refuse = |violation| DeviceError::Unsafe { path: Arc::from(options.path.as_path()), violation };
    // The kernel's own word for where the descriptor is; without it nothing is known and nothing is allowed.
    let link = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    let mut resolved = std::fs::read_link(link).map_err(|_| refuse(Violation::Unresolvable))?;
    if !resolved.is_absolute() {
        return Err(refuse(Violation::Unresolvable));
    }
    resolved.extend(missing);
    if placement.allows_directory(&resolved) { Ok(()) } else { Err(refuse(Violation::Directory)) }
}

const APPEND: OFlags = OFlags::APPEND
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY)
    .union(OFlags::NONBLOCK);

/// Opens or makes the file itself. Says whether it can be read, too.
fn open_in(directory: &OwnedFd, name: &OsStr, options: &FileOptions) -> Result<Found, DeviceError> {
    let path = options.path.as_path();
    let refuse = |violation| DeviceError::Unsafe { path: Arc::from(path), violation };
    // Somebody may make or remove the file between two steps; then the steps are gone through again.
    for _ in 0..8 {
        match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {}
                FileType::Symlink => return Err(refuse(Violation::SymbolicLink)),
                FileType::Directory => return Err(DeviceError::system("open", path, Errno::ISDIR)),
                // Not even opened: opening alone can act on a device or wake a reader.
                _ => return Err(refuse(Violation::NotRegular)),
            },
            Err(Errno::NOENT) if options.mode == FileMode::Keep => {
                return Err(DeviceError::system("stat", path, Errno::NOENT));
            }
            Err(Errno::NOENT) => {
                let mode = match options.mode {
                    FileMode::Exact(mode) => Mode::from_raw_mode(mode & 0o600),
                    FileMode::Keep => Mode::empty(),
                };
                let flags = APPEND | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
                match retry_on_intr(|| rustix::fs::openat(directory, name, flags, mode)) {
                    Ok(file) => return Ok(Found { file: File::from(file), readable: true, created: true }),
                    Err(Errno::EXIST) => continue,
                    Err(errno) => return Err(DeviceError::system("open", path, errno)),
                }
            }
            Err(errno) => return Err(DeviceError::system("open", path, errno)),
        }
        let open =
            |access| retry_on_intr(|| rustix::fs::openat(directory, name, APPEND | access, Mode::empty()));
        match open(OFlags::RDWR) {
            Ok(file) => return Ok(Found { file: File::from(file), readable: true, created: false }),
            Err(Errno::NOENT) => {}
            Err(Errno::LOOP) => return Err(refuse(Violation::SymbolicLink)),
            // A file that we may only write to.
            Err(Errno::ACCESS) => match open(OFlags::WRONLY) {
                Ok(file) => return Ok(Found { file: File::from(file), readable: false, created: false }),
                Err(errno) => return Err(DeviceError::system("open", path, errno)),
            },
            Err(errno) => return Err(DeviceError::system("open", path, errno)),
        }
    }
    Err(DeviceError::system("open", path, Errno::AGAIN))
}
