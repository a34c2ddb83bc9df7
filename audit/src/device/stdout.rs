//! The process's standard output as an audit device.
//! Never in it: buffering; what `append` counted is in the pipe, terminal or file.

use std::io;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::batch::{self, Appended, Batch};
use super::error::DeviceError;
use super::interface::{Device, Notice};

#[derive(Debug, Default)]
pub(crate) struct Stdout {
    /// The last line went out in part only; it must be ended before the next.
    unfinished: bool,
    notices: Vec<Notice>,
}

impl Device for Stdout {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        // The lock keeps whatever else the process prints out of our lines. The descriptor is written
        // directly, because the standard library takes a closed one for a success.
        let lock = io::stdout().lock();
        if self.unfinished {
            if let (_, Some(errno)) = write_all(&lock, b"\n") {
                return Appended::none(error(errno));
            }
            self.unfinished = false;
        }
        let (written, failed) = write_all(&lock, batch.bytes());
        let Some(errno) = failed else { return Appended::all(batch) };
        let lines = batch.whole_lines(written);
        if written > batch.end_of(lines) {
            self.unfinished = true;
            self.notices.push(Notice::LineCutShort);
        }
        Appended::some(lines, error(errno))
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}

fn error(errno: Errno) -> DeviceError {
    DeviceError::system("write", Path::new("/dev/stdout"), errno)
}

fn write_all(out: &io::StdoutLock<'_>, bytes: &[u8]) -> (usize, Option<Errno>) {
    batch::write_all(bytes, |rest| match rustix::io::write(out, rest) {
        // Another process that shares the descriptor made it non-blocking.
        Err(Errno::AGAIN) => poll(&mut [PollFd::new(out, PollFlags::OUT)], None).and(Err(Errno::INTR)),
        written => written,
    })
}
