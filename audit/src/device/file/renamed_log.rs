//! The device's log under another name: found in its directory after a rename.
//! Never in it: what its end shows; `unfinished` finds that.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::open_file::OpenFile;
use super::previous_file::{LogEnd, is_signed};
use super::unfinished;

/// How many names of a directory are read at most, and how many files are opened.
const NAMES_MAX: usize = 10_000;
const FILES_MAX: usize = 64;

/// The file that was the device's before it was renamed, and what it shows: the newest in the same directory with a
/// name that begins in the same way. A file of another user is not believed, nor one that was given a second name.
pub(super) fn find(open: &OpenFile, path: &Path) -> Option<(File, Option<LogEnd>)> {
    let (directory, owner) = (&open.directory, rustix::fs::fstat(&open.file).ok()?.st_uid);
    let (name, stem) = (path.file_name()?.as_bytes(), path.file_stem()?.as_bytes());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listing = Dir::new(rustix::fs::openat(directory, ".", flags, Mode::empty()).ok()?).ok()?;
    let mut files: Vec<_> = listing
        .take(NAMES_MAX)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let found = entry.file_name();
            let alike = found.to_bytes() != name && found.to_bytes().starts_with(stem);
            let stat =
                alike.then(|| rustix::fs::statat(directory, found, AtFlags::SYMLINK_NOFOLLOW).ok())??;
            let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            let age = (stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec);
            regular.then(|| (age, found.to_owned()))
        })
        .collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    files.iter().take(FILES_MAX).find_map(|(_, name)| {
        let file = File::from(rustix::fs::openat(directory, name.as_c_str(), flags, Mode::empty()).ok()?);
        let found = rustix::fs::fstat(&file).ok()?;
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let ours = regular && found.st_uid == owner && found.st_nlink == 1;
        if !ours || !is_signed(&file, path) {
            return None;
        }
        let found = unfinished::find(&file, u64::try_from(found.st_size).ok()?);
        Some((file, found))
    })
}
