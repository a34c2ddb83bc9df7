//! Waiting with a bound. The timer is a thread, because this crate knows no runtime's; it is used for nothing but
//! ceremonies: opening devices, and an orderly end. Never in it: what is waited for.

use std::sync::mpsc;
use std::time::Duration;

/// What comes of a future, if it ends within a time. It is dropped otherwise.
pub(crate) async fn within<T>(bound: Duration, task: impl Future<Output = T>) -> Option<T> {
    let (over, timer) = tokio::sync::oneshot::channel::<()>();
    // Dropped with this future: the thread ends then.
    let (_alive, waiting) = mpsc::channel::<()>();
    let spawned = std::thread::Builder::new().name("onrecord-timer".to_owned()).spawn(move || {
        let held = over;
        // Nothing is ever sent: it returns when the time is over, or when nobody waits.
        let _over = waiting.recv_timeout(bound);
        drop(held);
    });
    if spawned.is_err() {
        return None;
    }
    let (mut task, mut timer) = (std::pin::pin!(task), std::pin::pin!(timer));
    std::future::poll_fn(move |context| {
        if let std::task::Poll::Ready(outcome) = task.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(outcome));
        }
        timer.as_mut().poll(context).map(|_| None)
    })
    .await
}

/// Something that blocks, under way in a thread of its own.
pub(crate) struct BlockingTask<T>(tokio::sync::oneshot::Receiver<T>);

impl<T: Send + 'static> BlockingTask<T> {
    /// Begins it.
    pub(crate) fn begin(name: &str, work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = move || {
            // Nobody waits any more if the receiver is gone.
            let _unheard = sender.send(work());
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self(receiver))
    }

    /// Waits for it.
    pub(crate) async fn done(self) -> Option<T> {
        self.0.await.ok()
    }

    /// Waits for it at most so long; it goes on without its caller.
    pub(crate) async fn wait(self, bound: Duration) -> Option<T> {
        within(bound, self.0).await?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_hangs_is_waited_for_no_longer_than_the_bound() {
        let (release, hangs) = mpsc::channel::<()>();
        let hung = BlockingTask::begin("test", move || hangs.recv()).unwrap();
        assert!(hung.wait(Duration::from_millis(10)).await.is_none());
        drop(release);
        assert_eq!(BlockingTask::begin("test", || 7).unwrap().wait(Duration::from_mins(10)).await, Some(7));
    }
}
