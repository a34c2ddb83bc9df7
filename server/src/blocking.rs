//! Blocking work that may hang, such as opening a file of a remote file system, waited for with a time-out.
//! Never in it: what the work is.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Does the work on the runtime's blocking pool. `None` if it does not end in time, or panics: what hangs is left
/// behind in the pool.
pub(crate) async fn run_with_timeout<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    timeout(limit, spawn_blocking(work)).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_hangs_is_waited_for_no_longer_than_the_time_out() {
        let (release, hang) = std::sync::mpsc::channel::<()>();
        assert!(run_with_timeout(Duration::from_millis(10), move || hang.recv()).await.is_none());
        drop(release);
        assert_eq!(run_with_timeout(Duration::from_mins(10), || 7).await, Some(7));
    }
}
