//! What a device writes about its own log: what it missed, what it found out. Each is told once; what it does not get is
//! told again. Never in it: the lines of others.

use super::super::gap::{Place, Tells};
use super::super::measures::Unfits;
use super::super::missed;
use super::super::misses::Misses;
use super::super::queue::Queue;
use super::Writer;
use crate::device::DeviceError;
use crate::sync::atomic::Ordering;

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
        let (mut first, mut ends) = (Vec::new(), Vec::new());
        let (notices, misses) = (std::mem::take(&mut self.notices), std::mem::take(&mut self.untold));
        self.own = Tells::all(notices, misses, self.most_ranges);
        // What has no line cannot be told; the counters still show it.
        self.own.retain(|tells| place.tell(tells, &mut first, &mut ends).is_ok());
        let (told, shift) = (ends.len(), first.len());
        ends.extend(self.ends.iter().map(|end| end + shift));
        first.extend_from_slice(&self.bytes);
        (self.bytes, self.ends) = (first, ends);
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
        missed::keep_untold(queue, &self.notices);
        self.mute = longest.is_some_and(|ranges| ranges <= 1);
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
            let mut queue = self.slot.queue();
            queue.telling = Misses::default();
            queue.inherited.clear();
            return Ok(());
        }
        let appended = self.append();
        self.settle(told, &appended);
        appended.error.map_or(Ok(()), Err)
    }
}
