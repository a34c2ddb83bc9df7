//! One entry on its way to the devices: formatted for each and queued, and what has come of that so far.
//! Devices may be disabled, replaced and enabled meanwhile. A log owes the entries that were numbered while its device
//! was on the list, and no others: that is how its holes can equal its gaps.
//! Never in it: waiting, and the proofs that an answer may leave.
//!
//! * A device that was *replaced* has an heir that continues its log: the entry goes there, with its number.
//! * A device that was *disabled* tells the entry as missed, at the end of its log.
//! * A *newcomer*, enabled since the entry was numbered, does not get it: the number is from before its time. Only where
//!   the healthy devices that took the entry do not meet the rule, or a required one was disabled and a required one
//!   has come, the entry is offered anew, with a number of the newcomer's time, to all that have not taken it. Those that
//!   have tell the new number as missed, so that nobody has an entry twice, nor a hole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;
use std::time::Duration;

use super::Shared;
use super::cause::{Cause, Why};
use super::device_set::Enabled;
use super::kick::Kick;
use super::slot::{Admission, Pushed, Slot};
use super::ticket::Ticket;
use super::verdict::Tally;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use onrecord_entry::{Entry, Stamp};
use onrecord_entry::{FormatError, Formatter, Lines, Scratch};

/// An entry on its way to the devices.
pub(super) struct Offer<'a> {
    shared: &'a Shared,
    entry: &'a Entry<'a>,
    minimum: usize,
    pub(super) ticket: Arc<Ticket>,
    /// The number with which it is offered now.
    seq: u64,
    now: Duration,
    pub(super) lines: Lines<'a>,
    pub(super) kick: Kick,
    pub(super) tally: Tally,
    pub(super) causes: Vec<Cause>,
    /// The devices of the list that took it, or whose heirs did, by their places.
    took: u64,
    /// The paths of those that took it with an earlier number, and the number.
    took_before: Vec<(StdArc<str>, u64)>,
    /// One of the list was disabled at this moment, and has nothing to do with it any more.
    gone: bool,
    /// So was a required one.
    required_gone: bool,
}

impl<'a> Offer<'a> {
    /// `room` is memory to format in.
    pub(super) fn new(
        shared: &'a Shared,
        entry: &'a Entry<'a>,
        enabled: &Arc<Enabled>,
        seq: u64,
        minimum: usize,
        room: Scratch,
    ) -> Self {
        Self {
            shared,
            entry,
            minimum,
            ticket: ticket(entry, seq, minimum),
            seq,
            now: shared.clock.monotonic(),
            lines: Lines::within(room, entry, stamp(shared, seq)),
            kick: Kick::new(Arc::clone(enabled)),
            tally: Tally::default(),
            causes: Vec::new(),
            took: 0,
            took_before: Vec::new(),
            gone: false,
            required_gone: false,
        }
    }

    /// Offers it to all devices of a list.
    pub(super) fn offer_to_all(&mut self, enabled: &Enabled) {
        let mut resting: u64 = 0;
        for (place, slot) in enabled.slots.iter().enumerate() {
            if self.is_in_the_log(enabled, place, slot) {
                self.withhold(slot, &|slot| slot.pass_over(self.seq, self.shared));
                continue;
            }
            match slot.admit(self.now) {
                Admission::Yes => self.offer_to(enabled, place, slot),
                Admission::Discards => self.tally.held += i64::from(enabled.all_discard),
                Admission::Resting => resting |= 1 << place,
                Admission::Full => self.missed(place, slot, Why::QueueFull),
            }
        }
        if resting == 0 {
            return;
        }
        // A device that failed a moment ago is left alone, unless the rule may need it.
        let sound = enabled.slots.iter().filter(|slot| slot.is_sound()).count();
        let needed = sound < self.minimum;
        for (place, slot) in enabled.slots.iter().enumerate() {
            if resting & 1 << place != 0 {
                // One that has recovered since is counted on.
                if needed || slot.required || slot.is_sound() {
                    self.offer_to(enabled, place, slot);
                } else {
                    self.missed(place, slot, slot.resting());
                }
            }
        }
    }

    /// Offers it anew where devices were disabled at this moment and the rule needs those that are enabled now. False:
    /// nobody is enabled, and nobody has to do with it.
    ///
    /// Each round needs a device that was disabled since the one before.
    pub(super) fn offer_to_newcomers(&mut self, offered: Arc<Enabled>) -> bool {
        let mut list = offered;
        while std::mem::take(&mut self.gone) {
            let shared = self.shared;
            let Some((now, seq)) = shared.devices.number_if(&shared.seq, |now| self.needs(now)) else {
                return !self.is_nobodys();
            };
            for (place, slot) in list.slots.iter().enumerate() {
                if self.took & 1 << place != 0 {
                    self.took_before.push((StdArc::clone(&slot.path), self.seq));
                }
            }
            (self.took, self.seq, self.required_gone) = (0, seq, false);
            if self.tally.open == 0 {
                self.ticket = ticket(self.entry, seq, self.minimum);
            }
            // Whoever took it has yet to answer. Whoever did not is asked again.
            let Tally { open, required_open, awaited, .. } = self.tally;
            self.tally = Tally { open, required_open, awaited, ..Tally::default() };
            self.causes.clear();
            self.lines.stamp(stamp(shared, seq));
            // What is owed to those of the list before is done at once.
            self.kick = Kick::new(Arc::clone(&now));
            self.offer_to_all(&now);
            list = now;
        }
        true
    }

    /// Nobody has to do with it any more. Where a device has counted it as missed, it is refused.
    const fn is_nobodys(&self) -> bool {
        self.tally.open == 0 && self.causes.is_empty()
    }

    /// Whether the rule needs those that are enabled now.
    fn needs(&self, now: &Enabled) -> bool {
        if self.is_nobodys() {
            return true;
        }
        let minimum = i64::try_from(self.minimum).unwrap_or(i64::MAX);
        let lacking = self.tally.awaited < minimum;
        let newcomers = now.slots.iter().zip(&now.since).filter(|(_, since)| **since >= self.seq);
        self.tally.required_lost == 0
            && newcomers
                .filter(|(slot, _)| !slot.discards)
                .any(|(slot, _)| lacking || self.required_gone && slot.required)
    }

    /// Whether the log of a device has it already, with an earlier number.
    fn is_in_the_log(&self, enabled: &Enabled, place: usize, slot: &Slot) -> bool {
        let since = enabled.since.get(place).copied().unwrap_or(u64::MAX);
        self.took_before.iter().any(|(path, seq)| *path == slot.path && since < *seq)
    }

    /// The device is not to have it, nor is one that continues its log: that is told.
    fn withhold(&self, slot: &Slot, miss: &dyn Fn(&Slot) -> bool) {
        if !miss(slot)
            && let Some(heir) = slot.late(self.seq, self.shared)
        {
            self.withhold(&heir, miss);
        }
    }

    /// Offers it to one device of a list.
    fn offer_to(&mut self, enabled: &Enabled, place: usize, slot: &Slot) {
        // The list has as many forms as devices.
        let Some(form) = enabled.forms.get(place) else { return self.missed(place, slot, Why::Disabled) };
        if let Some((awaited, duty)) = self.queue(place, slot, form) {
            self.kick.took(place, awaited, duty);
        }
    }

    /// Offers it to one that continues the log of a device of the list.
    fn offer_to_heir(&mut self, place: usize, heir: &Slot) {
        match heir.admit(self.now) {
            Admission::Yes | Admission::Resting => {
                if let Some((_, true)) = self.queue(place, heir, &heir.form()) {
                    heir.kick();
                }
            }
            // There is no log any more.
            Admission::Discards => self.gone = true,
            Admission::Full => self.missed(place, heir, Why::QueueFull),
        }
    }

    /// Formats it for one device and queues the line. Says whether its answer is awaited, and its writer to be woken.
    fn queue(&mut self, place: usize, slot: &Slot, form: &Formatter) -> Option<(bool, bool)> {
        if let Err(why) = self.format(form, slot) {
            self.missed(place, slot, why);
            return None;
        }
        match slot.push(self.lines.last(), &self.ticket, self.seq, self.now, true) {
            Pushed::Accepted { awaited, duty } => {
                self.took |= 1 << place;
                self.tally.open += 1;
                self.tally.awaited += i64::from(awaited);
                self.tally.required_open += i64::from(slot.required);
                return Some((awaited, duty));
            }
            Pushed::Full => self.missed(place, slot, Why::QueueFull),
            Pushed::Closed => self.closed(place, slot),
        }
        None
    }

    /// Formats the entry. A response whose whole line cannot be made leaves one without contents: what was done must be
    /// on record. A request is refused instead: nothing was done yet.
    fn format(&mut self, form: &Formatter, slot: &Slot) -> Result<(), Why> {
        let whole = guarded(|| self.lines.make(form).map(|_| ()));
        if whole == Err(Why::FormatPanicked) {
            slot.counters.panics.fetch_add(1, Ordering::Relaxed);
        }
        whole.or_else(|why| match guarded(|| self.lines.make_bare(form).transpose()) {
            Ok(Some(())) => Ok(()),
            Ok(None) | Err(_) => Err(why),
        })
    }

    /// The device does not get it.
    fn missed(&mut self, place: usize, slot: &Slot, why: Why) {
        if slot.miss(self.seq, &why, self.shared) {
            self.tally.required_lost += i64::from(slot.required);
            self.causes.push(slot.cause(why));
        } else {
            self.closed(place, slot);
        }
    }

    /// The device was replaced or disabled at this moment.
    #[cold]
    fn closed(&mut self, place: usize, slot: &Slot) {
        if let Some(heir) = slot.late(self.seq, self.shared) {
            self.offer_to_heir(place, &heir);
        } else {
            self.gone = true;
            self.required_gone |= slot.required;
        }
    }

    /// Offers it to the devices of a list for which `but` does not hold; those for which it does tell it as missed. Nobody
    /// waits for any of them.
    pub(super) fn offer_to_all_but(&mut self, enabled: &Enabled, but: impl Fn(&Slot) -> bool) {
        for (place, slot) in enabled.slots.iter().enumerate() {
            if but(slot) {
                self.withhold(slot, &|slot| slot.miss(self.seq, &Why::Withdrawn, self.shared));
                continue;
            }
            match slot.admit(self.now) {
                Admission::Yes => self.offer_to(enabled, place, slot),
                Admission::Discards => {}
                Admission::Resting => self.missed(place, slot, slot.resting()),
                Admission::Full => self.missed(place, slot, Why::QueueFull),
            }
        }
        // Nothing is asked of the devices: the entry is decided before any of them answers.
        self.tally = Tally::default();
    }
}

/// All lines with a number have the time of now.
fn stamp(shared: &Shared, seq: u64) -> Stamp {
    Stamp { time: shared.clock.now(), seq, boot: shared.boot }
}

fn ticket(entry: &Entry<'_>, seq: u64, minimum: usize) -> Arc<Ticket> {
    Arc::new(Ticket::new(seq, entry.response.is_some(), i64::try_from(minimum).unwrap_or(i64::MAX)))
}

/// Formats into an emptied buffer. A panic costs this device this entry.
pub(super) fn format(
    form: &Formatter,
    entry: &Entry<'_>,
    stamp: &Stamp,
    line: &mut Vec<u8>,
) -> Result<(), Why> {
    line.clear();
    guarded(|| form.format(entry, stamp, line))
}

fn guarded<T>(format: impl FnOnce() -> Result<T, FormatError>) -> Result<T, Why> {
    match catch_unwind(AssertUnwindSafe(format)) {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) => Err(Why::Format(error)),
        Err(_) => Err(Why::FormatPanicked),
    }
}
