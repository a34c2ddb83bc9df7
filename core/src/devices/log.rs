//! What happens to devices, in the server's log: each change at once, but at most one line a device and ten seconds; that one
//! lags, only when that lasts. Nothing of a device's options is in it.
//! Never in it: entries, or what follows for requests (`alarm`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_audit::broker::{DrillNews, Why};
use onrecord_audit::status::{DeviceStatus, Health, Observer};
use onrecord_audit::{Clock, DeviceError};

use crate::rate_limiter::RateLimiter;

/// A device that lags for less is not mentioned: a busy machine is enough for that. One that lags again and again is left alone
/// for longer each time, and so comes to this.
const LAG_SAID: Duration = Duration::from_secs(1);

pub(crate) struct Log {
    clock: Arc<dyn Clock>,
    devices: Mutex<BTreeMap<String, Heard>>,
}

#[derive(Default)]
struct Heard {
    changes: RateLimiter,
    /// The last change, if it is not told yet.
    change: Option<Change>,
    /// Since when the device lags, if that is not told and may never be.
    lagging: Option<Duration>,
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
            if let Some((change, count)) = heard.due(now) {
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
    /// The health changed. What is to be told at once, as the last of this number of changes.
    fn turn(&mut self, now: Duration, change: Change) -> Option<(Change, u64)> {
        if change.to == Health::Lagging {
            self.lagging = Some(now);
            return None;
        }
        let untold = self.lagging.take().is_some();
        if untold && change.to == Health::Healthy { None } else { self.tell(now, change) }
    }

    /// What is to be told now, if anything.
    fn due(&mut self, now: Duration) -> Option<(Change, u64)> {
        if self.lagging.is_some_and(|since| now.saturating_sub(since) >= LAG_SAID) {
            self.lagging = None;
            return self.tell(now, Change { from: Health::Healthy, to: Health::Lagging, error: None });
        }
        let count = self.changes.due(now)?;
        Some((self.change.take()?, count))
    }

    fn tell(&mut self, now: Duration, change: Change) -> Option<(Change, u64)> {
        match self.changes.event(now) {
            Some(count) => {
                self.change = None;
                Some((change, count))
            }
            None => {
                self.change = Some(change);
                None
            }
        }
    }

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
                let error = error.without_options();
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
        if let Some((change, count)) = heard.turn(now, Change { from, to, error: error.cloned() }) {
            change.say(path, count);
        }
    }

    fn missing(&self, path: &str, why: &Why) {
        let now = self.clock.monotonic();
        let mut heard = self.heard();
        let heard = heard.entry(path.to_owned()).or_default();
        heard.missing = true;
        if let Some(rows) = heard.loss_lines.event(now) {
            let why = why.without_options();
            tracing::warn!(path, why, rows, "an audit device misses entries; a gap entry will tell them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAGS: Health = Health::Lagging;
    const WELL: Health = Health::Healthy;
    const FAILS: Health = Health::Failing;

    /// When what is said of a device that changes so; the log looks every hundred milliseconds.
    fn lines(changes: &[(u64, Health)]) -> Vec<(u64, Health)> {
        let mut heard = Heard::default();
        let mut from = WELL;
        let mut lines = Vec::new();
        for millis in 0..20_000 {
            let now = Duration::from_millis(millis);
            for (_, to) in changes.iter().filter(|(at, _)| *at == millis) {
                let change = Change { from, to: *to, error: None };
                lines.extend(heard.turn(now, change).map(|(change, _)| (millis, change.to)));
                from = *to;
            }
            if millis % 100 == 0 {
                lines.extend(heard.due(now).map(|(change, _)| (millis, change.to)));
            }
        }
        lines
    }

    #[test]
    fn a_device_that_lags_for_a_moment_is_not_mentioned() {
        assert_eq!(lines(&[(1013, LAGS), (1026, WELL)]), []);
        let often: Vec<_> =
            (1..15).flat_map(|second| [(second * 1000, LAGS), (second * 1000 + 900, WELL)]).collect();
        assert_eq!(lines(&often), []);
    }

    #[test]
    fn a_device_that_lags_for_a_second_is_mentioned_and_so_is_its_recovery() {
        assert_eq!(lines(&[(1000, LAGS)]), [(2000, LAGS)]);
        assert_eq!(lines(&[(1000, LAGS), (15_000, WELL)]), [(2000, LAGS), (15_000, WELL)]);
        assert_eq!(lines(&[(1000, LAGS), (3000, WELL)]), [(2000, LAGS), (12_000, WELL)], "one line a pause");
    }

    #[test]
    fn a_device_that_fails_is_mentioned_at_once() {
        assert_eq!(lines(&[(1000, FAILS)]), [(1000, FAILS)]);
        assert_eq!(lines(&[(1000, LAGS), (1010, FAILS), (12_000, WELL)]), [(1010, FAILS), (12_000, WELL)]);
        assert_eq!(
            lines(&[(1000, FAILS), (12_000, WELL), (12_500, LAGS), (12_600, WELL)]),
            [(1000, FAILS), (12_000, WELL)]
        );
    }
}
