//! What is measured of the batches that a device took. Never in it: what becomes of their entries.

use std::time::Duration;

use super::distribution::Distribution;
use super::queue::Pending;
use crate::device::{DeviceError, Rejected};

/// Written once a batch, by the writer alone.
pub(crate) struct Measures {
    /// Bytes that the device has.
    pub(crate) bytes: u64,
    /// Entries a batch.
    pub(crate) batch_entries: Distribution,
    /// From accepted to answered: `request` entries.
    pub(crate) request_latency: Distribution,
    /// The same for `response` entries.
    pub(crate) response_latency: Distribution,
}

impl Measures {
    pub(crate) fn new() -> Self {
        Self {
            bytes: 0,
            batch_entries: Distribution::of_numbers(),
            request_latency: Distribution::of_times(),
            response_latency: Distribution::of_times(),
        }
    }

    /// Counts a batch of which the device has the first `lines` lines, but for those that do not fit it. `ends` says
    /// where each line ends; `entries` are those behind the device's own lines.
    pub(crate) fn take(
        &mut self,
        now: Duration,
        lines: usize,
        ends: &[usize],
        entries: &[Pending],
        unfit: Unfits<'_>,
    ) {
        let Some(last) = lines.checked_sub(1) else { return };
        let end = |line: usize| ends.get(line).map_or(0, |end| *end as u64);
        self.bytes += end(last);
        let held = lines.saturating_sub(unfit.told);
        for (at, pending) in entries.iter().take(held).enumerate() {
            if unfit.get(at).is_some() {
                let line = unfit.told + at;
                self.bytes -= end(line) - line.checked_sub(1).map_or(0, end);
                continue;
            }
            let latency =
                if pending.ticket.response { &mut self.response_latency } else { &mut self.request_latency };
            latency.add_time(now.saturating_sub(pending.since));
        }
        if let Some(entries @ 1..) = held.checked_sub(unfit.count()) {
            self.batch_entries.add(entries as u64);
        }
    }
}

/// The lines of others, after the device's own `told` ones, which it could not take for what they are.
#[derive(Clone, Copy)]
pub(crate) struct Unfits<'a> {
    pub(crate) told: usize,
    pub(crate) all: &'a [Rejected],
}

impl<'a> Unfits<'a> {
    /// Why the line of the entry at this place was not taken.
    pub(crate) fn get(self, at: usize) -> Option<&'a DeviceError> {
        let found = self.all.binary_search_by_key(&(at + self.told), |unfit| unfit.line).ok()?;
        self.all.get(found).map(|unfit| &unfit.error)
    }

    /// Whether one of the device's own lines was not taken.
    pub(crate) fn has_own(self, at: usize) -> bool {
        at < self.told && self.all.binary_search_by_key(&at, |unfit| unfit.line).is_ok()
    }

    pub(crate) fn count(self) -> usize {
        self.all.iter().filter(|unfit| unfit.line >= self.told).count()
    }
}
