//! What waits for one device, all of it under one short lock that is never held over formatting or IO.
//! Never in it: threads; `slot` owns the lock, `writer` empties the queue.

use std::task::Waker;
use std::time::Duration;

use super::Shared;
use super::cause::Why;
use super::health_tracker::HealthTracker;
use super::missed::Missed;
use super::misses::Misses;
use super::slot::Slot;
use super::status::Told;
use super::ticket::Ticket;
use crate::device::DeviceError;
use crate::sync::Arc;

/// A line that waits, or is being written.
pub(crate) struct Pending {
    pub(crate) ticket: Arc<Ticket>,
    /// The number in its line.
    pub(crate) seq: u64,
    /// Where its line ends in the buffer.
    pub(crate) end: usize,
    /// When it was accepted.
    pub(crate) since: Duration,
    /// Whether its ticket awaits this device.
    pub(crate) awaited: bool,
    /// Whether anybody still wants it written, or to be told.
    pub(crate) wanted: Wanted,
    /// Whether it is an entry of the server, which the device has, or tells that it missed it. A probe is none.
    pub(crate) counts: bool,
}

/// Whether a line is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It is.
    Yes,
    /// Its request was refused before the device began to write.
    Withdrawn,
    /// It was answered for although the device may still write it: the device was given up.
    GivenUp,
}

/// What the writer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It sleeps. Whoever changes this has the sole duty to wake it.
    Parked,
    /// It runs, or somebody is about to wake it.
    Running,
}

/// Whether the device takes entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It does.
    Open,
    /// It takes no more, and writes what waits.
    Closing,
    /// Its writer has ended.
    Ended,
}

/// The queue of one device.
pub(crate) struct Queue {
    pub(crate) bytes: Vec<u8>,
    pub(crate) waiting: Vec<Pending>,
    /// What the writer took last. It stays here so that the watch can reach it while the writer hangs.
    pub(crate) in_flight: Vec<Pending>,
    /// When the writer last took or finished a batch.
    pub(crate) progress_at: Duration,
    pub(crate) stage: Stage,
    pub(crate) life: Life,
    /// It was disabled, after this number was given to an entry.
    pub(crate) disabled_after: Option<u64>,
    pub(crate) health_tracker: HealthTracker,
    pub(crate) misses: Misses,
    /// Those that its writer is about to tell, or hangs in telling.
    pub(crate) telling: Misses,
    /// What it missed in earlier starts of the server, until it is told.
    pub(crate) inherited: Vec<Missed>,
    /// It was never enabled, and will not be.
    pub(crate) unwanted: bool,
    /// Those of them that were left by a device whose place it took, until its writer has found them.
    pub(crate) bequeathed: Vec<Missed>,
    /// It is disabled, and hangs: nobody looks after it any more.
    pub(crate) abandoned: bool,
    /// Whoever took its place: what comes too late for this one goes there.
    pub(crate) successor: Option<Arc<Slot>>,
    /// As long as a list has this one, the successor counts as listed: it may still be offered what comes too late.
    pub(crate) lends: bool,
    /// What gap entries have told.
    pub(crate) told: Told,
    /// To open again what is behind the device; done before the next write.
    pub(crate) reopen: Errand,
    /// To make all that was written durable; done when nothing waits.
    pub(crate) sync: Errand,
    /// How many lines were ever accepted.
    pub(crate) accepted: u64,
    /// How many threads wait for an errand.
    pub(crate) onlookers: usize,
}

/// Something that the writer is asked for, by number, and what came of it last.
#[derive(Default)]
pub(crate) struct Errand {
    pub(crate) asked: u64,
    pub(crate) done: u64,
    pub(crate) error: Option<DeviceError>,
}

impl Errand {
    pub(crate) const fn is_open(&self) -> bool {
        self.asked > self.done
    }
}

impl Queue {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            bytes: Vec::new(),
            waiting: Vec::new(),
            in_flight: Vec::new(),
            progress_at: Duration::ZERO,
            // The writer's thread begins by looking at the queue.
            stage: Stage::Running,
            life: Life::Open,
            disabled_after: None,
            health_tracker: HealthTracker::new(now),
            misses: Misses::default(),
            telling: Misses::default(),
            inherited: Vec::new(),
            unwanted: false,
            bequeathed: Vec::new(),
            abandoned: false,
            successor: None,
            lends: false,
            told: Told::default(),
            reopen: Errand::default(),
            sync: Errand::default(),
            accepted: 0,
            onlookers: 0,
        }
    }

    /// Since when the oldest line waits or is being written.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        if self.abandoned {
            return None;
        }
        let oldest = self.in_flight.first().or(self.waiting.first()).map(|pending| pending.since);
        oldest.or_else(|| self.tells_last().then_some(self.progress_at))
    }

    /// Whether a device that ends is telling what it missed: it may hang in that, too, with no line of others.
    const fn tells_last(&self) -> bool {
        matches!(self.life, Life::Closing) && !self.telling.is_empty()
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.abandoned || self.waiting.is_empty() && self.in_flight.is_empty() && !self.tells_last()
    }

    /// Notes that the device does not have a line, to be told.
    pub(crate) fn miss(&mut self, pending: &Pending, why: &Why, shared: &Shared) {
        if pending.counts {
            self.misses.add(pending.seq, why.reason(), || shared.clock.now());
        }
    }

    /// No ticket awaits this device any more.
    pub(crate) fn let_go(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for pending in self.in_flight.iter_mut().chain(&mut self.waiting) {
            if std::mem::replace(&mut pending.awaited, false) {
                wakers.extend(pending.ticket.await_less());
            }
        }
        wakers
    }

    /// If the writer is parked, the caller gets the duty to wake it.
    #[must_use]
    pub(crate) fn take_duty(&mut self) -> bool {
        std::mem::replace(&mut self.stage, Stage::Running) == Stage::Parked
    }
}

/// What the writer took, parted into what is still wanted and what is not.
pub(crate) struct InFlight {
    pub(crate) kept: (Vec<u8>, Vec<usize>),
    pub(crate) withdrawn: Vec<Pending>,
}

impl InFlight {
    /// Parts the lines in `bytes`.
    pub(crate) fn part(in_flight: &mut Vec<Pending>, bytes: &[u8]) -> Self {
        let (mut kept, mut ends, mut withdrawn, mut start) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for mut pending in std::mem::take(in_flight) {
            let line = bytes.get(start..pending.end).unwrap_or_default();
            start = pending.end;
            if pending.wanted == Wanted::Withdrawn {
                withdrawn.push(pending);
                continue;
            }
            kept.extend_from_slice(line);
            ends.push(kept.len());
            pending.end = kept.len();
            in_flight.push(pending);
        }
        Self { kept: (kept, ends), withdrawn }
    }
}
