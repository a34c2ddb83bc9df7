//! The file device: whole lines appended to a file that is opened once and looked after.
//! One `write(2)` a batch; a line that could not be written whole is taken back or ended, never left torn.
//! Never in it: which files are allowed (`safety`), what to do about a torn tail found at opening (`torn`).

mod before;
mod kind;
mod options;
mod preflight;
mod safety;
mod torn;
mod unfinished;
mod watch;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::batch::{Appended, Batch};
use super::claim::{Claim, FileId};
use super::error::DeviceError;
use super::interface::Device;
use super::notice::Notice;
use super::placement::Placement;
use crate::clock::Clock;
pub(super) use kind::FileKind;
use onrecord_entry::Boot;
pub use options::FileOptions;
use unfinished::Found;

/// How often the name is compared with the open file: twice a second, so that a removal is noticed within one.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Appends to a file.
pub(crate) struct FileDevice {
    options: FileOptions,
    placement: Placement,
    clock: Arc<dyn Clock>,
    claim: Claim,
    open: Option<Open>,
    before: Before,
    notices: Vec<Notice>,
    ends_with: Option<(Boot, u64)>,
}

/// What the device wrote to before the file that it opens next.
enum Before {
    /// Nothing: it has not had a file yet.
    Nothing,
    /// A file which is not closed yet, so that its end can be read.
    Open(Open),
    /// A file whose end was looked at, and what it was. It is closed, or is when the next one is open.
    Looked(FileId, Option<Found>, Option<File>),
}

impl Before {
    fn look(self) -> Self {
        match self {
            Self::Open(open) => Self::Looked(open.id, open.known(), Some(open.file)),
            looked => looked,
        }
    }

    /// What its end was is kept here alone from now on: another file may follow it before a start looks for it.
    fn close(self) -> Self {
        match self.look() {
            Self::Looked(id, known, file) => {
                file.inspect(before::unsign);
                Self::Looked(id, known, None)
            }
            nothing => nothing,
        }
    }
}

/// The open file.
struct Open {
    file: File,
    /// Its directory, as it was resolved.
    directory: OwnedFd,
    id: FileId,
    /// Where our last write ended.
    end: u64,
    /// The last line is torn and could not be ended.
    unfinished: bool,
    /// It was not there before it was opened.
    created: bool,
    /// It has something of its own.
    begun: bool,
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
            before: Before::Nothing,
            notices: Vec::new(),
            ends_with: None,
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
            self.before = Before::Open(open);
        }
        self.claim.leave();
    }

    /// Opens the file, checked, and makes it follow the one before.
    fn open_file(&mut self) -> Result<(), DeviceError> {
        // Looked at now if it can be: the new file is to be without it for as short as possible.
        let before = match std::mem::replace(&mut self.before, Before::Nothing) {
            Before::Open(open) if !self.is_named(open.id) => Before::Open(open).look(),
            before => before,
        };
        match self.open_checked() {
            Ok(open) => {
                self.follow(&open, before);
                self.open = Some(open);
                Ok(())
            }
            Err(error) => {
                self.before = before.close();
                Err(error)
            }
        }
    }

    /// Whether its name leads to this file.
    fn is_named(&self, id: FileId) -> bool {
        watch::named(self).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (id.dev, id.ino))
    }

    fn open_checked(&mut self) -> Result<Open, DeviceError> {
        let opened = safety::open(&self.options, &self.placement)?;
        if !self.claim.take(opened.id) {
            return Err(DeviceError::InUse { path: Arc::from(self.path()) });
        }
        opened.settle_mode(&self.options)?;
        let mut open = Open {
            file: opened.file,
            directory: opened.directory,
            id: opened.id,
            end: opened.size,
            unfinished: false,
            created: opened.created,
            begun: opened.size > 0,
        };
        // What another device is writing at this moment looks torn, and must not be cut off.
        if self.claim.is_alone()
            && let Some(notice) = torn::keep_tail(&mut open, &self.options, self.clock.now())?
        {
            self.notices.push(notice);
        }
        Ok(open)
    }

    /// Lets a file that was opened begin where the one before ends, and looks what an earlier start left behind.
    fn follow(&mut self, open: &Open, before: Before) {
        before::sign(&open.file, self.path());
        let (known, first, mut old) = match before {
            Before::Open(last) if last.id == open.id => return,
            // The number of a file that is gone may be that of a new one.
            Before::Looked(id, ..) if id == open.id && !open.created => return,
            Before::Open(last) => (last.known(), false, Some(last.file)),
            Before::Looked(_, known, file) => (known, false, file),
            Before::Nothing => (None, true, None),
        };
        let boot = known.as_ref().map(|known| known.boot);
        if !first {
            before::write(&open.file, known, open.begun);
        }
        let mut found = unfinished::find(&open.file, open.end);
        // A file that has something is not new, even if that cannot be read.
        if first && found.is_none() && !open.begun {
            // Whoever renamed the log may have come before the end of the start that wrote it.
            let renamed = before::renamed(open, self.path());
            (old, found) = renamed.map_or((None, None), |(file, found)| (Some(file), found));
            found = found.filter(Found::goes_on);
            before::write(&open.file, found.clone(), open.begun);
        }
        // Once another file follows it, its end is not that of the log.
        old.as_ref().inspect(|old| before::unsign(old));
        if let Some(found) = found.filter(|found| boot != Some(found.boot)) {
            self.ends_with = Some((found.boot, found.last));
            self.notices.extend(found.notice());
        }
    }

    /// Makes sure that there is a file with its name to write to.
    fn ready(&mut self) -> Result<(), DeviceError> {
        match &self.open {
            None => self.open_file(),
            Some(open) if open.is_sound() => Ok(()),
            Some(_) => self.check(),
        }
    }

    /// Writes the lines from `done` on. Says how many lines of the batch are whole in the file then.
    fn write(&mut self, batch: &Batch<'_>, done: usize) -> Appended {
        let fsync = self.options.fsync;
        let Some(open) = &mut self.open else {
            return Appended::some(done, self.error("write", Errno::BADF));
        };
        let from = batch.end_of(done);
        let expected = open.end;
        let outcome =
            open.end_line().map_or_else(|errno| (0, Some(errno)), |()| open.write_from(batch, from));
        let whole = batch.whole_lines(from + outcome.0) > done;
        if whole && !std::mem::replace(&mut open.begun, true) {
            before::begin(&open.file);
        }
        if let Some(began) = open.cut_below(expected, outcome.0) {
            before::write(&open.file, None, true);
            // The file was cut after it was looked at. Where that went through a line, ours hangs on to it, and is
            // taken back to be written again.
            self.notices.push(Notice::Truncated { from: expected, to: began });
            if open.is_glued(began) && open.take_back(outcome.0).is_ok() {
                return Appended::some(done, self.error("write", Errno::AGAIN));
            }
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
            // If there is room for one byte, it is ended at once; otherwise before the next line.
            open.unfinished = open.end_line().is_err();
        }
        Appended::some(lines, self.error("write", errno))
    }
}

impl Open {
    /// What its end shows.
    fn known(&self) -> Option<Found> {
        let size = rustix::fs::fstat(&self.file).ok()?.st_size;
        unfinished::find(&self.file, u64::try_from(size).ok()?)
    }

    /// Whether the open file still has a name and did not shrink. Which name, only `check` looks at.
    fn is_sound(&self) -> bool {
        rustix::fs::fstat(&self.file)
            .is_ok_and(|stat| stat.st_nlink > 0 && u64::try_from(stat.st_size).unwrap_or(0) >= self.end)
    }

    fn end_line(&mut self) -> Result<(), Errno> {
        if self.unfinished {
            rustix::io::retry_on_intr(|| rustix::io::write(&self.file, b"\n"))?;
            self.unfinished = false;
        }
        Ok(())
    }

    /// Writes the batch's bytes from `from` on: one call, and more only to finish what it left.
    fn write_from(&mut self, batch: &Batch<'_>, from: usize) -> (usize, Option<Errno>) {
        let mut written = 0;
        let error = loop {
            let Some(rest) = batch.bytes().get(from + written..).filter(|rest| !rest.is_empty()) else {
                break None;
            };
            match rustix::io::write(&self.file, rest) {
                Ok(0) => break Some(Errno::IO),
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(errno) => break Some(errno),
            }
        };
        // In append mode the descriptor's position is where the write ended, wherever it began.
        if written > 0
            && let Ok(end) = rustix::fs::tell(&self.file)
        {
            self.end = end;
        }
        (written, error)
    }

    /// Where our last write began, if that is before `expected`: somebody has made the file shorter.
    const fn cut_below(&self, expected: u64, written: usize) -> Option<u64> {
        let began = self.end.saturating_sub(written as u64);
        if written > 0 && began < expected { Some(began) } else { None }
    }

    /// Whether what stands before this place is no whole line.
    fn is_glued(&self, place: u64) -> bool {
        let mut before = [0];
        let Some(at) = place.checked_sub(1) else { return false };
        matches!(rustix::io::pread(&self.file, &mut before, at), Ok(1)) && before != *b"\n"
    }

    /// Takes back the last `torn` bytes, if nobody has written after them.
    fn take_back(&mut self, torn: usize) -> Result<(), Errno> {
        let end = rustix::fs::seek(&self.file, SeekFrom::Current(0))?;
        let size = u64::try_from(rustix::fs::fstat(&self.file)?.st_size).unwrap_or(0);
        let keep = end.saturating_sub(u64::try_from(torn).unwrap_or(u64::MAX));
        if size != end {
            return Err(Errno::AGAIN);
        }
        rustix::io::retry_on_intr(|| rustix::fs::ftruncate(&self.file, keep))?;
        self.end = keep;
        Ok(())
    }
}

impl Device for FileDevice {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        if let Err(error) = self.ready() {
            return Appended::none(error);
        }
        let first = self.write(batch, 0);
        // Only a write that failed is done again: after a failed sync the lines may well be in the file.
        // A full disk is no matter of the handle; otherwise it may have gone bad (the file system was mounted
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
        let Some(open) = &self.open else { return Ok(()) };
        rustix::io::retry_on_intr(|| rustix::fs::fdatasync(&open.file))
            .map_err(|errno| self.error("fdatasync", errno))
    }

    fn check(&mut self) -> Result<(), DeviceError> {
        watch::look(self)
    }

    fn check_every(&self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }

    fn withdraw(&mut self) {
        if let Some(open) = self.open.take_if(|open| open.created) {
            safety::unmake_file(&open.file, &open.directory, &self.options.path);
        }
        self.close_file();
    }

    fn ends_with(&self) -> Option<(Boot, u64)> {
        self.ends_with
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
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
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_torn_line_is_taken_back_only_if_nothing_came_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let append = || File::options().append(true).create(true).open(&path).unwrap();
        let (file, mut other) = (append(), append());
        let directory = OwnedFd::from(File::open(dir.path()).unwrap());
        let mut open = Open {
            file,
            directory,
            id: FileId { dev: 0, ino: 0 },
            end: 0,
            unfinished: false,
            created: true,
            begun: false,
        };
        let batch = Batch::new(b"one\ntw", &[4, 6]);
        assert_eq!(open.write_from(&batch, 0), (6, None));
        assert_eq!(open.take_back(2), Ok(()));
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), open.end), ("one\n", 4));

        assert_eq!(open.write_from(&batch, 4), (2, None));
        other.write_all(b"three\n").unwrap();
        assert_eq!(open.take_back(2), Err(Errno::AGAIN));
        open.unfinished = true;
        assert_eq!(open.end_line(), Ok(()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwthree\n\n");
    }

    #[test]
    fn a_file_that_is_cut_between_the_look_and_the_write_is_told_and_glues_nothing() {
        let line = |text: &str| format!("{{\"time\":\"{text}\"}}\n");
        for (kept, glued) in [(line("one").len(), false), (line("one").len() + 3, true)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.log");
            let options = FileOptions {
                path: path.clone(),
                mode: crate::device::options::FileMode::default(),
                fsync: false,
            };
            let clock = Arc::new(crate::SystemClock::new());
            let mut device = FileDevice::open(options, Placement::api(), clock).unwrap();
            let text = line("one") + &line("two");
            let ends = [text.len() / 2, text.len()];
            let batch = Batch::new(text.as_bytes(), &ends);
            assert!(device.append(&batch).error.is_none());
            File::options().write(true).open(&path).unwrap().set_len(kept as u64).unwrap();
            // Whoever looked before saw nothing of it.
            let more = line("three");
            let ends = [more.len()];
            let batch = Batch::new(more.as_bytes(), &ends);
            let written = device.write(&batch, 0);
            assert_eq!(written.error.is_some(), glued);
            let told = Notice::Truncated { from: text.len() as u64, to: kept as u64 };
            assert_eq!(device.notices(), [told]);
            let found = std::fs::read_to_string(&path).unwrap();
            assert_eq!(found, if glued { text[..kept].to_owned() } else { line("one") + &more });
        }
    }
}
