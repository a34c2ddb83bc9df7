//! The broker's one watch thread, so that no request needs a timer: no entry awaits a device any more that overran the
//! grace, and entries that wait for `audit_timeout` are refused. It also finds out that a device that lagged has caught up.
//! Never in it: writing, or anything that could block.

use std::sync::PoisonError;
use std::task::Waker;
use std::time::Duration;

use super::Shared;
use super::device_handle::DeviceHandle;
use super::queue::{Queue, Wanted};
use crate::cause::Why;
use crate::health_tracker::Health;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Condvar, Mutex, WATCHED, lock, spawn};

/// How often time-outs are looked for.
const SCAN_EVERY: Duration = Duration::from_millis(100);
/// A device that drains and makes no progress for longer is given up.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The watch wakes a writer whose oldest line waits for longer: the caller that must wake it does so when its future is
/// polled or dropped, and the entries of other callers must not depend on that.
const LATE_WAKE: Duration = Duration::from_millis(10);
/// After this time without traffic it sleeps.
const QUIET_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Watch {
    /// Devices that are not enabled yet, or not any more, and still have a writer.
    others: Mutex<Vec<Arc<DeviceHandle>>>,
    /// Notified when a device is added, when there are lines again, and when it is to end.
    changed: Condvar,
    /// Its thread was started. Changed under the lock of the others, like the next one.
    started: AtomicBool,
    /// The broker is gone: it ends with the last of the others.
    stopped: AtomicBool,
    /// It sleeps longer than a tick: a caller that queues a line wakes it.
    dozing: AtomicBool,
}

impl Watch {
    pub(crate) fn start(&self, shared: &Arc<Shared>) -> std::io::Result<()> {
        let _others = lock(&self.others);
        if WATCHED && !self.started.load(Ordering::Relaxed) {
            let shared = Arc::clone(shared);
            spawn("audit-watch".to_owned(), move || shared.watch.run(&shared))?;
            self.started.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) fn stop(&self) {
        let others = lock(&self.others);
        self.stopped.store(true, Ordering::Relaxed);
        drop(others);
        self.changed.notify_one();
    }

    /// Watches a device that is not among the enabled ones, too.
    pub(crate) fn add(&self, handle: &Arc<DeviceHandle>) {
        let mut others = lock(&self.others);
        others.push(Arc::clone(handle));
        // Under the lock: between the watch's last look at the flag and its sleep the notification would be lost, and
        // with the flag cleared no other would follow.
        self.dozing.store(false, Ordering::SeqCst);
        drop(others);
        self.changed.notify_one();
    }

    pub(crate) fn remove(&self, handle: &Arc<DeviceHandle>) {
        lock(&self.others).retain(|other| !Arc::ptr_eq(other, handle));
    }

    pub(crate) fn touch(&self) {
        // The line was queued under its device's lock before this load, and the watch looks at each device under
        // that lock after it has stored the flag: one of the two sees the other.
        if self.dozing.load(Ordering::SeqCst) && self.dozing.swap(false, Ordering::SeqCst) {
            drop(lock(&self.others));
            self.changed.notify_one();
        }
    }

    fn run(&self, shared: &Shared) {
        let (mut last, mut active, mut scanned) = (0, Duration::ZERO, Duration::ZERO);
        loop {
            let now = shared.clock.monotonic();
            let tick = (shared.rules.settle_grace() / 2).clamp(Duration::from_millis(1), SCAN_EVERY);
            let scan = now.saturating_sub(scanned) >= SCAN_EVERY.min(shared.rules.audit_timeout() / 2);
            if scan {
                scanned = now;
            }
            self.tick(shared, now, scan);
            let (accepted, _) = self.activity(shared);
            if accepted != last {
                active = now;
            }
            last = accepted;
            if now.saturating_sub(active) < QUIET_AFTER {
                if self.sleep(Some(tick), false) {
                    return;
                }
                continue;
            }
            self.dozing.store(true, Ordering::SeqCst);
            let (again, busy) = self.activity(shared);
            if again == accepted && self.sleep(busy.then_some(SCAN_EVERY), true) {
                return;
            }
            self.dozing.store(false, Ordering::SeqCst);
        }
    }

    /// True if it is to end.
    fn sleep(&self, time: Option<Duration>, dozing: bool) -> bool {
        let others = lock(&self.others);
        if self.is_over(&others) {
            return true;
        }
        // A caller that woke it between the look and this lock has cleared the flag.
        if dozing && !self.dozing.load(Ordering::SeqCst) {
            return false;
        }
        let others = match time {
            Some(time) => self.changed.wait_timeout(others, time).unwrap_or_else(PoisonError::into_inner).0,
            None => self.changed.wait(others).unwrap_or_else(PoisonError::into_inner),
        };
        self.is_over(&others)
    }

    fn is_over(&self, others: &[Arc<DeviceHandle>]) -> bool {
        self.stopped.load(Ordering::Relaxed) && others.is_empty()
    }

    fn each(&self, shared: &Shared, mut visit: impl FnMut(&DeviceHandle)) {
        for handle in &shared.devices.read().handles {
            visit(handle);
        }
        let others = lock(&self.others).clone();
        for handle in &others {
            visit(handle);
        }
    }

    /// How many lines were ever accepted, over all devices; and whether a line waits or is being written, or a device lags
    /// or drains.
    fn activity(&self, shared: &Shared) -> (u64, bool) {
        let (mut accepted, mut busy) = (0, false);
        self.each(shared, |handle| {
            let queue = handle.queue();
            accepted += queue.accepted;
            // A device that drains is given up by a later scan, which a sleep without an end would never make.
            busy |= !queue.is_idle() || !queue.life.is_active() || queue.health.health == Health::Lagging;
        });
        (accepted, busy)
    }

    /// Goes round once. `scan`: looks for time-outs, too.
    pub(crate) fn tick(&self, shared: &Shared, now: Duration, scan: bool) {
        self.each(shared, |handle| watch(handle, shared, now, scan));
        if scan {
            let needed = |handle: &DeviceHandle| {
                let queue = handle.queue();
                queue.life.is_active() || queue.life.is_draining() && !queue.is_idle()
            };
            lock(&self.others).retain(|handle| needed(handle));
        }
    }
}

fn watch(handle: &DeviceHandle, shared: &Shared, now: Duration, scan: bool) {
    let mut wakers = Vec::new();
    let mut health = None;
    let abandon;
    {
        let mut queue = handle.queue();
        let Some(oldest) = queue.oldest() else {
            if queue.life.is_active() {
                // Found out here and not by the next line, which may be long in coming.
                let health = handle.change_health(&mut queue, |queue| queue.health.caught_up(now));
                drop(queue);
                handle.report_health(health, shared, None);
            }
            return;
        };
        let age = now.saturating_sub(oldest);
        if age > shared.rules.settle_grace() && queue.health.health == Health::Healthy {
            handle.statistics.overruns.fetch_add(1, Ordering::Relaxed);
            health = Some(handle.change_health(&mut queue, |queue| queue.health.overran(now)));
        }
        if age > LATE_WAKE && queue.in_flight.is_empty() {
            // The caller that must wake the writer is not run, or has forgotten its future.
            handle.wakeup.wake();
        }
        if scan && age > shared.rules.audit_timeout() {
            time_out(handle, &queue, now.saturating_sub(shared.rules.audit_timeout()), &mut wakers);
        }
        // It may hang in a write, or in opening its file again while lines wait.
        let stuck = now.saturating_sub(queue.progress_at.max(oldest));
        abandon = queue.life.is_draining() && stuck > DRAIN_TIMEOUT;
    }
    wakers.into_iter().for_each(Waker::wake);
    if let Some(health) = health {
        handle.report_health(health, shared, None);
    }
    if abandon {
        handle.abandon(shared);
    }
}

/// Refuses what was accepted before `limit` and depends on this device.
fn time_out(handle: &DeviceHandle, queue: &Queue<DeviceHandle>, limit: Duration, wakers: &mut Vec<Waker>) {
    let pendings = queue.in_flight.iter().chain(&queue.waiting);
    let late = pendings.take_while(|pending| pending.since <= limit);
    for pending in late.filter(|pending| pending.wanted != Wanted::GivenUp) {
        wakers.extend(pending.ticket.time_out(|| handle.cause(Why::TimedOut)));
    }
}
