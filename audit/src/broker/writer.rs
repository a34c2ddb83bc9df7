//! The thread of one device: takes all that waits, writes once, tells everybody.
//! Never in it: what the device is, what an entry says.

mod telling;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use super::Shared;
use super::cause::Why;
use super::drill::DrillNews;
use super::earlier::End;
use super::gap::Tells;
use super::life::DeviceConfig;
use super::lookout::Lookout;
use super::measures::Unfits;
use super::missed;
use super::misses::Misses;
use super::queue::{Errand, InFlight, Life, Pending, Queue, Stage, Wanted};
use super::slot::{Slot, wake};
use super::ticket::Answer;
use crate::device::{Appended, Batch, Device, DeviceError, Drill, Notice};
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, spawn};

/// Buffers that grew beyond this are not kept.
const BUFFER_KEPT: usize = 1024 * 1024;

/// The owner of a device.
pub(crate) struct Writer {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    device: Box<dyn Device>,
    /// The lines being written, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many bytes were taken from the queue.
    taken: usize,
    /// What must be told before newer lines.
    notices: Vec<Notice>,
    /// Where the earlier start ended on this device, if it was enabled then.
    end: Option<End>,
    restored: bool,
    untold: Misses,
    /// What the device's own lines tell, those first in the batch.
    own: Vec<Tells>,
    /// What no line of its form can tell.
    lineless: Vec<Tells>,
    /// So many ranges may be in one of them, as far as is known.
    most_ranges: usize,
    /// There is no room for one of them, however short: they are not tried before the device is opened again, or other
    /// lines come.
    mute: bool,
    /// How often the device is to be looked at.
    look_every: Option<Duration>,
    /// When the device is to be looked at again.
    look_at: Duration,
    done: Vec<Pending>,
    /// What was written last is the only request under way.
    response_follows: bool,
    responses: Lookout,
}

/// What there is to do.
enum Task {
    Write,
    Reopen,
    Sync,
    Look,
    End,
}

impl Writer {
    /// Starts the thread of a device.
    pub(crate) fn start(slot: &Arc<Slot>, config: DeviceConfig, shared: &Arc<Shared>) -> std::io::Result<()> {
        let DeviceConfig { device, missed, restored, .. } = config;
        // Noted before anything is told: those that are restored next to it see it.
        let end = device.ends_with().filter(|_| restored).map(|(boot, seq)| shared.earlier.note(boot, seq));
        let writer = Self {
            slot: Arc::clone(slot),
            shared: Arc::clone(shared),
            look_every: device.check_every(),
            device,
            bytes: Vec::new(),
            ends: Vec::new(),
            taken: 0,
            notices: missed.into_iter().map(Notice::Missed).collect(),
            end,
            restored,
            untold: Misses::default(),
            own: Vec::new(),
            lineless: Vec::new(),
            most_ranges: usize::MAX,
            mute: false,
            look_at: Duration::ZERO,
            done: Vec::new(),
            response_follows: false,
            responses: Lookout::new(&shared.clock),
        };
        spawn(format!("audit-{}", slot.path), move || writer.run())
    }

    fn run(mut self) {
        self.gather();
        loop {
            match self.next() {
                Task::Write => self.write(),
                Task::Reopen => self.reopen(),
                Task::Sync => self.sync(),
                Task::Look => self.look(),
                Task::End => break,
            }
            self.gather();
        }
        self.tell_drill();
        self.conclude();
        // The last chance to tell what was missed; a device that fails has none.
        if !self.slot.queue().health_tracker.is_failing() {
            drop(self.tell());
        }
        self.slot.bequeath();
        if self.slot.queue().unwanted {
            drop(self.guarded(|device| device.withdraw()));
        }
        // The device goes first: whoever sees the end may open the file again.
        let Self { slot, device, .. } = self;
        drop(catch_unwind(AssertUnwindSafe(move || drop(device))));
        slot.queue().life = Life::Ended;
        // What was left to it since it told what it could goes on to its own heir.
        slot.bequeath();
        slot.news.notify_all();
    }

    /// A device that was disabled says so at the end of its log, after all that it was offered before.
    fn conclude(&mut self) {
        let after = {
            let queue = self.slot.queue();
            queue.disabled_after.filter(|_| queue.successor.is_none())
        };
        if let Some(last) = after {
            self.slot.wait_until_unlisted();
            self.notices.push(Notice::Disabled { last });
        }
    }

    /// Waits for something to do, and takes all lines that wait.
    fn next(&mut self) -> Task {
        let slot = Arc::clone(&self.slot);
        let mut queue = slot.queue();
        loop {
            self.notices.extend(queue.bequeathed.drain(..).map(Notice::Missed));
            if queue.reopen.is_open() {
                return Task::Reopen;
            }
            if !queue.waiting.is_empty() {
                break;
            }
            if queue.sync.is_open() {
                return Task::Sync;
            }
            if queue.life != Life::Open {
                return Task::End;
            }
            if let Some(lookout) = self.expects() {
                drop(queue);
                lookout.until(|| slot.queued_bytes() > 0);
                queue = slot.queue();
                continue;
            }
            queue.stage = Stage::Parked;
            let mut parked = true;
            while parked && queue.stage == Stage::Parked {
                let time = self.patience(
                    queue.health_tracker.is_failing().then(|| queue.health_tracker.rest(self.now())),
                    &queue.misses,
                );
                (queue, parked) = match time {
                    None => (slot.work.wait(queue).unwrap_or_else(PoisonError::into_inner), true),
                    Some(time) => {
                        let (queue, out) =
                            slot.work.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner);
                        (queue, !out.timed_out())
                    }
                };
            }
            // Nobody needs to wake a writer that is awake.
            if queue.stage == Stage::Parked {
                queue.stage = Stage::Running;
                return Task::Look;
            }
        }
        self.take(&mut queue);
        Task::Write
    }

    /// Whether a line is to come at any moment, and what experience says about looking out for it.
    fn expects(&mut self) -> Option<&Lookout> {
        let announced = self.slot.announced.swap(false, Ordering::Relaxed);
        let response = std::mem::take(&mut self.response_follows);
        if response { Some(&self.responses) } else { announced.then_some(&self.slot.requests) }
    }

    /// Takes all lines that wait.
    fn take(&mut self, queue: &mut Queue) {
        self.bytes.clear();
        self.ends.clear();
        std::mem::swap(&mut self.bytes, &mut queue.bytes);
        self.taken = self.bytes.len();
        std::mem::swap(&mut queue.waiting, &mut queue.in_flight);
        let requests = queue.in_flight.iter().all(|pending| pending.counts && !pending.ticket.response);
        let single = self.slot.takes(queue.in_flight.len());
        self.response_follows = single && requests;
        if self.shared.singles.load(Ordering::Relaxed) != single {
            self.shared.singles.store(single, Ordering::Relaxed);
        }
        queue.progress_at = self.now();
        self.untold = std::mem::take(&mut queue.misses);
        let mut withdrawn = false;
        for pending in &mut queue.in_flight {
            if pending.ticket.is_refused() {
                (pending.wanted, withdrawn) = (Wanted::Withdrawn, true);
            }
            self.ends.push(pending.end);
        }
        if withdrawn {
            let InFlight { kept, withdrawn } = InFlight::part(&mut queue.in_flight, &self.bytes);
            (self.bytes, self.ends) = kept;
            self.done = withdrawn;
            for pending in &self.done {
                if pending.counts {
                    self.untold.add(pending.seq, Why::Withdrawn.reason(), || self.shared.clock.now());
                }
            }
        }
        queue.telling.clone_from(&self.untold);
    }

    /// How long to sleep at most: until the next look at the device, the next try to tell what is untold, or the end of
    /// a drill.
    fn patience(&self, resting: Option<Duration>, misses: &Misses) -> Option<Duration> {
        let look = self.look_every.map(|_| self.look_at.saturating_sub(self.now()));
        let untold = !(self.mute || self.notices.is_empty() && misses.is_empty());
        let tell = untold.then(|| resting.unwrap_or(Duration::ZERO));
        let told = self.slot.drill.due();
        [look, tell, told].into_iter().flatten().min().map(|time| time.max(Duration::from_millis(1)))
    }

    fn now(&self) -> Duration {
        self.shared.clock.monotonic()
    }

    /// Collects what the device found out.
    fn gather(&mut self) {
        let found = self.guarded(|device| device.notices()).unwrap_or_default();
        // What this start has not written is waiting, or is counted as missed: no notice of the file can know better.
        // And a device that was enabled since has nothing to do with earlier starts, whatever its file held before.
        let (boot, restored) = (self.shared.boot, self.restored);
        let due = |notice: &Notice| !matches!(notice, Notice::Unfinished { boot: of, .. } if *of == boot || !restored);
        let found = found.into_iter().filter(due);
        found.for_each(|notice| missed::add_notice(&mut self.notices, notice));
        self.look_beyond_the_end();
        self.tell_drill();
    }

    /// What other devices have of the earlier start, and this one has not.
    fn look_beyond_the_end(&mut self) {
        if self.restored && self.end.is_none() {
            // It could not be opened at once.
            let found = self.guarded(|device| device.ends_with()).ok().flatten();
            let earlier = found.filter(|(boot, _)| *boot != self.shared.boot);
            self.end = earlier.map(|(boot, seq)| self.shared.earlier.note(boot, seq));
        }
        let lacking = self.end.as_mut().and_then(|end| self.shared.earlier.beyond(end));
        if let Some((boot, range)) = lacking {
            missed::inherit(&mut self.slot.queue().inherited, boot, &[range]);
            missed::add_notice(&mut self.notices, Notice::Unfinished { boot, ranges: vec![range] });
        }
    }

    /// Tells that a drill has ended.
    fn tell_drill(&self) {
        if let Some(drill) = self.slot.drill.take_ended() {
            self.slot.tell_drill(DrillNews::Ended(drill), &self.shared);
        }
    }

    /// Calls the device; a panic becomes its error.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut dyn Device) -> T) -> Result<T, DeviceError> {
        let device = self.device.as_mut();
        catch_unwind(AssertUnwindSafe(|| call(device))).map_err(|_| {
            self.slot.counters.panics.fetch_add(1, Ordering::Relaxed);
            DeviceError::Panicked
        })
    }

    fn append(&mut self) -> Appended {
        if self.slot.drill.refuses() {
            return Appended::none(DeviceError::Refused);
        }
        let (bytes, ends) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends));
        let batch = Batch::new(&bytes, &ends);
        let appended = self.guarded(|device| device.append(&batch)).unwrap_or_else(Appended::none);
        (self.bytes, self.ends) = (bytes, ends);
        appended
    }

    /// Looks at the device if it is time.
    fn look_if_due(&mut self) -> Option<Result<(), DeviceError>> {
        let every = self.look_every?;
        let now = self.now();
        if now < self.look_at {
            return None;
        }
        self.look_at = now + every;
        let looked = if self.slot.drill.status().is_some_and(|status| status.drill == Drill::Refuse) {
            Err(DeviceError::Refused)
        } else {
            self.guarded(|device| device.check()).and_then(|looked| looked)
        };
        self.gather();
        Some(looked)
    }

    /// Writes what was taken, with what must be told before it.
    fn write(&mut self) {
        // A device that is not well says so again at once, in its answer to the write.
        drop(self.look_if_due());
        self.answer_withdrawn();
        let told = self.tell_first();
        let appended = self.append();
        self.settle(told, &appended);
    }

    /// Tells everybody who waits what became of the batch. `told` lines of it were the device's own.
    fn settle(&mut self, told: usize, appended: &Appended) {
        let (lines, error) = (appended.lines, appended.error.as_ref());
        let unfit = Unfits { told, all: &appended.rejected };
        let slot = Arc::clone(&self.slot);
        let shared = Arc::clone(&self.shared);
        let now = self.now();
        let held = lines.saturating_sub(told);
        let noted = {
            let mut queue = slot.queue();
            std::mem::swap(&mut self.done, &mut queue.in_flight);
            queue.progress_at = now;
            // Empty if somebody else tells it by now, because this device was given up.
            let telling = std::mem::take(&mut queue.telling);
            self.settle_own(&mut queue, !telling.is_empty(), lines, unfit);
            for (at, pending) in self.done.iter().enumerate().filter(|(_, pending)| pending.counts) {
                let why = match unfit.get(at) {
                    Some(_) => "the line was too long",
                    None if at >= held => "the device failed",
                    None => continue,
                };
                queue.misses.add(pending.seq, why, || shared.clock.now());
            }
            let appended = held.min(self.done.len()).saturating_sub(unfit.count());
            slot.counters.missed.fetch_add((self.done.len() - appended) as u64, Ordering::Relaxed);
            slot.counters.appended.fetch_add(appended as u64, Ordering::Relaxed);
            slot.counters.batches.fetch_add(u64::from(lines > 0), Ordering::Relaxed);
            slot.drained(std::mem::take(&mut self.taken));
            slot.note_health(&mut queue, |queue| {
                match error {
                    Some(error) => queue.health_tracker.failed(now, error.clone()),
                    None => queue.health_tracker.succeeded(now),
                }
                let fresh = |since: Duration| now.saturating_sub(since) <= shared.rules.settle_grace();
                if queue.waiting.first().is_none_or(|pending| fresh(pending.since)) {
                    queue.health_tracker.caught_up(now);
                }
            })
        };
        if error.is_some() {
            slot.counters.failures.fetch_add(1, Ordering::Relaxed);
        }
        slot.tell(noted, &shared, error);
        slot.measures().take(now, lines, &self.ends, &self.done, unfit);
        self.answer_all(held, error, unfit);
        if self.bytes.capacity() > BUFFER_KEPT {
            self.bytes = Vec::new();
        }
    }

    fn answer_all(&mut self, held: usize, error: Option<&DeviceError>, unfit: Unfits<'_>) {
        let required = self.slot.required;
        for (at, pending) in self.done.drain(..).enumerate() {
            let error =
                unfit.get(at).or_else(|| (at >= held).then(|| error.unwrap_or(&DeviceError::Panicked)));
            let cause = error.map(|error| self.slot.cause(Why::Device(error.clone())));
            if pending.wanted != Wanted::GivenUp {
                wake(pending.ticket.answer(Answer { cause, required, awaited: pending.awaited }));
            }
        }
    }

    /// Requests that were refused before their lines were begun: nobody waits, but the count must be right.
    fn answer_withdrawn(&mut self) {
        let required = self.slot.required;
        self.slot.counters.missed.fetch_add(self.done.len() as u64, Ordering::Relaxed);
        for pending in self.done.drain(..) {
            let cause = Some(self.slot.cause(Why::Withdrawn));
            wake(pending.ticket.answer(Answer { cause, required, awaited: pending.awaited }));
        }
    }

    fn reopen(&mut self) {
        let asked = self.slot.queue().reopen.asked;
        let error = self.guarded(|device| device.reopen()).and_then(|done| done).err();
        match &error {
            Some(_) => self.note(error.as_ref()),
            None => {
                self.slot.counters.reopens.fetch_add(1, Ordering::Relaxed);
                (self.most_ranges, self.mute) = (usize::MAX, false);
            }
        }
        self.finish(|queue| &mut queue.reopen, asked, error);
    }

    fn sync(&mut self) {
        let asked = self.slot.queue().sync.asked;
        // After this the process may end: what was missed is told now, even if the device was to be left alone.
        let untold = self.tell().err();
        let error = self.guarded(|device| device.sync()).and_then(|done| done).err().or(untold);
        self.finish(|queue| &mut queue.sync, asked, error);
    }

    fn finish(&self, errand: fn(&mut Queue) -> &mut Errand, asked: u64, error: Option<DeviceError>) {
        let mut queue = self.slot.queue();
        let errand = errand(&mut queue);
        (errand.done, errand.error) = (asked, error);
        if queue.onlookers > 0 {
            self.slot.news.notify_all();
        }
    }

    /// Notes how the device is, apart from a write.
    fn note(&self, error: Option<&DeviceError>) {
        let now = self.now();
        let noted = self.slot.note_health(&mut self.slot.queue(), |queue| match error {
            Some(error) => queue.health_tracker.failed(now, error.clone()),
            None => queue.health_tracker.succeeded(now),
        });
        self.slot.tell(noted, &self.shared, error);
    }

    /// Nothing waits: a look at the device, and whatever is untold is told now.
    fn look(&mut self) {
        let looked = self.look_if_due();
        let (failing, untold, due) = {
            let mut queue = self.slot.queue();
            let failing = queue.health_tracker.is_failing();
            let untold = !(self.mute || queue.misses.is_empty() && self.notices.is_empty());
            (
                failing,
                untold,
                untold && (!failing || queue.health_tracker.try_again(self.shared.clock.monotonic())),
            )
        };
        match looked {
            _ if due => drop(self.tell()),
            Some(Err(error)) if !failing => self.note(Some(&error)),
            // A write failed, so a write must work, not a look: a full disk looks well.
            Some(Ok(())) if failing && !untold => self.note(None),
            _ => {}
        }
    }
}
