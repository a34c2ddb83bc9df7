//! The end of a device: what waits for it while it drains is written or given up, and what is given up is answered for and
//! reported, by the device itself or by its successor. Never in it: waiting for the device, except by its own writer.

use std::sync::PoisonError;
use std::time::Duration;

use super::Shared;
use super::device_handle::DeviceHandle;
use super::life::{DrainReason, Life};
use super::queue::{Queue, Wanted};
use super::ticket::Ticket;
use crate::cause::Why;
use crate::loss::Loss;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

impl DeviceHandle {
    /// Ends the device: it takes no more entries. Its writer finishes what waits, unless the device fails or was never
    /// enabled; then what waits is given up. Never blocks: the watch gives up a device that hangs.
    pub(crate) fn drain(&self, reason: DrainReason<Self>, shared: &Shared) {
        self.start_draining(Some(reason), shared);
    }

    fn start_draining(&self, reason: Option<DrainReason<Self>>, shared: &Shared) {
        self.drill.end();
        if let Some(claim) = &self.claim {
            claim.release();
        }
        let (given_up, must_wake) = {
            let mut queue = self.queue();
            if let Some(reason) = reason {
                queue.life.drain(reason);
            }
            let not_enabled = matches!(queue.life.reason(), Some(DrainReason::NotEnabled));
            let give_up = not_enabled || queue.health.is_failing();
            let given_up = if give_up { self.give_up(&mut queue, shared) } else { Vec::new() };
            if not_enabled {
                // Entries that a device was not enabled for are not lost.
                queue.losses.clear();
            }
            (given_up, queue.must_wake())
        };
        if must_wake {
            self.wakeup.wake();
        }
        self.refuse(given_up);
    }

    /// Names the device that takes its place, and gets all later entries. Only for the list of devices, while this one is
    /// on it; [`drain_replaced`](Self::drain_replaced) follows.
    pub(crate) fn set_successor(&self, successor: &Arc<Self>) {
        successor.listed();
        let successor = Arc::clone(successor);
        self.queue().life.drain(DrainReason::Replaced { successor, lists_successor: true });
    }

    /// Ends a device whose successor is set. The successor reports what this one did not get and cannot report.
    pub(crate) fn drain_replaced(&self, shared: &Shared) {
        self.start_draining(None, shared);
        if self.queue().health.is_failing() {
            self.transfer_losses();
        }
    }

    /// An entry comes too late for the device, which takes none any more. It is for the successor; if there is none, and
    /// the entry was numbered before the device was disabled, the end of its log reports it as lost.
    pub(crate) fn successor_or_lose(&self, seq: u64, shared: &Shared) -> Option<Arc<Self>> {
        let mut queue = self.queue();
        if let Some(successor) = queue.life.successor() {
            return Some(Arc::clone(successor));
        }
        if queue.life.disabled_after().is_some_and(|last| seq <= last) {
            queue.losses.add(seq, Why::Disabled.reason(), || shared.clock.now());
        }
        None
    }

    pub(crate) fn listed(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unlisted(&self) {
        if self.lists.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        // Under the lock: the writer either has seen the count or waits for this notification.
        let mut queue = self.queue();
        if queue.life.disabled_after().is_some() {
            self.progress.notify_all();
        }
        let successor = match &mut queue.life {
            Life::Draining { reason: DrainReason::Replaced { successor, lists_successor }, .. }
            | Life::Ended { reason: DrainReason::Replaced { successor, lists_successor } } => {
                std::mem::take(lists_successor).then(|| Arc::clone(successor))
            }
            _ => None,
        };
        drop(queue);
        if let Some(successor) = successor {
            successor.unlisted();
        }
    }

    fn is_listed(&self) -> bool {
        self.lists.load(Ordering::Acquire) > 0
    }

    /// Waits until no caller can offer an entry to a device that was disabled, and returns the last number before that.
    /// Only for its writer. Not for long: a caller may sleep with the list in hand.
    pub(crate) fn wait_for_late_entries(&self) -> Option<u64> {
        let mut queue = self.queue();
        let last = queue.life.disabled_after()?;
        for _ in 0..20 {
            if !self.is_listed() {
                break;
            }
            let waited = self.progress.wait_timeout(queue, Duration::from_millis(50));
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(last)
    }

    pub(crate) fn end(&self) {
        self.queue().life.end();
        // What came to it after its last report goes on to its own successor.
        self.transfer_losses();
        self.progress.notify_all();
    }

    /// Gives up all that waits although the writer may hang with it: a draining device made no progress for too long. The
    /// successor also reports what is being written: an entry that is both reported and written is better than one that
    /// is neither.
    pub(crate) fn abandon(&self, shared: &Shared) {
        let given_up = {
            let mut queue = self.queue();
            let replaced = match &mut queue.life {
                Life::Draining { reason, abandoned } => {
                    *abandoned = true;
                    matches!(reason, DrainReason::Replaced { .. })
                }
                // Its writer has ended since the watch looked at it.
                Life::Active | Life::Ended { .. } => return,
            };
            let given_up = self.give_up(&mut queue, shared);
            if replaced {
                queue.losses.take_back();
                for pending in std::mem::take(&mut queue.in_flight) {
                    queue.lose(&pending, &Why::Disabled, shared);
                }
            }
            given_up
        };
        self.transfer_losses();
        self.refuse(given_up);
    }

    /// Moves what is not reported to the ledger of the successor, or of that one's successor.
    pub(crate) fn transfer_losses(&self) {
        let Some((successor, losses)) = self.take_losses() else { return };
        if losses.is_empty() {
            return;
        }
        let mut queue = successor.queue();
        for loss in losses {
            queue.losses.put_back(loss);
        }
        let cannot_report = queue.life.is_abandoned() || queue.life.has_ended();
        let must_wake = queue.must_wake();
        drop(queue);
        if must_wake {
            successor.wakeup.wake();
        }
        if cannot_report {
            successor.transfer_losses();
        }
    }

    fn take_losses(&self) -> Option<(Arc<Self>, Vec<Loss>)> {
        let mut queue = self.queue();
        let successor = Arc::clone(queue.life.successor()?);
        Some((successor, queue.losses.take_losses()))
    }

    /// Answers for all that waits or is in flight. What waits is lost, and its memory is freed; what is in flight stays
    /// with the writer, which alone can know whether the device has it. Returns the tickets, and which await the device.
    fn give_up(&self, queue: &mut Queue<Self>, shared: &Shared) -> Vec<(Arc<Ticket>, bool)> {
        self.backlog.remove(queue.bytes.len());
        queue.bytes = Vec::new();
        let mut given_up = Vec::new();
        let waiting = std::mem::take(&mut queue.waiting);
        self.statistics.lost.fetch_add(waiting.len() as u64, Ordering::Relaxed);
        for pending in queue.in_flight.iter_mut().filter(|pending| pending.wanted != Wanted::GivenUp) {
            pending.wanted = Wanted::GivenUp;
            given_up.push((Arc::clone(&pending.ticket), std::mem::take(&mut pending.awaited)));
        }
        for pending in waiting {
            queue.lose(&pending, &Why::Disabled, shared);
            given_up.push((pending.ticket, pending.awaited));
        }
        given_up
    }

    fn refuse(&self, given_up: Vec<(Arc<Ticket>, bool)>) {
        for (ticket, awaited) in given_up {
            self.answer(&ticket, awaited, Some(Why::Disabled));
        }
    }
}
