//! The device's end of the hand-over: tells the tree which file is written, and what was written to it. It never waits.
//! Never in it: hashing, the folder.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use super::attribute::FileMark;
use super::feed::OpenedFile;
use super::folder::path_of;
use super::keeper::{FolderKey, Joined, Keeper};
use super::notice::TreeNotice;
use super::{DeviceEvidence, lock};
use crate::device::FileId;

/// A file that the device has opened.
#[derive(Clone, Copy)]
pub(crate) struct FileHandle<'a> {
    pub(crate) file: &'a File,
    pub(crate) directory: &'a OwnedFd,
    pub(crate) path: &'a Path,
    pub(crate) id: FileId,
    /// Where it ends.
    pub(crate) end: u64,
    /// It was not there before.
    pub(crate) created: bool,
    /// No device that came before it writes to it.
    pub(crate) first: bool,
}

/// What a file device has of its tree.
pub(crate) struct Feeder {
    /// `None` for a device without a tree.
    evidence: Option<Arc<DeviceEvidence>>,
    keeper: Option<Arc<Keeper>>,
    /// The keeper, if there is one, keeps the tree of the device before it, which still writes to the file: that tree has the
    /// lines of both, and the device's own begins when the other has gone.
    guest: bool,
    file: Option<FileId>,
    /// A line of which only the beginning is in the file.
    fragment: Vec<u8>,
}

impl Feeder {
    /// Of a device with a tree; or of one without, which feeds the tree of another while both write.
    pub(crate) fn new(evidence: Option<Arc<DeviceEvidence>>) -> Self {
        if let Some(evidence) = &evidence {
            evidence.set_kept();
        }
        Self { evidence, keeper: None, guest: false, file: None, fragment: Vec::new() }
    }

    /// Whether it feeds the tree of another device, if any, between whole lines. When that device has gone it is to be told, by
    /// [`opened`](Self::opened).
    pub(crate) const fn is_guest(&self) -> bool {
        self.guest && self.fragment.is_empty()
    }

    /// Whether it feeds a tree that no device feeds any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| !keeper.is_fed())
    }

    /// The device writes to this file from now on.
    pub(crate) fn opened(&mut self, opened: FileHandle<'_>) {
        self.fragment.clear();
        self.file = None;
        match (key_and_file(&opened), self.own_keeper().cloned()) {
            (Ok((key, file)), Some(keeper)) if keeper.is_at(&key) => keeper.add_file(file),
            (found, _) => {
                self.leave();
                self.join(&opened, found);
            }
        }
        self.file = Some(opened.id);
    }

    fn join(&mut self, opened: &FileHandle<'_>, found: io::Result<(FolderKey, OpenedFile)>) {
        let Some(evidence) = &self.evidence else {
            self.guest = !opened.first;
            self.keeper = found.ok().filter(|_| self.guest).and_then(|(key, _)| Keeper::visit(&key));
            return;
        };
        let joined = found.and_then(|(key, file)| {
            let directory = opened.directory.try_clone()?;
            Keeper::join(evidence, key, directory, path_of(opened.path), file.measured(), opened.first)
        });
        match joined {
            Ok(Joined { keeper, guest }) => (self.keeper, self.guest) = (keeper, guest),
            Err(error) => return evidence.fail(&error),
        }
        match self.own_keeper() {
            Some(keeper) => *lock(&evidence.keeper) = Some(Arc::clone(keeper)),
            None => evidence.fail(&io::Error::other("another device still writes to the file")),
        }
    }

    /// These bytes were written, and end at `end` in the file.
    #[inline]
    pub(crate) fn wrote(&mut self, end: u64, bytes: &[u8], lines: usize) {
        let (Some(keeper), Some(file)) = (&self.keeper, self.file) else { return };
        if self.fragment.is_empty() && bytes.last() == Some(&b'\n') {
            keeper.add(file, end.saturating_sub(bytes.len() as u64), bytes, lines as u64);
            return;
        }
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let (lines_of_it, rest) = bytes.split_at(whole);
        if whole > 0 {
            let mut text = std::mem::take(&mut self.fragment);
            text.extend_from_slice(lines_of_it);
            let end = end.saturating_sub(rest.len() as u64);
            let count = memchr::memchr_iter(b'\n', &text).count() as u64;
            keeper.add(file, end.saturating_sub(text.len() as u64), &text, count);
        }
        self.fragment.extend_from_slice(rest);
    }

    /// A line whose beginning was written was ended with a newline, after which the file ends at `end`.
    pub(crate) fn ended_line(&mut self, end: u64) {
        // Without its beginning it is the line of another process.
        if !self.fragment.is_empty() {
            self.wrote(end, b"\n", 1);
        }
    }

    /// What happened to the tree and must be on record.
    pub(crate) fn notices(&self) -> Vec<TreeNotice> {
        self.own_keeper().map_or_else(Vec::new, |keeper| keeper.take_notices())
    }

    fn own_keeper(&self) -> Option<&Arc<Keeper>> {
        self.keeper.as_ref().filter(|_| !self.guest)
    }

    fn leave(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.leave(self.guest);
        }
        self.guest = false;
    }
}

impl Drop for Feeder {
    /// The last checkpoint is made before the device has ended, if the folder lets it.
    fn drop(&mut self) {
        let keeper = self.own_keeper().cloned();
        self.leave();
        if let Some(keeper) = keeper {
            keeper.wait_for_end();
        }
    }
}

fn key_and_file(opened: &FileHandle<'_>) -> io::Result<(FolderKey, OpenedFile)> {
    let name = opened.path.file_name().unwrap_or_default();
    let directory = FileId::of(&rustix::fs::fstat(opened.directory)?);
    let FileHandle { id, end, created, .. } = *opened;
    let mode = rustix::fs::fstat(opened.file)?.st_mode;
    let file = OpenedFile { file: opened.file.try_clone()?, id, end, mode, created, previous: 0 };
    Ok((FolderKey::new(directory, name), file))
}

/// Notes in a file that is new to the tree which one was before it.
pub(super) fn note_previous(file: &mut OpenedFile, previous: Option<FileId>) {
    let Some(previous) = previous.filter(|previous| *previous != file.id) else { return };
    file.previous = previous.ino;
    if FileMark::read(&file.file).is_none() {
        FileMark { previous: previous.ino, begins: None, covered: false }.write(&file.file);
    }
}
