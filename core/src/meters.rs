//! What is counted of the journeys of requests, from the start of the process on, sealed or not.
//! Never in it: names of metrics (`metrics`), or anything that a client sent.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_audit::status::Distribution;
use onrecord_value::Time;

use crate::admission::Admission;
use crate::alarm::Phase;

pub(crate) struct Meters {
    pub(crate) started: Time,
    /// The same, by the monotonic clock.
    pub(crate) began: Duration,
    pub(crate) admission: Arc<Admission>,
    request: Meter,
    response: Meter,
    over_rate: AtomicU64,
    key_shares_refused: AtomicU64,
    /// Answers by the first digit of their status.
    answers: [AtomicU64; 5],
}

/// The number of counters that the threads share, so that two of them seldom wait for each other.
const SHARDS: usize = 16;

thread_local! {
    static SHARD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

/// What became of one kind of entry.
struct Meter {
    /// From before it was hashed until the broker's verdict.
    times: [Mutex<Distribution>; SHARDS],
    failures: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            times: std::array::from_fn(|_| Mutex::new(Distribution::of_times())),
            failures: AtomicU64::new(0),
        }
    }
}

impl Meter {
    fn add(&self, time: Duration) {
        if let Some(times) = self.times.get(SHARD.with(|shard| *shard)) {
            lock(times).add_time(time);
        }
    }

    fn times(&self) -> Distribution {
        let mut all = Distribution::of_times();
        for times in &self.times {
            all.merge(&lock(times));
        }
        all
    }
}

fn lock(times: &Mutex<Distribution>) -> MutexGuard<'_, Distribution> {
    times.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meters {
    pub(crate) fn new(started: Time, began: Duration, admission: Arc<Admission>) -> Self {
        Self {
            started,
            began,
            admission,
            request: Meter::default(),
            response: Meter::default(),
            over_rate: AtomicU64::new(0),
            key_shares_refused: AtomicU64::new(0),
            answers: Default::default(),
        }
    }

    pub(crate) fn judged(&self, phase: Phase, time: Duration) {
        self.meter(phase).add(time);
    }

    pub(crate) fn refused(&self, phase: Phase) {
        self.meter(phase).failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused because its peer sends too many that are.
    pub(crate) fn over_rate(&self) {
        self.over_rate.fetch_add(1, Ordering::Relaxed);
    }

    /// A key share was wrong, or came too soon after wrong ones.
    pub(crate) fn key_share_refused(&self) {
        self.key_shares_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were refused because their peers send too many that are.
    pub(crate) fn requests_over_rate(&self) -> u64 {
        self.over_rate.load(Ordering::Relaxed)
    }

    /// How many key shares were wrong, or came too soon after wrong ones.
    pub(crate) fn key_shares_refused(&self) -> u64 {
        self.key_shares_refused.load(Ordering::Relaxed)
    }

    pub(crate) fn answered(&self, status: u16) {
        let class = usize::from(status / 100).checked_sub(1).and_then(|class| self.answers.get(class));
        if let Some(count) = class {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn times(&self, phase: Phase) -> Distribution {
        self.meter(phase).times()
    }

    pub(crate) fn failures(&self, phase: Phase) -> u64 {
        self.meter(phase).failures.load(Ordering::Relaxed)
    }

    /// How many answers had a status of each class, `1xx` to `5xx`.
    pub(crate) fn answers(&self) -> [(&'static str, u64); 5] {
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        let mut counted = classes.map(|class| (class, 0));
        for ((_, count), counter) in counted.iter_mut().zip(&self.answers) {
            *count = counter.load(Ordering::Relaxed);
        }
        counted
    }

    const fn meter(&self, phase: Phase) -> &Meter {
        match phase {
            Phase::Request => &self.request,
            Phase::Response => &self.response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_all_threads_are_counted() {
        let meters = Meters::new(Time::UNIX_EPOCH, Duration::ZERO, Admission::new(1, 1));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope
                    .spawn(|| (0..100).for_each(|_| meters.judged(Phase::Request, Duration::from_millis(1))));
            }
        });
        assert_eq!((meters.times(Phase::Request).count(), meters.times(Phase::Response).count()), (400, 0));
    }

    #[test]
    fn answers_are_counted_by_class() {
        let meters = Meters::new(Time::UNIX_EPOCH, Duration::ZERO, Admission::new(1, 1));
        for status in [200, 204, 404, 503, 500, 999, 0] {
            meters.answered(status);
        }
        assert_eq!(meters.answers(), [("1xx", 0), ("2xx", 2), ("3xx", 0), ("4xx", 1), ("5xx", 2)]);
    }
}
