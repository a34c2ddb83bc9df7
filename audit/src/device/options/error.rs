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
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// No such kind of device.
    #[error("unknown backend type: {}", quote(.0))]
    UnknownType(String),
    /// An option that the kind of device needs is not given.
    #[error("{0} is required")]
    Missing(&'static str),
    /// A value that the kind of device does not accept, in its own words: the option, the value, what is accepted.
    #[error("{0}")]
    BadValue(String),
    /// Not a truth value, or not an octal number.
    #[error("{0}")]
    Convert(#[from] ConvertError),
    /// Not a duration.
    #[error("{0}")]
    Duration(#[from] DurationError),
    /// The prefix is too long, or not printable.
    #[error("prefix must be printable, without a newline, and at most {} bytes", PREFIX_MAX)]
    BadPrefix,
    /// `required` with a device that throws everything away.
    #[error("a device that discards everything cannot be required")]
    RequiredDiscard,
    /// What is behind the device cannot be used: no daemon, no peer, no file.
    #[error("{0}")]
    Unavailable(#[from] DeviceError),
    /// The file cannot be used.
    #[error("sanity check failed; unable to open {} for writing: {cause}", quote(path))]
    Open {
        /// As it was given.
        path: String,
        /// Why.
        #[source]
        cause: DeviceError,
    },
}

impl fmt::Debug for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(_) => f.write_str("UnknownType"),
            Self::Missing(key) => write!(f, "Missing({key})"),
            Self::BadValue(_) => f.write_str("BadValue"),
            Self::Convert(error) => error.fmt(f),
            Self::Duration(error) => write!(f, "Duration({error:?})"),
            Self::BadPrefix => f.write_str("BadPrefix"),
            Self::RequiredDiscard => f.write_str("RequiredDiscard"),
            Self::Unavailable(cause) => write!(f, "Unavailable({cause:?})"),
            Self::Open { cause, .. } => write!(f, "Open({cause:?})"),
        }
    }
}

impl OptionError {
    /// What is wrong with the device, if nothing is wrong with its options: it may come back by itself.
    pub const fn cause(&self) -> Option<&DeviceError> {
        match self {
            Self::Unavailable(cause) | Self::Open { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
