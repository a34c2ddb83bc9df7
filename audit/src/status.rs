//! The state of devices, for status pages, logs and metrics: counters and names. Never in it: anything of an entry.

use std::sync::Arc;
use std::time::Duration;

use onrecord_value::Time;

use crate::cause::Why;
use crate::device::{DeviceError, DrillNews, DrillStatus};
pub use crate::evidence::EvidenceStatus;
pub use crate::health_tracker::Health;
pub use crate::statistics::{Distribution, WriteStatus};
use onrecord_entry::{SaltId, SeqSet};

/// A device whose oldest line waits for longer cannot be expected to take another one, though it may come back.
pub const BLOCKED_AFTER: Duration = Duration::from_secs(5);

/// The state of a device. Counts begin when it is enabled, or when the server is unsealed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceStatus {
    /// Its path, with the closing slash if it was enabled so.
    pub path: Arc<str>,
    /// Its health.
    pub health: Health,
    /// Since when its health is that.
    pub since: Time,
    /// Whether entries settle only if it has them.
    pub required: bool,
    /// Whether it throws everything away.
    pub discards: bool,
    /// The id of its salt, as its lines name it.
    pub salt: SaltId,
    /// What waits for it.
    pub queue: QueueStatus,
    /// What it took.
    pub written: WriteStatus,
    /// What it did not get.
    pub losses: LossStatus,
    /// What failed.
    pub faults: FaultStatus,
    /// Times it was opened again on command.
    pub reopens: u64,
    /// The drill under way.
    pub drill: Option<DrillStatus>,
    /// The tree beside its log, if it keeps one.
    pub evidence: Option<EvidenceStatus>,
}

/// What waits for a device or is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Entries.
    pub entries: usize,
    /// Bytes.
    pub bytes: usize,
    /// How many bytes may wait.
    pub capacity: usize,
    /// How long the oldest entry has been waiting; zero if none waits.
    pub lag: Duration,
}

/// What a device did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LossStatus {
    /// Entries it did not get.
    pub entries: u64,
    /// What its gap entries have reported of them.
    pub reported: Reported,
    /// Those that no gap entry has reported yet.
    pub unreported: SeqSet,
    /// How many they are.
    pub unreported_entries: u64,
    /// Since when there are some.
    pub unreported_since: Option<Time>,
}

/// What failed on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultStatus {
    /// Writes that failed.
    pub failures: u64,
    /// Times it or a formatter panicked.
    pub panics: u64,
    /// Times it was healthy and took longer than `settle_grace`.
    pub overruns: u64,
    /// Its last error, if there was one.
    pub last_error: Option<LastError>,
}

impl DeviceStatus {
    /// Whether the next entry can be expected to reach it: its last write did not fail, it has room, and it does not
    /// block.
    pub fn is_able(&self) -> bool {
        matches!(self.health, Health::Healthy | Health::Lagging)
            && self.queue.bytes < self.queue.capacity
            && self.queue.lag <= BLOCKED_AFTER
    }
}

/// The gap entries with entries of this boot that a device has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reported {
    /// How many gap entries.
    pub gaps: u64,
    /// How many lost entries they reported.
    pub entries: u64,
    /// What the last of them reported.
    pub last: SeqSet,
}

/// The last error of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// The error.
    pub error: DeviceError,
    /// When it came.
    pub at: Time,
}

/// Whether the audit rule can be met at the moment, as far as is known without trying.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outlook {
    /// How many devices must have an entry.
    pub minimum: usize,
    /// How many of those that count can be expected to take one.
    pub able: usize,
    /// The required devices.
    pub required: Vec<Arc<str>>,
    /// The required devices that cannot be expected to take one.
    pub lost: Vec<Arc<str>>,
    /// How many devices are enabled.
    pub devices: usize,
}

impl Outlook {
    /// What the states of all devices mean for the rule.
    pub fn of(minimum: usize, devices: &[DeviceStatus]) -> Self {
        let all_discard = devices.iter().all(|device| device.discards);
        let required = devices.iter().filter(|device| device.required);
        let path = |device: &DeviceStatus| Arc::clone(&device.path);
        Self {
            minimum: minimum.max(1),
            able: devices
                .iter()
                .filter(|device| (all_discard || !device.discards) && device.is_able())
                .count(),
            lost: required.clone().filter(|device| !device.is_able()).map(path).collect(),
            required: required.map(path).collect(),
            devices: devices.len(),
        }
    }

    /// Whether an entry can be expected to settle. Without any device nothing is recorded, and nothing is refused by
    /// this rule.
    pub const fn is_met(&self) -> bool {
        self.devices == 0 || self.able >= self.minimum && self.lost.is_empty()
    }
}

/// Is called when something happens to a device: a server writes its log with it. The threads that call it have other
/// work to do, so it must not block.
pub trait Observer: Send + Sync {
    /// A device's health changed.
    fn changed(&self, path: &str, from: Health, to: Health, error: Option<&DeviceError>);

    /// A device did not get an entry, the first since its last gap entry.
    fn missing(&self, _path: &str, _why: &Why) {}

    /// A drill has begun or ended.
    fn drilled(&self, _path: &str, _news: DrillNews) {}
}
