//! The timer of one connection: set anew for each request's header, and hardly ever going off. So the runtime's timer is
//! asked once a time-out and not twice a request. Never in it: what happens when it goes off.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

type Running = Pin<Box<tokio::time::Sleep>>;

/// Makes the sleeps of one connection, one at a time.
#[derive(Default)]
pub(crate) struct Alarm {
    /// The timer of the last sleep. It may still run, towards an earlier time.
    idle: Arc<Mutex<Option<Running>>>,
}

struct Set {
    until: tokio::time::Instant,
    running: Option<Running>,
    idle: Arc<Mutex<Option<Running>>>,
}

fn shelf(idle: &Mutex<Option<Running>>) -> std::sync::MutexGuard<'_, Option<Running>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let running = shelf(&self.idle).take();
        Box::pin(Set { until: deadline.into(), running, idle: Arc::clone(&self.idle) })
    }
}

impl Sleep for Set {}

impl Future for Set {
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

impl Drop for Set {
    fn drop(&mut self) {
        *shelf(&self.idle) = self.running.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_lasts_until_its_own_time_whatever_was_set_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let alarm = Alarm::default();
            for (first, then) in [(1, 30), (60_000, 30)] {
                let start = Instant::now();
                let mut given_up = alarm.sleep(Duration::from_millis(first));
                std::future::poll_fn(|context| {
                    assert!(given_up.as_mut().poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
                drop(given_up);
                alarm.sleep_until(start + Duration::from_millis(then)).await;
                assert!(start.elapsed() >= Duration::from_millis(then));
            }
        });
    }
}
