//! The clock as this library sees it: handed in, so that nothing in the domain asks the machine by itself.
//! Never in it: timers.

#[cfg(feature = "test-support")]
mod manual;

#[cfg(feature = "test-support")]
pub use manual::ManualClock;

use std::time::{Duration, Instant, SystemTime};

use onrecord_value::Time;

/// The time of day, and a time that never goes backwards.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> Time;

    /// Time since some fixed moment, which never goes backwards.
    fn monotonic(&self) -> Duration;

    /// How many seconds the machine's local time is ahead of UTC at a moment. Only the headers of syslog say local
    /// time (RFC 3164); without knowledge of a zone it is UTC.
    fn utc_offset(&self, _at: Time) -> i32 {
        0
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        SystemTime::now().into()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
