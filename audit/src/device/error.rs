//! Why a device does not take lines. Never in it: what follows from that (`broker`).

pub(super) mod errno;
pub(super) mod net;
mod other;
pub(super) mod violation;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use onrecord_entry::oversize::OversizeError;
use onrecord_value::printable::Printable;

use errno::Errno;
use net::NetError;
pub use other::OtherError;
use violation::Violation;

/// Why a device does not take lines. Its text names the operation, the path and the errno, nothing of an entry. It is
/// one line; the alternate form (`{:#}`) of what was tried twice has several, as clients of compatible servers know it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A call to the system failed.
    System {
        /// `open`, `write`, `mkdir`, `chmod`, `stat`, …
        call: &'static str,
        /// On what.
        path: Arc<Path>,
        /// How.
        #[source]
        errno: Errno,
    },
    /// What was found is not a file that this device may use.
    Unsafe {
        /// Where.
        path: Arc<Path>,
        /// Why not.
        #[source]
        violation: Violation,
    },
    /// Another enabled device writes to the same file.
    InUse {
        /// The file.
        path: Arc<Path>,
    },
    /// A dial or a write over a network failed.
    Net(#[source] Arc<NetError>),
    /// No syslog daemon was found on the machine.
    NoSyslog,
    /// It was tried a second time.
    Retried {
        /// What went wrong first.
        first: Arc<DeviceError>,
        /// What went wrong then.
        #[source]
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
    /// A device that is written elsewhere has failed, for a reason of its own ([`DeviceError::other`]).
    Other(#[source] OtherError),
    /// Opening it hangs.
    OpenTimedOut,
    /// The device was told to refuse, by a drill.
    Refused,
    /// The device panicked.
    Panicked,
}

impl DeviceError {
    /// The error of a device that is written elsewhere. Its text is shown to operators and stands in gap entries: it must
    /// hold nothing of an entry and no credentials.
    pub fn other(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Other(OtherError::new(error))
    }

    /// Whether it concerns one line alone: the device can take others, so the line is [rejected](super::Rejected).
    pub(crate) fn concerns_line(&self) -> bool {
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
            Self::Other(error) => write!(Printable(f), "{error}"),
            Self::OpenTimedOut => f.write_str("opening it hangs"),
            Self::Refused => f.write_str("the device was told to refuse"),
            Self::Panicked => f.write_str("the device panicked"),
        }
    }
}

impl From<OversizeError> for DeviceError {
    fn from(error: OversizeError) -> Self {
        match error {
            OversizeError::TooLong { bytes, limit } => Self::TooLong { bytes, limit },
            OversizeError::Undecodable => Self::Undecodable,
        }
    }
}
