//! A clock for tests, which moves when a test moves it.
//! Never in a product: it exists under the feature `test-support` only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use onrecord_value::Time;

use super::Clock;

/// What its monotonic time begins with: a difference to an earlier moment must not run out of numbers.
const MONOTONIC_START: Duration = Duration::from_secs(1000);

/// A clock that stands still until [`advance`](Self::advance) moves it.
#[derive(Debug)]
pub struct ManualClock {
    start: Time,
    /// How far it has been moved, in nanoseconds.
    moved: AtomicU64,
    /// Since when its monotonic time also runs by itself.
    running: Option<Instant>,
}

impl ManualClock {
    /// A clock that shows this time of day.
    pub fn at(start: Time) -> Self {
        Self { start, moved: AtomicU64::new(0), running: None }
    }

    /// A clock whose monotonic time runs by itself as well; its time of day does not.
    pub fn running() -> Self {
        Self { running: Some(Instant::now()), ..Self::default() }
    }

    /// Moves both of its times forward.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.moved.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// A clock that shows 2027-01-15T08:00:00Z.
    fn default() -> Self {
        Self::at(Time::from_unix(1_800_000_000, 0))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time::from_unix_nanos(self.start.unix_nanos() + i128::from(self.moved.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        let ran = self.running.map_or(Duration::ZERO, |since| since.elapsed());
        MONOTONIC_START + Duration::from_nanos(self.moved.load(Ordering::SeqCst)) + ran
    }
}
