//! The seam to whatever takes lines: blocking code that knows nothing of threads, queues or entries.
//! Never in it: waiting for other devices, hashing, formatting.

mod claim;
mod discard;
mod drill;
mod errno;
#[cfg(feature = "test-support")]
pub mod fault;
mod file;
pub mod net;
mod options;
mod placement;
mod socket;
mod stdout;
mod switch;
mod syslog;

use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use claim::Claim;
pub(crate) use drill::DrillControl;
pub use drill::{DRILL_MAX, Drill, DrillError, DrillNews, DrillStatus};
pub use errno::Errno;
pub use file::Violation;
pub use net::{NetCause, NetError, Network};
use onrecord_entry::{Boot, SeqSet};
use onrecord_value::printable::Printable;
pub use options::{
    DeviceOptions, Facility, FileMode, FileOptions, OptionError, SocketOptions, SyslogOptions, Target,
    check_prefix,
};
pub use placement::{AddressBlock, AddressBlockError, Placement};

/// Takes lines. One thread calls it, one call at a time; a call may block.
pub trait Device: Send {
    /// Appends whole lines, in order, and says how many the device *has* now: for a file, `write(2)` returned.
    /// Lines after those counted are taken to be missing, and no part of one may stay behind unmarked.
    fn append(&mut self, batch: &Batch<'_>) -> Appended;

    /// Opens again what is behind the device, after it was moved away on purpose (SIGHUP).
    fn reopen(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Makes what was appended as durable as it can be; asked at shutdown.
    fn sync(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Takes back what opening the device has made: it is not wanted after all, and has no line.
    fn withdraw(&mut self) {}

    /// Looks whether what is behind the device is still there, and repairs it. Cheap; called about every
    /// [`check_every`](Self::check_every), idle or not.
    fn check(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// How often [`check`](Self::check) is wanted; `None` for never. Asked once.
    fn check_every(&self) -> Option<Duration> {
        None
    }

    /// What the device found out and must be on record itself. Each is handed out once.
    fn notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }

    /// The last entry that was behind the device when it was opened, as far as that can be read back: its start and its
    /// number, or a larger one up to which the log tells what is missing.
    fn ends_with(&self) -> Option<(Boot, u64)> {
        None
    }

    /// The hold on what is behind the device, which the broker lets go when the device is disabled
    /// although a hung call may still own the device itself.
    fn claim(&self) -> Option<Claim> {
        None
    }

    /// Whether the device throws everything away. It then never sees a line, and counts for the rule only
    /// where all devices do the same.
    fn discards(&self) -> bool {
        false
    }
}

/// Lines which go out in one write.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Batch<'a> {
    /// Lines in one buffer. `ends` ascends, is the position after each line's newline, and ends at the buffer's end.
    pub const fn new(bytes: &'a [u8], ends: &'a [usize]) -> Self {
        Self { bytes, ends }
    }

    /// All bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many lines.
    pub const fn lines(&self) -> usize {
        self.ends.len()
    }

    /// How many lines are whole in the first `written` bytes.
    pub fn whole_lines(&self, written: usize) -> usize {
        self.ends.partition_point(|&end| end <= written)
    }

    /// Where the first `lines` lines end.
    pub fn end_of(&self, lines: usize) -> usize {
        lines.checked_sub(1).map_or(0, |last| self.ends.get(last).copied().unwrap_or(self.bytes.len()))
    }

    /// Each line with its newline.
    pub fn each(&self) -> impl Iterator<Item = &'a [u8]> {
        let (bytes, ends) = (self.bytes, self.ends);
        (0..ends.len()).filter_map(move |at| {
            let start = if at == 0 { 0 } else { ends.get(at - 1).copied()? };
            bytes.get(start..ends.get(at).copied()?)
        })
    }
}

/// The answer to a batch.
#[derive(Clone, Debug)]
#[must_use]
pub struct Appended {
    /// How many lines, from the first on, the device has, but for those named in `unfit`.
    pub lines: usize,
    /// Why it does not have those after them. It has failed then.
    pub error: Option<DeviceError>,
    /// Lines among the first `lines` which it does not have because no try could ever send them, in ascending order.
    /// They say nothing about the device's health.
    pub unfit: Vec<Unfit>,
}

/// A line that a device cannot take for what it is: it is too long for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Its place in the batch, from 0.
    pub line: usize,
    /// Why.
    pub error: DeviceError,
}

impl Appended {
    /// The device has all of it.
    pub const fn all(batch: &Batch<'_>) -> Self {
        Self { lines: batch.lines(), error: None, unfit: Vec::new() }
    }

    /// The device has nothing of it.
    pub const fn none(error: DeviceError) -> Self {
        Self::some(0, error)
    }

    /// The device has the first lines.
    pub const fn some(lines: usize, error: DeviceError) -> Self {
        Self { lines, error: Some(error), unfit: Vec::new() }
    }

    /// The same, but for these lines.
    pub fn without(self, unfit: Vec<Unfit>) -> Self {
        Self { unfit, ..self }
    }
}

/// A fact about the log itself, which is put on record in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An unfinished line was found at the end of the file, kept beside it and cut off.
    TornTail {
        /// Its length.
        bytes: u64,
        /// Its SHA-256, lower-case hex.
        sha256: String,
        /// The name of the file in the same directory where it is kept.
        kept_as: String,
    },
    /// A line could not be finished, nor taken back; it was ended.
    LineCutShort,
    /// The file was removed while it was open; a new one was made.
    Removed,
    /// The file was given another name while it was open; a new one was made.
    Moved,
    /// Another file was found in the place of the open one; it is used from now on.
    Replaced,
    /// The file became shorter while it was open.
    Truncated {
        /// How long it was.
        from: u64,
        /// How long it was found.
        to: u64,
    },
    /// The file ends with entries of a start of the server that ended before it had written these.
    Unfinished {
        /// Which start.
        boot: Boot,
        /// Which entries.
        seqs: SeqSet,
    },
    /// The device was disabled: later entries do not concern it.
    Disabled {
        /// The number last given to an entry before.
        last: u64,
    },
}

/// Why a device does not take lines. Its text names the operation, the path and the errno, nothing of an entry. It is
/// one line; the alternate form (`{:#}`) of what was tried twice has several, as clients of compatible servers know it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// A call to the system failed.
    System {
        /// `open`, `write`, `mkdir`, `chmod`, `stat`, …
        call: &'static str,
        /// On what.
        path: Arc<Path>,
        /// How.
        errno: Errno,
    },
    /// What was found is not a file that this device may use.
    Unsafe {
        /// Where.
        path: Arc<Path>,
        /// Why not.
        violation: Violation,
    },
    /// Another enabled device writes to the same file.
    InUse {
        /// The file.
        path: Arc<Path>,
    },
    /// A dial or a write over a network failed.
    Net(Arc<NetError>),
    /// No syslog daemon was found on the machine.
    NoSyslog,
    /// It was tried a second time.
    Retried {
        /// What went wrong first.
        first: Arc<DeviceError>,
        /// What went wrong then.
        again: Arc<DeviceError>,
    },
    /// The line is longer than what is behind the device takes at once. It says nothing of other lines.
    TooLong {
        /// How long it is, newline counted.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A line that had to be shortened is no entry. It says nothing of other lines.
    Undecodable,
    /// Opening it hangs.
    OpenTimedOut,
    /// The device was told to refuse, by a drill.
    Refused,
    /// The device panicked.
    Panicked,
}

impl DeviceError {
    /// Whether it is about one line alone: the device can take others, so the line is [unfit](Unfit).
    pub(crate) fn is_of_the_line(&self) -> bool {
        match self {
            Self::TooLong { .. } | Self::Undecodable => true,
            Self::Net(error) => error.is_too_long(),
            _ => false,
        }
    }

    pub(crate) fn system(call: &'static str, path: &Path, errno: impl Into<Errno>) -> Self {
        Self::System { call, path: Arc::from(path), errno: errno.into() }
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { call, path, errno } => {
                write!(Printable(f), "{call} {}: {errno}", path.display())
            }
            Self::Unsafe { path, violation } => write!(Printable(f), "{}: {violation}", path.display()),
            Self::InUse { path } => {
                write!(Printable(f), "{}: another audit device writes to this file", path.display())
            }
            Self::Net(error) => error.fmt(f),
            Self::NoSyslog => f.write_str("Unix syslog delivery error"),
            Self::Retried { first, again } if f.alternate() => {
                write!(f, "2 errors occurred:\n\t* {first}\n\t* {again}\n\n")
            }
            Self::Retried { first, again } if first == again => write!(f, "{first} (tried twice)"),
            Self::Retried { first, again } => write!(f, "{first}; tried again: {again}"),
            Self::TooLong { bytes, limit } => {
                write!(f, "a line of {bytes} bytes is longer than the {limit} it takes")
            }
            Self::Undecodable => f.write_str("a line that is too long for the device is no entry"),
            Self::OpenTimedOut => f.write_str("opening it hangs"),
            Self::Refused => f.write_str("the device was told to refuse"),
            Self::Panicked => f.write_str("the device panicked"),
        }
    }
}

impl std::error::Error for DeviceError {}

impl From<onrecord_entry::OversizeError> for DeviceError {
    fn from(error: onrecord_entry::OversizeError) -> Self {
        match error {
            onrecord_entry::OversizeError::TooLong { bytes, limit } => Self::TooLong { bytes, limit },
            onrecord_entry::OversizeError::Undecodable => Self::Undecodable,
        }
    }
}
