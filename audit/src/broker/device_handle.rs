//! One enabled device as its callers, its writer and the watch see it, and what a broker is given to enable it.
//! Never in it: the device itself, which its writer alone owns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;
use std::task::Waker;
use std::time::Duration;

use onrecord_entry::Formatter;
use onrecord_value::Time;

use super::Shared;
use super::device_set::DEVICES_MAX;
use super::queue::{Backlog, Pending, Queue, Wanted};
use super::ticket::Ticket;
use super::wakeup::Wakeup;
use crate::cause::{Cause, Why};
use crate::device::{Claim, Device, DeviceError, DrillControl, DrillNews};
use crate::evidence::{DeviceEvidence, EvidenceConfig, SignedCheckpoint, Sink};
use crate::health_tracker::Health;
use crate::loss::Loss;
use crate::statistics::Statistics;
use crate::status::{DeviceStatus, FaultStatus, LastError, LossStatus, Observer, QueueStatus};
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, lock};

/// A device to be enabled.
pub struct DeviceConfig {
    pub(crate) path: String,
    pub(crate) device: Box<dyn Device>,
    pub(crate) formatter: Formatter,
    pub(crate) required: bool,
    pub(crate) failing: Option<DeviceError>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) evidence: Option<EvidenceConfig>,
    /// It was enabled in an earlier boot, so what that left behind is for it to report.
    pub(crate) restored: bool,
}

impl DeviceConfig {
    /// A device, the path by which it is known (as it is to be shown, so usually with a closing slash), and the formatter
    /// of its lines.
    pub fn new(path: impl Into<String>, device: Box<dyn Device>, formatter: Formatter) -> Self {
        Self {
            path: path.into(),
            device,
            formatter,
            required: false,
            failing: None,
            losses: Vec::new(),
            evidence: None,
            restored: false,
        }
    }

    /// Entries settle only if this device has them.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The device is known not to work at the moment: it begins as `failing`, and is tried again and again.
    #[must_use]
    pub fn failing(mut self, error: DeviceError) -> Self {
        self.failing = Some(error);
        self
    }

    /// What the device lost in earlier boots of the server: it reports that as soon as it can ([`Broker::losses`](super::Broker::losses)).
    #[must_use]
    pub fn losses(mut self, losses: Vec<Loss>) -> Self {
        self.losses = losses;
        self
    }

    /// A device with a log of its own keeps a tree over all its lines, signed under this name: see
    /// [`evidence`](crate::evidence). Others keep none.
    #[must_use]
    pub fn evidence(mut self, evidence: EvidenceConfig) -> Self {
        self.evidence = Some(evidence);
        self
    }
}

pub(crate) struct DeviceHandle {
    pub(crate) path: StdArc<str>,
    /// Makes its lines from now on. Record calls find it in the list of devices.
    formatter: Mutex<StdArc<Formatter>>,
    pub(crate) drill: DrillControl,
    pub(crate) required: bool,
    pub(crate) discards: bool,
    pub(crate) claim: Option<Claim>,
    pub(crate) backlog: Backlog,
    queue: Mutex<Queue<Self>>,
    /// Notified when the writer has finished a control request or ended, and when the last list without the device is
    /// gone.
    pub(crate) progress: Condvar,
    pub(crate) wakeup: Wakeup,
    pub(crate) statistics: Statistics,
    pub(crate) evidence: Option<StdArc<DeviceEvidence>>,
    /// Whether the observer hears of it: a device that is only tried is not enabled, and who tries it learns what is wrong.
    observed: AtomicBool,
    /// How many lists of devices have it that a caller still uses: none can offer it an entry once there are none.
    pub(super) lists: AtomicUsize,
}

pub(crate) enum Admission {
    Yes,
    Discards,
    /// Not yet: it failed a moment ago.
    Resting,
    Full,
}

impl DeviceHandle {
    pub(crate) fn new(config: &DeviceConfig, shared: &Arc<Shared>) -> Self {
        let now = shared.clock.monotonic();
        let mut queue = Queue::new(now, shared, config.losses.clone());
        if let Some(error) = &config.failing {
            queue.health.failed(now, error.clone());
        }
        let path: StdArc<str> = StdArc::from(config.path.as_str());
        let evidence = config.evidence.clone().map(|evidence| {
            let (clock, sink) = (StdArc::clone(&shared.clock), checkpoint_sink(shared, &path));
            StdArc::new(DeviceEvidence::new(evidence, clock, sink))
        });
        Self {
            path,
            formatter: Mutex::new(StdArc::new(config.formatter.clone())),
            drill: DrillControl::new(StdArc::clone(&shared.clock)),
            required: config.required,
            discards: config.device.discards(),
            claim: config.device.claim(),
            backlog: Backlog::new(shared.rules.get().queue_bytes, config.failing.is_some()),
            queue: Mutex::new(queue),
            progress: Condvar::new(),
            wakeup: Wakeup::new(&shared.clock),
            statistics: Statistics::default(),
            evidence,
            observed: AtomicBool::new(config.restored),
            lists: AtomicUsize::new(0),
        }
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue<Self>> {
        lock(&self.queue)
    }

    pub(crate) fn formatter(&self) -> StdArc<Formatter> {
        StdArc::clone(&lock(&self.formatter))
    }

    pub(crate) fn set_formatter(&self, formatter: Formatter) {
        *lock(&self.formatter) = StdArc::new(formatter);
    }

    /// Whether an entry is worth formatting for this device.
    pub(crate) fn admit(&self, now: Duration) -> Admission {
        if self.discards {
            Admission::Discards
        } else if self.backlog.is_full() {
            Admission::Full
        } else if self.backlog.failing.load(Ordering::Relaxed) && !self.queue().health.try_again(now) {
            Admission::Resting
        } else {
            Admission::Yes
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        if self.discards || self.backlog.failing.load(Ordering::Relaxed) {
            return false;
        }
        let queue = self.queue();
        queue.life.is_active() && queue.health.health == Health::Healthy
    }

    /// Queues a line, unless the queue is full or the device takes no more entries. `counts`: it is an entry of the server
    /// and not a probe. Says whether the entry may await this device, and whether the caller must wake the writer.
    pub(crate) fn push(
        &self,
        line: &[u8],
        ticket: &Arc<Ticket>,
        seq: u64,
        now: Duration,
        counts: bool,
    ) -> Result<(bool, bool), Why> {
        let mut queue = self.queue();
        if !queue.life.is_active() {
            return Err(Why::Disabled);
        }
        if !self.backlog.add(line.len()) {
            return Err(Why::QueueFull);
        }
        let awaited = queue.health.health == Health::Healthy;
        queue.bytes.extend_from_slice(line);
        let end = queue.bytes.len();
        let ticket = Arc::clone(ticket);
        queue.accepted += 1;
        let wanted = Wanted::Yes;
        queue.waiting.push(Pending { ticket, seq, end, since: now, awaited, wanted, counts });
        Ok((awaited, queue.must_wake()))
    }

    /// Notes that the device does not get an entry. False: it takes no entries any more.
    #[must_use]
    pub(crate) fn lose(&self, seq: u64, why: &Why, shared: &Shared) -> bool {
        let Some(first) = self.note_loss(seq, why.reason(), shared) else { return false };
        if first {
            self.observe(shared, |observer| observer.missing(&self.path, why));
        }
        true
    }

    /// Notes that the device does not get a number because it took the entry with another. False: as [`lose`](Self::lose).
    #[must_use]
    pub(crate) fn pass_over(&self, seq: u64, shared: &Shared) -> bool {
        self.note_loss(seq, "the entry is there with an earlier number", shared).is_some()
    }

    /// Notes what is to be reported. Says whether it is the first loss; `None`: the device takes no entries any more.
    fn note_loss(&self, seq: u64, reason: &'static str, shared: &Shared) -> Option<bool> {
        let mut queue = self.queue();
        if !queue.life.is_active() {
            return None;
        }
        self.statistics.lost.fetch_add(1, Ordering::Relaxed);
        let first = queue.losses.add(seq, reason, || shared.clock.now());
        // A writer that sleeps without a limit has to learn that there is a loss to report.
        let must_wake = first && queue.must_wake();
        drop(queue);
        if must_wake {
            self.wakeup.wake();
        }
        Some(first)
    }

    /// Answers a ticket for this device: it has the entry, or why it does not. Only without the lock.
    pub(crate) fn answer(&self, ticket: &Ticket, awaited: bool, why: Option<Why>) {
        let cause = why.map(|why| self.cause(why));
        if let Some(waker) = ticket.answer(cause, self.required, awaited) {
            waker.wake();
        }
    }

    /// The device is enabled: from now on the observer hears of it.
    pub(crate) fn begin_observing(&self) {
        self.observed.store(true, Ordering::Relaxed);
    }

    /// Calls the observer. A panic there must end neither a writer, nor the watch, nor a request.
    fn observe(&self, shared: &Shared, call: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &shared.observer
            && self.observed.load(Ordering::Relaxed)
            && catch_unwind(AssertUnwindSafe(|| call(&**observer))).is_err()
        {
            self.statistics.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Runs a change of the health. Returns the health before and after, if it changed, and the tasks whose entries are
    /// decided by that, as no line of a device that is not healthy is awaited: to be passed to
    /// [`report_health`](Self::report_health) when the lock is gone.
    #[must_use]
    pub(crate) fn change_health(
        &self,
        queue: &mut Queue<Self>,
        change: impl FnOnce(&mut Queue<Self>),
    ) -> (Option<(Health, Health)>, Vec<Waker>) {
        let before = queue.health.health;
        change(queue);
        let after = queue.health.health;
        self.backlog.failing.store(queue.health.is_failing(), Ordering::Relaxed);
        let worse = before == Health::Healthy && after != Health::Healthy;
        let wakers = if worse { queue.stop_awaiting() } else { Vec::new() };
        ((before != after).then_some((before, after)), wakers)
    }

    /// Reports what came of a change of the health; only without the lock.
    pub(crate) fn report_health(
        &self,
        (change, wakers): (Option<(Health, Health)>, Vec<Waker>),
        shared: &Shared,
        error: Option<&DeviceError>,
    ) {
        wakers.into_iter().for_each(Waker::wake);
        if let Some((from, to)) = change {
            self.observe(shared, |observer| observer.changed(&self.path, from, to, error));
        }
    }

    pub(crate) fn report_drill(&self, news: DrillNews, shared: &Shared) {
        self.observe(shared, |observer| observer.drilled(&self.path, news));
    }

    pub(crate) fn resting(&self) -> Why {
        let queue = self.queue();
        Why::Resting(queue.health.error.as_ref().map_or(DeviceError::Panicked, |(error, _)| error.clone()))
    }

    pub(crate) fn cause(&self, why: Why) -> Cause {
        Cause { path: StdArc::clone(&self.path), why }
    }

    pub(crate) fn wake_if_parked(&self) {
        if self.queue().must_wake() {
            self.wakeup.wake();
        }
    }

    /// What no gap entry has reported yet, of this boot and of those before it, and what may never be written.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        let queue = self.queue();
        let mut all: Vec<Loss> = queue.losses.unreported_of_earlier_boots().cloned().collect();
        let mut now = queue.losses.unreported();
        if queue.health.health != Health::Healthy {
            for pending in queue.in_flight.iter().chain(&queue.waiting) {
                now.add_waiting(pending.seq);
            }
        }
        all.extend(Some(now).filter(|now| !now.is_empty()));
        all
    }

    pub(crate) fn status(&self, shared: &Shared) -> DeviceStatus {
        let (now, today) = (shared.clock.monotonic(), shared.clock.now());
        // The queue knows moments of the monotonic clock only.
        let date = |moment: Duration| {
            let ago = i128::try_from(now.saturating_sub(moment).as_nanos()).unwrap_or(0);
            Time::from_unix_nanos(today.unix_nanos() - ago)
        };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (queue, statistics) = (self.queue(), &self.statistics);
        let unreported = queue.losses.unreported();
        let last_error = queue.health.error.as_ref();
        DeviceStatus {
            path: StdArc::clone(&self.path),
            health: queue.health.health,
            since: date(queue.health.since),
            required: self.required,
            discards: self.discards,
            salt: self.formatter().salt().id(),
            queue: QueueStatus {
                entries: queue.in_flight.len() + queue.waiting.len(),
                bytes: self.backlog.bytes(),
                capacity: self.backlog.capacity,
                lag: queue.oldest().map_or(Duration::ZERO, |oldest| now.saturating_sub(oldest)),
            },
            written: lock(&statistics.written).clone(),
            losses: LossStatus {
                entries: count(&statistics.lost),
                reported: queue.losses.reported().clone(),
                unreported: unreported.seqs,
                unreported_entries: unreported.count,
                unreported_since: unreported.since,
            },
            faults: FaultStatus {
                failures: count(&statistics.failures),
                panics: count(&statistics.panics),
                overruns: count(&statistics.overruns),
                last_error: last_error.map(|(error, at)| LastError { error: error.clone(), at: date(*at) }),
            },
            reopens: count(&statistics.reopens),
            drill: self.drill.status(),
            evidence: self.evidence.as_ref().and_then(|evidence| evidence.status()),
        }
    }

    /// Takes the checkpoint of another device's tree, which it writes as a line of its own. Of each tree only the newest
    /// waits.
    fn offer_checkpoint(&self, signed: &SignedCheckpoint) {
        let mut queue = self.queue();
        if !queue.life.is_active() {
            return;
        }
        queue.checkpoints.retain(|other| other.checkpoint.origin != signed.checkpoint.origin);
        if queue.checkpoints.len() < DEVICES_MAX {
            queue.checkpoints.push(signed.clone());
        }
        let must_wake = queue.must_wake();
        drop(queue);
        if must_wake {
            self.wakeup.wake();
        }
    }
}

/// Offers the checkpoints of a device's tree to all others: two devices vouch for each other.
fn checkpoint_sink(shared: &Arc<Shared>, path: &StdArc<str>) -> Sink {
    let (shared, path) = (Arc::clone(shared), StdArc::clone(path));
    StdArc::new(move |signed| {
        for handle in &shared.devices.read().handles {
            if handle.path != path && !handle.discards {
                handle.offer_checkpoint(signed);
            }
        }
    })
}
