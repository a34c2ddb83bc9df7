//! From a transport's exchange to an answer: the future that a transport awaits, and that goes on without it.
//! Never in it: what is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Core, Inner, exempt};
use crate::admission::Permit;
use crate::exchange::{Answer, Exchange, Target};
use crate::host::Spawn;
use crate::{pipeline, routes};

type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A journey under way. It ends like any other if it is dropped before: a client that leaves changes nothing. It then
/// goes on as a task of the host.
#[must_use = "a journey begins when it is first polled"]
pub struct Journey {
    running: Option<Running>,
    begun: bool,
    spawn: Arc<dyn Spawn>,
}

impl Core {
    /// Takes an exchange from capture to release.
    pub fn answer(&self, permit: Permit, exchange: Exchange) -> Journey {
        let inner = Arc::clone(&self.inner);
        let spawn = Arc::clone(&inner.host.spawn);
        Journey { running: Some(Box::pin(travel(inner, permit, exchange))), begun: false, spawn }
    }
}

async fn travel(inner: Arc<Inner>, permit: Permit, exchange: Exchange) -> Answer {
    // Held to the end, wherever that is.
    let _permit = permit;
    if let Target::Api(path) = &exchange.target
        && let Some(route) = routes::exempt(path)
    {
        return Box::pin(exempt::answer(&Core { inner }, route, exchange)).await;
    }
    match inner.gate.enter() {
        Some((open, _inside)) => pipeline::journey(open, exchange).await,
        None => Answer::sealed(),
    }
}

impl Future for Journey {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        self.begun = true;
        let Some(running) = &mut self.running else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => {
                self.running = None;
                Poll::Ready(answer)
            }
            Err(_) => {
                // Handlers' panics are caught inside and recorded; this one is of a step around them.
                tracing::error!("a step of a request's journey panicked; nothing of its answer leaves");
                self.running = None;
                Poll::Ready(Answer::not_on_record("internal error"))
            }
        }
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        let (Some(running), true) = (self.running.take(), self.begun) else { return };
        let spawn = Arc::clone(&self.spawn);
        let rest = Self { running: Some(running), begun: false, spawn: Arc::clone(&spawn) };
        spawn.spawn(Box::pin(async move {
            drop(rest.await);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How large the future of a function is.
    fn size<A, B, C, F: Future>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_journey_is_small() {
        let bytes = size(travel);
        assert!(bytes <= 4096, "{bytes}");
    }
}
