//! Blocking work in a thread of its own, such as opening a device, waited for with or without a time-out.
//! Never in it: what the work is.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;

pub(crate) struct BlockingTask<T>(oneshot::Receiver<T>);

impl<T: Send + 'static> BlockingTask<T> {
    pub(crate) fn begin(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = oneshot::channel();
        let work = move || {
            // The receiver is gone when the wait has timed out.
            let _unheard = sender.send(work());
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self(receiver))
    }

    /// Waits for its end. `None` if it panics.
    pub(crate) async fn done(self) -> Option<T> {
        self.0.await.ok()
    }

    /// Waits for its end, at most for the time-out; the work then goes on without its caller.
    pub(crate) async fn wait(self, limit: Duration) -> Option<T> {
        tokio::time::timeout(limit, self.0).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_is_waited_for_no_longer_than_the_time_out() {
        let (release, hangs) = mpsc::channel::<()>();
        let hung = BlockingTask::begin("test", move || hangs.recv()).unwrap();
        assert!(hung.wait(Duration::from_millis(10)).await.is_none());
        drop(release);
        assert_eq!(BlockingTask::begin("test", || 7).unwrap().wait(Duration::from_mins(10)).await, Some(7));
    }
}
