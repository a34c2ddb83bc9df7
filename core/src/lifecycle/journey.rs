//! From a transport's exchange to an answer: the future that a transport awaits, and that goes on without it.
//! Never in it: what is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Core, exempt};
use crate::admission::Permit;
use crate::exchange::{Answer, Exchange, Received, Target};
use crate::in_flight::Counted;
use crate::pipeline;

/// What step 0 gave, and the place among the journeys inside.
type Held = (Arc<Permit>, Option<Counted>);
type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A journey under way. It ends like any other if it is dropped before: a client that leaves changes nothing. It then
/// goes on as a task of the host.
#[must_use = "a journey begins when it is first polled"]
pub struct Journey {
    running: Option<Running>,
    /// Given back at the end, wherever that is.
    held: Option<Held>,
    begun: bool,
    core: Core,
}

impl Core {
    /// Takes a complete exchange from capture to release. Its slot is taken here.
    pub fn answer(&self, permit: Permit, exchange: Exchange) -> Journey {
        let permit = Arc::new(permit);
        let (running, inside) = match permit.take_slot() {
            Ok(()) => self.way(&permit, exchange),
            Err(_) => (ready(Answer::overloaded()), None),
        };
        Journey { running: Some(running), held: Some((permit, inside)), begun: false, core: self.clone() }
    }

    /// What answers an exchange, and what counts it among the journeys inside.
    fn way(&self, permit: &Arc<Permit>, exchange: Exchange) -> (Running, Option<Counted>) {
        match &exchange.body {
            Received::Whole(body) if Permit::must_prepare(body) => {
                (Box::pin(self.clone().prepare(Arc::clone(permit), exchange)), None)
            }
            _ => self.begin(permit, exchange),
        }
    }

    /// Takes what the work on a body needs, and goes on.
    async fn prepare(self, permit: Arc<Permit>, exchange: Exchange) -> Answer {
        if let Received::Whole(body) = &exchange.body
            && permit.prepare(body, self.inner.settings.json_limits.nodes).await.is_err()
        {
            return Answer::overloaded();
        }
        let (running, _inside) = self.begin(&permit, exchange);
        running.await
    }

    fn begin(&self, permit: &Arc<Permit>, exchange: Exchange) -> (Running, Option<Counted>) {
        if let Target::Api(path) = &exchange.target
            && let Some((route, endpoint)) = self.exempt(path)
        {
            let core = self.clone();
            return (Box::pin(async move { exempt::answer(&core, route, endpoint, exchange).await }), None);
        }
        match self.inner.gate.enter() {
            Some((unsealed, inside)) => {
                (Box::pin(pipeline::journey(unsealed, Box::new(exchange), Arc::clone(permit))), Some(inside))
            }
            None => (ready(Answer::sealed()), None),
        }
    }
}

fn ready(answer: Answer) -> Running {
    Box::pin(std::future::ready(answer))
}

impl Future for Journey {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        self.begun = true;
        let Some(running) = &mut self.running else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        let mut answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(_) => {
                // Panics of handlers are caught inside and recorded; this one is of a step around them.
                tracing::error!("a step of a request's journey panicked; nothing of its answer leaves");
                Answer::not_on_record("internal error")
            }
        };
        self.core.inner.meters.answered(answer.status());
        self.running = None;
        if let Some((permit, _)) = self.held.take() {
            answer.hold(permit);
        }
        Poll::Ready(answer)
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        let (Some(running), true) = (self.running.take(), self.begun) else { return };
        let rest =
            Self { running: Some(running), held: self.held.take(), begun: false, core: self.core.clone() };
        self.core.inner.host.spawn.spawn(Box::pin(async move {
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
        let bytes = size(pipeline::journey);
        assert!(bytes <= 1024, "{bytes}");
    }
}
