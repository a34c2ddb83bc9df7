//! The files of a log at a start: from the one that the tree covered last, over those that rotations left, up to the open one.
//! Never in it: comparing lines, except to know a copy.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;

use rustix::fs::{Dir, FileType, Mode, OFlags, Stat};

use super::{Aside, Fault, Opening, Part};
use crate::evidence::attribute::FileMark;
use crate::evidence::lines;
use crate::evidence::notice::TreeEvent;
use crate::evidence::state::State;

/// The most files of the log that are looked at, and names of its directory that are read.
const FILES_MAX: usize = 512;
const NAMES_MAX: usize = 100_000;

/// A file in the directory of the log. It is opened when it is needed: there may be many.
struct Beside {
    name: CString,
    inode: u64,
    length: u64,
    mark: Option<FileMark>,
}

impl Opening<'_> {
    pub(super) fn part_of_open_file(&self, from: u64, since: Option<(u64, u64)>) -> io::Result<Part> {
        let file = self.file.file.try_clone()?;
        Ok(Part { file, inode: self.file.id.ino, from, to: self.file.end, since })
    }

    /// The files from the one that the tree covered last up to the open one, and whether none between them is missing.
    pub(super) fn path_from(&self, state: &State, size: u64) -> Result<(Vec<Part>, bool), Fault> {
        let open = self.part_of_open_file(0, None)?;
        let mark = FileMark::read(&open.file);
        let is_same =
            |inode: u64, mark: Option<FileMark>| inode == state.inode && (mark.is_some() || !state.named);
        let covered = |part: Part| {
            let length = if part.inode == self.file.id.ino { self.length } else { part.to };
            if state.offset > length {
                return Err(Fault::Aside(Aside(TreeEvent::Shorter, size, None)));
            }
            Ok(Part { from: state.offset.min(part.to), since: Some(state.since), ..part })
        };
        if !self.file.created && is_same(open.inode, mark) {
            return Ok((vec![covered(open)?], true));
        }
        let mut others = self.files_beside(state.inode)?;
        let mut parts = Vec::new();
        if let Some(at) = others.iter().position(|other| is_same(other.inode, other.mark))
            && let Some(part) = self.part_of(&others.swap_remove(at), 0)
        {
            parts.push(covered(part)?);
        }
        if parts.is_empty() && !self.file.created && self.ends_as(state, size, &open)? {
            // It was copied: another inode, and the same lines.
            return Ok((vec![covered(open)?], true));
        }
        let mut complete = !parts.is_empty();
        // Each file says which one was before it.
        let follows = |mark: &Option<FileMark>, last: u64| {
            mark.is_some_and(|mark| {
                mark.previous == last && mark.begins.is_none_or(|(at, _)| at >= state.size)
            })
        };
        let mut last = state.inode;
        while let Some(at) = others.iter().position(|other| follows(&other.mark, last)) {
            let other = others.swap_remove(at);
            let from = other.mark.and_then(|mark| mark.begins).map_or(0, |(_, offset)| offset);
            let Some(part) = self.part_of(&other, from) else { break };
            last = part.inode;
            parts.push(part);
        }
        let previous = mark.map_or(0, |mark| mark.previous);
        complete &= previous == 0 || previous == last;
        let begins = mark.and_then(|mark| mark.begins);
        // The tree had its lines before: it was put back.
        let known = begins.is_some_and(|(at, _)| at < state.size);
        complete &= !known;
        let from = if known { open.to } else { begins.map_or(0, |(_, offset)| offset).min(open.to) };
        parts.push(Part { from, ..open });
        Ok((parts, complete))
    }

    /// Whether a file has the last lines of the tree where the state says.
    fn ends_as(&self, state: &State, size: u64, part: &Part) -> Result<bool, Fault> {
        let entries = self.last_entries(size, state.size, state.since.0)?;
        let (start, end) = (state.since.1, state.offset);
        let ends = || lines::end_with(&part.file, start, end, &entries).unwrap_or(false);
        Ok(!entries.is_empty() && end > 0 && end <= part.to && ends())
    }

    /// The other files in the directory of the log that a device with a tree has written: those with a mark and a name that
    /// begins as that of the log, and the one of this inode.
    fn files_beside(&self, inode: u64) -> io::Result<Vec<Beside>> {
        let directory = self.place.directory();
        let (owner, stem) = (rustix::fs::fstat(&self.file.file)?.st_uid, self.place.stem());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listing = Dir::new(rustix::fs::openat(directory, ".", flags, Mode::empty())?)?;
        let mut files = Vec::new();
        for entry in listing.take(NAMES_MAX) {
            let entry = entry?;
            let wanted = entry.ino() == inode || entry.file_name().to_bytes().starts_with(stem);
            if !wanted || entry.ino() == self.file.id.ino || files.len() >= FILES_MAX {
                continue;
            }
            let name = entry.file_name().to_owned();
            let Some((file, stat)) = self.open_beside(&name) else { continue };
            let mark = FileMark::read(&file);
            if stat.st_uid == owner && (mark.is_some() || stat.st_ino == inode) {
                let length = u64::try_from(stat.st_size).unwrap_or(0);
                files.push(Beside { name, inode: stat.st_ino, length, mark });
            }
        }
        Ok(files)
    }

    /// A regular file in the directory of the log.
    fn open_beside(&self, name: &CStr) -> Option<(File, Stat)> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.place.directory(), name, flags, Mode::empty()).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        regular.then(|| (File::from(file), stat))
    }

    /// The lines of a file from an offset on. `None` if its name is now that of another.
    fn part_of(&self, beside: &Beside, from: u64) -> Option<Part> {
        let (file, stat) = self.open_beside(&beside.name)?;
        let (inode, to) = (beside.inode, beside.length);
        (stat.st_ino == inode).then(|| Part { file, inode, from: from.min(to), to, since: None })
    }
}
