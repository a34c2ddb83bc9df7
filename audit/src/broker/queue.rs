//! What waits for one device, all of it under one short lock that is never held over formatting or IO.
//! Never in it: threads; `device_handle` owns the lock, `writer` empties the queue.

use std::task::Waker;
use std::time::Duration;

use super::Shared;
use super::life::Life;
use super::ticket::Ticket;
use crate::cause::Why;
use crate::device::DeviceError;
use crate::evidence::SignedCheckpoint;
use crate::health_tracker::HealthTracker;
use crate::loss::{Loss, LossLedger};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A line up to this size says by its refusal that others have no room either. A longer one says only that it has none.
const USUAL_LINE: usize = 64 * 1024;

/// A line that waits, or is being written.
pub(crate) struct Pending {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) seq: u64,
    /// Where its line ends in the buffer.
    pub(crate) end: usize,
    pub(crate) since: Duration,
    pub(crate) awaited: bool,
    pub(crate) wanted: Wanted,
    /// Whether it is an entry of the server, which the device has or reports as lost. A probe is not.
    pub(crate) counts: bool,
}

/// Whether a line is still to be written, and its ticket to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Yes,
    /// Its request was refused before the device began to write: it is not to be written.
    Withdrawn,
    /// Its ticket was answered although the device may still write it: the device was given up.
    GivenUp,
}

/// Something that the writer is asked to do, by number, and the result of the last time.
#[derive(Default)]
pub(crate) struct ControlRequest {
    pub(crate) asked: u64,
    pub(crate) done: u64,
    pub(crate) error: Option<DeviceError>,
}

impl ControlRequest {
    pub(crate) const fn is_open(&self) -> bool {
        self.asked > self.done
    }
}

/// The queue of one device, which is a `D`.
pub(crate) struct Queue<D> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) waiting: Vec<Pending>,
    /// What the writer took last. It stays here so that the watch can reach it while the writer hangs.
    pub(crate) in_flight: Vec<Pending>,
    /// When the writer last took or finished a batch.
    pub(crate) progress_at: Duration,
    /// The writer sleeps. The thread that clears this must wake it, and no other thread does.
    pub(crate) writer_parked: bool,
    pub(crate) life: Life<D>,
    pub(crate) health: HealthTracker,
    pub(crate) losses: LossLedger,
    /// Checkpoints of other devices' trees, which the device is to keep: the newest of each.
    pub(crate) checkpoints: Vec<SignedCheckpoint>,
    /// To open again what is behind the device; done before the next write.
    pub(crate) reopen: ControlRequest,
    /// To make all that was written durable; done when nothing waits.
    pub(crate) sync: ControlRequest,
    /// How many lines were ever accepted.
    pub(crate) accepted: u64,
    /// How many threads wait for a control request.
    pub(crate) waiters: usize,
}

impl<D> Queue<D> {
    pub(crate) fn new(now: Duration, shared: &Shared, inherited: Vec<Loss>) -> Self {
        Self {
            bytes: Vec::new(),
            waiting: Vec::new(),
            in_flight: Vec::new(),
            progress_at: Duration::ZERO,
            // The writer's thread begins by looking at the queue.
            writer_parked: false,
            life: Life::Active,
            health: HealthTracker::new(now),
            losses: LossLedger::new(shared.boot, inherited),
            checkpoints: Vec::new(),
            reopen: ControlRequest::default(),
            sync: ControlRequest::default(),
            accepted: 0,
            waiters: 0,
        }
    }

    /// Since when the oldest line waits or is being written.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        if self.life.is_abandoned() {
            return None;
        }
        let oldest = self.in_flight.first().or(self.waiting.first()).map(|pending| pending.since);
        oldest.or_else(|| self.writes_last_report().then_some(self.progress_at))
    }

    /// Whether a device that drains writes its last gap entries: it may hang in that, too, while no line waits.
    const fn writes_last_report(&self) -> bool {
        self.life.is_draining() && self.losses.is_reporting()
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.life.is_abandoned()
            || self.waiting.is_empty() && self.in_flight.is_empty() && !self.writes_last_report()
    }

    pub(crate) fn lose(&mut self, pending: &Pending, why: &Why, shared: &Shared) {
        if pending.counts {
            self.losses.add(pending.seq, why.reason(), || shared.clock.now());
        }
    }

    /// No ticket awaits this device any more. The tasks are to be woken without the lock.
    pub(crate) fn stop_awaiting(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for pending in self.in_flight.iter_mut().chain(&mut self.waiting) {
            if std::mem::replace(&mut pending.awaited, false) {
                wakers.extend(pending.ticket.await_less());
            }
        }
        wakers
    }

    /// Whether the caller must wake the writer: it is parked, and no other thread wakes it.
    #[must_use]
    pub(crate) const fn must_wake(&mut self) -> bool {
        std::mem::replace(&mut self.writer_parked, false)
    }
}

/// What a caller reads without the lock, to skip formatting for a device that would not take the line.
pub(crate) struct Backlog {
    /// How many bytes may wait.
    pub(super) capacity: usize,
    /// How many bytes wait or are being written.
    bytes: AtomicUsize,
    /// At how many bytes a line was refused since the writer last took some away: the device is full but for less than a
    /// line.
    full_at: AtomicUsize,
    /// Whether the last write failed.
    pub(super) failing: AtomicBool,
}

impl Backlog {
    pub(super) const fn new(capacity: usize, failing: bool) -> Self {
        let (bytes, full_at) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        Self { capacity, bytes, full_at, failing: AtomicBool::new(failing) }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.capacity.min(self.full_at.load(Ordering::Relaxed))
    }

    /// Adds a line if there is room. A single line may be longer than the capacity; otherwise it could never be written.
    pub(super) fn add(&self, line: usize) -> bool {
        let before = self.bytes();
        if before > 0 && before.saturating_add(line) > self.capacity {
            if line <= USUAL_LINE {
                self.full_at.store(before, Ordering::Relaxed);
            }
            return false;
        }
        self.bytes.fetch_add(line, Ordering::Relaxed);
        true
    }

    pub(crate) fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.full_at.store(usize::MAX, Ordering::Relaxed);
    }
}
