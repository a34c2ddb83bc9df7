//! The health of one device as a state machine: events in, state and back-off out.
//! Never in it: locks, threads, the clock (times are handed in).

use std::fmt;
use std::time::Duration;

use crate::device::DeviceError;

/// The health of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is waited for, up to `settle_grace`.
    Healthy,
    /// It took longer than `settle_grace`: it gets entries, but is not waited for until it has caught up.
    Lagging,
    /// Its last write failed: it is tried again now and then.
    Failing,
    /// It has failed many times in a row. It is still tried, rarely.
    Broken,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Lagging => "lagging",
            Self::Failing => "failing",
            Self::Broken => "broken",
        })
    }
}

const LAG_FIRST: Duration = Duration::from_millis(50);
const LAG_MAX: Duration = Duration::from_mins(1);
const RETRY_FIRST: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// A device that fails this many times in a row is broken.
const BROKEN_AFTER: u32 = 10;

#[derive(Debug)]
pub(crate) struct HealthTracker {
    pub(crate) health: Health,
    /// Since when it is that.
    pub(crate) since: Duration,
    /// How long it is not waited for once it overruns again.
    lag: Duration,
    /// When it may be waited for again, if it has caught up.
    awaited_from: Duration,
    /// How long it is left alone after the next failure.
    retry: Duration,
    retry_from: Duration,
    failures: u32,
    /// The last error, and when it was; it stays after a recovery.
    pub(crate) error: Option<(DeviceError, Duration)>,
}

impl HealthTracker {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            health: Health::Healthy,
            since: now,
            lag: LAG_FIRST,
            awaited_from: Duration::ZERO,
            retry: RETRY_FIRST,
            retry_from: Duration::ZERO,
            failures: 0,
            error: None,
        }
    }

    pub(crate) const fn is_failing(&self) -> bool {
        matches!(self.health, Health::Failing | Health::Broken)
    }

    fn turn(&mut self, health: Health, now: Duration) {
        if self.health != health {
            (self.health, self.since) = (health, now);
        }
    }

    /// It overran the grace. Each time that happens soon after the last, it is left alone twice as long.
    pub(crate) fn overran(&mut self, now: Duration) {
        if self.health != Health::Healthy {
            return;
        }
        if now > self.awaited_from + self.lag * 8 {
            self.lag = LAG_FIRST;
        }
        self.turn(Health::Lagging, now);
        self.awaited_from = now + self.lag;
        self.lag = (self.lag * 2).min(LAG_MAX);
    }

    pub(crate) fn caught_up(&mut self, now: Duration) {
        if self.health == Health::Lagging && now >= self.awaited_from {
            self.turn(Health::Healthy, now);
        }
    }

    /// A write succeeded. A device that lagged lags on until it has caught up.
    pub(crate) fn succeeded(&mut self, now: Duration) {
        if self.is_failing() {
            self.turn(Health::Healthy, now);
        }
        self.failures = 0;
        self.retry = RETRY_FIRST;
    }

    pub(crate) fn failed(&mut self, now: Duration, error: DeviceError) {
        self.failures = self.failures.saturating_add(1);
        let broken = self.failures >= BROKEN_AFTER;
        self.turn(if broken { Health::Broken } else { Health::Failing }, now);
        self.retry_from = now + self.retry;
        self.retry = (self.retry * 2).min(RETRY_MAX);
        self.error = Some((error, now));
    }

    /// Whether a failing device is to be tried with an entry now; if so, not again before the next back-off.
    pub(crate) fn try_again(&mut self, now: Duration) -> bool {
        let due = now >= self.retry_from;
        if due {
            self.retry_from = now + self.retry;
        }
        due
    }

    /// How long a failing device is left alone from now on.
    pub(crate) fn rest(&self, now: Duration) -> Duration {
        self.retry_from.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_device_that_overran_is_not_waited_for_until_it_caught_up_and_its_time_is_over() {
        let mut health_tracker = HealthTracker::new(ms(0));
        health_tracker.overran(ms(1000));
        assert_eq!(health_tracker.health, Health::Lagging);
        health_tracker.caught_up(ms(1049));
        assert_eq!(health_tracker.health, Health::Lagging);
        health_tracker.caught_up(ms(1050));
        assert_eq!(health_tracker.health, Health::Healthy);
        // Again at once: twice as long.
        health_tracker.overran(ms(1051));
        health_tracker.caught_up(ms(1150));
        assert_eq!(health_tracker.health, Health::Lagging);
        health_tracker.caught_up(ms(1151));
        assert_eq!(health_tracker.health, Health::Healthy);
        // After a long time without one the back-off begins at its first value again.
        health_tracker.overran(ms(100_000));
        health_tracker.caught_up(ms(100_050));
        assert_eq!(health_tracker.health, Health::Healthy);
    }

    #[test]
    fn a_failing_device_is_tried_once_a_back_off_and_recovers_at_once() {
        let mut health_tracker = HealthTracker::new(ms(0));
        health_tracker.failed(ms(0), DeviceError::Refused);
        assert_eq!(health_tracker.health, Health::Failing);
        assert!(!health_tracker.try_again(ms(9)));
        assert!(health_tracker.try_again(ms(10)));
        assert!(!health_tracker.try_again(ms(11)));
        for _ in 0..BROKEN_AFTER {
            health_tracker.failed(ms(20), DeviceError::Refused);
        }
        assert_eq!((health_tracker.health, health_tracker.rest(ms(20))), (Health::Broken, RETRY_MAX));
        assert_eq!(health_tracker.since, ms(20));
        health_tracker.succeeded(ms(30));
        let error = (DeviceError::Refused, ms(20));
        assert_eq!(
            (health_tracker.health, health_tracker.since, health_tracker.error.as_ref()),
            (Health::Healthy, ms(30), Some(&error))
        );
    }
}
