//! How a device is, for operators: counters and names, nothing of an entry.

use std::sync::Arc;
use std::time::Duration;

use onrecord_value::Time;

use super::Shared;
use super::cause::Why;
use super::distribution::Distribution;
use super::drill::DrillNews;
use super::health_tracker::Health;
use super::misses::Misses;
use super::slot::Slot;
use crate::device::{DeviceError, DrillStatus};
use crate::sync::atomic::{AtomicU64, Ordering};
use onrecord_entry::SaltId;
use onrecord_entry::SeqRange;

/// A device whose oldest line waits for longer is not counted on any more, though it may come back.
pub const BLOCKED_AFTER: Duration = Duration::from_secs(5);

/// How a device is. Counts begin when it is enabled, or when the server is unsealed.
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
    /// Entries that wait for it or are being written.
    pub queued_entries: usize,
    /// Bytes that wait for it or are being written.
    pub queued_bytes: usize,
    /// How many bytes may wait for it.
    pub queue_capacity: usize,
    /// How long the oldest of them has been waiting; nothing if none does.
    pub lag: Duration,
    /// Entries it has.
    pub appended: u64,
    /// Bytes it has, those of its own lines about gaps included.
    pub appended_bytes: u64,
    /// Writes it took for them.
    pub batches: u64,
    /// How many entries the writes had.
    pub batch_entries: Distribution,
    /// How long `request` entries took from being accepted to being answered, in nanoseconds.
    pub request_latency: Distribution,
    /// The same for `response` entries.
    pub response_latency: Distribution,
    /// Entries it missed.
    pub missed: u64,
    /// What it has said about that.
    pub told: Told,
    /// Missed entries which no gap entry has told yet.
    pub untold: Vec<SeqRange>,
    /// How many they are.
    pub untold_entries: u64,
    /// Since when it has been missing them.
    pub untold_since: Option<Time>,
    /// Writes that failed.
    pub failures: u64,
    /// Times it or a formatter panicked.
    pub panics: u64,
    /// Times it was opened again because it was told to.
    pub reopens: u64,
    /// Its last error, if there was one.
    pub last_error: Option<LastError>,
    /// The drill under way.
    pub drill: Option<DrillStatus>,
}

impl DeviceStatus {
    /// Whether the next entry can be expected to reach it: its last write did not fail, it has room, and it does not
    /// block.
    pub fn is_able(&self) -> bool {
        matches!(self.health, Health::Healthy | Health::Lagging)
            && self.queued_bytes < self.queue_capacity
            && self.lag <= BLOCKED_AFTER
    }
}

impl Slot {
    /// How it is now.
    pub(crate) fn status(&self, shared: &Shared) -> DeviceStatus {
        let (now, today) = (shared.clock.monotonic(), shared.clock.now());
        // The queue knows moments of the monotonic clock only.
        let date = |moment: Duration| {
            let ago = i128::try_from(now.saturating_sub(moment).as_nanos()).unwrap_or(0);
            Time::from_unix_nanos(today.unix_nanos() - ago)
        };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let queue = self.queue();
        let measures = self.measures();
        let mut untold = queue.misses.clone();
        untold.restore(queue.telling.clone());
        DeviceStatus {
            path: Arc::clone(&self.path),
            health: queue.health_tracker.health(),
            since: date(queue.health_tracker.since()),
            required: self.required,
            discards: self.discards,
            salt: self.form().salt().id(),
            queued_entries: queue.in_flight.len() + queue.waiting.len(),
            queued_bytes: self.queued_bytes(),
            queue_capacity: self.cap,
            lag: queue.oldest().map_or(Duration::ZERO, |oldest| now.saturating_sub(oldest)),
            appended: count(&self.counters.appended),
            appended_bytes: measures.bytes,
            batches: count(&self.counters.batches),
            batch_entries: measures.batch_entries.clone(),
            request_latency: measures.request_latency.clone(),
            response_latency: measures.response_latency.clone(),
            missed: count(&self.counters.missed),
            told: queue.told.clone(),
            untold: untold.ranges,
            untold_entries: untold.count,
            untold_since: untold.since,
            failures: count(&self.counters.failures),
            panics: count(&self.counters.panics),
            reopens: count(&self.counters.reopens),
            last_error: queue
                .health_tracker
                .error()
                .map(|(error, moment)| LastError { error: error.clone(), at: date(*moment) }),
            drill: self.drill.status(),
        }
    }
}

/// The gap entries that a device has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Told {
    /// How many there are.
    pub gaps: u64,
    /// How many missed entries they told.
    pub entries: u64,
    /// What the last of them told.
    pub last: Vec<SeqRange>,
}

impl Told {
    /// A gap entry with these misses is written.
    pub(crate) fn note(&mut self, misses: Misses) {
        if !misses.is_empty() {
            self.gaps += 1;
            self.entries += misses.count;
            self.last = misses.ranges;
        }
    }
}

/// What last went wrong with a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// What.
    pub error: DeviceError,
    /// When.
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

/// Is told what happens to devices; a server writes its log with it. It is called by the threads that have other work to
/// do, and must not block.
pub trait Observer: Send + Sync {
    /// A device's health changed.
    fn changed(&self, path: &str, from: Health, to: Health, error: Option<&DeviceError>);

    /// A device misses an entry, the first since its last gap entry.
    fn missing(&self, path: &str, why: &Why) {
        let _ = (path, why);
    }

    /// A drill has begun or ended.
    fn drilled(&self, path: &str, news: DrillNews) {
        let _ = (path, news);
    }
}
