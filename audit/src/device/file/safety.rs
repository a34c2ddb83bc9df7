//! Opening a file so that the server cannot be made to write where it must not (decision 5): every check is made
//! on an opened descriptor, and each step goes on from the descriptor that was checked.
//! Never in it: what an unsafe file is good for otherwise.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::FileOptions;
use super::open_file::OpenFile;
use super::torn;
use crate::device::claim::FileId;
use crate::device::error::{DeviceError, Violation};
use crate::device::options::FileMode;
use crate::device::placement::{Location, Placement};

/// A file as it was opened in its directory, not checked yet.
struct Unchecked {
    file: File,
    readable: bool,
    created: bool,
}

/// Opens the file of `options`, made with its directories if need be, and checks it.
pub(super) fn open(options: &FileOptions, placement: &Placement) -> Result<OpenFile, DeviceError> {
    let path = options.path.as_path();
    let refuse = |violation| DeviceError::Unsafe { path: Arc::from(path), violation };
    let raw = path.as_os_str().as_bytes();
    let dotted = raw.split(|&byte| byte == b'/').any(|part| part == b"." || part == b"..");
    if placement.limited && dotted {
        return Err(refuse(Violation::DotComponent));
    }
    let Some(name) = path.file_name().filter(|_| !raw.ends_with(b"/")) else {
        let errno = if raw.is_empty() { Errno::NOENT } else { Errno::ISDIR };
        return Err(DeviceError::system("open", path, errno));
    };
    if !placement.allows_name(name.as_bytes()) {
        return Err(refuse(Violation::Name));
    }
    let mut made = Vec::new();
    let opened = open_directory(options, placement, &mut made)
        .and_then(|directory| open_in(&directory, name, options).map(|found| (directory, found)));
    let (directory, Unchecked { file, readable, created }) =
        opened.inspect_err(|_| remove_directories(&made))?;
    let stat = rustix::fs::fstat(&file).map_err(|errno| DeviceError::system("stat", path, errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refuse(Violation::NotRegular));
    }
    if stat.st_nlink != 1 {
        return Err(refuse(Violation::SeveralLinks));
    }
    let id = FileId::of(&stat);
    if let Err(violation) = check_file(&file, &directory, id, placement) {
        if created {
            // It is empty and nothing uses it: it does no harm if it stays.
            let _left_over = rustix::fs::unlinkat(&directory, name, AtFlags::empty());
            remove_directories(&made);
        }
        return Err(refuse(violation));
    }
    let permissions = stat.st_mode & 0o7777;
    if permissions & 0o6111 != 0 {
        return Err(refuse(Violation::Executable));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if placement.limited && size > 0 && !(readable && torn::begins_with_an_entry(&file)) {
        return Err(refuse(Violation::ForeignContent));
    }
    let (unfinished, begun) = (false, size > 0);
    Ok(OpenFile { file, directory, id, permissions, end: size, unfinished, created, begun })
}

/// Whether the file could be written to: opens it as a device would, checks it, and takes back what had to be made for
/// that.
pub(super) fn preflight(options: &FileOptions, placement: &Placement) -> Result<(), DeviceError> {
    let above = options.path.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty());
    // The deepest comes first.
    let missing: Vec<_> = above.take_while(|directory| !directory.exists()).collect();
    let opened = open(options, placement);
    if let Ok(opened) = &opened
        && opened.created
    {
        opened.remove_if_empty(&options.path);
    }
    for directory in missing {
        // Another process may have put something there meanwhile.
        let _left_over = std::fs::remove_dir(directory);
    }
    opened.map(drop)
}

const SEARCH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory that was made, by its name in another.
type Made<'a> = (OwnedFd, &'a OsStr);

/// Removes directories that were made for a file that could not be. What others put there meanwhile stays.
fn remove_directories(made: &[Made<'_>]) {
    for (parent, name) in made.iter().rev() {
        if rustix::fs::unlinkat(parent, *name, AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
}

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
    check_location(&at, &missing, options, placement)?;
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
    check_location(&at, &[], options, placement)?;
    Ok(at)
}

/// Checks where an opened directory really is, with what will be made in it.
fn check_location(
    directory: &OwnedFd,
    missing: &[&OsStr],
    options: &FileOptions,
    placement: &Placement,
) -> Result<(), DeviceError> {
    if !placement.limited {
        return Ok(());
    }
    let refuse = |violation| DeviceError::Unsafe { path: Arc::from(options.path.as_path()), violation };
    let location = Location::of_directory(directory).ok_or_else(|| refuse(Violation::Unresolvable))?;
    if placement.allows_location(&location.join(missing)) {
        Ok(())
    } else {
        Err(refuse(Violation::Directory))
    }
}

/// Checks where an opened file really is: it may be a mount of its own, and one of the server's files.
fn check_file(file: &File, directory: &OwnedFd, id: FileId, placement: &Placement) -> Result<(), Violation> {
    if !placement.limited {
        return Ok(());
    }
    let location = Location::of_file(file, directory).ok_or(Violation::Unresolvable)?;
    if placement.allows_location(&location) && !placement.is_own_file(id) {
        Ok(())
    } else {
        Err(Violation::Directory)
    }
}

const APPEND: OFlags = OFlags::APPEND
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY)
    .union(OFlags::NONBLOCK);

/// Opens or makes the file itself. Says whether it can be read, too.
fn open_in(directory: &OwnedFd, name: &OsStr, options: &FileOptions) -> Result<Unchecked, DeviceError> {
    let path = options.path.as_path();
    let refuse = |violation| Err(DeviceError::Unsafe { path: Arc::from(path), violation });
    let failed = |call, errno| Err(DeviceError::system(call, path, errno));
    let unchecked = |file, readable, created| Ok(Unchecked { file: File::from(file), readable, created });
    // Others may make or remove the file between two steps; then the steps are gone through again.
    for _ in 0..8 {
        match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {}
                FileType::Symlink => return refuse(Violation::SymbolicLink),
                FileType::Directory => return failed("open", Errno::ISDIR),
                // Not even opened: opening alone can act on a device or wake a reader.
                _ => return refuse(Violation::NotRegular),
            },
            Err(Errno::NOENT) => {
                let FileMode::Exact(mode) = options.mode else { return failed("stat", Errno::NOENT) };
                let mode = Mode::from_raw_mode(mode & 0o600);
                let flags = APPEND | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
                match retry_on_intr(|| rustix::fs::openat(directory, name, flags, mode)) {
                    Ok(file) => return unchecked(file, true, true),
                    Err(Errno::EXIST) => continue,
                    Err(errno) => return failed("open", errno),
                }
            }
            Err(errno) => return failed("open", errno),
        }
        let open =
            |access| retry_on_intr(|| rustix::fs::openat(directory, name, APPEND | access, Mode::empty()));
        match open(OFlags::RDWR) {
            Ok(file) => return unchecked(file, true, false),
            Err(Errno::NOENT) => {}
            Err(Errno::LOOP) => return refuse(Violation::SymbolicLink),
            // A file that we may only write to.
            Err(Errno::ACCESS) => match open(OFlags::WRONLY) {
                Ok(file) => return unchecked(file, false, false),
                Err(errno) => return failed("open", errno),
            },
            Err(errno) => return failed("open", errno),
        }
    }
    failed("open", Errno::AGAIN)
}
