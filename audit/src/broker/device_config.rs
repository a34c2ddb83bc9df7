//! What a broker is given to enable a device.
//! Never in it: enabling it.

use crate::device::{Device, DeviceError};
use crate::loss::Loss;
use onrecord_entry::Formatter;

/// A device to be enabled.
pub struct DeviceConfig {
    pub(crate) path: String,
    pub(crate) device: Box<dyn Device>,
    pub(crate) formatter: Formatter,
    pub(crate) required: bool,
    pub(crate) failing: Option<DeviceError>,
    pub(crate) losses: Vec<Loss>,
    /// It was enabled in an earlier boot, so what that left behind is for it to report.
    pub(crate) restored: bool,
}

impl DeviceConfig {
    /// A device, the path by which it is known (as it is to be shown, so usually with a closing slash), and the formatter
    /// of its lines.
    pub fn new(path: impl Into<String>, device: Box<dyn Device>, formatter: Formatter) -> Self {
        Self {
            path: path.into(),
            device,
            formatter,
            required: false,
            failing: None,
            losses: Vec::new(),
            restored: false,
        }
    }

    /// Entries settle only if this device has them.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The device is known not to work at the moment: it begins as `failing`, and is tried again and again.
    #[must_use]
    pub fn failing(mut self, error: DeviceError) -> Self {
        self.failing = Some(error);
        self
    }

    /// What the device lost in earlier boots of the server: it reports that as soon as it can ([`Broker::losses`](super::Broker::losses)).
    #[must_use]
    pub fn losses(mut self, losses: Vec<Loss>) -> Self {
        self.losses = losses;
        self
    }
}
