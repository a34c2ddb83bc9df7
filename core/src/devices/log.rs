//! What happens to devices, in the server's log: each change at once, but at most one line a device and ten seconds.
//! Never in it: entries, or what follows for requests (`alarm`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_audit::broker::{DrillNews, Why};
use onrecord_audit::status::{DeviceStatus, Health, Observer};
use onrecord_audit::{Clock, DeviceError};

use crate::rate_limiter::RateLimiter;

pub(crate) struct Log {
    clock: Arc<dyn Clock>,
    devices: Mutex<BTreeMap<String, Heard>>,
}

#[derive(Default)]
struct Heard {
    changes: RateLimiter,
    /// The last change, if it is not told yet.
    change: Option<Change>,
    loss_lines: RateLimiter,
    /// Whether the log has said that the device loses entries, and not yet that this is over.
    missing: bool,
}

struct Change {
    from: Health,
    to: Health,
    error: Option<DeviceError>,
}

impl Log {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, devices: Mutex::default() }
    }

    /// To be called now and then: says what is due about the devices that there are, and forgets the others.
    pub(crate) fn report_incidents(&self, now: Duration, devices: &[DeviceStatus]) {
        let mut heard = self.heard();
        heard.retain(|path, _| devices.iter().any(|device| *device.path == **path));
        for device in devices {
            let Some(heard) = heard.get_mut(&*device.path) else { continue };
            if let Some(count) = heard.changes.due(now)
                && let Some(change) = heard.change.take()
            {
                change.say(&device.path, count);
            }
            heard.attend_misses(now, device);
        }
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<String, Heard>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn attend_misses(&mut self, now: Duration, device: &DeviceStatus) {
        if !self.missing || !self.loss_lines.is_quiet(now) {
            return;
        }
        let (path, missed) = (&*device.path, device.losses.entries);
        if device.losses.unreported_entries == 0 {
            self.missing = false;
            let (gaps, told) = (device.losses.reported.gaps, device.losses.reported.entries);
            tracing::info!(
                path,
                missed,
                gaps,
                told,
                "an audit device has told what it missed in gap entries"
            );
        } else {
            // Counted as an event, so that the next line waits for a pause again.
            self.loss_lines.event(now);
            let (untold, queue_bytes) = (device.losses.unreported_entries, device.queue.bytes);
            tracing::warn!(path, missed, untold, queue_bytes, "an audit device still misses entries");
        }
    }
}

impl Change {
    /// Logs it, as the last of this number of changes.
    fn say(&self, path: &str, changes: u64) {
        let Self { from, to, error } = self;
        match (to, error) {
            (Health::Healthy, _) => {
                tracing::info!(path, %from, %to, changes, "an audit device has recovered");
            }
            (_, Some(error)) => {
                tracing::error!(path, %from, %to, %error, changes, "an audit device is in trouble");
            }
            (_, None) => tracing::warn!(path, %from, %to, changes, "an audit device is in trouble"),
        }
    }
}

impl Observer for Log {
    fn drilled(&self, path: &str, news: DrillNews) {
        match news {
            DrillNews::Begun(drill, time) => {
                let seconds = time.as_secs_f64();
                tracing::warn!(path, %drill, seconds, "a drill begins: this audit device fails on purpose");
            }
            DrillNews::Ended(drill) => {
                tracing::warn!(path, %drill, "the drill of this audit device has ended");
            }
        }
    }

    fn changed(&self, path: &str, from: Health, to: Health, error: Option<&DeviceError>) {
        let now = self.clock.monotonic();
        let mut heard = self.heard();
        let heard = heard.entry(path.to_owned()).or_default();
        let change = Change { from, to, error: error.cloned() };
        match heard.changes.event(now) {
            Some(count) => {
                heard.change = None;
                change.say(path, count);
            }
            None => heard.change = Some(change),
        }
    }

    fn missing(&self, path: &str, why: &Why) {
        let now = self.clock.monotonic();
        let mut heard = self.heard();
        let heard = heard.entry(path.to_owned()).or_default();
        heard.missing = true;
        if let Some(rows) = heard.loss_lines.event(now) {
            tracing::warn!(path, %why, rows, "an audit device misses entries; a gap entry will tell them");
        }
    }
}
