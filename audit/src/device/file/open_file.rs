//! The open file: whole batches to its end; what was written in part is taken back or ended.
//! Never in it: opening it, or what to do after a failure.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, SeekFrom};
use rustix::io::Errno;

use super::FileOptions;
use crate::device::batch::{Batch, write_all};
use crate::device::claim::FileId;
use crate::device::error::DeviceError;
use crate::device::options::FileMode;

pub(super) struct OpenFile {
    pub(super) file: File,
    /// Its directory, as it was resolved.
    pub(super) directory: OwnedFd,
    pub(super) id: FileId,
    /// Its permissions, as they were when it was opened.
    pub(super) permissions: u32,
    pub(super) end: u64,
    /// The last line is torn and could not be ended.
    pub(super) unfinished: bool,
    /// It was not there before it was opened.
    pub(super) created: bool,
    /// It has something of its own.
    pub(super) begun: bool,
}

impl OpenFile {
    /// Whether the open file still has a name and did not shrink. Which name, only `check` looks at.
    pub(super) fn is_sound(&self) -> bool {
        rustix::fs::fstat(&self.file)
            .is_ok_and(|stat| stat.st_nlink > 0 && u64::try_from(stat.st_size).unwrap_or(0) >= self.end)
    }

    /// Looks where it ends now.
    pub(super) fn measure(&mut self) -> Result<(), Errno> {
        self.end = u64::try_from(rustix::fs::fstat(&self.file)?.st_size).unwrap_or(0);
        Ok(())
    }

    pub(super) fn settle_mode(&self, options: &FileOptions) -> Result<(), DeviceError> {
        match options.mode {
            FileMode::Exact(mode) if mode != self.permissions => {
                rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode))
                    .map_err(|errno| DeviceError::system("chmod", &options.path, errno))
            }
            FileMode::Keep | FileMode::Exact(_) => Ok(()),
        }
    }

    /// Removes a file that was made and is not needed, if it is still empty.
    pub(super) fn remove_if_empty(&self, path: &Path) {
        let empty = rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_size == 0);
        if let (true, Some(name)) = (empty, path.file_name()) {
            // Left behind, it does no harm.
            let _left_over = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
        }
    }

    pub(super) fn end_line(&mut self) -> Result<(), Errno> {
        if self.unfinished {
            rustix::io::retry_on_intr(|| rustix::io::write(&self.file, b"\n"))?;
            self.unfinished = false;
            if let Ok(end) = rustix::fs::tell(&self.file) {
                self.end = end;
            }
        }
        Ok(())
    }

    /// Writes the batch's bytes from `from` on: one call, and more only to finish what it left.
    pub(super) fn write_from(&mut self, batch: &Batch<'_>, from: usize) -> (usize, Option<Errno>) {
        let rest = batch.bytes().get(from..).unwrap_or_default();
        let (written, error) = write_all(rest, |rest| rustix::io::write(&self.file, rest));
        // In append mode the descriptor's position is where the write ended, wherever it began.
        if written > 0
            && let Ok(end) = rustix::fs::tell(&self.file)
        {
            self.end = end;
        }
        (written, error)
    }

    /// Where our last write began, if that is before `expected`: the file was made shorter.
    pub(super) const fn cut_below(&self, expected: u64, written: usize) -> Option<u64> {
        let began = self.end.saturating_sub(written as u64);
        if written > 0 && began < expected { Some(began) } else { None }
    }

    pub(super) fn is_glued(&self, place: u64) -> bool {
        let mut before = [0];
        let Some(at) = place.checked_sub(1) else { return false };
        matches!(rustix::io::pread(&self.file, &mut before, at), Ok(1)) && before != *b"\n"
    }

    /// Takes back the last `torn` bytes, if nothing was written after them.
    pub(super) fn take_back(&mut self, torn: usize) -> Result<(), Errno> {
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
        let mut open = OpenFile {
            file,
            directory,
            id: FileId { dev: 0, ino: 0 },
            permissions: 0o600,
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
}
