//! What was on record before a file began: a log that is rotated goes on in another file, which must know what the one
//! before it has, or a kill soon after leaves holes that no gap entry reports. It is kept with the file, as an attribute.
//! Never in it: lines, or finding holes in them; `unfinished` does that.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, XattrFlags};

use super::open_file::OpenFile;
use super::unfinished::{self, Found};
use onrecord_entry::{Boot, SeqRange, SeqSet};

/// What the files before it have.
const BEFORE: &str = "user.onrecord.before";
/// The file's inode and the path by which the device knows it: they stay with it when it is renamed.
const PATH: &str = "user.onrecord.path";
const VERSION: &str = "1";
/// What ext4 takes for all attributes of a file is 4 KiB.
const BEFORE_MAX: usize = 3072;
const PATH_MAX: usize = 512;
/// How many names of a directory are looked at, and how many files.
const NAMES_MAX: usize = 10_000;
const FILES_MAX: usize = 64;

/// Stands after all else once the file has lines of its own: if it is empty then, it was emptied.
const BEGUN: &str = " +";

/// Puts into the file what those before it have, as far as its file system keeps attributes.
pub(super) fn write(file: &File, before: Option<Found>, begun: bool) {
    // What cannot be kept is not known at the next boot: holes around this moment are not reported then.
    let _as_without = match before.filter(Found::goes_on) {
        Some(before) => {
            let text = text(before) + if begun { BEGUN } else { "" };
            rustix::fs::fsetxattr(file, BEFORE, text.as_bytes(), XattrFlags::empty())
        }
        None => rustix::fs::fremovexattr(file, BEFORE),
    };
}

/// Notes that the file has lines of its own from now on.
pub(super) fn begin(file: &File) {
    if let Some(mut text) = attribute(file, BEFORE, BEFORE_MAX)
        && !text.ends_with(BEGUN.as_bytes())
    {
        text.extend_from_slice(BEGUN.as_bytes());
        let _as_without = rustix::fs::fsetxattr(file, BEFORE, &text, XattrFlags::empty());
    }
}

/// What the files before this one have, which is `empty` or not.
pub(super) fn read(file: &File, empty: bool) -> Option<Found> {
    let text = String::from_utf8(attribute(file, BEFORE, BEFORE_MAX)?).ok()?;
    match text.strip_suffix(BEGUN) {
        Some(_) if empty => None,
        Some(text) => parse(text),
        None => parse(&text),
    }
}

/// Makes the file one of the device with this path.
pub(super) fn sign(file: &File, path: &Path) {
    if let Some(signature) = signature(file, path)
        && !is_signed(file, path)
    {
        let _as_without = rustix::fs::fsetxattr(file, PATH, &signature, XattrFlags::empty());
    }
}

/// Takes that back: another file follows.
pub(super) fn unsign(file: &File) {
    let _as_without = rustix::fs::fremovexattr(file, PATH);
}

fn is_signed(file: &File, path: &Path) -> bool {
    signature(file, path)
        .is_some_and(|ours| attribute(file, PATH, PATH_MAX).is_some_and(|found| found == ours))
}

/// The inode, which a copy has not, and the path: `4711 /var/log/audit.log`.
fn signature(file: &File, path: &Path) -> Option<Vec<u8>> {
    let mut signature = format!("{} ", rustix::fs::fstat(file).ok()?.st_ino).into_bytes();
    signature.extend_from_slice(path.as_os_str().as_bytes());
    (signature.len() <= PATH_MAX).then_some(signature)
}

fn attribute(file: &File, name: &str, at_most: usize) -> Option<Vec<u8>> {
    let mut value = vec![0; at_most];
    let length = rustix::fs::fgetxattr(file, name, value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

/// The file that was the device's before it was renamed, and what it shows: the newest in the same directory with a name
/// that begins in the same way. A file of another owner is not believed, nor one that has a second name.
pub(super) fn renamed(open: &OpenFile, path: &Path) -> Option<(File, Option<Found>)> {
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

/// The attribute's text: version, boot, last number, and what of those before it is open: `1 00…2a 4711 4702 4705-4707`.
fn text(before: Found) -> String {
    let Found { boot, last, mut holes, .. } = before;
    loop {
        let mut text = format!("{VERSION} {:016x} {last}", boot.number());
        for SeqRange { from, to } in holes.iter() {
            // Writing to a string does not fail.
            let _always = if from == to { write!(text, " {from}") } else { write!(text, " {from}-{to}") };
        }
        if text.len() + BEGUN.len() <= BEFORE_MAX {
            return text;
        }
        if !holes.join_nearest() {
            holes = SeqSet::new();
        }
    }
}

/// Anything that is not as this version writes it counts as absent.
fn parse(text: &str) -> Option<Found> {
    let mut words = text.split(' ');
    if words.next()? != VERSION {
        return None;
    }
    let (boot, last) = (Boot::parse(words.next()?)?, words.next()?.parse().ok()?);
    let mut holes = SeqSet::new();
    for word in words {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        let hole = SeqRange { from: from.parse().ok()?, to: to.parse().ok()? };
        let after = holes.last().unwrap_or(0);
        if hole.from <= after || hole.to < hole.from || hole.to >= last {
            return None;
        }
        holes.insert_range(hole);
    }
    Some(Found { boot, last, holes, ended: false })
}
