//! Work that keeps a processor busy for more than a moment, such as hashing a password: in a thread of its own, as many at
//! once as there are processors, and with a bound on how many wait.
//! Never in it: what the work is.

use tokio::sync::Semaphore;

use crate::audit_errors;
use crate::blocking_task::BlockingTask;
use crate::outcome::Refusal;

/// How many may wait for their turn, for each that runs. A tenth of a second each, they wait a few seconds at most.
const WAITING: usize = 64;

pub(crate) struct CpuWork {
    /// A permit for each that runs.
    running: Semaphore,
    /// A permit for each that runs or waits.
    admitted: Semaphore,
}

impl Default for CpuWork {
    fn default() -> Self {
        Self::with_workers(std::thread::available_parallelism().map_or(1, Into::into))
    }
}

impl CpuWork {
    fn with_workers(workers: usize) -> Self {
        Self { running: Semaphore::new(workers), admitted: Semaphore::new(workers * (WAITING + 1)) }
    }

    /// Does the work; refuses it where too much waits already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = || Refusal {
            status: 503,
            text: Some(
                "the server is at its limit of requests that need much computation: try again".to_owned(),
            ),
            audit_error: Some(audit_errors::TOO_MUCH_WORK),
            in_data: false,
        };
        let _admitted = self.admitted.try_acquire().map_err(|_| busy())?;
        let _running = self.running.acquire().await.map_err(|_| busy())?;
        let task = BlockingTask::begin("onrecord-work", work).map_err(|error| {
            tracing::error!(%error, "a thread for work of a request could not be started");
            Refusal::internal()
        })?;
        task.done().await.ok_or_else(Refusal::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_waits_for_its_turn_and_what_would_wait_too_long_is_refused() {
        let work = Arc::new(CpuWork::with_workers(1));
        let (release, held) = mpsc::channel::<()>();
        let run = |job: Box<dyn FnOnce() -> u32 + Send>| {
            let work = Arc::clone(&work);
            tokio::spawn(async move { work.run(job).await })
        };
        let first = run(Box::new(move || held.recv().map_or(1, |()| 0)));
        let waiting: Vec<_> = (0..WAITING).map(|_| run(Box::new(|| 7))).collect();
        while work.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(work.run(|| 8).await.err().unwrap().status, 503);
        drop(release);
        assert_eq!(first.await.unwrap().ok(), Some(1));
        for job in waiting {
            assert_eq!(job.await.unwrap().ok(), Some(7));
        }
        assert!(work.run(|| -> u32 { panic!("on purpose") }).await.is_err());
        assert_eq!(work.run(|| 9).await.ok(), Some(9), "a panic takes no place for good");
    }
}
