//! What a device writes about its own log: what it missed, what it found out. Each is told once; what it does not get is
//! told again. Never in it: the lines of others.

use super::super::gap::{Place, Tells};
use super::super::measures::Unfits;
use super::super::missed;
use super::super::queue::Queue;
use super::Writer;
use crate::device::DeviceError;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// The device's own lines as they are made.
#[derive(Default)]
struct OwnLines {
    own: Vec<Tells>,
    lineless: Vec<Tells>,
    lines: Vec<u8>,
    ends: Vec<usize>,
}

impl OwnLines {
    /// Adds the line that tells this. What is too long for one is parted, and what has none however short is told
    /// another time.
    fn add(&mut self, tells: Tells, place: &Place<'_>) {
        let ranges = tells.ranges();
        if place.tell(&tells, &mut self.lines, &mut self.ends).is_ok() {
            self.own.push(tells);
        } else if ranges > 1 {
            tells.parts(ranges.div_ceil(2)).into_iter().for_each(|part| self.add(part, place));
        } else {
            self.lineless.push(tells);
        }
    }
}

impl Writer {
    /// Puts the lines about misses and notices before the others. Says how many lines that are.
    pub(super) fn tell_first(&mut self) -> usize {
        if self.untold.is_empty() && self.notices.is_empty() {
            return 0;
        }
        let form = self.slot.form();
        let place = Place {
            path: &self.slot.path,
            form: &form,
            boot: self.shared.boot,
            time: self.shared.clock.now(),
            last_seq: self.shared.seq.load(Ordering::Relaxed),
        };
        let (notices, misses) = (std::mem::take(&mut self.notices), std::mem::take(&mut self.untold));
        let mut first = OwnLines::default();
        for tells in Tells::all(notices, misses, self.most_ranges) {
            first.add(tells, &place);
        }
        let OwnLines { own, lineless, mut lines, mut ends } = first;
        (self.own, self.lineless) = (own, lineless);
        let (told, shift) = (ends.len(), lines.len());
        ends.extend(self.ends.iter().map(|end| end + shift));
        lines.extend_from_slice(&self.bytes);
        (self.bytes, self.ends) = (lines, ends);
        told
    }

    /// Notes which of the device's own lines it has. Those that it has not are told again; what they say was missed
    /// only if that is `ours` to tell still. One that is too long is parted.
    pub(super) fn settle_own(&mut self, queue: &mut Queue, ours: bool, lines: usize, unfit: Unfits<'_>) {
        let mut longest = None;
        for (at, tells) in std::mem::take(&mut self.own).into_iter().enumerate() {
            let fits = !unfit.has_own(at);
            if !fits {
                longest = longest.max(Some(tells.ranges()));
            }
            match tells {
                Tells::Misses(misses) if fits && at < lines => queue.told.note(misses),
                Tells::Misses(misses) if ours => queue.misses.restore(misses),
                Tells::Notice(notice) if !(fits && at < lines) => self.notices.push(notice),
                Tells::Misses(_) | Tells::Notice(_) => {}
            }
        }
        self.mute = longest.map_or(!self.lineless.is_empty(), |ranges| ranges <= 1);
        for tells in std::mem::take(&mut self.lineless) {
            match tells {
                Tells::Misses(misses) if ours => queue.misses.restore(misses),
                Tells::Misses(_) => {}
                Tells::Notice(notice) => self.notices.push(notice),
            }
        }
        missed::keep_untold(queue, &self.notices);
        if let Some(ranges) = longest {
            self.most_ranges = (ranges / 2).max(1);
        }
    }

    /// Writes what is untold, and nothing else.
    pub(super) fn tell(&mut self) -> Result<(), DeviceError> {
        self.bytes.clear();
        self.ends.clear();
        {
            let mut queue = self.slot.queue();
            queue.progress_at = self.now();
            self.untold = std::mem::take(&mut queue.misses);
            queue.telling.clone_from(&self.untold);
        }
        let told = self.tell_first();
        if told == 0 {
            let slot = Arc::clone(&self.slot);
            let mut queue = slot.queue();
            let ours = !std::mem::take(&mut queue.telling).is_empty();
            self.settle_own(&mut queue, ours, 0, Unfits { told, all: &[] });
            return Ok(());
        }
        let appended = self.append();
        self.settle(told, &appended);
        appended.error.map_or(Ok(()), Err)
    }
}
