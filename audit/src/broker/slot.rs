//! One enabled device as its callers, its writer and the watch see it.
//! Never in it: the device itself, which its writer alone owns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;
use std::task::Waker;
use std::time::Duration;

use super::cause::{Cause, Why};
use super::drill::DrillNews;
use super::health_tracker::Health;
use super::lookout::Lookout;
use super::measures::Measures;
use super::queue::{Life, Pending, Queue, Wanted};
use super::ticket::Ticket;
use super::{Shared, life::DeviceConfig};
use crate::device::{Claim, DeviceError, DrillControl};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, SINGLES, lock};
use onrecord_entry::Formatter;

/// A line up to this size says by its refusal that others have no room either. A longer one says only that it has none.
const USUAL_LINE: usize = 64 * 1024;

/// One enabled device.
pub(crate) struct Slot {
    pub(crate) path: StdArc<str>,
    /// How its lines look from now on. Record calls find it in the devices.
    form: Mutex<StdArc<Formatter>>,
    /// What makes it seem to fail for a while.
    pub(crate) drill: DrillControl,
    pub(crate) required: bool,
    pub(crate) discards: bool,
    /// What may wait for it, in bytes.
    pub(crate) cap: usize,
    /// What waits for it or is being written, in bytes.
    bytes: AtomicUsize,
    /// At how many bytes it refused a line since its writer last took some away: read without the lock, to skip
    /// formatting for a device that is full but for less than a line.
    full_at: AtomicUsize,
    /// Whether its last write failed: read without the lock, to skip formatting for it.
    failing: AtomicBool,
    /// How many batches in a row were one entry: whoever records does so alone.
    singles: AtomicU32,
    /// The writer was woken for a line that follows. Changed under the lock of the queue.
    pub(crate) announced: AtomicBool,
    /// What experience says about looking out for its answers.
    pub(crate) answers: Lookout,
    /// The same about its writer's looking out for lines that were announced.
    pub(crate) requests: Lookout,
    queue: Mutex<Queue>,
    /// Tells the writer that there is work.
    pub(crate) work: Condvar,
    /// Tells onlookers that the writer did something.
    pub(crate) news: Condvar,
    pub(crate) counters: Counters,
    /// How many lists of devices have it that somebody still uses: nobody can offer it anything once there are none.
    lists: AtomicUsize,
    /// Written once a batch, by the writer alone.
    measures: Mutex<Measures>,
    pub(crate) claim: Option<Claim>,
}

/// Counters for operators.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) appended: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) reopens: AtomicU64,
}

/// May an entry be offered to the device?
pub(crate) enum Admission {
    /// Yes.
    Yes,
    /// It throws everything away.
    Discards,
    /// Not yet: it failed a moment ago.
    Resting,
    /// No: too much waits for it.
    Full,
}

/// What came of a change of the health_tracker.
#[must_use]
pub(crate) struct Noted {
    /// The health before and after, if it changed.
    change: Option<(Health, Health)>,
    /// Tasks whose entries are decided because this device is not awaited any more.
    wakers: Vec<Waker>,
}

/// What became of a line that was offered.
pub(crate) enum Pushed {
    Accepted {
        /// The entry may await this device.
        awaited: bool,
        /// The caller has to wake the writer.
        duty: bool,
    },
    /// Too much waits for the device.
    Full,
    /// It is being disabled, or replaced by another.
    Closed,
}

impl Slot {
    pub(crate) fn new(config: &DeviceConfig, shared: &Shared) -> Self {
        let now = shared.clock.monotonic();
        let mut queue = Queue::new(now);
        if let Some(error) = &config.failing {
            queue.health_tracker.failed(now, error.clone());
        }
        queue.inherited.clone_from(&config.missed);
        Self {
            path: StdArc::from(config.path.as_str()),
            form: Mutex::new(StdArc::new(config.form.clone())),
            drill: DrillControl::new(StdArc::clone(&shared.clock)),
            required: config.required,
            discards: config.device.discards(),
            cap: shared.rules.queue_bytes(),
            bytes: AtomicUsize::new(0),
            full_at: AtomicUsize::new(usize::MAX),
            failing: AtomicBool::new(config.failing.is_some()),
            singles: AtomicU32::new(0),
            announced: AtomicBool::new(false),
            answers: Lookout::new(&shared.clock),
            requests: Lookout::new(&shared.clock),
            queue: Mutex::new(queue),
            work: Condvar::new(),
            news: Condvar::new(),
            counters: Counters::default(),
            lists: AtomicUsize::new(0),
            measures: Mutex::new(Measures::new()),
            claim: config.device.claim(),
        }
    }

    pub(crate) fn listed(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unlisted(&self) {
        if self.lists.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Under the lock: who waits has either seen it or is told.
            let mut queue = self.queue();
            if queue.disabled_after.is_some() {
                self.news.notify_all();
            }
            let heir = std::mem::take(&mut queue.lends).then(|| queue.successor.clone()).flatten();
            drop(queue);
            if let Some(heir) = heir {
                heir.unlisted();
            }
        }
    }

    /// Whether somebody may still offer it an entry.
    pub(crate) fn is_listed(&self) -> bool {
        self.lists.load(Ordering::Acquire) > 0
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    pub(crate) fn measures(&self) -> MutexGuard<'_, Measures> {
        lock(&self.measures)
    }

    /// How its lines look.
    pub(crate) fn form(&self) -> StdArc<Formatter> {
        StdArc::clone(&lock(&self.form))
    }

    /// Only for the devices, which shows the new form to record calls at the same moment.
    pub(crate) fn set_form(&self, form: Formatter) {
        *lock(&self.form) = StdArc::new(form);
    }

    /// Whether an entry is worth formatting for this device.
    pub(crate) fn admit(&self, now: Duration) -> Admission {
        if self.discards {
            Admission::Discards
        } else if self.bytes.load(Ordering::Relaxed) >= self.cap.min(self.full_at.load(Ordering::Relaxed)) {
            Admission::Full
        } else if self.failing.load(Ordering::Relaxed) && !self.queue().health_tracker.try_again(now) {
            Admission::Resting
        } else {
            Admission::Yes
        }
    }

    /// Whether it can be counted on, as far as is known.
    pub(crate) fn is_sound(&self) -> bool {
        if self.discards || self.failing.load(Ordering::Relaxed) {
            return false;
        }
        let queue = self.queue();
        queue.life == Life::Open && queue.health_tracker.health() == Health::Healthy
    }

    /// What waits for it or is being written, in bytes.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Queues a line. `counts`: it is an entry of the server, no probe.
    pub(crate) fn push(
        &self,
        line: &[u8],
        ticket: &Arc<Ticket>,
        seq: u64,
        now: Duration,
        counts: bool,
    ) -> Pushed {
        let mut queue = self.queue();
        if queue.life != Life::Open {
            return Pushed::Closed;
        }
        // One line alone may be longer than the cap; otherwise it could never be written.
        let before = self.bytes.load(Ordering::Relaxed);
        if before > 0 && before.saturating_add(line.len()) > self.cap {
            if line.len() <= USUAL_LINE {
                self.full_at.store(before, Ordering::Relaxed);
            }
            return Pushed::Full;
        }
        self.bytes.fetch_add(line.len(), Ordering::Relaxed);
        let awaited = queue.health_tracker.health() == Health::Healthy;
        queue.bytes.extend_from_slice(line);
        let end = queue.bytes.len();
        let ticket = Arc::clone(ticket);
        queue.accepted += 1;
        let wanted = Wanted::Yes;
        queue.waiting.push(Pending { ticket, seq, end, since: now, awaited, wanted, counts });
        Pushed::Accepted { awaited, duty: queue.take_duty() }
    }

    /// Its writer takes a batch of so many entries. Says whether it has had but one at a time of late.
    pub(crate) fn takes(&self, entries: usize) -> bool {
        let before = self.singles.load(Ordering::Relaxed);
        let singles = if entries == 1 && self.answers.is_possible() { before.saturating_add(1) } else { 0 };
        self.singles.store(singles, Ordering::Relaxed);
        singles >= SINGLES
    }

    /// Whether it has had but one entry at a time of late.
    pub(crate) fn has_singles(&self) -> bool {
        self.singles.load(Ordering::Relaxed) >= SINGLES
    }

    /// Wakes the writer for a line that follows in a moment, if it may expect no other; ever less where lines came too
    /// late for it, and it slept again.
    pub(crate) fn announce(&self) {
        if !self.has_singles() || self.requests.leaves_out() {
            return;
        }
        let mut queue = self.queue();
        if queue.take_duty() {
            self.announced.store(true, Ordering::Relaxed);
            drop(queue);
            self.kick();
        }
    }

    /// Notes that bytes wait no more.
    pub(crate) fn drained(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.full_at.store(usize::MAX, Ordering::Relaxed);
    }

    /// Notes that the device misses an entry. False: it is being disabled, and has nothing to do with the entry.
    #[must_use]
    pub(crate) fn miss(&self, seq: u64, why: &Why, shared: &Shared) -> bool {
        let Some(first) = self.note_miss(seq, why.reason(), shared) else { return false };
        if let (true, Some(observer)) = (first, &shared.observer) {
            self.guarded(|| observer.missing(&self.path, why));
        }
        true
    }

    /// Notes that the device does not get a number whose entry it took with another. False: as [`miss`](Self::miss).
    #[must_use]
    pub(crate) fn pass_over(&self, seq: u64, shared: &Shared) -> bool {
        self.note_miss(seq, "the entry is there with an earlier number", shared).is_some()
    }

    /// Notes what is to be told. Says whether it is the first; `None`: the device takes no entries any more.
    fn note_miss(&self, seq: u64, reason: &'static str, shared: &Shared) -> Option<bool> {
        let mut queue = self.queue();
        if queue.life != Life::Open {
            return None;
        }
        self.counters.missed.fetch_add(1, Ordering::Relaxed);
        let first = queue.misses.is_empty();
        queue.misses.add(seq, reason, || shared.clock.now());
        // A writer that sleeps without a limit has to learn that there is something to tell.
        let duty = first && queue.take_duty();
        drop(queue);
        if duty {
            self.kick();
        }
        Some(first)
    }

    /// Calls an observer. A panic there must end neither a writer, nor the watch, nor a request.
    fn guarded(&self, tell: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(tell)).is_err() {
            self.counters.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Runs a change of the health_tracker; returns what came of it, to be told when the lock is gone.
    ///
    /// No line of a device that is not healthy is awaited: what it fails or hangs with next delays nobody.
    pub(crate) fn note_health(&self, queue: &mut Queue, change: impl FnOnce(&mut Queue)) -> Noted {
        let before = queue.health_tracker.health();
        change(queue);
        let after = queue.health_tracker.health();
        self.failing.store(queue.health_tracker.is_failing(), Ordering::Relaxed);
        let worse = before == Health::Healthy && after != Health::Healthy;
        let wakers = if worse { queue.let_go() } else { Vec::new() };
        Noted { change: (before != after).then_some((before, after)), wakers }
    }

    /// Tells what came of a change of the health_tracker; only without the lock.
    pub(crate) fn tell(&self, noted: Noted, shared: &Shared, error: Option<&DeviceError>) {
        noted.wakers.into_iter().for_each(Waker::wake);
        if let (Some((from, to)), Some(observer)) = (noted.change, &shared.observer) {
            self.guarded(|| observer.changed(&self.path, from, to, error));
        }
    }

    /// Tells about a drill.
    pub(crate) fn tell_drill(&self, news: DrillNews, shared: &Shared) {
        let Some(observer) = &shared.observer else { return };
        self.guarded(|| observer.drilled(&self.path, news));
    }

    /// Why the device is left alone.
    pub(crate) fn resting(&self) -> Why {
        Why::Resting(
            self.queue().health_tracker.error().map_or(DeviceError::Panicked, |(error, _)| error.clone()),
        )
    }

    pub(crate) fn cause(&self, why: Why) -> Cause {
        Cause { path: StdArc::clone(&self.path), why }
    }

    /// Wakes the writer; only for who has the duty.
    pub(crate) fn kick(&self) {
        self.work.notify_one();
    }

    /// Wakes the writer if it sleeps.
    pub(crate) fn rouse(&self) {
        if self.queue().take_duty() {
            self.kick();
        }
    }
}

/// Wakes a task, if there is one to wake.
pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Broker;
    use crate::broker::queue::Stage;
    use crate::clock::{Clock, SystemClock};
    use crate::device::{DeviceOptions, Placement};
    use crate::sync::WATCHED;
    use onrecord_entry::Boot;
    use onrecord_entry::FormatOptions;
    use onrecord_entry::Salt;

    #[test]
    fn where_lines_came_too_late_the_writer_is_woken_for_an_announcement_ever_less() {
        if !WATCHED {
            // The model's counters count only in its scenarios.
            return;
        }
        let clock: StdArc<dyn Clock> = StdArc::new(SystemClock::new());
        let broker = Broker::builder().clock(StdArc::clone(&clock)).build_with_boot(Boot::new(1));
        let options = [("file_path".to_owned(), "discard".to_owned())].into();
        let device = DeviceOptions::parse("file", &options).unwrap().open(&Placement::api(), clock).unwrap();
        let form = Formatter::new(FormatOptions::default(), StdArc::new(Salt::new("a salt")));
        let slot = Slot::new(&DeviceConfig::new("a/", device, form), &broker.shared);
        if !slot.requests.is_possible() {
            return;
        }
        for _ in 0..SINGLES {
            slot.takes(1);
        }
        // It has no writer, so that nobody else parks it or wakes it.
        let woken = || {
            slot.queue().stage = Stage::Parked;
            slot.announce();
            slot.queue().stage == Stage::Running
        };
        let in_vain = || slot.requests.until(|| false);
        assert_eq!([woken(), woken()], [true; 2]);
        in_vain();
        assert_eq!([woken(), woken()], [false, true]);
        in_vain();
        assert_eq!([woken(), woken(), woken(), woken()], [false, false, false, true]);
    }
}
