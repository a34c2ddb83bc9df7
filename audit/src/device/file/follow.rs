//! A file that the device opens goes on where the one before ends, and shows what earlier starts left behind.
//! Never in it: reading lines (`unfinished`), or how what is known is kept (`previous_file`).

use std::fs::File;

use super::open_file::OpenFile;
use super::previous_file::{self, Before, LogEnd};
use super::unfinished::LogEnds;
use super::{FileDevice, unfinished};
use crate::device::claim::FileId;

/// What the device wrote to before the file that it opens next.
pub(super) enum PreviousFile {
    Nothing,
    /// A file which is not closed yet, so that its end can be read.
    Open(OpenFile),
    /// A file whose end was looked at, and what it was. It is closed, or is when the next one is open.
    Looked(FileId, Before, Option<File>),
}

impl PreviousFile {
    pub(super) fn look(self) -> Self {
        match self {
            Self::Open(open) => Self::Looked(open.id, log_end(&open), Some(open.file)),
            looked => looked,
        }
    }

    /// What its end was is kept here alone from now on: another file may follow it before a start looks for it.
    pub(super) fn close(self) -> Self {
        match self.look() {
            Self::Looked(id, known, file) => {
                file.inspect(previous_file::unsign);
                Self::Looked(id, known, None)
            }
            nothing => nothing,
        }
    }
}

impl FileDevice {
    /// Lets a file that was opened begin where the one before ends, and looks what an earlier start left behind.
    pub(super) fn follow(&mut self, open: &OpenFile, before: PreviousFile) {
        previous_file::sign(&open.file, self.path(), open.begun);
        let (known, first, mut old) = match before {
            PreviousFile::Open(last) if last.id == open.id => return,
            // The number of a file that is gone may be that of a new one.
            PreviousFile::Looked(id, ..) if id == open.id && !open.created => return,
            PreviousFile::Open(last) => (log_end(&last), false, Some(last.file)),
            PreviousFile::Looked(_, known, file) => (known, false, file),
            PreviousFile::Nothing => (Before::Nothing, true, None),
        };
        let boot = known.boot();
        // Whether the device has no entry of this boot in another file.
        let fresh = first || !open.begun && !matches!(known, Before::Unknown) && boot != self.restored_in;
        if !first {
            previous_file::write(&open.file, &known.of_next_file(), open.begun);
        }
        let mut found = unfinished::find(&open.file, open.end);
        // A file that has something is not new, even if that cannot be read.
        if first && found.newest.boot().is_none() && !open.begun {
            // The log may have been renamed before the end of the start that wrote it.
            let renamed = unfinished::find_renamed(open, self.path());
            (old, found) = renamed
                .map_or((None, LogEnds::without_lines(Before::Nothing)), |(file, ends)| (Some(file), ends));
            found.newest = found.newest.of_next_file();
            previous_file::write(&open.file, &found.newest, open.begun);
        }
        if let Some(boot) = self.restored_in.filter(|_| fresh) {
            previous_file::note_restored(&open.file, boot);
        }
        // Once another file follows it, its end is not that of the log.
        old.as_ref().inspect(|old| previous_file::unsign(old));
        if let Before::End(newest) = found.newest
            && boot != Some(newest.boot)
        {
            self.ends_with = Some((newest.boot, newest.last));
            if first {
                self.earlier_ends = found.earlier.iter().map(|end| (end.boot, end.last)).collect();
                self.declared = found.declared;
                self.notices.extend(found.earlier.into_iter().filter_map(LogEnd::notice));
            }
            self.notices.extend(newest.notice());
        }
    }
}

fn log_end(open: &OpenFile) -> Before {
    let size = rustix::fs::fstat(&open.file).ok().and_then(|stat| u64::try_from(stat.st_size).ok());
    size.map_or(Before::Unknown, |size| unfinished::find(&open.file, size).newest)
}
