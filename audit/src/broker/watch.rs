//! The broker's one watch: it lets go of devices that overrun the grace, and refuses what has blocked for
//! `audit_timeout`. So no request needs a timer. A device that lagged and has caught up is healthy again by it, whether
//! anybody sends anything or not. It sleeps while there is no traffic and no device lags.
//! Never in it: writing, or anything that could block.

use std::sync::PoisonError;
use std::task::Waker;
use std::time::Duration;

use super::Shared;
use super::cause::Why;
use super::health_tracker::Health;
use super::queue::{Life, Queue, Wanted};
use super::slot::Slot;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Condvar, Mutex, WATCHED, lock, spawn};

/// How often time-outs are looked for.
const SCAN_EVERY: Duration = Duration::from_millis(100);
/// A device that is being disabled and writes for longer is given up.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// A line that waits for longer before a writer that does nothing wakes it: a caller's duty to do so hangs on its
/// future being polled or dropped, and the entries of others must not depend on that.
const LATE_KICK: Duration = Duration::from_millis(10);
/// After so long without traffic it sleeps.
const QUIET_AFTER: Duration = Duration::from_secs(1);

/// The watch.
#[derive(Default)]
pub(crate) struct Watch {
    state: Mutex<State>,
    bell: Condvar,
    /// It sleeps longer than a tick: whoever queues a line wakes it.
    dozing: AtomicBool,
}

#[derive(Default)]
struct State {
    started: bool,
    stopped: bool,
    /// Devices which are not enabled yet, or not any more, and still have a writer.
    others: Vec<Arc<Slot>>,
}

impl State {
    fn is_over(&self) -> bool {
        self.stopped && self.others.is_empty()
    }
}

/// What a look around found.
#[derive(Clone, Copy, Default)]
pub(super) struct Look {
    /// Lines ever accepted, over all devices: has anything happened since the last look?
    accepted: u64,
    /// Something waits or is being written, or a device lags or ends.
    busy: bool,
}

impl Watch {
    /// Starts its thread, once.
    pub(crate) fn start(&self, shared: &Arc<Shared>) -> std::io::Result<()> {
        let mut state = lock(&self.state);
        if !state.started && WATCHED {
            let shared = Arc::clone(shared);
            spawn("audit-watch".to_owned(), move || shared.watch.run(&shared))?;
            state.started = true;
        }
        Ok(())
    }

    pub(crate) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.bell.notify_one();
    }

    /// Looks after a device which is not among the enabled ones.
    pub(crate) fn attend(&self, slot: &Arc<Slot>) {
        let mut state = lock(&self.state);
        state.others.push(Arc::clone(slot));
        // Under the lock: between the watch's last look at the flag and its sleep the bell would ring for nobody, and
        // with the flag cleared nobody would ring it again.
        self.dozing.store(false, Ordering::SeqCst);
        drop(state);
        self.bell.notify_one();
    }

    /// The device is among the enabled ones now.
    pub(crate) fn dismiss(&self, slot: &Arc<Slot>) {
        lock(&self.state).others.retain(|other| !Arc::ptr_eq(other, slot));
    }

    /// A line was queued.
    pub(crate) fn touch(&self) {
        // The line was queued under its device's lock before this load, and the watch looks at each device under
        // that lock after it has stored the flag: one of the two sees the other.
        if self.dozing.load(Ordering::SeqCst) && self.dozing.swap(false, Ordering::SeqCst) {
            drop(lock(&self.state));
            self.bell.notify_one();
        }
    }

    fn run(&self, shared: &Shared) {
        let (mut last, mut active, mut scanned) = (Look::default(), Duration::ZERO, Duration::ZERO);
        loop {
            let now = shared.clock.monotonic();
            let tick = (shared.rules.settle_grace() / 2).clamp(Duration::from_millis(1), SCAN_EVERY);
            let scan = now.saturating_sub(scanned) >= SCAN_EVERY.min(shared.rules.audit_timeout() / 2);
            if scan {
                scanned = now;
            }
            let look = self.tick(shared, now, scan);
            if look.accepted != last.accepted {
                active = now;
            }
            last = look;
            if now.saturating_sub(active) < QUIET_AFTER {
                if self.sleep(Some(tick), false) {
                    return;
                }
                continue;
            }
            self.dozing.store(true, Ordering::SeqCst);
            let again = self.look(shared);
            if again.accepted == look.accepted && self.sleep(again.busy.then_some(SCAN_EVERY), true) {
                return;
            }
            self.dozing.store(false, Ordering::SeqCst);
        }
    }

    /// Sleeps; true if it is to end.
    fn sleep(&self, time: Option<Duration>, dozing: bool) -> bool {
        let state = lock(&self.state);
        if state.is_over() {
            return true;
        }
        // Whoever woke it between the look and this lock has cleared the flag.
        if dozing && !self.dozing.load(Ordering::SeqCst) {
            return false;
        }
        let state = match time {
            Some(time) => self.bell.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
            None => self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.is_over()
    }

    fn each(&self, shared: &Shared, mut visit: impl FnMut(&Slot)) {
        for slot in &shared.devices.read().slots {
            visit(slot);
        }
        let others = lock(&self.state).others.clone();
        for slot in &others {
            visit(slot);
        }
    }

    fn look(&self, shared: &Shared) -> Look {
        let mut look = Look::default();
        self.each(shared, |slot| {
            let queue = slot.queue();
            look.accepted += queue.accepted;
            // A device that ends is let go by the next scan, which a sleep without an end would never make.
            look.busy |= !queue.is_idle()
                || queue.life != Life::Open
                || queue.health_tracker.health() == Health::Lagging;
        });
        look
    }

    /// Goes round once. `scan`: looks for time-outs, too.
    pub(super) fn tick(&self, shared: &Shared, now: Duration, scan: bool) -> Look {
        self.each(shared, |slot| attend(slot, shared, now, scan));
        if scan {
            let needed = |slot: &Slot| {
                let queue = slot.queue();
                queue.life == Life::Open || queue.life == Life::Closing && !queue.is_idle()
            };
            lock(&self.state).others.retain(|slot| needed(slot));
        }
        self.look(shared)
    }
}

/// Looks at one device.
fn attend(slot: &Slot, shared: &Shared, now: Duration, scan: bool) {
    let mut wakers = Vec::new();
    let mut noted = None;
    let mut abandon = false;
    {
        let mut queue = slot.queue();
        let Some(oldest) = queue.oldest() else {
            if queue.life == Life::Open {
                // Found out here and not by the next line, which may be long in coming.
                let noted = slot.note_health(&mut queue, |queue| queue.health_tracker.caught_up(now));
                drop(queue);
                slot.tell(noted, shared, None);
            }
            return;
        };
        let age = now.saturating_sub(oldest);
        if age > shared.rules.settle_grace() && queue.health_tracker.health() == Health::Healthy {
            noted = Some(slot.note_health(&mut queue, |queue| queue.health_tracker.overran(now)));
        }
        if age > LATE_KICK && queue.in_flight.is_empty() {
            // Whoever has the duty to wake the writer is not run, or has forgotten its future.
            slot.kick();
        }
        if scan && age > shared.rules.audit_timeout() {
            time_out(slot, &queue, now.saturating_sub(shared.rules.audit_timeout()), &mut wakers);
        }
        // It may hang in a write, or in opening its file again while lines wait.
        let stuck = now.saturating_sub(queue.progress_at.max(oldest));
        abandon |= queue.life == Life::Closing && stuck > LAST_PATIENCE;
    }
    wakers.into_iter().for_each(Waker::wake);
    if let Some(noted) = noted {
        slot.tell(noted, shared, None);
    }
    if abandon {
        slot.abandon(shared);
    }
}

/// Refuses what was accepted before `limit` and depends on this device.
fn time_out(slot: &Slot, queue: &Queue, limit: Duration, wakers: &mut Vec<Waker>) {
    let pendings = queue.in_flight.iter().chain(&queue.waiting);
    let late = pendings.take_while(|pending| pending.since <= limit);
    for pending in late.filter(|pending| pending.wanted != Wanted::GivenUp) {
        wakers.extend(pending.ticket.time_out(|| slot.cause(Why::TimedOut)));
    }
}
