//! Long computations on threads of their own: making RSA keys, and what takes more than a millisecond.
//! Never in it: what is computed.

use onrecord_storage::Read;
use tokio::sync::Semaphore;

use crate::blocking_task::BlockingTask;
use crate::outcome::{Outcome, Refusal};

/// From here on a computation does not run where requests are answered.
const LONG_MICROS: u64 = 1000;

/// How many computations run at once; others wait.
static RUNNING: Semaphore = Semaphore::const_new(4);

/// Computes something on a thread of its own.
pub(in crate::engine) async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let turn = RUNNING.acquire().await.map_err(|_| Refusal::internal())?;
    let work = move || {
        // Held to the end of the work, whether anything waits for it or not.
        let _turn = turn;
        work()
    };
    let task = BlockingTask::begin("onrecord-transit", work).map_err(|error| {
        tracing::error!(%error, "no thread for a computation of the transit engine");
        Refusal::internal()
    })?;
    task.done().await.ok_or_else(Refusal::internal)
}

/// Computes an outcome: here if that takes few microseconds, else on a thread of its own.
pub(super) fn compute<'a>(micros: u64, work: impl FnOnce() -> Outcome + Send + 'static) -> Read<'a, Outcome> {
    if micros < LONG_MICROS {
        return Read::Ready(work());
    }
    Read::pending(async move { offload(work).await.unwrap_or_else(Outcome::from) })
}
