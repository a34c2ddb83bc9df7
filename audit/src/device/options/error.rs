//! Why options are refused, in the documented words. Never in it: deciding it.

use std::fmt;

use onrecord_value::duration::DurationError;
use onrecord_value::integer::ConvertError;
use onrecord_value::quote::quote;

use super::PREFIX_MAX;
use crate::device::error::DeviceError;

/// Why options are refused. The text is the documented one.
///
/// It names what was given, so it goes to the client that sent it and nowhere else; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// No such type of device.
    UnknownType(String),
    /// Neither `file_path` nor `path`.
    NoFilePath,
    /// No `address`.
    NoAddress,
    /// Not a format.
    UnknownFormat(String),
    /// Not a truth value, or not an octal number.
    Convert(ConvertError),
    /// The mode has bits of a file type.
    NotARegularMode,
    /// The prefix is too long, or not printable.
    BadPrefix,
    /// Not `os` or `fsync`.
    UnknownDurability(String),
    /// Not a facility; the text in upper case.
    UnknownFacility(String),
    /// The tag is too long, or not printable.
    BadTag,
    /// Not a size, or too small a one.
    BadMaxBytes(String),
    /// Not `elide`, `split` or `fail`.
    UnknownOversize(String),
    /// Not a duration.
    Duration(DurationError),
    /// A duration, but less than nothing.
    NegativeTimeout(String),
    /// A network below TCP and UDP.
    RawNetwork(String),
    /// Not a size, or more than is allowed.
    BadBuffer(String),
    /// `required` with a device that throws everything away.
    RequiredDiscard,
    /// `mode=0000` and nothing there.
    Stat(DeviceError),
    /// No syslog daemon listens.
    Syslog(DeviceError),
    /// Nobody answers at the address of a socket.
    Dial(DeviceError),
    /// The file cannot be used.
    Open {
        /// As it was given.
        path: String,
        /// Why.
        cause: DeviceError,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(kind) => write!(f, "unknown backend type: {}", quote(kind)),
            Self::NoFilePath => f.write_str("file_path is required"),
            Self::NoAddress => f.write_str("address is required"),
            Self::UnknownFormat(format) => write!(f, "unknown format type {}", quote(format)),
            Self::Convert(error) => error.fmt(f),
            Self::NotARegularMode => f.write_str("file mode does not represent a regular file"),
            Self::BadPrefix => {
                write!(f, "prefix must be printable, without a newline, and at most {PREFIX_MAX} bytes")
            }
            Self::UnknownDurability(text) => {
                write!(f, "unknown durability {}; it is \"os\" or \"fsync\"", quote(text))
            }
            Self::UnknownFacility(text) => write!(f, "invalid syslog facility: {text}"),
            Self::BadTag => f.write_str("tag must be printable, without a newline, and at most 256 bytes"),
            Self::BadMaxBytes(text) => {
                write!(f, "bad max_bytes {}; it is a size such as \"8KiB\", at least \"2KiB\"", quote(text))
            }
            Self::UnknownOversize(text) => {
                write!(f, "unknown oversize {}; it is \"elide\", \"split\" or \"fail\"", quote(text))
            }
            Self::Duration(error) => error.fmt(f),
            Self::NegativeTimeout(text) => {
                write!(f, "write_timeout {} is negative; \"0\" is no time-out", quote(text))
            }
            Self::RawNetwork(text) => write!(
                f,
                "socket_type {} is not supported; it is \"tcp\", \"udp\" (or with 4 or 6), \"unix\", \"unixgram\" \
                 or \"unixpacket\"",
                quote(text)
            ),
            Self::BadBuffer(text) => {
                write!(
                    f,
                    "bad resend_buffer {}; it is a size such as \"1MiB\", at most \"256MiB\"",
                    quote(text)
                )
            }
            Self::RequiredDiscard => f.write_str("a device that discards everything cannot be required"),
            Self::Stat(cause) | Self::Syslog(cause) | Self::Dial(cause) => cause.fmt(f),
            Self::Open { path, cause } => {
                write!(f, "sanity check failed; unable to open {} for writing: {cause}", quote(path))
            }
        }
    }
}

impl fmt::Debug for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convert(error) => error.fmt(f),
            Self::Duration(error) => write!(f, "Duration({error:?})"),
            Self::Stat(cause) => write!(f, "Stat({cause:?})"),
            Self::Syslog(cause) => write!(f, "Syslog({cause:?})"),
            Self::Dial(cause) => write!(f, "Dial({cause:?})"),
            Self::Open { cause, .. } => write!(f, "Open({cause:?})"),
            other => f.write_str(match other {
                Self::UnknownType(_) => "UnknownType",
                Self::NoFilePath => "NoFilePath",
                Self::NoAddress => "NoAddress",
                Self::UnknownFormat(_) => "UnknownFormat",
                Self::NotARegularMode => "NotARegularMode",
                Self::BadPrefix => "BadPrefix",
                Self::UnknownFacility(_) => "UnknownFacility",
                Self::BadTag => "BadTag",
                Self::BadMaxBytes(_) => "BadMaxBytes",
                Self::UnknownOversize(_) => "UnknownOversize",
                Self::NegativeTimeout(_) => "NegativeTimeout",
                Self::RawNetwork(_) => "RawNetwork",
                Self::BadBuffer(_) => "BadBuffer",
                Self::RequiredDiscard => "RequiredDiscard",
                _ => "UnknownDurability",
            }),
        }
    }
}

impl std::error::Error for OptionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Convert(error) => Some(error),
            Self::Duration(error) => Some(error),
            _ => Some(self.cause()?),
        }
    }
}

impl OptionError {
    /// What is wrong with the device, if nothing is wrong with its options: it may come back by itself.
    pub const fn cause(&self) -> Option<&DeviceError> {
        match self {
            Self::Stat(cause) | Self::Syslog(cause) | Self::Dial(cause) | Self::Open { cause, .. } => {
                Some(cause)
            }
            _ => None,
        }
    }
}

impl From<ConvertError> for OptionError {
    fn from(error: ConvertError) -> Self {
        Self::Convert(error)
    }
}
