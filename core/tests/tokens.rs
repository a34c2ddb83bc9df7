//! Tokens and policies: their stores on memory storage, and their endpoints through the whole pipeline.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

#[path = "tokens/api.rs"]
mod api;
#[path = "tokens/store.rs"]
mod store;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use onrecord_audit::Clock;
use onrecord_core::{Host, Spawn, Task};
use onrecord_seal::OsEntropy;
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

/// No journey is left to itself here.
struct NoSpawn;

impl Spawn for NoSpawn {
    fn spawn(&self, _: Task) {}
}

/// A clock that stands still until it is told to go on.
#[derive(Default)]
struct Hands(AtomicI64);

impl Hands {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Time {
        at(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

fn host(clock: &Arc<Hands>) -> Host {
    Host {
        clock: Arc::clone(clock) as _,
        entropy: Arc::new(OsEntropy::new()),
        spawn: Arc::new(NoSpawn),
        process: Arc::new(()),
    }
}

/// So many seconds after the clock's beginning.
fn at(seconds: i64) -> Time {
    Time::from_unix(1_700_000_000 + seconds, 0)
}
