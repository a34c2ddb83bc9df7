//! What a device still holds, for the model: it must be nothing when nobody waits.
//! Never in it: anything that a product runs.
#![allow(dead_code, reason = "the model alone looks at it")]

use std::time::Duration;

use super::Broker;
use super::slot::Slot;
use super::watch::Look;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use onrecord_entry::SeqRange;

/// A device as the broker knows it; it can still be looked at when it is disabled.
pub(crate) struct Rest(Arc<Slot>);

impl Broker {
    /// One round of the watch at a time of the test's choice: the model has no clock.
    pub(crate) fn watch_once(&self, now: Duration) {
        let _: Look = self.shared.watch.tick(&self.shared, now, true);
    }

    /// What is left in a device.
    pub(crate) fn rest(&self, path: &str) -> Option<Rest> {
        self.shared.devices.find(path).map(Rest)
    }
}

impl Rest {
    /// Nothing waits, and every byte that was counted in was counted out.
    pub(crate) fn assert_empty(&self) {
        let queue = self.0.queue();
        let left = (queue.bytes.len(), queue.waiting.len(), queue.in_flight.len());
        assert_eq!((self.0.queued_bytes(), left), (0, (0, 0, 0)));
    }

    /// What it missed and has not told.
    pub(crate) fn untold(&self) -> Vec<SeqRange> {
        self.0.queue().misses.ranges.clone()
    }

    /// How many entries it has, and how many it missed, by its counters.
    pub(crate) fn counters(&self) -> (u64, u64) {
        let count = |counter: &crate::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.0.counters.appended), count(&self.0.counters.missed))
    }
}
