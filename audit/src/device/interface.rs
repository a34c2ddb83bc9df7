//! The interface of a device: what its writer asks of it. Blocking code that knows nothing of threads, queues or entries.
//! Never in it: waiting for other devices, hashing, formatting.

use std::time::Duration;

use onrecord_entry::Boot;

use super::batch::{Appended, Batch};
use super::claim::Claim;
use super::error::DeviceError;
use super::notice::Notice;

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
