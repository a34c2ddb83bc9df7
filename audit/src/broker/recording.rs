//! Recording one entry: offered to every device, awaited as a future.
//! The proofs that an answer may leave are made here and nowhere else (I3). Never in it: IO.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Wake, Waker};

use super::Shared;
use super::device_handle::DeviceHandle;
use super::dispatch::Dispatch;
use super::ticket::Ticket;
use super::wakeup::WakeGuard;
use crate::cause::Refused;
use crate::rules::Tally;
use crate::sync::Arc;
use onrecord_entry::Entry;
use onrecord_entry::Scratch;

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
#[must_use = "an entry that is not waited for is not known to be on record"]
pub struct Recording {
    stage: Stage,
}

enum Stage {
    Unaudited,
    Offered { ticket: Arc<Ticket>, guard: WakeGuard, yielded: bool },
    Over,
}

thread_local! {
    /// The caller's memory for a line, so that formatting neither allocates nor holds a lock.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Offers an entry to all devices; `minimum` of them must have it.
pub(crate) fn record(shared: &Shared, entry: &Entry<'_>, minimum: usize) -> Recording {
    let Some((enabled, seq)) = shared.devices.number(&shared.seq) else {
        return Recording { stage: Stage::Unaudited };
    };
    let mut dispatch = Dispatch::new(shared, entry, &enabled, seq, minimum.max(1), SCRATCH.take());
    dispatch.offer_to_all(&enabled);
    if dispatch.offer_to_newcomers(enabled) {
        complete(shared, dispatch)
    } else {
        Recording { stage: Stage::Unaudited }
    }
}

/// Offers an entry to the devices that are not named in a refusal. No task waits for it, and no rule withdraws it.
pub(crate) fn record_refused(shared: &Shared, entry: &Entry<'_>, refused: &Refused) {
    let Some((enabled, seq)) = shared.devices.number(&shared.seq) else { return };
    let mut dispatch = Dispatch::new(shared, entry, &enabled, seq, 0, SCRATCH.take());
    let is_named = |handle: &DeviceHandle| refused.causes.iter().any(|cause| cause.path == handle.path);
    dispatch.offer_to_all_but(&enabled, is_named);
    drop(complete(shared, dispatch));
}

/// All devices that are to answer are known.
fn complete(shared: &Shared, dispatch: Dispatch<'_>) -> Recording {
    let Dispatch { ticket, guard, lines, tally, causes, .. } = dispatch;
    SCRATCH.set(lines.into_scratch());
    ticket.complete(tally, causes);
    shared.watch.touch();
    Recording { stage: Stage::Offered { ticket, guard, yielded: false } }
}

/// Offers a finished line to one device alone: the probe.
pub(crate) fn offer_line(
    shared: &Shared,
    mut guard: WakeGuard,
    handle: &DeviceHandle,
    line: &[u8],
    seq: u64,
) -> Recording {
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
    Recording { stage: Stage::Offered { ticket, guard, yielded: true } }
}

impl Recording {
    /// Waits on this thread. Not for async tasks: those await the future.
    pub fn wait(mut self) -> Result<Recorded, Refused> {
        if let Stage::Offered { yielded, .. } = &mut self.stage {
            // No other task of this thread could add an entry meanwhile.
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
            Stage::Offered { ticket, guard, yielded } => {
                // The writer is woken late: other tasks that are ready on this worker add their entries first, so that
                // it finds many instead of one. Nor may this worker spin for its answer before they had a turn.
                if (guard.must_wake() || guard.has_single_client()) && !std::mem::replace(yielded, true) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                guard.wake_and_spin(|| ticket.is_decided());
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
