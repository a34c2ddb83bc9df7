//! What a device still holds: it must be nothing when no thread does anything any more.
//! Never in it: scenarios.

use std::time::Duration;

use onrecord_entry::SeqRange;

use crate::broker::Broker;
use crate::broker::device_handle::DeviceHandle;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, lock};

/// A device as the broker knows it; it can still be looked at when it is disabled.
pub(crate) struct Held(Arc<DeviceHandle>);

impl Broker {
    /// One round of the watch at a time of the scenario's choice: the model has no clock.
    pub(crate) fn watch_once(&self, now: Duration) {
        self.shared.watch.tick(&self.shared, now, true);
    }

    /// What a device holds.
    pub(crate) fn held(&self, path: &str) -> Option<Held> {
        self.shared.devices.find(path).map(Held)
    }
}

impl Held {
    /// Nothing waits, and every byte that was counted in was counted out.
    pub(crate) fn assert_empty(&self) {
        let queue = self.0.queue();
        let left = (queue.bytes.len(), queue.waiting.len(), queue.in_flight.len());
        assert_eq!((self.0.backlog.bytes(), left), (0, (0, 0, 0)));
        assert!(!queue.losses.is_reporting());
    }

    /// What it lost and has not reported.
    pub(crate) fn unreported(&self) -> Vec<SeqRange> {
        self.0.queue().losses.unreported().seqs.iter().collect()
    }

    /// How many entries it has, and how many it lost, by its counters.
    pub(crate) fn counters(&self) -> (u64, u64) {
        let statistics = &self.0.statistics;
        let written = lock(&statistics.written).entries;
        (written, statistics.lost.load(Ordering::Relaxed))
    }
}
