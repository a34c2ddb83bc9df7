//! The life of an enabled device in the broker: disable, reopen, drain. None of it ever waits for a device without a
//! bound. Never in it: the journey of an entry.

use std::sync::Arc as StdArc;
use std::sync::PoisonError;
use std::time::Duration;

use super::cause::Why;
use super::missed::Missed;
use super::queue::{Errand, Life, Queue};
use super::slot::Slot;
use super::{Broker, Shared};
use crate::device::{Claim, Device, DeviceError};
use crate::sync::Arc;
use onrecord_entry::Formatter;

/// A device to be enabled.
pub struct DeviceConfig {
    pub(crate) path: String,
    pub(crate) device: Box<dyn Device>,
    pub(crate) form: Formatter,
    pub(crate) required: bool,
    pub(crate) failing: Option<DeviceError>,
    pub(crate) missed: Vec<Missed>,
    /// It was enabled in an earlier start already: what that has left behind is its business.
    pub(crate) restored: bool,
}

impl DeviceConfig {
    /// A device, the path by which it is known (as it is to be shown, so usually with a closing slash), and the
    /// form of its lines.
    pub fn new(path: impl Into<String>, device: Box<dyn Device>, form: Formatter) -> Self {
        Self {
            path: path.into(),
            device,
            form,
            required: false,
            failing: None,
            missed: Vec::new(),
            restored: false,
        }
    }

    /// Entries settle only if this device has them.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The device is known not to work at the moment: it begins as `failing`, and is tried again and again.
    #[must_use]
    pub fn failing(mut self, error: DeviceError) -> Self {
        self.failing = Some(error);
        self
    }

    /// What the device missed in earlier starts of the server: it tells it as soon as it can
    /// ([`Broker::missed`]).
    #[must_use]
    pub fn missed(mut self, missed: Vec<Missed>) -> Self {
        self.missed = missed;
        self
    }
}

impl Broker {
    /// What the enabled device of a path holds, for one that is to take its place
    /// ([`Placement::succeeding`](crate::Placement::succeeding)).
    pub fn claim(&self, path: &str) -> Option<Claim> {
        self.shared.devices.find(path)?.claim.clone()
    }

    /// Disables a device at once; its log ends with an entry that says so. What waits for it is still written, in the background; a device that fails, or
    /// hangs for a second, is given up, and the memory of its queue is freed. False if there is none.
    pub fn disable(&self, path: &str) -> bool {
        self.end(path, true)
    }

    /// Ends a device as [`disable`](Self::disable) does, but not for good: this start of the server ends, and the next
    /// one restores it. Nothing is said in its log. False if there is none.
    pub fn release(&self, path: &str) -> bool {
        self.end(path, false)
    }

    fn end(&self, path: &str, for_good: bool) -> bool {
        let Some((slot, last)) = self.shared.devices.remove(path, &self.shared.seq) else { return false };
        self.shared.watch.attend(&slot);
        slot.queue().disabled_after = for_good.then_some(last);
        slot.close(&self.shared);
        true
    }

    /// Gives an enabled device another form of its lines, from the next entry on: another salt, usually. Entries that
    /// are being formatted at this moment still have the old one; none is missing, and nobody waits. False if there is
    /// no device of that path.
    pub fn reform(&self, path: &str, form: Formatter) -> bool {
        self.shared.devices.reform(path, form)
    }

    /// Opens the devices again, as after a rotation (SIGHUP), all of them or the one of a path; drills end. Blocks until
    /// each has done so or `timeout` is over; says what came of each. Those that failed or hang are tried by themselves
    /// later.
    pub fn reopen(&self, path: Option<&str>, timeout: Duration) -> Vec<(StdArc<str>, Result<(), Why>)> {
        self.end_drills(path);
        self.errands(path, timeout, |queue| &mut queue.reopen)
    }

    /// Waits until everything accepted is written and synced, at most for `timeout`; drills end. Blocks. Says which
    /// devices did not get so far.
    pub fn drain(&self, timeout: Duration) -> Vec<(StdArc<str>, Why)> {
        self.end_drills(None);
        let drained = self.errands(None, timeout, |queue| &mut queue.sync);
        drained.into_iter().filter_map(|(path, done)| Some((path, done.err()?))).collect()
    }

    fn errands(
        &self,
        path: Option<&str>,
        timeout: Duration,
        errand: fn(&mut Queue) -> &mut Errand,
    ) -> Vec<(StdArc<str>, Result<(), Why>)> {
        let deadline = self.shared.clock.monotonic().saturating_add(timeout);
        // Not the list itself is held while devices are waited for: one that is disabled meanwhile could not end.
        let slots = self.shared.devices.read().slots.clone();
        let wanted = |slot: &&Arc<Slot>| path.is_none_or(|path| *slot.path == *path);
        // All are asked before any is waited for.
        let asked: Vec<_> = slots
            .iter()
            .filter(wanted)
            .map(|slot| (slot, (!slot.discards).then(|| slot.ask(errand))))
            .collect();
        asked
            .into_iter()
            .map(|(slot, number)| {
                let wait = |number| slot.wait_for(errand, number, deadline, &self.shared);
                (StdArc::clone(&slot.path), number.map_or(Ok(()), wait))
            })
            .collect()
    }
}

impl Slot {
    /// Asks the writer for an errand; returns its number.
    fn ask(&self, errand: fn(&mut Queue) -> &mut Errand) -> u64 {
        let mut queue = self.queue();
        errand(&mut queue).asked += 1;
        let number = errand(&mut queue).asked;
        let duty = queue.take_duty();
        drop(queue);
        if duty {
            self.kick();
        }
        number
    }

    fn wait_for(
        &self,
        errand: fn(&mut Queue) -> &mut Errand,
        number: u64,
        deadline: Duration,
        shared: &Shared,
    ) -> Result<(), Why> {
        let mut queue = self.queue();
        queue.onlookers += 1;
        let outcome = loop {
            if errand(&mut queue).done >= number {
                break errand(&mut queue).error.clone().map_or(Ok(()), |error| Err(Why::Device(error)));
            }
            if queue.life == Life::Ended {
                break Err(Why::Disabled);
            }
            let left = deadline.saturating_sub(shared.clock.monotonic());
            if left.is_zero() {
                break Err(Why::TimedOut);
            }
            queue = self.news.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        queue.onlookers -= 1;
        outcome
    }
}
