//! Recording one entry: offered to every device, awaited as a future that gives a proof.
//! Never in it: IO, or a proof for an entry that is not on record.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Shared;
use super::device_handle::DeviceHandle;
use super::dispatch::Dispatch;
use super::proof::made::Maker;
use super::proof::{NotOnRecord, Proof, Recorded, Unaudited};
use super::ticket::Ticket;
use super::wake_guard::WakeGuard;
use crate::cause::Refused;
use crate::rules::Tally;
use crate::sync::Arc;
use crate::wait::Wait;
use onrecord_entry::format::Scratch;
use onrecord_entry::{Entry, EntryType};

/// Says whether an entry is on record, with the proof of it. Runs on any runtime; [`wait`](Self::wait) waits without
/// one. Dropping it takes nothing back: the devices have or get the entry, but there is no proof of it.
#[must_use = "an entry that is not waited for is not known to be on record"]
pub struct Recording<P> {
    stage: Stage,
    proof: PhantomData<fn() -> P>,
}

/// The same, where it is allowed that no device is enabled.
#[must_use = "an entry that is not waited for is not known to be on record"]
pub struct OrUnaudited<P>(Recording<P>);

enum Stage {
    NoDevice,
    OtherType(EntryType),
    Offered { ticket: Arc<Ticket>, guard: WakeGuard, yielded: bool },
    Over,
}

thread_local! {
    /// The caller's memory for a line, so that formatting neither allocates nor holds a lock.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Offers an entry to all devices; `minimum` of them must have it.
pub(crate) fn record<P: Proof>(shared: &Shared, entry: &Entry<'_>, minimum: usize) -> Recording<P> {
    let stage = match entry.entry_type() {
        other if other != P::TYPE => Stage::OtherType(other),
        _ => offer(shared, entry, minimum),
    };
    Recording { stage, proof: PhantomData }
}

fn offer(shared: &Shared, entry: &Entry<'_>, minimum: usize) -> Stage {
    let Some((enabled, seq)) = shared.devices.number(&shared.seq) else {
        return Stage::NoDevice;
    };
    let mut dispatch = Dispatch::new(shared, entry, &enabled, seq, minimum.max(1), SCRATCH.take());
    dispatch.offer_to_all(&enabled);
    if dispatch.offer_to_newcomers(enabled) { complete(shared, dispatch) } else { Stage::NoDevice }
}

/// Offers an entry to the devices that are not named in a refusal. No task waits for it, and no rule withdraws it.
pub(crate) fn record_aborted(shared: &Shared, entry: &Entry<'_>, refused: &Refused) {
    let Some((enabled, seq)) = shared.devices.number(&shared.seq) else { return };
    let mut dispatch = Dispatch::new(shared, entry, &enabled, seq, 0, SCRATCH.take());
    let is_named = |handle: &DeviceHandle| refused.causes.iter().any(|cause| cause.path == handle.path);
    dispatch.offer_to_all_but(&enabled, is_named);
    drop(complete(shared, dispatch));
}

/// All devices that are to answer are known.
fn complete(shared: &Shared, dispatch: Dispatch<'_>) -> Stage {
    let Dispatch { ticket, guard, lines, tally, causes, .. } = dispatch;
    SCRATCH.set(lines.into_scratch());
    ticket.complete(tally, causes);
    shared.watch.touch();
    Stage::Offered { ticket, guard, yielded: false }
}

/// Offers a finished line to one device alone: the probe.
pub(crate) fn offer_line(
    shared: &Shared,
    mut guard: WakeGuard,
    handle: &DeviceHandle,
    line: &[u8],
    seq: u64,
) -> impl Future<Output = Result<(), Refused>> + use<> {
    let ticket = Arc::new(Ticket::new(seq, false, 1));
    let mut tally = Tally::default();
    let mut causes = Vec::new();
    match handle.push(line, &ticket, seq, shared.clock.monotonic(), false) {
        Ok((awaited, must_wake)) => {
            (tally.open, tally.awaited) = (1, i64::from(awaited));
            tally.required_open = i64::from(handle.required);
            guard.note_taken(0, awaited, must_wake);
        }
        Err(why) => causes.push(handle.cause(why)),
    }
    ticket.complete(tally, causes);
    shared.watch.touch();
    let mut stage = Stage::Offered { ticket, guard, yielded: true };
    std::future::poll_fn(move |context| match stage.poll(context) {
        Poll::Ready(Err(NotOnRecord::Refused(refused))) => Poll::Ready(Err(refused)),
        Poll::Ready(_) => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
}

impl<P: Proof> Recording<P> {
    /// Blocks this thread until it is known whether the entry is on record. Not for async tasks: those await it.
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
    /// As [`Recording::wait`], but never fails with [`NotOnRecord::NoDevice`].
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
    /// The caller blocks its thread: no other task on it could add an entry meanwhile.
    fn blocks_a_thread(&mut self) {
        if let Self::Offered { yielded, .. } = self {
            *yielded = true;
        }
    }

    /// The number of the entry, once it is on record.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<u64, NotOnRecord>> {
        let polled = match self {
            Self::NoDevice => Poll::Ready(Err(NotOnRecord::NoDevice)),
            Self::OtherType(other) => Poll::Ready(Err(NotOnRecord::OtherType(*other))),
            Self::Over => return Poll::Pending,
            Self::Offered { ticket, guard, yielded } => {
                // The writer is woken late: other tasks that are ready on this worker add their entries first, so that
                // it finds many instead of one. Nor may this worker spin for its answer before they had a turn.
                if (guard.must_wake() || guard.has_single_client()) && !std::mem::replace(yielded, true) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                guard.wake_and_spin(|| ticket.is_decided());
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
