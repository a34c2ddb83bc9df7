//! Waking a device's writer, late enough that it finds many entries, early enough that a single client need not wait.
//!
//! * *Many clients*: the caller that finds the writer parked must wake it, and does so after its task has yielded once
//!   (`WakeGuard`): other tasks of the worker add their entries first, and the writer takes all in one batch.
//! * *A single client* sends its next request only after an answer, so its batches hold a single entry. To sleep and to be
//!   woken takes several times as long as a quick device takes for a line. So a writer is woken before the entry comes
//!   (`DeviceHandle::prewake`), and both sides spin for a moment before they sleep ([`AdaptiveSpin`]).
//!
//! Never in it: devices, queues, tickets, and what is written.

use std::sync::Arc as StdArc;
use std::time::Duration;

use crate::clock::Clock;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Condvar, SINGLE_CLIENT_AFTER, spin, spins};

/// How long a thread spins at most: about as long as it takes to wake a thread on a core that sleeps, and to write a line.
const SPIN_MAX: Duration = Duration::from_micros(50);
/// How many spins pass between two readings of the clock.
const SPINS_PER_READING: u32 = 8;
/// After a failed spin one is skipped, then three, and so on up to two to the power of this, less one.
const DOUBLINGS_MAX: u32 = 8;

/// Spins until another thread has done something, but only for a moment, and seldom where that failed before.
pub(crate) struct AdaptiveSpin {
    clock: StdArc<dyn Clock>,
    /// Zero on a machine of one core, where a thread that spins keeps the other from its work.
    spins: u32,
    /// How often in a row it failed.
    failed_spins: AtomicU32,
    /// How often it is to be skipped yet.
    skips: AtomicU32,
}

impl AdaptiveSpin {
    fn new(clock: &StdArc<dyn Clock>) -> Self {
        let clock = StdArc::clone(clock);
        Self { clock, spins: spins(), failed_spins: AtomicU32::new(0), skips: AtomicU32::new(0) }
    }

    pub(super) const fn is_possible(&self) -> bool {
        self.spins > 0
    }

    /// Whether this time is to be skipped; counted.
    pub(super) fn skip(&self) -> bool {
        let skips = self.skips.load(Ordering::Relaxed);
        if skips > 0 {
            self.skips.store(skips - 1, Ordering::Relaxed);
        }
        skips > 0
    }

    /// Spins until it has happened, for [`SPIN_MAX`] at most. The counts are kept without regard to other threads that
    /// spin: they are an estimate in any case.
    pub(crate) fn until(&self, happened: impl Fn() -> bool) {
        if happened() || self.skip() {
            return;
        }
        let begun = self.clock.monotonic();
        for at in 1..=self.spins {
            spin();
            if happened() {
                return self.failed_spins.store(0, Ordering::Relaxed);
            }
            let read = at % SPINS_PER_READING == 0;
            if read && self.clock.monotonic().saturating_sub(begun) >= SPIN_MAX {
                break;
            }
        }
        let failed = (self.failed_spins.load(Ordering::Relaxed) + 1).min(DOUBLINGS_MAX);
        self.failed_spins.store(failed, Ordering::Relaxed);
        self.skips.store((1 << failed) - 1, Ordering::Relaxed);
    }
}

/// How the writer of one device is woken, and when it and its callers spin before they sleep.
pub(crate) struct Wakeup {
    pub(super) work: Condvar,
    /// How many batches in a row were a single entry: then there is a single client.
    single_batches: AtomicU32,
    /// The writer was woken for an entry that follows. Changed under the lock of the queue.
    pub(super) prewoken: AtomicBool,
    pub(super) for_answer: AdaptiveSpin,
    /// The writer spins for the entry that it was woken for.
    pub(super) for_entry: AdaptiveSpin,
    /// The writer spins for the response entry after the only request entry.
    for_response: AdaptiveSpin,
}

impl Wakeup {
    pub(crate) fn new(clock: &StdArc<dyn Clock>) -> Self {
        Self {
            work: Condvar::new(),
            single_batches: AtomicU32::new(0),
            prewoken: AtomicBool::new(false),
            for_answer: AdaptiveSpin::new(clock),
            for_entry: AdaptiveSpin::new(clock),
            for_response: AdaptiveSpin::new(clock),
        }
    }

    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }

    /// Notes the number of entries of the batch that the writer takes. Returns whether there is a single client.
    pub(crate) fn note_batch(&self, entries: usize) -> bool {
        let before = self.single_batches.load(Ordering::Relaxed);
        let single = entries == 1 && self.for_answer.is_possible();
        let batches = if single { before.saturating_add(1) } else { 0 };
        self.single_batches.store(batches, Ordering::Relaxed);
        batches >= SINGLE_CLIENT_AFTER
    }

    pub(super) fn has_single_client(&self) -> bool {
        self.single_batches.load(Ordering::Relaxed) >= SINGLE_CLIENT_AFTER
    }

    /// How the writer waits for an entry before it sleeps, if one is to come at any moment. `response_follows`: it has
    /// just written the only request entry.
    pub(crate) fn spin_for_entry(&self, response_follows: bool) -> Option<&AdaptiveSpin> {
        let prewoken = self.prewoken.swap(false, Ordering::Relaxed);
        if response_follows { Some(&self.for_response) } else { prewoken.then_some(&self.for_entry) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use onrecord_value::Time;

    use super::*;
    use crate::clock::SystemClock;
    use crate::sync::WATCHED;

    #[test]
    fn a_spin_that_always_fails_is_skipped_ever_more_often() {
        if !WATCHED {
            // The model's counters count only in its scenarios.
            return;
        }
        let clock: StdArc<dyn Clock> = StdArc::new(SystemClock::new());
        let spin = AdaptiveSpin { spins: 1, ..AdaptiveSpin::new(&clock) };
        let seen = Cell::new(0);
        let never = || {
            seen.set(seen.get() + 1);
            false
        };
        let spun = |times: usize| {
            seen.set(0);
            (0..times).for_each(|_| spin.until(never));
            // One look each time, and one more where it spins.
            seen.get() - times
        };
        assert_eq!([spun(1), spun(1), spun(1), spun(3), spun(1), spun(7), spun(1)], [1, 0, 1, 0, 1, 0, 1]);
        spun(1000);
        assert_eq!(spun(2560), 10, "in the end once in 256 times");
        // Once it has succeeded, it is not skipped any more.
        let hit = Cell::new(false);
        while !hit.get() {
            let looks = Cell::new(0);
            spin.until(|| {
                looks.set(looks.get() + 1);
                hit.set(looks.get() == 2);
                hit.get()
            });
        }
        assert_eq!(spun(1), 1);
    }

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Time {
            Time::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn a_spin_ends_though_the_clock_stands_still() {
        if !WATCHED {
            // The model's spins need a scenario, and are few.
            return;
        }
        let clock: StdArc<dyn Clock> = StdArc::new(Still);
        let seen = Cell::new(0_u32);
        AdaptiveSpin::new(&clock).until(|| {
            seen.set(seen.get() + 1);
            assert!(seen.get() < 1 << 20, "it has no end");
            false
        });
    }
}
