//! Waiting for a future on a thread, without any async runtime.
//! Never in it: timers, tasks, or a thread of its own.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::sync::Thread;

/// Adds [`wait`](Wait::wait) to every future: the way to use this library in a program without async.
pub trait Wait: Future + Sized {
    /// Blocks this thread until the future is ready, and returns its output. Not for async tasks: those await it.
    fn wait(self) -> Self::Output {
        let waker = Waker::from(Arc::new(Unpark(crate::sync::current())));
        let mut context = Context::from_waker(&waker);
        let mut future = std::pin::pin!(self);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            crate::sync::park();
        }
    }
}

impl<F: Future> Wait for F {}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
