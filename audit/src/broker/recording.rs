//! Recording one entry: offered to every device, awaited as a future that gives a proof.
//! Never in it: IO, or a proof for an entry that is not on record.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Shared;
use super::cause::{Refused, Why};
use super::kick::Kick;
use super::offer::Offer;
use super::proof::made::Maker;
use super::proof::{NotOnRecord, Proof, Recorded, Unaudited};
use super::slot::{Pushed, Slot};
use super::ticket::Ticket;
use super::verdict::Tally;
use crate::sync::Arc;
use crate::wait::Wait;
use onrecord_entry::{Entry, EntryType, Scratch};

/// Says whether an entry is on record, with the proof of it. Runs on any runtime; [`wait`](Self::wait) waits without
/// one.
///
/// Dropping it takes nothing back: the devices have or get the entry, but there is no proof of it.
#[must_use = "an entry that nobody waits for is no proof of anything"]
pub struct Recording<P> {
    stage: Stage,
    proof: PhantomData<fn() -> P>,
}

/// The same, where it is allowed that no device is enabled.
#[must_use = "an entry that nobody waits for is no proof of anything"]
pub struct OrUnaudited<P>(Recording<P>);

enum Stage {
    NoDevice,
    OtherKind(EntryType),
    Offered { ticket: Arc<Ticket>, kick: Kick, yielded: bool },
    Over,
}

thread_local! {
    /// The caller's room for a line, so that formatting neither allocates nor holds a lock.
    static ROOM: Cell<Scratch> = Cell::default();
}

/// Offers an entry to all devices; `minimum` of them must have it.
pub(crate) fn record<P: Proof>(shared: &Shared, entry: &Entry<'_>, minimum: usize) -> Recording<P> {
    let stage = match entry.entry_type() {
        kind if kind != P::KIND => Stage::OtherKind(kind),
        _ => offer(shared, entry, minimum),
    };
    Recording { stage, proof: PhantomData }
}

fn offer(shared: &Shared, entry: &Entry<'_>, minimum: usize) -> Stage {
    let Some((enabled, seq)) = shared.devices.number(&shared.seq) else {
        return Stage::NoDevice;
    };
    let mut offer = Offer::new(shared, entry, &enabled, seq, minimum.max(1), ROOM.take());
    offer.offer_to_all(&enabled);
    if offer.offer_to_newcomers(enabled) { complete(shared, offer) } else { Stage::NoDevice }
}

/// Offers an entry to the devices that are not named in a refusal. Nobody waits for it, and no rule withdraws it.
pub(crate) fn record_aborted(shared: &Shared, entry: &Entry<'_>, refused: &Refused) {
    let Some((enabled, seq)) = shared.devices.number(&shared.seq) else { return };
    let mut offer = Offer::new(shared, entry, &enabled, seq, 0, ROOM.take());
    offer.offer_to_all_but(&enabled, |slot| refused.causes.iter().any(|cause| cause.path == slot.path));
    drop(complete(shared, offer));
}

/// All devices that are to answer are known.
fn complete(shared: &Shared, offer: Offer<'_>) -> Stage {
    let Offer { ticket, kick, lines, tally, causes, .. } = offer;
    ROOM.set(lines.into_scratch());
    ticket.complete(tally, causes);
    shared.watch.touch();
    Stage::Offered { ticket, kick, yielded: false }
}

/// Offers a finished line to one device alone: the probe.
pub(crate) fn offer_line(
    shared: &Shared,
    kick: Kick,
    slot: &Slot,
    line: &[u8],
    seq: u64,
) -> impl Future<Output = Result<(), Refused>> + use<> {
    let (ticket, mut kick) = (Arc::new(Ticket::new(seq, false, 1)), kick);
    let mut tally = Tally::default();
    let mut causes = Vec::new();
    match slot.push(line, &ticket, seq, shared.clock.monotonic(), false) {
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
    let mut stage = Stage::Offered { ticket, kick, yielded: true };
    std::future::poll_fn(move |context| match stage.poll(context) {
        Poll::Ready(Err(NotOnRecord::Refused(refused))) => Poll::Ready(Err(refused)),
        Poll::Ready(_) => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
}

impl<P: Proof> Recording<P> {
    /// Blocks this thread until it is known whether the entry is on record. Not for async tasks: those await it.
    ///
    /// # Errors
    /// [`NotOnRecord`].
    pub fn wait(mut self) -> Result<P, NotOnRecord> {
        self.stage.blocks_a_thread();
        Wait::wait(self)
    }

    /// Allows that no device is enabled: then the result is [`Recorded::Unaudited`] in place of the error
    /// [`NotOnRecord::NoDevice`].
    pub const fn or_unaudited(self) -> OrUnaudited<P> {
        OrUnaudited(self)
    }
}

impl<P: Proof> OrUnaudited<P> {
    /// Blocks this thread until it is known whether the entry is on record. Not for async tasks: those await it.
    ///
    /// # Errors
    /// [`NotOnRecord`], but never [`NotOnRecord::NoDevice`].
    pub fn wait(mut self) -> Result<Recorded<P>, NotOnRecord> {
        self.0.stage.blocks_a_thread();
        Wait::wait(self)
    }
}

impl<P: Proof> Future for Recording<P> {
    type Output = Result<P, NotOnRecord>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.stage.poll(context).map_ok(|seq| P::made(seq, &Maker::of_the_broker()))
    }
}

impl<P: Proof> Future for OrUnaudited<P> {
    type Output = Result<Recorded<P>, NotOnRecord>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|recorded| match recorded {
            Ok(proof) => Ok(Recorded::OnRecord(proof)),
            Err(NotOnRecord::NoDevice) => Ok(Recorded::Unaudited(Unaudited::new())),
            Err(error) => Err(error),
        })
    }
}

impl Stage {
    /// Whoever waits blocks its thread: nobody else on it could add an entry meanwhile.
    fn blocks_a_thread(&mut self) {
        if let Self::Offered { yielded, .. } = self {
            *yielded = true;
        }
    }

    /// The number of the entry, once it is on record.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<u64, NotOnRecord>> {
        let polled = match self {
            Self::NoDevice => Poll::Ready(Err(NotOnRecord::NoDevice)),
            Self::OtherKind(kind) => Poll::Ready(Err(NotOnRecord::OtherKind(*kind))),
            Self::Over => return Poll::Pending,
            Self::Offered { ticket, kick, yielded } => {
                // The deferred kick: other tasks that are ready on this worker add their entries first, so that
                // the writer finds many instead of one. Nor may this worker wait for its answer before they had a turn.
                if (kick.is_owed() || kick.is_alone()) && !std::mem::replace(yielded, true) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                kick.fire(|| ticket.is_decided());
                let seq = ticket.seq;
                ticket.poll(context.waker()).map_ok(|()| seq).map_err(NotOnRecord::Refused)
            }
        };
        if polled.is_ready() {
            *self = Self::Over;
        }
        polled
    }
}
