//! The gate between sealed and unsealed: who is inside, and how it is shut.
//! Never in it: how the server is opened.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use onrecord_storage::Barrier;
use tokio::sync::{Notify, watch};

use crate::blocking_task::BlockingTask;
use crate::engine::unsealed::{Sealer, Unsealed};
use crate::in_flight::{Counted, InFlight};
use crate::log_keys::Moment;
use crate::record;

/// Who may still be inside when the keys are wiped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DrainTo {
    /// The journey that seals.
    CurrentRequest,
    /// Nobody, if all others end within this time.
    NoRequest(Duration),
}

/// Lets the devices write what waits for them, in a thread of its own: it blocks.
async fn drain(unsealed: &Arc<Unsealed>, timeout: Duration) {
    let inside = Arc::clone(unsealed);
    let undrained = match BlockingTask::begin("onrecord-drain", move || inside.broker.drain(timeout)) {
        Ok(draining) => draining.done().await.unwrap_or_default(),
        Err(_) => unsealed.broker.drain(timeout),
    };
    for (path, why) in undrained {
        let why = why.without_options();
        tracing::error!(%path, why, "an audit device did not write all that waited for it");
    }
}

/// Puts refused requests on record that have no entries of their own: there is no later moment before the seal. What cannot be
/// recorded now is, once the same process is unsealed again.
async fn record_last_refused(unsealed: &Unsealed, timeout: Duration) {
    let counts = &unsealed.refusals.counts;
    if let Some(taken) = counts.take_last(unsealed.host.clock.monotonic()) {
        drop(tokio::time::timeout(timeout, record::refused(unsealed, taken)).await);
    }
    let requests = counts.pending();
    if requests > 0 {
        tracing::error!(
            requests,
            "refused requests are not on record: the entries that count them failed or were not written in time"
        );
    }
}

/// Holds the unsealed server.
#[derive(Default)]
pub(crate) struct Gate {
    state: RwLock<GateState>,
    /// The journeys inside.
    inside: Arc<InFlight>,
    /// Told when the keys are wiped.
    wiped: Notify,
    /// How often that was.
    sealings: watch::Sender<u64>,
}

/// How far the gate is shut.
#[derive(Default)]
enum GateState {
    /// Sealed.
    #[default]
    Shut,
    /// No request enters, but the keys are not wiped yet: an unsealing begun now would be undone when this sealing ends.
    Shutting,
    /// Unsealed.
    Unsealed(Arc<Unsealed>),
}

/// Ends a sealing that has begun, whatever becomes of who waits for it.
struct Wipe<'a> {
    gate: &'a Gate,
    unsealed: Arc<Unsealed>,
}

impl Drop for Wipe<'_> {
    fn drop(&mut self) {
        self.unsealed.end();
        self.unsealed.barrier.seal();
        self.gate.sealed();
    }
}

impl Sealer for Gate {
    fn seal_around_request(&self, timeout: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.seal(DrainTo::CurrentRequest, timeout).await;
        })
    }

    fn seal_at_once(&self, barrier: &Barrier) {
        let shut = self.shut().is_some();
        barrier.seal();
        if shut {
            self.sealed();
            tracing::error!("the storage has failed and does not come back: the server seals itself");
        }
    }
}

impl Gate {
    /// The unsealed server.
    pub(crate) fn unsealed(&self) -> Option<Arc<Unsealed>> {
        match &*self.read() {
            GateState::Unsealed(unsealed) => Some(Arc::clone(unsealed)),
            GateState::Shut | GateState::Shutting => None,
        }
    }

    /// The unsealed server for a journey, which is counted as long as the second value lives. Counted under the lock,
    /// so that a seal sees all of them.
    pub(crate) fn enter(&self) -> Option<(Arc<Unsealed>, Counted)> {
        let state = self.read();
        let GateState::Unsealed(unsealed) = &*state else { return None };
        Some((Arc::clone(unsealed), self.inside.enter()))
    }

    /// Opens.
    pub(crate) fn set(&self, unsealed: Arc<Unsealed>) {
        *self.write() = GateState::Unsealed(unsealed);
    }

    /// Shuts: no request enters any more. Returns the unsealed server to the caller, who wipes the keys and then calls
    /// [`Gate::sealed`].
    pub(crate) fn shut(&self) -> Option<Arc<Unsealed>> {
        let mut state = self.write();
        let GateState::Unsealed(unsealed) = &*state else { return None };
        let unsealed = Arc::clone(unsealed);
        *state = GateState::Shutting;
        Some(unsealed)
    }

    /// The keys are wiped: the server may be unsealed again.
    pub(crate) fn sealed(&self) {
        *self.write() = GateState::Shut;
        self.wiped.notify_waiters();
        self.sealings.send_modify(|count| *count += 1);
    }

    /// Changes whenever the keys are wiped.
    pub(crate) fn sealings(&self) -> watch::Receiver<u64> {
        self.sealings.subscribe()
    }

    /// Waits for the end of a sealing under way. Not for a journey, which that sealing waits for.
    pub(crate) async fn until_sealed(&self) {
        let mut wiped = std::pin::pin!(self.wiped.notified());
        // Enabled before the look, so that an end in between is not missed.
        wiped.as_mut().enable();
        if self.is_shutting() {
            wiped.await;
        }
    }

    /// Whether a sealing is under way.
    pub(crate) fn is_shutting(&self) -> bool {
        matches!(*self.read(), GateState::Shutting)
    }

    fn read(&self) -> RwLockReadGuard<'_, GateState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, GateState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shuts, waits for the journeys inside, lets the devices write what waits for them, and only then wipes the keys:
    /// salts are needed until the last journey has ended. `false` if it was shut already.
    pub(crate) async fn seal(&self, rest: DrainTo, timeout: Duration) -> bool {
        let Some(unsealed) = self.shut() else { return false };
        // Requests that wait for a device which only pretends to hang must not be waited for.
        unsealed.broker.end_drills(None);
        let wipe = Wipe { gate: self, unsealed };
        match rest {
            DrainTo::CurrentRequest => self.inside.drained(1).await,
            DrainTo::NoRequest(bound) => {
                if tokio::time::timeout(bound, self.inside.drained(0)).await.is_err() {
                    let left = self.inside.count();
                    tracing::error!(
                        left,
                        "requests have not ended in time, and the server is sealed without them"
                    );
                }
            }
        }
        record_last_refused(&wipe.unsealed, timeout).await;
        drain(&wipe.unsealed, timeout).await;
        // A disk that hangs must not keep the keys in memory.
        let kept = async {
            wipe.unsealed.keep_record().await;
            wipe.unsealed.keep_time().await;
            wipe.unsealed.keep_heads(Moment::End).await;
        };
        if tokio::time::timeout(timeout, kept).await.is_err() {
            tracing::error!("what audit devices missed could not be stored in time");
        }
        drop(wipe);
        tracing::info!("the server is sealed");
        true
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use onrecord_audit::device::faulty::Fault;

    use super::*;
    use crate::kit::TestServer;
    use crate::refusals::Reason;

    #[tokio::test]
    async fn counts_that_a_hung_device_does_not_take_before_the_seal_are_not_lost() {
        let world = TestServer::new().await;
        let device = world.device("test/", false).await;
        let unsealed = world.core.unsealed().unwrap();
        let counts = &unsealed.refusals.counts;
        device.set(Fault::Hang);
        counts.add(Reason::Rate, None, unsealed.host.clock.now());
        world.core.seal(Duration::ZERO).await;
        assert_eq!(counts.pending(), 1);
        assert!(counts.take_last(Duration::ZERO).is_some(), "they are recorded after the next unsealing");
        device.set(Fault::None);
    }

    #[test]
    fn an_end_waits_for_a_sealing_under_way() {
        let gate = Gate::default();
        *gate.write() = GateState::Shutting;
        let mut waiting = std::pin::pin!(gate.until_sealed());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        gate.sealed();
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(()));
    }
}
