//! The answer to a read: there at once from memory or an embedded store, later from a store across a network.
//! Never in it: which of the two a back end gives.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// A future that costs nothing where the answer is ready: no allocation, and `.await` does not give way to
/// other tasks. Polled again after its answer was taken, it stays pending.
#[must_use = "a read that is not awaited may not be made"]
pub enum Read<'a, T> {
    /// The answer.
    Ready(T),
    /// The answer will come from elsewhere.
    Pending(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
    /// The answer was taken.
    Taken,
}

impl<'a, T> Read<'a, T> {
    /// A read whose answer comes later.
    pub fn pending(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// Makes something of the answer: at once if it is ready, else when it comes.
    pub fn map<U>(self, make: impl FnOnce(T) -> U + Send + 'a) -> Read<'a, U>
    where
        T: 'a,
    {
        match self {
            Self::Ready(answer) => Read::Ready(make(answer)),
            Self::Pending(future) => Read::pending(async move { make(future.await) }),
            Self::Taken => Read::Taken,
        }
    }

    /// Makes another read of the answer: at once if it is ready, else when it comes.
    pub fn then<U: Send + 'a>(self, next: impl FnOnce(T) -> Read<'a, U> + Send + 'a) -> Read<'a, U>
    where
        T: 'a,
    {
        match self {
            Self::Ready(answer) => next(answer),
            Self::Pending(future) => Read::pending(async move { next(future.await).await }),
            Self::Taken => Read::Taken,
        }
    }

    /// The answer if it is ready, else the read again.
    pub fn now(self) -> Result<T, Self> {
        match self {
            Self::Ready(answer) => Ok(answer),
            later => Err(later),
        }
    }
}

// The answer is moved out of the future, never pinned in it.
impl<T> Unpin for Read<'_, T> {}

impl<T> Future for Read<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        if let Self::Pending(future) = this {
            let answer = future.as_mut().poll(context);
            if answer.is_ready() {
                *this = Self::Taken;
            }
            return answer;
        }
        match std::mem::replace(this, Self::Taken) {
            Self::Ready(answer) => Poll::Ready(answer),
            Self::Pending(_) | Self::Taken => Poll::Pending,
        }
    }
}

/// Blocks the thread until the future has answered. It runs no timers and sockets.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        std::thread::park();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<T> fmt::Debug for Read<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<T>(read: &mut Read<'_, T>) -> Poll<T> {
        Pin::new(read).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_ready_read_is_mapped_and_answered_at_once() {
        let mut read = Read::Ready(20).map(|answer| answer + 1).map(|answer| answer * 2);
        assert!(matches!(read, Read::Ready(42)));
        assert_eq!(poll(&mut read), Poll::Ready(42));
        assert_eq!(poll(&mut read), Poll::Pending);
    }

    #[test]
    fn a_pending_read_is_mapped_when_it_answers() {
        let mut asked = false;
        let later = std::future::poll_fn(move |_| {
            if std::mem::replace(&mut asked, true) { Poll::Ready(20) } else { Poll::Pending }
        });
        let mut read = Read::pending(later).map(|answer| answer + 22);
        assert_eq!(poll(&mut read), Poll::Pending);
        assert_eq!(poll(&mut read), Poll::Ready(42));
        assert_eq!(poll(&mut read), Poll::Pending);
        assert!(read.now().is_err());
    }
}
