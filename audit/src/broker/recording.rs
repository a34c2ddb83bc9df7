//! Recording one entry: formatted and offered to every device here, awaited as a future.
//! The proofs that an answer may leave are made here and nowhere else (I3). Never in it: IO.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::Shared;
use super::cause::{Cause, Refused, Why};
use super::kick::Kick;
use super::roster::Enabled;
use super::slot::{Admission, Pushed, Slot};
use super::ticket::Ticket;
use super::verdict::Tally;
use crate::entry::{Entry, Stamp};
use crate::form::{Form, FormatError, Lines, Room};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// The proof that an entry is on record as the rule wants it. Only the broker makes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Settled {
    seq: u64,
}

impl Settled {
    /// The counter of the entry.
    pub const fn seq(&self) -> u64 {
        self.seq
    }
}

/// The proof that no device was enabled when the entry was to be recorded. Only the broker makes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Unaudited(());

/// What became of an entry that was not refused.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Recorded {
    /// It is on record.
    Settled(Settled),
    /// No device is enabled.
    Unaudited(Unaudited),
}

/// Says whether an entry is on record. Runs on any runtime.
#[must_use = "an entry that nobody waits for is no proof of anything"]
pub struct Recording {
    stage: Stage,
}

enum Stage {
    Unaudited,
    Offered { ticket: Arc<Ticket>, kick: Kick, yielded: bool },
    Over,
}

thread_local! {
    /// The caller's room for a line, so that formatting neither allocates nor holds a lock.
    static ROOM: Cell<Room> = Cell::default();
}

/// Offers an entry to all devices; `minimum` of them must have it.
pub(crate) fn record(shared: &Shared, entry: &Entry<'_>, minimum: usize) -> Recording {
    let Some((enabled, seq)) = shared.roster.number(&shared.seq) else {
        return Recording { stage: Stage::Unaudited };
    };
    offer_to_all(shared, &enabled, entry, seq, minimum.max(1))
}

fn offer_to_all(
    shared: &Shared,
    enabled: &Arc<Enabled>,
    entry: &Entry<'_>,
    seq: u64,
    minimum: usize,
) -> Recording {
    let all_discard = enabled.all_discard;
    let mut offer = Offer {
        shared,
        ticket: Arc::new(Ticket::new(
            seq,
            entry.response.is_some(),
            i64::try_from(minimum).unwrap_or(i64::MAX),
        )),
        now: shared.clock.monotonic(),
        lines: lines(shared, entry, seq),
        kick: Kick::new(Arc::clone(enabled)),
        tally: Tally::default(),
        causes: Vec::new(),
        closed: Vec::new(),
    };
    let mut resting: u64 = 0;
    for (place, slot) in enabled.slots.iter().enumerate() {
        match slot.admit(offer.now) {
            Admission::Yes => offer.to(enabled, place, slot),
            Admission::Discards => offer.tally.held += i64::from(all_discard),
            Admission::Resting => resting |= 1 << place,
            Admission::Full => offer.missed(slot, Why::QueueFull),
        }
    }
    if resting != 0 {
        // A device that failed a moment ago is left alone, unless the rule may need it.
        let sound = enabled.slots.iter().filter(|slot| slot.is_sound()).count();
        let needed = sound < minimum;
        for (place, slot) in enabled.slots.iter().enumerate() {
            if resting & 1 << place != 0 {
                // One that has recovered since is counted on.
                if needed || slot.required || slot.is_sound() {
                    offer.to(enabled, place, slot);
                } else {
                    offer.missed(slot, slot.resting());
                }
            }
        }
    }
    if !offer.closed.is_empty() {
        let now = offer.offer_to_newcomers(enabled);
        // Nobody has to do with it any more. Where a device has counted it as missed, it is refused.
        let alone = offer.tally.open == 0 && offer.causes.is_empty();
        if alone && now.slots.is_empty() {
            return Recording { stage: Stage::Unaudited };
        }
        if alone && now.all_discard {
            offer.tally.held = i64::try_from(now.slots.len()).unwrap_or(i64::MAX);
        }
    }
    offer.complete()
}

/// Offers an entry to the devices that are not named in a refusal. Nobody waits for it, and no rule withdraws it.
pub(crate) fn tell(shared: &Shared, entry: &Entry<'_>, refused: &Refused) {
    let Some((enabled, seq)) = shared.roster.number(&shared.seq) else { return };
    let mut offer = Offer {
        shared,
        ticket: Arc::new(Ticket::new(seq, entry.response.is_some(), 0)),
        now: shared.clock.monotonic(),
        lines: lines(shared, entry, seq),
        kick: Kick::new(Arc::clone(&enabled)),
        tally: Tally::default(),
        causes: Vec::new(),
        closed: Vec::new(),
    };
    for (place, slot) in enabled.slots.iter().enumerate() {
        if refused.causes.iter().any(|cause| cause.path == slot.path) {
            offer.missed(slot, Why::Withdrawn);
            continue;
        }
        match slot.admit(offer.now) {
            Admission::Yes => offer.to(&enabled, place, slot),
            Admission::Discards => {}
            Admission::Resting => offer.missed(slot, slot.resting()),
            Admission::Full => offer.missed(slot, Why::QueueFull),
        }
    }
    // Settled from the start: what any device answers changes nothing.
    offer.tally = Tally::default();
    drop(offer.complete());
}

/// The lines of an entry, all with the time of now.
fn lines<'a>(shared: &Shared, entry: &'a Entry<'a>, seq: u64) -> Lines<'a> {
    Lines::within(ROOM.take(), entry, Stamp { time: shared.clock.now(), seq, boot: shared.boot })
}

/// An entry on its way to the devices.
struct Offer<'a> {
    shared: &'a Shared,
    ticket: Arc<Ticket>,
    now: Duration,
    lines: Lines<'a>,
    kick: Kick,
    tally: Tally,
    causes: Vec<Cause>,
    /// The paths of devices that were disabled or replaced at this moment, and have nothing to do with the entry.
    closed: Vec<StdArc<str>>,
}

impl Offer<'_> {
    /// Formats the entry. A response whose whole line cannot be made leaves one without contents: what was done must be
    /// on record. A request is refused instead: nothing was done yet.
    fn format(&mut self, form: &Form, slot: &Slot) -> Result<(), Why> {
        let whole = guarded(|| self.lines.make(form).map(|_| ()));
        if whole == Err(Why::FormatPanicked) {
            slot.counters.panics.fetch_add(1, Ordering::Relaxed);
        }
        whole.or_else(|why| match guarded(|| self.lines.make_bare(form).transpose()) {
            Ok(Some(())) => Ok(()),
            Ok(None) | Err(_) => Err(why),
        })
    }

    /// Formats the entry for one device and queues the line.
    fn to(&mut self, enabled: &Enabled, place: usize, slot: &Slot) {
        // The list has as many forms as devices.
        let Some(form) = enabled.forms.get(place) else { return self.missed(slot, Why::Disabled) };
        if let Err(why) = self.format(form, slot) {
            return self.missed(slot, why);
        }
        match slot.push(self.lines.last(), &self.ticket, self.now, true) {
            Pushed::Accepted { awaited, duty } => {
                self.tally.open += 1;
                self.tally.awaited += i64::from(awaited);
                self.tally.required_open += i64::from(slot.required);
                self.kick.took(place, awaited, duty);
            }
            Pushed::Full => self.missed(slot, Why::QueueFull),
            // It has nothing to do with the entry any more.
            Pushed::Closed => {
                slot.late(self.ticket.seq, self.shared);
                self.closed.push(StdArc::clone(&slot.path));
            }
        }
    }

    /// A device was disabled or replaced at this moment: the entry is for those that were enabled since, too, so that
    /// it falls between no two. Says which devices are enabled now.
    fn offer_to_newcomers(&mut self, offered: &Arc<Enabled>) -> Arc<Enabled> {
        let mut known: Vec<Arc<Slot>> = offered.slots.clone();
        let own = std::mem::replace(&mut self.kick, Kick::new(Arc::clone(offered)));
        let mut now = self.shared.roster.read();
        while !self.closed.is_empty() {
            let closed = std::mem::take(&mut self.closed);
            now = self.shared.roster.read();
            // What is owed to them is done at once: the caller's own duties are for those of its list.
            self.kick = Kick::new(Arc::clone(&now));
            for (place, slot) in now.slots.iter().enumerate() {
                if known.iter().any(|other| Arc::ptr_eq(other, slot)) {
                    continue;
                }
                // Whoever had its place before has the entry, or tells that it has not: twice would be a double.
                let dealt_with =
                    known.iter().any(|other| other.path == slot.path) && !closed.contains(&slot.path);
                known.push(Arc::clone(slot));
                if dealt_with {
                    continue;
                }
                match slot.admit(self.now) {
                    Admission::Yes | Admission::Resting => self.to(&now, place, slot),
                    Admission::Discards => {}
                    Admission::Full => self.missed(slot, Why::QueueFull),
                }
            }
        }
        self.kick = own;
        now
    }

    fn missed(&mut self, slot: &Slot, why: Why) {
        if slot.miss(self.ticket.seq, &why, self.shared) {
            self.tally.required_lost += i64::from(slot.required);
            self.causes.push(slot.cause(why));
        } else {
            slot.late(self.ticket.seq, self.shared);
            self.closed.push(StdArc::clone(&slot.path));
        }
    }

    fn complete(self) -> Recording {
        ROOM.set(self.lines.into_room());
        self.ticket.complete(self.tally, self.causes);
        self.shared.watch.touch();
        Recording { stage: Stage::Offered { ticket: self.ticket, kick: self.kick, yielded: false } }
    }
}

/// Formats into an emptied buffer. A panic costs this device this entry.
pub(crate) fn format(form: &Form, entry: &Entry<'_>, stamp: &Stamp, line: &mut Vec<u8>) -> Result<(), Why> {
    line.clear();
    guarded(|| form.format(entry, stamp, line))
}

fn guarded<T>(format: impl FnOnce() -> Result<T, FormatError>) -> Result<T, Why> {
    match catch_unwind(AssertUnwindSafe(format)) {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) => Err(Why::Format(error)),
        Err(_) => Err(Why::FormatPanicked),
    }
}

/// Offers a finished line to one device alone: the probe.
pub(crate) fn offer_line(shared: &Shared, kick: Kick, slot: &Slot, line: &[u8], seq: u64) -> Recording {
    let (ticket, mut kick) = (Arc::new(Ticket::new(seq, false, 1)), kick);
    let mut tally = Tally::default();
    let mut causes = Vec::new();
    match slot.push(line, &ticket, shared.clock.monotonic(), false) {
        Pushed::Accepted { awaited, duty } => {
            (tally.open, tally.awaited) = (1, i64::from(awaited));
            tally.required_open = i64::from(slot.required);
            kick.took(0, awaited, duty);
        }
        Pushed::Full => causes.push(slot.cause(Why::QueueFull)),
        Pushed::Closed => causes.push(slot.cause(Why::Disabled)),
    }
    ticket.complete(tally, causes);
    shared.watch.touch();
    Recording { stage: Stage::Offered { ticket, kick, yielded: true } }
}

impl Recording {
    /// Waits on this thread. Not for async tasks: those await the future.
    pub fn wait(mut self) -> Result<Recorded, Refused> {
        if let Stage::Offered { yielded, .. } = &mut self.stage {
            // Nobody else on this thread could add an entry meanwhile.
            *yielded = true;
        }
        wait(self)
    }
}

/// Waits for a future on this thread, without any runtime.
pub fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(StdArc::new(Unpark(crate::sync::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        crate::sync::park();
    }
}

impl Future for Recording {
    type Output = Result<Recorded, Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.stage {
            Stage::Unaudited => Poll::Ready(Ok(Recorded::Unaudited(Unaudited(())))),
            Stage::Over => return Poll::Pending,
            Stage::Offered { ticket, kick, yielded } => {
                // The deferred kick: other tasks that are ready on this worker add their entries first, so that
                // the writer finds many instead of one. Nor may this worker wait for its answer before they had a turn.
                if (kick.is_owed() || kick.is_alone()) && !std::mem::replace(yielded, true) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                kick.fire(|| ticket.is_decided());
                let seq = ticket.seq;
                ticket.poll(context.waker()).map_ok(|()| Recorded::Settled(Settled { seq }))
            }
        };
        if polled.is_ready() {
            self.stage = Stage::Over;
        }
        polled
    }
}

struct Unpark(crate::sync::Thread);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}
