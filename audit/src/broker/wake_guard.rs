//! Which writers are woken for an entry: by the guard of its caller, or before it comes.
//! Never in it: how long threads spin before they sleep (`wakeup`).

use super::device_handle::DeviceHandle;
use super::device_set::Enabled;
use super::wakeup::AdaptiveSpin;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

impl DeviceHandle {
    /// Wakes the writer for an entry that follows in a moment, if it has a single client. Ever less where entries came
    /// after it slept again.
    pub(crate) fn prewake(&self) {
        if !self.wakeup.has_single_client() || self.wakeup.for_entry.skip() {
            return;
        }
        let mut queue = self.queue();
        if queue.must_wake() {
            self.wakeup.prewoken.store(true, Ordering::Relaxed);
            drop(queue);
            self.wakeup.wake();
        }
    }
}

/// The writers that one caller alone must wake. It wakes them even if its task is dropped half-way.
pub(crate) struct WakeGuard {
    /// Held as long as there can be a writer to wake: a device that was disabled ends once no list has it.
    enabled: Option<Arc<Enabled>>,
    /// The devices whose writers must be woken, by their places in the list.
    must_wake: u64,
    /// The devices whose answers are awaited, by their places in the list.
    awaited: u64,
}

impl WakeGuard {
    pub(crate) const fn new(enabled: Arc<Enabled>) -> Self {
        Self { enabled: Some(enabled), must_wake: 0, awaited: 0 }
    }

    /// Notes a device that took the entry: whether its answer is awaited, and whether its writer must be woken.
    pub(crate) const fn note_taken(&mut self, place: usize, awaited: bool, must_wake: bool) {
        self.awaited |= (awaited as u64) << place;
        self.must_wake |= (must_wake as u64) << place;
    }

    pub(crate) const fn must_wake(&self) -> bool {
        self.must_wake != 0
    }

    pub(crate) fn has_single_client(&self) -> bool {
        self.spin_for_answer().is_some()
    }

    /// That of one of the devices whose answers are awaited, if all of them have a single client.
    fn spin_for_answer(&self) -> Option<&AdaptiveSpin> {
        let mut awaited = handles_at(self.enabled.as_ref()?, self.awaited);
        awaited.try_fold(None, |_, handle| {
            let wakeup = &handle.wakeup;
            wakeup.has_single_client().then_some(Some(&wakeup.for_answer))
        })?
    }

    /// Wakes the writers. A single client spins for their answers for a moment.
    pub(crate) fn wake_and_spin(&mut self, answered: impl Fn() -> bool) {
        self.wake();
        if let Some(spin) = self.spin_for_answer() {
            spin.until(answered);
        }
        self.enabled = None;
    }

    fn wake(&mut self) {
        let must_wake = std::mem::take(&mut self.must_wake);
        if let Some(enabled) = &self.enabled {
            handles_at(enabled, must_wake).for_each(|handle| handle.wakeup.wake());
        }
    }
}

impl Drop for WakeGuard {
    fn drop(&mut self) {
        self.wake();
    }
}

fn handles_at(enabled: &Enabled, places: u64) -> impl Iterator<Item = &DeviceHandle> {
    let handles = enabled.handles.iter().enumerate();
    handles.filter(move |(place, _)| places & 1 << place != 0).map(|(_, handle)| &**handle)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc as StdArc;

    use onrecord_entry::{Boot, FormatOptions, Formatter, Salt};

    use super::*;
    use crate::broker::{Broker, DeviceConfig};
    use crate::clock::{Clock, SystemClock};
    use crate::device::{DeviceOptions, Placement};
    use crate::sync::{SINGLE_CLIENT_AFTER, WATCHED};

    #[test]
    fn where_entries_came_too_late_the_writer_is_prewoken_ever_less() {
        if !WATCHED {
            // The model's counters count only in its scenarios.
            return;
        }
        let clock: StdArc<dyn Clock> = StdArc::new(SystemClock::new());
        let broker = Broker::builder().clock(StdArc::clone(&clock)).build_with_boot(Boot::new(1));
        let options = [("file_path".to_owned(), "discard".to_owned())].into();
        let device = DeviceOptions::parse("file", &options).unwrap().open(&Placement::api(), clock).unwrap();
        let formatter = Formatter::new(FormatOptions::default(), StdArc::new(Salt::new("a salt")));
        let handle = DeviceHandle::new(&DeviceConfig::new("a/", device, formatter), &broker.shared);
        if !handle.wakeup.for_entry.is_possible() {
            return;
        }
        for _ in 0..SINGLE_CLIENT_AFTER {
            handle.wakeup.note_batch(1);
        }
        // It has no writer, so that no other thread parks it or wakes it.
        let woken = || {
            handle.queue().writer_parked = true;
            handle.prewake();
            !handle.queue().writer_parked
        };
        let fail = || handle.wakeup.for_entry.until(|| false);
        assert_eq!([woken(), woken()], [true; 2]);
        fail();
        assert_eq!([woken(), woken()], [false, true]);
        fail();
        assert_eq!([woken(), woken(), woken(), woken()], [false, false, false, true]);
    }
}
