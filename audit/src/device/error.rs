//! Why a device does not take lines. Never in it: what follows from that (`broker`).

pub(super) mod errno;
pub(super) mod net;

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use onrecord_entry::oversize::OversizeError;
use onrecord_value::printable::printable;

use errno::Errno;
use net::NetError;

/// Why a device does not take lines. Its text names the operation, the path and the errno, nothing of an entry. It is
/// one line; the alternate form (`{:#}`) of what was tried twice has several, as clients of compatible servers know it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A call to the system failed.
    #[error("{call} {}: {errno}", shown(path))]
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
    #[error("{}: {violation}", shown(path))]
    Unsafe {
        /// Where.
        path: Arc<Path>,
        /// Why not.
        #[source]
        violation: Violation,
    },
    /// Another enabled device writes to the same file.
    #[error("{}: another audit device writes to this file", shown(path))]
    InUse {
        /// The file.
        path: Arc<Path>,
    },
    /// A dial or a write over a network failed.
    #[error("{0}")]
    Net(#[source] Arc<NetError>),
    /// No syslog daemon was found on the machine.
    #[error("Unix syslog delivery error")]
    NoSyslog,
    /// It was tried a second time.
    #[error(fmt = retried)]
    Retried {
        /// What went wrong first.
        first: Arc<DeviceError>,
        /// What went wrong then.
        #[source]
        again: Arc<DeviceError>,
    },
    /// The line is longer than what is behind the device takes at once. It says nothing of other lines.
    #[error(transparent)]
    Oversize(#[from] OversizeError),
    /// A device that is written elsewhere has failed, for a reason of its own ([`DeviceError::other`]).
    #[error("{}", printable(&.0.to_string()))]
    Other(#[source] OtherError),
    /// Opening it hangs.
    #[error("opening it hangs")]
    OpenTimedOut,
    /// A drill makes the device refuse.
    #[error("the device was told to refuse")]
    Refused,
    /// The device panicked.
    #[error("the device panicked")]
    Panicked,
}

impl DeviceError {
    /// The error of a device that is written elsewhere. Its text is shown to operators and stands in gap entries: it must
    /// hold nothing of an entry and no credentials.
    pub fn other(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Other(OtherError(Arc::new(error)))
    }

    /// The error as the server's log has it: an option may be a client's text, and not all who read the log may see it.
    pub const fn without_options(&self) -> WithoutOptions<'_> {
        WithoutOptions(self)
    }

    /// Whether it concerns one line alone: the device can take others, so the line is [rejected](super::Rejected).
    pub(crate) fn concerns_line(&self) -> bool {
        match self {
            Self::Oversize(_) => true,
            Self::Net(error) => error.is_too_long(),
            _ => false,
        }
    }

    pub(crate) fn system(call: &'static str, path: &Path, errno: impl Into<Errno>) -> Self {
        Self::System { call, path: Arc::from(path), errno: errno.into() }
    }
}

/// An error without what the options of its device say: no path, no address, no name of a host or a network. The error of
/// a device that is written elsewhere says what its author lets it say.
#[derive(Clone, Copy, Debug)]
pub struct WithoutOptions<'a>(&'a DeviceError);

impl fmt::Display for WithoutOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DeviceError::System { call, errno, .. } => write!(f, "{call}: {errno}"),
            DeviceError::Unsafe { violation, .. } => write!(f, "{violation}"),
            DeviceError::InUse { .. } => f.write_str("another audit device writes to this file"),
            DeviceError::Net(error) => error.write_without_options(f),
            DeviceError::Retried { first, again } if first == again => {
                write!(f, "{} (tried twice)", Self(first))
            }
            DeviceError::Retried { first, again } => {
                write!(f, "{}; tried again: {}", Self(first), Self(again))
            }
            other => write!(f, "{other}"),
        }
    }
}

/// A path as it is shown: on one line.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

fn retried(first: &DeviceError, again: &DeviceError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if f.alternate() {
        write!(f, "2 errors occurred:\n\t* {first}\n\t* {again}\n\n")
    } else if first == again {
        write!(f, "{first} (tried twice)")
    } else {
        write!(f, "{first}; tried again: {again}")
    }
}

/// Why a file is refused although it could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The path has a `.` or `..` component.
    #[error("the path has a dot component")]
    DotComponent,
    /// The name does not end as that of a log.
    #[error("the name must end in .log, .json, .jsonl, .xml or .txt")]
    Name,
    /// The directory is one of the system's, of the server's own, or outside of those allowed.
    #[error("audit files are not allowed in this directory")]
    Directory,
    /// The directory's real path cannot be found out.
    #[error("the directory cannot be resolved")]
    Unresolvable,
    /// The last component is a symbolic link.
    #[error("is a symbolic link")]
    SymbolicLink,
    /// Not a regular file.
    #[error("is not a regular file")]
    NotRegular,
    /// Several names lead to the file.
    #[error("has more than one link")]
    SeveralLinks,
    /// The file can be executed, or changes the user.
    #[error("has execute, setuid or setgid bits")]
    Executable,
    /// The file begins with something that no audit device wrote.
    #[error("is not empty and does not begin with an audit entry")]
    ForeignContent,
}

/// The error of a device that is written elsewhere, to be downcast. Two are equal if they say the same.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct OtherError(pub Arc<dyn Error + Send + Sync>);

impl PartialEq for OtherError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.to_string() == other.to_string()
    }
}

impl Eq for OtherError {}
