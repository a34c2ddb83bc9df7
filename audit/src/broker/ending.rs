//! The end of a device: disabled, replaced, or never enabled at all. What waits is written or given up, and what is given
//! up is answered for and told. Never in it: waiting for the device.

use std::sync::PoisonError;
use std::time::Duration;

use super::Shared;
use super::cause::Why;
use super::missed::Missed;
use super::misses::Misses;
use super::queue::{Life, Queue, Wanted};
use super::slot::{Slot, wake};
use super::ticket::{Answer, Ticket};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// A line that the device may write or not: nobody waits for it any more.
struct GivenUp {
    ticket: Arc<Ticket>,
    awaited: bool,
}

impl Slot {
    /// Ends the device: it takes nothing more. Its writer finishes what waits, unless the device is failing; then
    /// what waits is given up. Never blocks: a device that hangs is given up by the watch.
    pub(crate) fn close(&self, shared: &Shared) {
        let given_up = self.shut(shared);
        self.refuse(given_up);
    }

    /// Ends a device that was never enabled, and gives up what waits. What it missed is no loss.
    pub(crate) fn dismiss(&self, shared: &Shared) {
        self.queue().unwanted = true;
        let mut given_up = self.shut(shared);
        {
            let mut queue = self.queue();
            given_up.append(&mut self.give_up(&mut queue, shared));
            (queue.misses, queue.telling) = (Misses::default(), Misses::default());
        }
        self.refuse(given_up);
    }

    /// Names the device that takes its place. Only for the devices, while this one is on its list.
    pub(crate) fn appoint(&self, heir: &Arc<Self>) {
        let mut queue = self.queue();
        heir.listed();
        (queue.successor, queue.lends) = (Some(Arc::clone(heir)), true);
    }

    /// Ends the device as its heir takes its place, which also gets to tell what this one has missed and cannot tell.
    pub(crate) fn hand_over(&self, shared: &Shared) {
        let given_up = self.shut(shared);
        if self.queue().health_tracker.is_failing() {
            self.bequeath();
        }
        self.refuse(given_up);
    }

    /// An entry comes too late for the device, which takes none any more. It is for whoever took its place; if nobody
    /// did, and the entry was numbered before the device was disabled, that is told at its end.
    pub(crate) fn late(&self, seq: u64, shared: &Shared) -> Option<Arc<Self>> {
        let mut queue = self.queue();
        if let Some(heir) = &queue.successor {
            return Some(Arc::clone(heir));
        }
        if queue.disabled_after.is_some_and(|last| seq <= last) && queue.life == Life::Closing {
            queue.misses.add(seq, Why::Disabled.reason(), || shared.clock.now());
        }
        None
    }

    /// Waits until nobody can offer it an entry any more. Only for its writer, and not for long: somebody may sleep.
    pub(crate) fn wait_until_unlisted(&self) {
        let mut queue = self.queue();
        for _ in 0..20 {
            if !self.is_listed() {
                return;
            }
            queue = self
                .news
                .wait_timeout(queue, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    #[must_use]
    fn shut(&self, shared: &Shared) -> Vec<GivenUp> {
        self.drill.end();
        if let Some(claim) = &self.claim {
            claim.release();
        }
        let (given_up, duty) = {
            let mut queue = self.queue();
            if queue.life == Life::Open {
                queue.life = Life::Closing;
            }
            let failing = queue.health_tracker.is_failing();
            let given_up = if failing { self.give_up(&mut queue, shared) } else { Vec::new() };
            (given_up, queue.take_duty())
        };
        if duty {
            self.kick();
        }
        given_up
    }

    /// Gives up everything although the writer may hang with it: a closing device has overrun its grace. Who took its
    /// place tells what is being written, too: better told and written than neither.
    pub(crate) fn abandon(&self, shared: &Shared) {
        let given_up = {
            let mut queue = self.queue();
            let given_up = self.give_up(&mut queue, shared);
            queue.abandoned = true;
            if queue.successor.is_some() {
                let telling = std::mem::take(&mut queue.telling);
                queue.misses.restore(telling);
                for pending in std::mem::take(&mut queue.in_flight) {
                    queue.miss(&pending, &Why::Disabled, shared);
                }
            }
            given_up
        };
        self.bequeath();
        self.refuse(given_up);
    }

    /// Leaves what is untold to the device that took its place, or to whoever took that one's since.
    pub(crate) fn bequeath(&self) {
        let Some((heir, untold, inherited)) = self.estate() else { return };
        if untold.is_empty() && inherited.is_empty() {
            return;
        }
        let mut queue = heir.queue();
        queue.misses.restore(untold);
        queue.inherited.extend_from_slice(&inherited);
        queue.bequeathed.extend(inherited);
        let (dead, duty) = (queue.abandoned || queue.life == Life::Ended, queue.take_duty());
        drop(queue);
        if duty {
            heir.kick();
        }
        if dead {
            heir.bequeath();
        }
    }

    /// What is untold, of this start of the server and of those before it, and whose it is from now on.
    fn estate(&self) -> Option<(Arc<Self>, Misses, Vec<Missed>)> {
        let mut queue = self.queue();
        let heir = queue.successor.clone()?;
        Some((heir, std::mem::take(&mut queue.misses), std::mem::take(&mut queue.inherited)))
    }

    /// Answers for all that waits or is in flight. What waits is missed, and its memory is freed; what is in flight
    /// stays with the writer, which alone can know whether the device has it.
    fn give_up(&self, queue: &mut Queue, shared: &Shared) -> Vec<GivenUp> {
        self.drained(queue.bytes.len());
        queue.bytes = Vec::new();
        let mut given_up = Vec::new();
        let waiting = std::mem::take(&mut queue.waiting);
        self.counters.missed.fetch_add(waiting.len() as u64, Ordering::Relaxed);
        for pending in queue.in_flight.iter_mut().filter(|pending| pending.wanted != Wanted::GivenUp) {
            let awaited = std::mem::take(&mut pending.awaited);
            pending.wanted = Wanted::GivenUp;
            given_up.push(GivenUp { ticket: Arc::clone(&pending.ticket), awaited });
        }
        for pending in waiting {
            queue.miss(&pending, &Why::Disabled, shared);
            given_up.push(GivenUp { awaited: pending.awaited, ticket: pending.ticket });
        }
        given_up
    }

    /// Answers for lines that were given up.
    fn refuse(&self, given_up: Vec<GivenUp>) {
        for GivenUp { ticket, awaited } in given_up {
            let cause = Some(self.cause(Why::Disabled));
            wake(ticket.answer(Answer { cause, required: self.required, awaited }));
        }
    }
}
