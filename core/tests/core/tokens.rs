//! Tokens and policies: their stores on memory storage, and their endpoints through the whole pipeline.

mod api;
mod roles;
mod store;
mod uses;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use onrecord_audit::ManualClock;
use onrecord_value::Time;

/// Runs a future to its end on this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(at(0)))
}

/// The time this many seconds after the clock's start.
fn at(seconds: i64) -> Time {
    Time::from_unix(1_700_000_000 + seconds, 0)
}
