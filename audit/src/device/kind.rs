//! What a kind of device is: a row of the table of kinds, and the target that a device's options lead to. A kind that is
//! written in another crate implements both traits and is registered by its name
//! ([`DeviceKinds::with`](super::DeviceKinds::with)).
//! Never in it: a kind.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use super::interface::Device;
use super::options::{DeviceOption, GivenOptions, OptionError, RejectedValue};
use super::placement::Placement;
use crate::clock::Clock;

/// A kind of device: how its options are read. [Those that all devices have](super::COMMON_OPTIONS) are read for it.
pub trait DeviceKind: Send + Sync {
    /// The name by which devices of this kind are enabled, such as `file`.
    fn name(&self) -> &'static str;

    /// What such a device does, for people: a phrase that follows "a NAME device".
    fn about(&self) -> &'static str;

    /// The options that this kind knows beside the common ones. Other keys are stored and listed, and the answer
    /// and the server's log name them as unknown.
    fn options(&self) -> &'static [DeviceOption];

    /// Reads the options. The common ones are checked where [`GivenOptions::common`] is called, else after all others.
    fn parse(&self, given: &GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError>;
}

/// Where the lines of a device go: its own options, understood.
pub trait DeviceTarget: Any + Send + Sync {
    /// Opens the device inside the limits of `placement`. Called on a thread that may block.
    fn open(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<Box<dyn Device>, OptionError> {
        Ok(self.open_later(placement, clock))
    }

    /// The device, to open when it is first written to or looked at. For one of the stored table that [`open`](Self::open)
    /// has refused at a start, so that it comes back by itself once its cause is gone.
    fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device>;

    /// Finds out whether the device could be opened now, and leaves nothing behind: a file that had to be made is removed
    /// again, a socket is dialled and left. Called on a thread that may block.
    fn preflight(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<(), OptionError> {
        self.open(placement, clock).map(drop)
    }

    /// The value with which the device cannot be opened, if the options alone show it. Compatible servers accept such a
    /// value and then fail to connect, so the API does too; a configuration with it is refused.
    fn unusable_value(&self) -> Option<RejectedValue> {
        None
    }

    /// Whether the device throws everything away.
    fn discards(&self) -> bool {
        false
    }

    /// Whether what is behind the device may start after the server: that it cannot be opened is then no reason to stay
    /// sealed.
    fn may_start_later(&self) -> bool {
        false
    }

    /// The file that the device writes to, if it is one.
    fn file(&self) -> Option<&Path> {
        None
    }
}

/// A kind of this crate.
pub(super) struct BuiltInKind {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) options: &'static [DeviceOption],
    pub(super) parse: fn(&GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError>,
}

impl DeviceKind for BuiltInKind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn options(&self) -> &'static [DeviceOption] {
        self.options
    }

    fn parse(&self, given: &GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError> {
        (self.parse)(given)
    }
}
