//! The row of the socket device in the table of kinds. Never in it: talking to a peer.

use std::sync::Arc;

use super::SocketDevice;
use super::options::{self, SocketOptions};
use crate::clock::Clock;
use crate::device::interface::Device;
use crate::device::kind::{DeviceKind, DeviceTarget};
use crate::device::options::{DeviceOption, GivenOptions, OptionError};
use crate::device::placement::Placement;

/// `socket`: a peer over TCP, UDP or a Unix socket.
pub(crate) struct SocketKind;

impl DeviceKind for SocketKind {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn about(&self) -> &'static str {
        "sends every entry to a peer over TCP, UDP or a Unix socket"
    }

    fn options(&self) -> &'static [DeviceOption] {
        options::OPTIONS
    }

    fn parse(&self, given: &GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError> {
        Ok(Arc::new(options::parse(given)?))
    }
}

impl DeviceTarget for SocketOptions {
    /// The peer is dialled with the first line only.
    fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(SocketDevice::new(self.clone(), placement.clone(), clock))
    }

    fn preflight(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<(), OptionError> {
        let mut device = SocketDevice::new(self.clone(), placement.clone(), clock);
        Ok(device.connect()?)
    }
}
