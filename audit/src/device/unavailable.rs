//! The place of a device that this version does not have. Never in it: taking a line.

use super::{Appended, Batch, Device, DeviceError};

/// Refuses everything.
pub(super) struct Unavailable;

impl Device for Unavailable {
    fn append(&mut self, _: &Batch<'_>) -> Appended {
        Appended::none(DeviceError::Refused)
    }
}
