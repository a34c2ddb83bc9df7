//! How a device is, for operators: counters and names, nothing of an entry.

use std::sync::Arc;

use super::vitals::Health;
use crate::device::DeviceError;
use crate::entry::SeqRange;
use crate::salt::SaltId;

/// How a device is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceStatus {
    /// Its path, with the closing slash if it was enabled so.
    pub path: Arc<str>,
    /// Its health.
    pub health: Health,
    /// Whether entries settle only if it has them.
    pub required: bool,
    /// Whether it throws everything away.
    pub discards: bool,
    /// The id of its salt, as its lines name it.
    pub salt: SaltId,
    /// Bytes that wait for it or are being written.
    pub queued_bytes: usize,
    /// Entries it has, since it was enabled.
    pub appended: u64,
    /// Writes it took for them.
    pub batches: u64,
    /// Entries it missed, since it was enabled.
    pub missed: u64,
    /// Writes that failed.
    pub failures: u64,
    /// Times it or a formatter panicked.
    pub panics: u64,
    /// Missed entries which no gap entry has told yet.
    pub untold: Vec<SeqRange>,
    /// Its last error, if there was one since it was enabled.
    pub last_error: Option<DeviceError>,
}

/// Is told when the health of a device changes; a server writes its log with it.
pub trait Observer: Send + Sync {
    /// A device's health changed. Called by the broker's threads; it must not block.
    fn changed(&self, path: &str, from: Health, to: Health, error: Option<&DeviceError>);
}
