//! The timer of one connection. HTTP sets it for each request's header and it seldom expires, so one sleep of the
//! runtime is kept and moved, instead of one registered and one cancelled for each request.
//! Never in it: what happens when it expires.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

type RuntimeSleep = Pin<Box<tokio::time::Sleep>>;

/// Makes the sleeps of one connection, one at a time.
#[derive(Default)]
pub(crate) struct ConnectionTimer {
    /// The runtime's sleep that the last one used. It may still run, towards an earlier time.
    idle: Arc<Mutex<Option<RuntimeSleep>>>,
}

struct ConnectionSleep {
    until: tokio::time::Instant,
    running: Option<RuntimeSleep>,
    idle: Arc<Mutex<Option<RuntimeSleep>>>,
}

fn lock(idle: &Mutex<Option<RuntimeSleep>>) -> MutexGuard<'_, Option<RuntimeSleep>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let running = lock(&self.idle).take();
        Box::pin(ConnectionSleep { until: deadline.into(), running, idle: Arc::clone(&self.idle) })
    }
}

impl Sleep for ConnectionSleep {}

impl Future for ConnectionSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        let running = self.running.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if running.deadline() > until {
            running.as_mut().reset(until);
        }
        loop {
            ready!(running.as_mut().poll(context));
            if running.deadline() >= until {
                return Poll::Ready(());
            }
            // It ran for a sleep before this one.
            running.as_mut().reset(until);
        }
    }
}

impl Drop for ConnectionSleep {
    fn drop(&mut self) {
        *lock(&self.idle) = self.running.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_lasts_until_its_own_deadline_after_an_earlier_or_a_later_one() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let timer = ConnectionTimer::default();
            for (first, then) in [(1, 30), (60_000, 30)] {
                let start = Instant::now();
                let mut cancelled = timer.sleep(Duration::from_millis(first));
                std::future::poll_fn(|context| {
                    assert!(cancelled.as_mut().poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
                drop(cancelled);
                timer.sleep_until(start + Duration::from_millis(then)).await;
                assert!(start.elapsed() >= Duration::from_millis(then));
            }
        });
    }
}
