//! Why a device does not have an entry, why an entry is refused, and why a device is not enabled.
//! Never in it: anything of the entry.

use std::fmt;
use std::sync::Arc;

use crate::broker::DEVICES_MAX;
use crate::device::DeviceError;
use onrecord_entry::format::FormatError;

/// Why one device does not have an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The device failed.
    #[error(transparent)]
    Device(DeviceError),
    /// The device failed a moment ago and is not tried again yet.
    #[error(transparent)]
    Resting(DeviceError),
    /// The entry has no line.
    #[error(transparent)]
    Format(FormatError),
    /// Formatting panicked.
    #[error("{}", self.reason())]
    FormatPanicked,
    /// More than [`Rules::queue_bytes`](crate::Rules::queue_bytes) wait for the device.
    #[error("{}", self.reason())]
    QueueFull,
    /// The device has blocked for [`Rules::audit_timeout`](crate::Rules::audit_timeout).
    #[error("{}", self.reason())]
    TimedOut,
    /// The device was disabled.
    #[error("{}", self.reason())]
    Disabled,
    /// The request had been refused before the device began to write it.
    #[error("{}", self.reason())]
    Withdrawn,
}

impl Why {
    /// Whether the device is the cause, and not the entry or its request.
    pub fn lies_with_device(&self) -> bool {
        match self {
            Self::Device(error) | Self::Resting(error) => !error.concerns_line(),
            Self::QueueFull | Self::TimedOut => true,
            Self::Format(_) | Self::FormatPanicked | Self::Disabled | Self::Withdrawn => false,
        }
    }

    /// The reason as the server's log has it: without any text of an option ([`DeviceError::without_options`]).
    pub fn without_options(&self) -> String {
        match self {
            Self::Device(error) | Self::Resting(error) => error.without_options().to_string(),
            other => other.to_string(),
        }
    }

    /// The reason as a gap entry gives it.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Device(_) | Self::Resting(_) => "the device failed",
            Self::Format(_) => "the entry could not be formatted",
            Self::FormatPanicked => "formatting the entry panicked",
            Self::QueueFull => "the device did not keep up and its queue was full",
            Self::TimedOut => "the device did not answer in time",
            Self::Disabled => "the device was disabled",
            Self::Withdrawn => "the request was refused before the device wrote it",
        }
    }
}

/// Which device does not have an entry, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The path of the device.
    pub path: Arc<str>,
    /// Why.
    pub why: Why,
}

/// An entry is not on record as the rule wants it. Some devices may have it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Refused {
    /// The counter of the entry.
    pub seq: u64,
    /// The devices that do not have it, as far as they were known when it was refused.
    pub causes: Vec<Cause>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the audit rule is not met")?;
        for (at, cause) in self.causes.iter().enumerate() {
            write!(f, "{} {}: {}", if at == 0 { ":" } else { ";" }, cause.path, cause.why)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {
    /// Why the first of the devices does not have it.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.causes.first().map(|cause| &cause.why as _)
    }
}

/// Why a device was not enabled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnableError {
    /// A device of this path is enabled.
    #[error("path already in use")]
    PathInUse,
    /// No device of this path is enabled that could be replaced.
    #[error("no audit device is enabled at this path")]
    NotEnabled,
    /// [`DEVICES_MAX`](crate::broker::DEVICES_MAX) devices are enabled.
    #[error("{DEVICES_MAX} audit devices are enabled, and there can be no more: disable one first")]
    TooMany,
    /// The system gave no thread for it.
    #[error("no thread for the audit device: {0}")]
    Thread(#[source] std::io::Error),
    /// The device did not take the probe entry.
    #[error("audit backend failed test message: {0:#}")]
    Probe(#[source] Why),
}
