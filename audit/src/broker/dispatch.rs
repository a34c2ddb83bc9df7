//! One entry on its way to the devices: formatted for each and queued. Devices may be disabled, replaced and enabled
//! meanwhile. The log of a device accounts for the entries that were numbered while the device was on the list, and for no
//! others: that is how its holes can equal its gaps.
//!
//! * A device that was *replaced* has a successor that continues its log: the entry goes there, with its number.
//! * A device that was *disabled* reports the entry as lost, at the end of its log.
//! * A *newcomer*, enabled since the entry was numbered, does not get it: the number is from before its time. The entry is
//!   offered again only where the healthy devices that took it do not meet the rule, or a required one was disabled and a
//!   required one has come. Then it has a number of the newcomer's time, and goes to all that have not taken it. Those that
//!   have report the new number as lost, so that no device has an entry twice, nor a hole.
//!
//! Never in it: waiting, and the proofs that an answer may leave.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;
use std::time::Duration;

use onrecord_entry::format::{FormatError, Lines, Scratch};
use onrecord_entry::{Entry, Formatter, Stamp};

use super::Shared;
use super::device_handle::{Admission, DeviceHandle};
use super::device_set::Enabled;
use super::ticket::Ticket;
use super::wake_guard::WakeGuard;
use crate::cause::{Cause, Why};
use crate::rules::Tally;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

pub(super) struct Dispatch<'a> {
    shared: &'a Shared,
    pub(super) ticket: Arc<Ticket>,
    /// The number with which it is offered now.
    seq: u64,
    now: Duration,
    pub(super) lines: Lines<'a>,
    pub(super) guard: WakeGuard,
    pub(super) tally: Tally,
    pub(super) causes: Vec<Cause>,
    /// The devices of the list that took it, or whose successors did, by their places.
    took: u64,
    /// The paths of those that took it with an earlier number, and the number.
    took_before: Vec<(StdArc<str>, u64)>,
    /// A device of the list was disabled at this moment, and the entry does not concern it any more.
    disabled: bool,
    required_disabled: bool,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        entry: &'a Entry<'a>,
        enabled: &Arc<Enabled>,
        seq: u64,
        minimum: usize,
        scratch: Scratch,
    ) -> Self {
        let minimum = i64::try_from(minimum).unwrap_or(i64::MAX);
        Self {
            shared,
            ticket: Arc::new(Ticket::new(seq, entry.response.is_some(), minimum)),
            seq,
            now: shared.clock.monotonic(),
            lines: Lines::within(scratch, entry, stamp(shared, seq)),
            guard: WakeGuard::new(Arc::clone(enabled)),
            tally: Tally { minimum, ..Tally::default() },
            causes: Vec::new(),
            took: 0,
            took_before: Vec::new(),
            disabled: false,
            required_disabled: false,
        }
    }

    pub(super) fn offer_to_all(&mut self, enabled: &Enabled) {
        let mut resting: u64 = 0;
        for (place, handle) in enabled.handles.iter().enumerate() {
            if self.is_in_the_log(enabled, place, handle) {
                self.withhold(handle, &|handle| handle.pass_over(self.seq, self.shared));
                continue;
            }
            match handle.admit(self.now) {
                Admission::Yes => self.offer_to(enabled, place, handle),
                Admission::Discards => self.tally.held += i64::from(enabled.all_discard),
                Admission::Resting => resting |= 1 << place,
                Admission::Full => self.lost(place, handle, Why::QueueFull),
            }
        }
        if resting == 0 {
            return;
        }
        // A device that failed a moment ago is left alone, unless the rule may need it.
        let sound = enabled.handles.iter().filter(|handle| handle.is_sound()).count();
        let needed = i64::try_from(sound).unwrap_or(i64::MAX) < self.tally.minimum;
        for (place, handle) in enabled.handles.iter().enumerate() {
            if resting & 1 << place != 0 {
                // One that has recovered since is counted on.
                if needed || handle.required || handle.is_sound() {
                    self.offer_to(enabled, place, handle);
                } else {
                    self.lost(place, handle, handle.resting());
                }
            }
        }
    }

    /// Offers it again where devices were disabled at this moment and the rule needs those that are enabled now, once for
    /// each such moment. False: no device is enabled, and it concerns none.
    pub(super) fn offer_to_newcomers(&mut self, offered: Arc<Enabled>) -> bool {
        let mut list = offered;
        while std::mem::take(&mut self.disabled) {
            let shared = self.shared;
            let Some((now, seq)) = shared.devices.number_if(&shared.seq, |now| self.needs(now)) else {
                return self.concerns_a_device();
            };
            for (place, handle) in list.handles.iter().enumerate() {
                if self.took & 1 << place != 0 {
                    self.took_before.push((StdArc::clone(&handle.path), self.seq));
                }
            }
            (self.took, self.seq, self.required_disabled) = (0, seq, false);
            if self.tally.open == 0 {
                self.ticket = Arc::new(Ticket::new(seq, self.ticket.response, self.tally.minimum));
            }
            // Those that took it have yet to answer. Those that did not are asked again.
            let Tally { minimum, open, required_open, awaited, .. } = self.tally;
            self.tally = Tally { minimum, open, required_open, awaited, ..Tally::default() };
            self.causes.clear();
            self.lines.stamp(stamp(shared, seq));
            // The writers of the list before are woken at once.
            self.guard = WakeGuard::new(Arc::clone(&now));
            self.offer_to_all(&now);
            list = now;
        }
        true
    }

    /// Whether a device took it, or has counted it as lost: then it is refused.
    const fn concerns_a_device(&self) -> bool {
        self.tally.open != 0 || !self.causes.is_empty()
    }

    fn needs(&self, now: &Enabled) -> bool {
        if !self.concerns_a_device() {
            return true;
        }
        let lacking = self.tally.awaited < self.tally.minimum;
        let newcomers = now.handles.iter().zip(&now.since).filter(|(_, since)| **since >= self.seq);
        self.tally.required_lost == 0
            && newcomers
                .filter(|(handle, _)| !handle.discards)
                .any(|(handle, _)| lacking || self.required_disabled && handle.required)
    }

    /// Whether the log of a device has it already, with an earlier number.
    fn is_in_the_log(&self, enabled: &Enabled, place: usize, handle: &DeviceHandle) -> bool {
        let since = enabled.since.get(place).copied().unwrap_or(u64::MAX);
        self.took_before.iter().any(|(path, seq)| *path == handle.path && since < *seq)
    }

    /// Neither the device nor one that continues its log is to have it: that is reported.
    fn withhold(&self, handle: &DeviceHandle, lose: &dyn Fn(&DeviceHandle) -> bool) {
        if !lose(handle)
            && let Some(successor) = handle.successor_or_lose(self.seq, self.shared)
        {
            self.withhold(&successor, lose);
        }
    }

    fn offer_to(&mut self, enabled: &Enabled, place: usize, handle: &DeviceHandle) {
        // The list has as many formatters as devices.
        let Some(formatter) = enabled.formatters.get(place) else {
            return self.lost(place, handle, Why::Disabled);
        };
        if let Some((awaited, must_wake)) = self.queue(place, handle, formatter) {
            self.guard.note_taken(place, awaited, must_wake);
        }
    }

    fn offer_to_successor(&mut self, place: usize, successor: &DeviceHandle) {
        match successor.admit(self.now) {
            Admission::Yes | Admission::Resting => {
                if let Some((_, true)) = self.queue(place, successor, &successor.formatter()) {
                    successor.wakeup.wake();
                }
            }
            // There is no log any more.
            Admission::Discards => self.disabled = true,
            Admission::Full => self.lost(place, successor, Why::QueueFull),
        }
    }

    /// Formats it for one device and queues the line. Says whether its answer is awaited, and whether this caller must wake
    /// its writer.
    fn queue(&mut self, place: usize, handle: &DeviceHandle, formatter: &Formatter) -> Option<(bool, bool)> {
        if let Err(why) = self.format(formatter, handle) {
            self.lost(place, handle, why);
            return None;
        }
        match handle.push(self.lines.last(), &self.ticket, self.seq, self.now, true) {
            Ok((awaited, must_wake)) => {
                self.took |= 1 << place;
                self.tally.open += 1;
                self.tally.awaited += i64::from(awaited);
                self.tally.required_open += i64::from(handle.required);
                return Some((awaited, must_wake));
            }
            Err(Why::Disabled) => self.gone(place, handle),
            Err(why) => self.lost(place, handle, why),
        }
        None
    }

    /// Formats the entry. A response whose whole line cannot be made leaves one without contents: what was done must be
    /// on record. A request is refused instead: nothing was done yet.
    fn format(&mut self, formatter: &Formatter, handle: &DeviceHandle) -> Result<(), Why> {
        let whole = guarded(|| self.lines.make(formatter).map(|_| ()));
        if whole == Err(Why::FormatPanicked) {
            handle.statistics.panics.fetch_add(1, Ordering::Relaxed);
        }
        whole.or_else(|why| match guarded(|| self.lines.make_bare(formatter).transpose()) {
            Ok(Some(())) => Ok(()),
            Ok(None) | Err(_) => Err(why),
        })
    }

    fn lost(&mut self, place: usize, handle: &DeviceHandle, why: Why) {
        if handle.lose(self.seq, &why, self.shared) {
            self.tally.required_lost += i64::from(handle.required);
            self.causes.push(handle.cause(why));
        } else {
            self.gone(place, handle);
        }
    }

    /// The device was replaced or disabled at this moment.
    #[cold]
    fn gone(&mut self, place: usize, handle: &DeviceHandle) {
        if let Some(successor) = handle.successor_or_lose(self.seq, self.shared) {
            self.offer_to_successor(place, &successor);
        } else {
            self.disabled = true;
            self.required_disabled |= handle.required;
        }
    }

    /// Offers it to the devices of a list for which `but` does not hold; those for which it does report it as lost. No task
    /// waits for any of them.
    pub(super) fn offer_to_all_but(&mut self, enabled: &Enabled, but: impl Fn(&DeviceHandle) -> bool) {
        for (place, handle) in enabled.handles.iter().enumerate() {
            if but(handle) {
                self.withhold(handle, &|handle| handle.lose(self.seq, &Why::Withdrawn, self.shared));
                continue;
            }
            match handle.admit(self.now) {
                Admission::Yes => self.offer_to(enabled, place, handle),
                Admission::Discards => {}
                Admission::Resting => self.lost(place, handle, handle.resting()),
                Admission::Full => self.lost(place, handle, Why::QueueFull),
            }
        }
        // The entry is decided before any of them answers.
        self.tally = Tally::default();
    }
}

/// All lines with a number have the time of now.
pub(super) fn stamp(shared: &Shared, seq: u64) -> Stamp {
    Stamp { time: shared.clock.now(), seq, boot: shared.boot }
}

/// Formats into an emptied buffer. A panic costs this device this entry.
pub(super) fn format(
    formatter: &Formatter,
    entry: &Entry<'_>,
    stamp: &Stamp,
    line: &mut Vec<u8>,
) -> Result<(), Why> {
    line.clear();
    guarded(|| formatter.format(entry, stamp, line))
}

fn guarded<T>(format: impl FnOnce() -> Result<T, FormatError>) -> Result<T, Why> {
    match catch_unwind(AssertUnwindSafe(format)) {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) => Err(Why::Format(error)),
        Err(_) => Err(Why::FormatPanicked),
    }
}
