//! The thread of one device: takes all that waits, writes once, answers all tickets.
//! Never in it: what the device is, what an entry says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use onrecord_entry::{Boot, SeqSet};

use super::Shared;
use super::device_handle::{DeviceConfig, DeviceHandle};
use super::dispatch::stamp;
use super::gap::Reporter;
use super::life::DrainReason;
use super::previous_ends::OwnEnds;
use super::queue::{ControlRequest, Pending, Queue, Wanted};
use crate::cause::Why;
use crate::device::{Appended, Batch, Device, DeviceError, Drill, DrillNews, Notice, Rejected};
use crate::loss::Loss;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, lock, spawn};

/// Buffers that grew beyond this are not kept.
const BUFFER_KEPT: usize = 1024 * 1024;

pub(crate) struct Writer {
    handle: Arc<DeviceHandle>,
    shared: Arc<Shared>,
    device: Box<dyn Device>,
    batch: WriteBatch,
    reporter: Reporter,
    restored: bool,
    /// What its log shows of earlier boots, and what it has reported of them.
    own_ends: OwnEnds,
    check_every: Option<Duration>,
    check_at: Duration,
}

/// What is written at once. The entries are in the queue meanwhile, so that the watch can reach them.
#[derive(Default)]
struct WriteBatch {
    /// The lines, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many lines at the beginning are the device's own.
    own: usize,
    losses: Vec<Loss>,
    /// How many bytes were taken from the queue.
    taken: usize,
    answered: Vec<Pending>,
    /// Its only entry is a request entry.
    response_follows: bool,
}

impl Writer {
    pub(crate) fn start(
        handle: &Arc<DeviceHandle>,
        config: DeviceConfig,
        shared: &Arc<Shared>,
    ) -> std::io::Result<()> {
        let DeviceConfig { device, restored, losses, .. } = config;
        // Noted before anything is reported: the devices that are restored next to it see it.
        let mut own_ends = OwnEnds::default();
        if restored {
            own_ends.note(ends(&*device), &device.declared(), &shared.previous_ends);
            for loss in losses.iter().filter(|loss| loss.boot != shared.boot) {
                own_ends.note_declared(loss.boot, &loss.seqs, &shared.previous_ends);
            }
        }
        let writer = Self {
            handle: Arc::clone(handle),
            shared: Arc::clone(shared),
            check_every: device.check_every(),
            device,
            batch: WriteBatch::default(),
            reporter: Reporter::new(),
            restored,
            own_ends,
            check_at: Duration::ZERO,
        };
        spawn(format!("audit-{}", handle.path), move || writer.run())
    }

    fn run(mut self) {
        if self.restored {
            let boot = self.shared.boot;
            drop(self.guarded(|device| device.restored(boot)));
        }
        if let Some(evidence) = self.handle.evidence.clone() {
            drop(self.guarded(|device| device.keep_evidence(&evidence)));
        }
        self.gather();
        while let Some(task) = self.next() {
            task(&mut self);
            self.gather();
        }
        self.report_drill_end();
        // A device that was disabled says so at the end of its log, after all that it was offered before.
        if let Some(last) = self.handle.wait_for_late_entries() {
            self.reporter.add_notice(Notice::Disabled { last });
        }
        // The last chance to report losses; a device that fails has none.
        if !self.handle.queue().health.is_failing() {
            drop(self.report());
        }
        self.handle.transfer_losses();
        let not_enabled = matches!(self.handle.queue().life.reason(), Some(DrainReason::NotEnabled));
        if not_enabled {
            drop(self.guarded(|device| device.withdraw()));
        }
        // The device goes first: a thread that sees the end may open the file again.
        let Self { handle, device, .. } = self;
        drop(catch_unwind(AssertUnwindSafe(move || drop(device))));
        handle.end();
    }

    /// Waits for something to do, and takes all lines that wait. `None`: the device ends.
    fn next(&mut self) -> Option<fn(&mut Self)> {
        let handle = Arc::clone(&self.handle);
        let mut queue = handle.queue();
        loop {
            if queue.reopen.is_open() {
                return Some(Self::reopen);
            }
            if !queue.waiting.is_empty() {
                break;
            }
            if queue.sync.is_open() {
                return Some(Self::sync);
            }
            if !queue.life.is_active() {
                return None;
            }
            let response_follows = std::mem::take(&mut self.batch.response_follows);
            if let Some(spin) = handle.wakeup.spin_for_entry(response_follows) {
                drop(queue);
                spin.until(|| handle.backlog.bytes() > 0);
                queue = handle.queue();
                continue;
            }
            queue.writer_parked = true;
            let mut in_time = true;
            while in_time && queue.writer_parked {
                let work = &handle.wakeup.work;
                (queue, in_time) = match self.sleep_limit(&queue) {
                    None => (work.wait(queue).unwrap_or_else(PoisonError::into_inner), true),
                    Some(time) => {
                        let (queue, out) =
                            work.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner);
                        (queue, !out.timed_out())
                    }
                };
            }
            // No thread needs to wake a writer that is awake.
            if queue.must_wake() {
                return Some(Self::check);
            }
        }
        self.take(&mut queue);
        Some(Self::write)
    }

    /// How long to sleep at most: until the next check of the device, the next try to report what is not reported, or the
    /// end of a drill.
    fn sleep_limit(&self, queue: &Queue<DeviceHandle>) -> Option<Duration> {
        let check = self.check_every.map(|_| self.check_at.saturating_sub(self.now()));
        let report = self
            .reporter
            .is_due(&queue.losses, &queue.checkpoints)
            .then(|| if queue.health.is_failing() { queue.health.rest(self.now()) } else { Duration::ZERO });
        let drill_end = self.handle.drill.due();
        [check, report, drill_end].into_iter().flatten().min().map(|time| time.max(Duration::from_millis(1)))
    }

    fn take(&mut self, queue: &mut Queue<DeviceHandle>) {
        queue.progress_at = self.now();
        let (batch, shared) = (&mut self.batch, &self.shared);
        batch.take_lines(queue);
        let requests = queue.in_flight.iter().all(|pending| pending.counts && !pending.ticket.response);
        let single = self.handle.wakeup.note_batch(queue.in_flight.len());
        batch.response_follows = single && requests;
        if shared.single_client.load(Ordering::Relaxed) != single {
            shared.single_client.store(single, Ordering::Relaxed);
        }
        let mut withdrawn = false;
        for pending in &mut queue.in_flight {
            if pending.ticket.is_refused() {
                (pending.wanted, withdrawn) = (Wanted::Withdrawn, true);
            }
            batch.ends.push(pending.end);
        }
        if withdrawn {
            batch.split_off_withdrawn(&mut queue.in_flight);
            for pending in &batch.answered {
                queue.lose(pending, &Why::Withdrawn, shared);
            }
        }
        batch.losses = queue.losses.start_reporting();
        self.reporter.add_checkpoints(std::mem::take(&mut queue.checkpoints));
    }

    fn now(&self) -> Duration {
        self.shared.clock.monotonic()
    }

    fn gather(&mut self) {
        for notice in self.guarded(|device| device.notices()).unwrap_or_default() {
            match notice {
                // An entry that this boot has not written waits, or is known to be lost: the file cannot know better. And
                // earlier boots do not concern a device that was enabled since, whatever its file held before.
                Notice::Unfinished { boot, .. } if boot == self.shared.boot || !self.restored => {}
                Notice::Unfinished { boot, seqs } => self.add_found(boot, seqs),
                notice => self.reporter.add_notice(notice),
            }
        }
        self.look_beyond_the_end();
        self.report_drill_end();
    }

    fn add_found(&self, boot: Boot, seqs: SeqSet) {
        self.handle.queue().losses.add_found(Loss::unfinished(boot, seqs));
    }

    /// What other devices have of earlier boots, and this one has not.
    fn look_beyond_the_end(&mut self) {
        if self.restored && !self.own_ends.is_known() {
            // It could not be opened at once.
            let found = self.guarded(|device| (ends(device), device.declared()));
            let (mut found, declared) = found.unwrap_or_default();
            found.retain(|(boot, _)| *boot != self.shared.boot);
            self.own_ends.note(found, &declared, &self.shared.previous_ends);
        }
        for (boot, seqs) in self.own_ends.missing(&self.shared.previous_ends) {
            self.add_found(boot, seqs);
        }
    }

    fn report_drill_end(&self) {
        if let Some(drill) = self.handle.drill.take_ended() {
            self.handle.report_drill(DrillNews::Ended(drill), &self.shared);
        }
    }

    /// Calls the device; a panic becomes its error.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut dyn Device) -> T) -> Result<T, DeviceError> {
        let device = self.device.as_mut();
        catch_unwind(AssertUnwindSafe(|| call(device))).map_err(|_| {
            self.handle.statistics.panics.fetch_add(1, Ordering::Relaxed);
            DeviceError::Panicked
        })
    }

    fn check_if_due(&mut self) -> Option<Result<(), DeviceError>> {
        let every = self.check_every?;
        let now = self.now();
        if now < self.check_at {
            return None;
        }
        self.check_at = now + every;
        let checked = if self.handle.drill.status().is_some_and(|status| status.drill == Drill::Refuse) {
            Err(DeviceError::Refused)
        } else {
            self.guarded(|device| device.check()).flatten()
        };
        self.gather();
        Some(checked)
    }

    /// Writes what was taken, after what must be reported before it.
    fn write(&mut self) {
        // A device that is not well says so again at once, in its answer to the write.
        drop(self.check_if_due());
        self.answer_withdrawn();
        self.add_reports();
        let appended = self.append();
        self.settle(&appended);
    }

    fn add_reports(&mut self) {
        let (batch, shared) = (&mut self.batch, &self.shared);
        let losses = std::mem::take(&mut batch.losses);
        batch.own = 0;
        if losses.is_empty() && !self.reporter.has_notices() {
            return;
        }
        let last = stamp(shared, shared.seq.load(Ordering::Relaxed));
        let (mut bytes, mut ends) = self.reporter.lines(losses, &self.handle, &last);
        let shift = bytes.len();
        batch.own = ends.len();
        ends.extend(batch.ends.iter().map(|end| end + shift));
        bytes.extend_from_slice(&batch.bytes);
        (batch.bytes, batch.ends) = (bytes, ends);
    }

    fn append(&mut self) -> Appended {
        if self.handle.drill.refuses() {
            return Appended::none(DeviceError::Refused);
        }
        let (bytes, ends) = (std::mem::take(&mut self.batch.bytes), std::mem::take(&mut self.batch.ends));
        let batch = Batch::new(&bytes, &ends);
        #[cfg(feature = "test-support")]
        crate::device::inspect(&batch);
        let appended = self.guarded(|device| device.append(&batch)).unwrap_or_else(Appended::none);
        (self.batch.bytes, self.batch.ends) = (bytes, ends);
        appended
    }

    /// Answers all tickets of the batch, and notes what the device has of it.
    fn settle(&mut self, appended: &Appended) {
        let (lines, error) = (appended.lines, appended.error.as_ref());
        let (handle, shared) = (Arc::clone(&self.handle), Arc::clone(&self.shared));
        let now = self.now();
        let batch = &mut self.batch;
        let held = lines.saturating_sub(batch.own);
        let health = {
            let mut queue = handle.queue();
            std::mem::swap(&mut batch.answered, &mut queue.in_flight);
            queue.progress_at = now;
            self.reporter.settle(&mut queue.losses, lines, |line| rejection(appended, line).is_some());
            for (at, pending) in batch.answered.iter().enumerate().filter(|(_, pending)| pending.counts) {
                let reason = match rejection(appended, batch.own + at) {
                    Some(_) => "the line was too long",
                    None if at >= held => "the device failed",
                    None => continue,
                };
                queue.losses.add(pending.seq, reason, || shared.clock.now());
            }
            let lost = batch.answered.len() - batch.entries(appended);
            handle.statistics.lost.fetch_add(lost as u64, Ordering::Relaxed);
            handle.backlog.remove(std::mem::take(&mut batch.taken));
            handle.change_health(&mut queue, |queue| {
                match error {
                    Some(error) => queue.health.failed(now, error.clone()),
                    None => queue.health.succeeded(now),
                }
                let fresh = |since: Duration| now.saturating_sub(since) <= shared.rules.settle_grace();
                if queue.waiting.first().is_none_or(|pending| fresh(pending.since)) {
                    queue.health.caught_up(now);
                }
            })
        };
        if error.is_some() {
            handle.statistics.failures.fetch_add(1, Ordering::Relaxed);
        }
        handle.report_health(health, &shared, error);
        batch.measure(&handle, now, appended);
        let (own, failed) = (batch.own, error.unwrap_or(&DeviceError::Panicked));
        self.answer_all(|at| {
            let error = rejection(appended, own + at).or_else(|| (at >= held).then_some(failed));
            error.map(|error| Why::Device(error.clone()))
        });
        if self.batch.bytes.capacity() > BUFFER_KEPT {
            self.batch.bytes = Vec::new();
        }
    }

    /// Answers the tickets of the batch that were not answered when the device was given up; `why` says, by the place of an
    /// entry, why the device does not have it.
    fn answer_all(&mut self, why: impl Fn(usize) -> Option<Why>) {
        for (at, pending) in self.batch.answered.drain(..).enumerate() {
            if pending.wanted != Wanted::GivenUp {
                self.handle.answer(&pending.ticket, pending.awaited, why(at));
            }
        }
    }

    /// Requests that were refused before their lines were begun: no task waits, but the count must be right.
    fn answer_withdrawn(&mut self) {
        let withdrawn = self.batch.answered.len() as u64;
        self.handle.statistics.lost.fetch_add(withdrawn, Ordering::Relaxed);
        self.answer_all(|_| Some(Why::Withdrawn));
    }

    fn reopen(&mut self) {
        self.carry_out(
            |queue| &mut queue.reopen,
            |writer| {
                let reopened = writer.guarded(|device| device.reopen()).flatten();
                match &reopened {
                    Err(error) => writer.note_health(Some(error)),
                    Ok(()) => {
                        writer.handle.statistics.reopens.fetch_add(1, Ordering::Relaxed);
                        writer.reporter.resume();
                    }
                }
                reopened
            },
        );
    }

    fn sync(&mut self) {
        self.carry_out(
            |queue| &mut queue.sync,
            |writer| {
                // After this the process may end: losses are reported now, even if the device was to be left alone.
                let reported = writer.report();
                writer.guarded(|device| device.sync()).flatten().and(reported)
            },
        );
    }

    fn carry_out(
        &mut self,
        request: fn(&mut Queue<DeviceHandle>) -> &mut ControlRequest,
        act: impl FnOnce(&mut Self) -> Result<(), DeviceError>,
    ) {
        let asked = request(&mut self.handle.queue()).asked;
        let error = act(self).err();
        let mut queue = self.handle.queue();
        let request = request(&mut queue);
        (request.done, request.error) = (asked, error);
        if queue.waiters > 0 {
            self.handle.progress.notify_all();
        }
    }

    fn note_health(&self, error: Option<&DeviceError>) {
        let now = self.now();
        let health = self.handle.change_health(&mut self.handle.queue(), |queue| match error {
            Some(error) => queue.health.failed(now, error.clone()),
            None => queue.health.succeeded(now),
        });
        self.handle.report_health(health, &self.shared, error);
    }

    /// No line waits: checks the device, and reports what is not reported.
    fn check(&mut self) {
        let checked = self.check_if_due();
        let (failing, unreported, due) = {
            let mut queue = self.handle.queue();
            let failing = queue.health.is_failing();
            let unreported = self.reporter.is_due(&queue.losses, &queue.checkpoints);
            let due = unreported && (!failing || queue.health.try_again(self.now()));
            (failing, unreported, due)
        };
        match checked {
            _ if due => drop(self.report()),
            Some(Err(error)) if !failing => self.note_health(Some(&error)),
            // A write failed, so a write must work and not a check: a full disk looks well.
            Some(Ok(())) if failing && !unreported => self.note_health(None),
            _ => {}
        }
    }

    /// Writes what is not reported, and nothing else.
    fn report(&mut self) -> Result<(), DeviceError> {
        self.batch.bytes.clear();
        self.batch.ends.clear();
        {
            let mut queue = self.handle.queue();
            queue.progress_at = self.now();
            self.batch.losses = queue.losses.start_reporting();
            self.reporter.add_checkpoints(std::mem::take(&mut queue.checkpoints));
        }
        self.add_reports();
        if self.batch.own == 0 {
            self.reporter.settle(&mut self.handle.queue().losses, 0, |_| false);
            return Ok(());
        }
        let appended = self.append();
        self.settle(&appended);
        appended.error.map_or(Ok(()), Err)
    }
}

impl WriteBatch {
    /// Takes the lines that wait, and leaves an empty buffer. The entries stay in the queue, in flight.
    fn take_lines(&mut self, queue: &mut Queue<DeviceHandle>) {
        self.bytes.clear();
        self.ends.clear();
        std::mem::swap(&mut self.bytes, &mut queue.bytes);
        std::mem::swap(&mut queue.waiting, &mut queue.in_flight);
        self.taken = self.bytes.len();
    }

    /// Takes withdrawn entries and their lines out of what is in flight: they are to be answered, and not written.
    fn split_off_withdrawn(&mut self, in_flight: &mut Vec<Pending>) {
        let (mut kept, mut start) = (Vec::new(), 0);
        self.ends.clear();
        for mut pending in std::mem::take(in_flight) {
            let line = self.bytes.get(start..pending.end).unwrap_or_default();
            start = pending.end;
            if pending.wanted == Wanted::Withdrawn {
                self.answered.push(pending);
                continue;
            }
            kept.extend_from_slice(line);
            self.ends.push(kept.len());
            pending.end = kept.len();
            in_flight.push(pending);
        }
        self.bytes = kept;
    }

    /// How many entries the device has: its own lines and those that it rejects are none.
    fn entries(&self, appended: &Appended) -> usize {
        let rejected = appended.rejected.iter().filter(|rejected| rejected.line >= self.own).count();
        appended.lines.saturating_sub(self.own).min(self.answered.len()).saturating_sub(rejected)
    }

    /// Counts the bytes, the entries and the latencies of what the device has of it.
    fn measure(&self, handle: &DeviceHandle, now: Duration, appended: &Appended) {
        let Some(last) = appended.lines.checked_sub(1) else { return };
        let end = |line: usize| self.ends.get(line).map_or(0, |end| *end as u64);
        let held = appended.lines.saturating_sub(self.own);
        let entries = self.entries(appended) as u64;
        let mut written = lock(&handle.statistics.written);
        written.bytes += end(last);
        written.entries += entries;
        written.batches += 1;
        for (at, pending) in self.answered.iter().take(held).enumerate() {
            let line = self.own + at;
            if rejection(appended, line).is_some() {
                written.bytes -= end(line) - line.checked_sub(1).map_or(0, end);
                continue;
            }
            let latency = now.saturating_sub(pending.since);
            if pending.ticket.response {
                written.response_latency.add_time(latency);
            } else {
                written.request_latency.add_time(latency);
            }
        }
        if entries > 0 {
            written.batch_entries.add(entries);
        }
    }
}

/// Where earlier boots ended in the log of a device, the oldest first.
fn ends(device: &dyn Device) -> Vec<(Boot, u64)> {
    let Some(newest) = device.ends_with() else { return Vec::new() };
    let mut ends = device.earlier_ends();
    ends.push(newest);
    ends
}

/// Why a line of the batch could not be written because of what it is.
fn rejection(appended: &Appended, line: usize) -> Option<&DeviceError> {
    let found = appended.rejected.binary_search_by_key(&line, |rejected: &Rejected| rejected.line).ok()?;
    appended.rejected.get(found).map(|rejected| &rejected.error)
}
