//! A short look out for what another thread is about to do, before a thread sleeps until it is done: to sleep and to be
//! woken takes several times as long as a quick device takes for a line.
//! Never in it: what is looked out for, or whether it is worth it.

use std::sync::Arc as StdArc;
use std::time::Duration;

use crate::clock::Clock;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{looks, spin};

/// How long it looks out at most: about as long as it takes to wake a thread on a core that sleeps, and to write a line.
const LONGEST: Duration = Duration::from_micros(50);
/// The clock is read after so many looks.
const LOOKS_A_READING: u32 = 8;
/// After looking in vain it is left out once, then three times, and so on up to two to the power of this, less one.
const DOUBLINGS: u32 = 8;

/// What experience says about looking out.
pub(crate) struct Lookout {
    clock: StdArc<dyn Clock>,
    /// None on a machine of one core: whoever looks keeps the other from doing it.
    looks: u32,
    /// How often in a row it was in vain.
    vain: AtomicU32,
    /// So many times more it is left out.
    left_out: AtomicU32,
}

impl Lookout {
    pub(crate) fn new(clock: &StdArc<dyn Clock>) -> Self {
        let clock = StdArc::clone(clock);
        Self { clock, looks: looks(), vain: AtomicU32::new(0), left_out: AtomicU32::new(0) }
    }

    /// Whether anybody looks out at all on this machine.
    pub(crate) const fn is_possible(&self) -> bool {
        self.looks > 0
    }

    /// Whether this time is one of those that it is left out; counted.
    pub(crate) fn leaves_out(&self) -> bool {
        let left_out = self.left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            self.left_out.store(left_out - 1, Ordering::Relaxed);
        }
        left_out > 0
    }

    /// Looks until it has happened, but only for a moment, and seldom where that was in vain before. The counts are
    /// kept without care for others who look: they are a guess in any case.
    pub(crate) fn until(&self, happened: impl Fn() -> bool) {
        if happened() {
            return;
        }
        if self.leaves_out() {
            return;
        }
        let begun = self.clock.monotonic();
        for look in 1..=self.looks {
            spin();
            if happened() {
                return self.vain.store(0, Ordering::Relaxed);
            }
            let read = look % LOOKS_A_READING == 0;
            if read && self.clock.monotonic().saturating_sub(begun) >= LONGEST {
                break;
            }
        }
        let vain = (self.vain.load(Ordering::Relaxed) + 1).min(DOUBLINGS);
        self.vain.store(vain, Ordering::Relaxed);
        self.left_out.store((1 << vain) - 1, Ordering::Relaxed);
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
    fn what_never_happens_is_looked_out_for_ever_less() {
        if !WATCHED {
            // The model's counters count only in its scenarios.
            return;
        }
        let clock: StdArc<dyn Clock> = StdArc::new(SystemClock::new());
        let lookout = Lookout { looks: 1, ..Lookout::new(&clock) };
        let seen = Cell::new(0);
        let never = || {
            seen.set(seen.get() + 1);
            false
        };
        let looked = |times: usize| {
            seen.set(0);
            (0..times).for_each(|_| lookout.until(never));
            // One glance each time, and one more where it looks out.
            seen.get() - times
        };
        assert_eq!(
            [looked(1), looked(1), looked(1), looked(3), looked(1), looked(7), looked(1)],
            [1, 0, 1, 0, 1, 0, 1]
        );
        looked(1000);
        assert_eq!(looked(2560), 10, "in the end once in 256 times");
        // Once it is seen, it is looked out for again.
        let hit = Cell::new(false);
        while !hit.get() {
            let glances = Cell::new(0);
            lookout.until(|| {
                glances.set(glances.get() + 1);
                hit.set(glances.get() == 2);
                hit.get()
            });
        }
        assert_eq!(looked(1), 1);
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
    fn a_look_out_ends_though_the_clock_stands_still() {
        if !WATCHED {
            // The model's looks need a scenario, and are few.
            return;
        }
        let clock: StdArc<dyn Clock> = StdArc::new(Still);
        let seen = Cell::new(0_u32);
        Lookout::new(&clock).until(|| {
            seen.set(seen.get() + 1);
            assert!(seen.get() < 1 << 20, "it has no end");
            false
        });
    }
}
