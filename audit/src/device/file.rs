//! The file device: whole lines appended to a file that is opened once and looked after.
//! One `write(2)` a batch; a line that could not be written whole is taken back or ended, never left torn.
//! Never in it: which files are allowed (`safety`), what to do about a torn tail found at opening (`torn`).

mod follow;
mod kind;
mod lines;
mod numbers;
mod open_file;
mod previous_file;
mod safety;
mod torn;
mod unfinished;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Stat};
use rustix::io::Errno;

use super::batch::{Appended, Batch};
use super::claim::{Claim, FileId};
use super::error::DeviceError;
use super::interface::{Device, Notice};
use super::options::FileMode;
use super::placement::Placement;
use crate::clock::Clock;
use crate::evidence::{DeviceEvidence, Feeder, FileHandle};
use follow::PreviousFile;
pub(super) use kind::FILE;
use onrecord_entry::{Boot, SeqSet};
use open_file::OpenFile;
use previous_file::Before;

/// How often the name is compared with the open file: twice a second, so that a removal is noticed within one.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The options of a file device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// The file; a relative one is relative to the process's directory.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: FileMode,
    /// Whether the device has a line only when `fdatasync` has returned, too.
    pub fsync: bool,
    /// Whether a tree over its lines is kept beside it, where the broker is given a key for it.
    pub evidence: bool,
}

pub(crate) struct FileDevice {
    options: FileOptions,
    placement: Placement,
    clock: Arc<dyn Clock>,
    claim: Claim,
    open: Option<OpenFile>,
    before: PreviousFile,
    notices: Vec<Notice>,
    ends_with: Option<(Boot, u64)>,
    earlier_ends: Vec<(Boot, u64)>,
    declared: Vec<(Boot, SeqSet)>,
    /// The boot from whose first entry on it is enabled.
    restored_in: Option<Boot>,
    /// Takes what is written for the tree beside the file.
    tree: Option<Feeder>,
}

impl FileDevice {
    pub(crate) fn open(
        options: FileOptions,
        placement: Placement,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DeviceError> {
        let mut device = Self::closed(options, placement, clock);
        device.open_file()?;
        Ok(device)
    }

    pub(crate) fn closed(options: FileOptions, placement: Placement, clock: Arc<dyn Clock>) -> Self {
        let claim = placement.claim();
        Self {
            options,
            placement,
            clock,
            claim,
            open: None,
            before: PreviousFile::Nothing,
            notices: Vec::new(),
            ends_with: None,
            earlier_ends: Vec::new(),
            declared: Vec::new(),
            restored_in: None,
            tree: None,
        }
    }

    fn path(&self) -> &Path {
        &self.options.path
    }

    fn error(&self, call: &'static str, errno: Errno) -> DeviceError {
        DeviceError::system(call, self.path(), errno)
    }

    /// Lets go of the file. It is closed when the next one is open, or cannot be opened.
    fn close_file(&mut self) {
        if let Some(open) = self.open.take() {
            self.before = PreviousFile::Open(open);
        }
        self.claim.leave();
    }

    fn open_file(&mut self) -> Result<(), DeviceError> {
        // Looked at now if it can be: the new file is to be without it for as short as possible.
        let before = match std::mem::replace(&mut self.before, PreviousFile::Nothing) {
            PreviousFile::Open(open) if !self.is_named(open.id) => PreviousFile::Open(open).look(),
            before => before,
        };
        match self.open_checked() {
            Ok(open) => {
                self.follow(&open, before);
                self.open = Some(open);
                self.feed_file();
                Ok(())
            }
            Err(error) => {
                self.before = before.close();
                Err(error)
            }
        }
    }

    /// Tells the tree which file is written from now on: its own, or that of the device before it, which still writes to the file.
    fn feed_file(&mut self) {
        let (Some(open), first) = (&self.open, self.claim.is_first()) else { return };
        if self.tree.is_none() && !first {
            self.tree = Some(Feeder::new(None));
        }
        if let Some(tree) = &mut self.tree {
            let OpenFile { file, directory, id, end, created, .. } = open;
            let (path, id, end, created) = (&self.options.path, *id, *end, *created);
            tree.opened(FileHandle { file, directory, path, id, end, created, first });
        }
    }

    /// Has its own tree begin as soon as the device before it has gone, or feeds the tree that another one has begun since.
    fn begin_own_tree(&mut self) {
        let waits = self.tree.as_ref().filter(|tree| tree.is_guest());
        if waits.is_some_and(|tree| tree.has_ended() || self.claim.is_first()) {
            self.feed_file();
        }
    }

    fn is_named(&self, id: FileId) -> bool {
        self.named().is_ok_and(|stat| FileId::of(&stat) == id)
    }

    fn open_checked(&mut self) -> Result<OpenFile, DeviceError> {
        let mut open = safety::open(&self.options, &self.placement)?;
        if !self.claim.take(open.id) {
            return Err(DeviceError::InUse { path: Arc::from(self.path()) });
        }
        // The device before it may have written until it let the file go.
        open.measure().map_err(|errno| self.error("fstat", errno))?;
        open.settle_mode(&self.options)?;
        // What another device is writing at this moment looks torn, and must not be cut off.
        if self.claim.is_alone()
            && let Some(notice) = torn::keep_tail(&mut open, &self.options, self.clock.now())?
        {
            self.notices.push(notice);
        }
        Ok(open)
    }

    fn ready(&mut self) -> Result<(), DeviceError> {
        match &self.open {
            None => self.open_file(),
            Some(open) if open.is_sound() => Ok(()),
            Some(_) => self.check(),
        }
    }

    fn named(&self) -> Result<Stat, Errno> {
        rustix::fs::statat(CWD, self.path(), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Opens what has the name now, checked like any other; also mends a line that a truncation cut through.
    fn replace(&mut self, notice: Notice) -> Result<(), DeviceError> {
        self.close_file();
        self.notices.push(notice);
        self.open_file()
    }

    /// Writes the lines from `done` on. Says how many lines of the batch are whole in the file then.
    fn write(&mut self, batch: &Batch<'_>, done: usize) -> Appended {
        let fsync = self.options.fsync;
        let Some(open) = &mut self.open else {
            return Appended::some(done, self.error("write", Errno::BADF));
        };
        let from = batch.end_of(done);
        let (expected, unfinished) = (open.end, open.unfinished);
        let outcome =
            open.end_line().map_or_else(|errno| (0, Some(errno)), |()| open.write_from(batch, from));
        if unfinished && !open.unfinished {
            feed_end_of_line(&mut self.tree, open.end.saturating_sub(outcome.0 as u64));
        }
        let whole = batch.whole_lines(from + outcome.0) > done;
        if whole && !std::mem::replace(&mut open.begun, true) {
            previous_file::begin(&open.file);
        }
        if let Some(began) = open.cut_below(expected, outcome.0) {
            previous_file::write(&open.file, &Before::Unknown, true);
            // The file was cut after it was looked at. Where that went through a line, ours hangs on to it, and is
            // taken back to be written again.
            self.notices.push(Notice::Truncated { from: expected, to: began });
            if open.is_glued(began) && open.take_back(outcome.0).is_ok() {
                return Appended::some(done, self.error("write", Errno::AGAIN));
            }
        }
        if outcome.1.is_none() {
            feed(&mut self.tree, open.end, batch, done..batch.lines(), from + outcome.0);
        }
        let written = match outcome {
            (_, None) if fsync => match rustix::io::retry_on_intr(|| rustix::fs::fdatasync(&open.file)) {
                Ok(()) => return Appended::all(batch),
                // All of it may be in the file, yet nothing says that it stays: the device does not have it.
                Err(errno) => return Appended::some(done, self.error("fdatasync", errno)),
            },
            (_, None) => return Appended::all(batch),
            (count, Some(errno)) => (from + count, errno),
        };
        let (position, errno) = written;
        let lines = batch.whole_lines(position).max(done);
        let torn = position.saturating_sub(batch.end_of(lines));
        if torn > 0 && open.take_back(torn).is_err() {
            open.unfinished = true;
            self.notices.push(Notice::LineCutShort);
            feed(&mut self.tree, open.end, batch, done..lines, position);
            // If there is room for one byte, it is ended at once; otherwise before the next line.
            open.unfinished = open.end_line().is_err();
            if !open.unfinished {
                feed_end_of_line(&mut self.tree, open.end);
            }
        } else {
            feed(&mut self.tree, open.end, batch, done..lines, position - torn);
        }
        Appended::some(lines, self.error("write", errno))
    }
}

/// Hands over what is in the file of a batch: its bytes from these lines on up to a position, which end at `end`.
#[inline]
fn feed(tree: &mut Option<Feeder>, end: u64, batch: &Batch<'_>, lines: Range<usize>, to: usize) {
    if let Some(tree) = tree
        && let Some(bytes) =
            batch.bytes().get(batch.end_of(lines.start)..to).filter(|bytes| !bytes.is_empty())
    {
        tree.wrote(end, bytes, lines.len());
    }
}

fn feed_end_of_line(tree: &mut Option<Feeder>, end: u64) {
    if let Some(tree) = tree {
        tree.ended_line(end);
    }
}

impl Device for FileDevice {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        if let Err(error) = self.ready() {
            return Appended::none(error);
        }
        self.begin_own_tree();
        let first = self.write(batch, 0);
        // Only a write that failed is done again: after a failed sync the lines may well be in the file.
        // Reopening the file does not help when the disk is full; otherwise the handle may have gone bad (the file system was mounted
        // again, or its server restarted), and a new one is tried once.
        match &first.error {
            Some(DeviceError::System { call: "write", errno, .. }) if !errno.is_no_room() => {}
            _ => return first,
        }
        self.close_file();
        match self.open_file() {
            Ok(()) => self.write(batch, first.lines),
            Err(_) => first,
        }
    }

    fn reopen(&mut self) -> Result<(), DeviceError> {
        self.close_file();
        self.open_file()
    }

    fn sync(&mut self) -> Result<(), DeviceError> {
        self.begin_own_tree();
        let Some(open) = &self.open else { return Ok(()) };
        rustix::io::retry_on_intr(|| rustix::fs::fdatasync(&open.file))
            .map_err(|errno| self.error("fdatasync", errno))
    }

    /// Compares the name with the open file. A file that is gone is made again; another in its place is used.
    fn check(&mut self) -> Result<(), DeviceError> {
        self.begin_own_tree();
        let Some(open) = &self.open else { return self.open_file() };
        let stat = match self.named() {
            Ok(stat) => stat,
            Err(Errno::NOENT) => {
                let moved = rustix::fs::fstat(&open.file).is_ok_and(|stat| stat.st_nlink > 0);
                return self.replace(if moved { Notice::Moved } else { Notice::Removed });
            }
            Err(errno) => {
                let error = self.error("stat", errno);
                self.close_file();
                return Err(error);
            }
        };
        if FileId::of(&stat) != open.id {
            return self.replace(Notice::Replaced);
        }
        let (from, to) = (open.end, u64::try_from(stat.st_size).unwrap_or(0));
        if to >= from {
            return Ok(());
        }
        // What is here now does not follow what was there before the file.
        previous_file::write(&open.file, &Before::Unknown, true);
        self.replace(Notice::Truncated { from, to })
    }

    fn check_every(&self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }

    fn withdraw(&mut self) {
        if let Some(open) = self.open.take_if(|open| open.created) {
            open.remove_if_empty(&self.options.path);
        }
        self.close_file();
    }

    fn restored(&mut self, boot: Boot) {
        self.restored_in = Some(boot);
        if let Some(open) = &self.open {
            previous_file::note_restored(&open.file, boot);
        }
    }

    fn ends_with(&self) -> Option<(Boot, u64)> {
        self.ends_with
    }

    fn earlier_ends(&self) -> Vec<(Boot, u64)> {
        self.earlier_ends.clone()
    }

    fn declared(&self) -> Vec<(Boot, SeqSet)> {
        self.declared.clone()
    }

    fn notices(&mut self) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        if let Some(tree) = &self.tree {
            notices.extend(tree.notices().into_iter().map(Notice::Tree));
        }
        notices
    }

    fn keep_evidence(&mut self, evidence: &Arc<DeviceEvidence>) {
        if self.options.evidence {
            self.tree = Some(Feeder::new(Some(Arc::clone(evidence))));
            self.feed_file();
        }
    }

    fn claim(&self) -> Option<Claim> {
        Some(self.claim.clone())
    }
}

impl Drop for FileDevice {
    /// Others keep clones of the claim; nothing is written behind it any more.
    fn drop(&mut self) {
        self.close_file();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_that_is_cut_between_the_check_and_the_write_is_reported_and_joins_no_lines() {
        let line = |text: &str| format!("{{\"time\":\"{text}\"}}\n");
        for (kept, glued) in [(line("one").len(), false), (line("one").len() + 3, true)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.log");
            let options =
                FileOptions { path: path.clone(), mode: FileMode::default(), fsync: false, evidence: false };
            let clock = Arc::new(crate::SystemClock::new());
            let mut device = FileDevice::open(options, Placement::api(), clock).unwrap();
            let text = line("one") + &line("two");
            let ends = [text.len() / 2, text.len()];
            let batch = Batch::new(text.as_bytes(), &ends);
            assert!(device.append(&batch).error.is_none());
            File::options().write(true).open(&path).unwrap().set_len(kept as u64).unwrap();
            // The check before the write did not see it.
            let more = line("three");
            let ends = [more.len()];
            let batch = Batch::new(more.as_bytes(), &ends);
            let written = device.write(&batch, 0);
            assert_eq!(written.error.is_some(), glued);
            let notice = Notice::Truncated { from: text.len() as u64, to: kept as u64 };
            assert_eq!(device.notices(), [notice]);
            let found = std::fs::read_to_string(&path).unwrap();
            assert_eq!(found, if glued { text[..kept].to_owned() } else { line("one") + &more });
        }
    }
}
