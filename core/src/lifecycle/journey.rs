//! From a transport's exchange to an answer: the future that a transport awaits, and that goes on without it.
//! Never in it: what is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Core, exempt};
use crate::admission::{Load, Overloaded, Permit};
use crate::cross_origin::{self, CorsGrant, Judgement};
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
    load: Load,
    /// What the answer says to a browser about its origin.
    cors: Option<Box<CorsGrant>>,
    core: Core,
}

impl Core {
    /// Takes a complete exchange from capture to release. Its slot is taken here.
    pub fn answer(&self, permit: Permit, exchange: Exchange) -> Journey {
        let permit = Arc::new(permit);
        let cors = self.grant(&exchange);
        let (large, (running, inside)) = match self.begin_work(&permit, &exchange) {
            Ok(true) => (false, self.begin(&permit, exchange)),
            Ok(false) => {
                let prepared = self.clone().prepare(Arc::clone(&permit), exchange);
                (true, (Box::pin(prepared) as Running, None))
            }
            Err(Overloaded) => (false, (ready(Answer::overloaded()), None)),
        };
        let load = permit.load(large);
        Journey {
            running: Some(running),
            held: Some((permit, inside)),
            begun: false,
            load,
            cors,
            core: self.clone(),
        }
    }

    /// Which origin's pages may read the answer. A sealed server cannot read its settings and says nothing.
    fn grant(&self, exchange: &Exchange) -> Option<Box<CorsGrant>> {
        let settings = self.inner.gate.unsealed()?.operations.cors.current();
        match cross_origin::judge(&settings, &exchange.method, &exchange.headers)? {
            Judgement::Allowed(grant) => Some(Box::new(grant)),
            Judgement::Refused | Judgement::UnknownMethod => None,
        }
    }

    /// Takes the request's slot, and what the work on its body needs; `false` if that must be waited for.
    fn begin_work(&self, permit: &Permit, exchange: &Exchange) -> Result<bool, Overloaded> {
        permit.take_slot()?;
        match &exchange.body {
            Received::Whole(body) => permit.begin_work(body, self.inner.settings.json_limits.nodes),
            Received::Pieces(_) => Ok(false),
            Received::TooLarge | Received::TooSlow | Received::Broken => Ok(true),
        }
    }

    /// Waits for what the work on a large body needs, and goes on.
    async fn prepare(self, permit: Arc<Permit>, mut exchange: Exchange) -> Answer {
        let need = Permit::need(exchange.body.pieces(), self.inner.settings.json_limits.nodes);
        if permit.prepare(need).await.is_err() {
            return Answer::overloaded();
        }
        exchange.body = exchange.body.join();
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

impl Journey {
    /// On which threads it is to run, or to go on: that it takes long may show when it is under way, and then it is
    /// pending once.
    pub fn load(&self) -> Load {
        match &self.held {
            Some((permit, _)) if self.load == Load::Small && permit.wants_to_move() => Load::Large,
            _ => self.load,
        }
    }
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
        answer.grant(self.cors.take());
        if let Some((permit, _)) = self.held.take() {
            answer.hold(permit);
        }
        Poll::Ready(answer)
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        let (Some(running), true) = (self.running.take(), self.begun) else { return };
        let (held, load, core) = (self.held.take(), self.load, self.core.clone());
        let rest = Self { running: Some(running), held, begun: false, load, cors: None, core };
        self.core.inner.host.spawn.spawn(Box::pin(async move {
            drop(rest.await);
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use onrecord_audit::device::faulty::FaultControl;
    use serde_json::json;

    use super::*;
    use crate::kit::{TestServer, ask, outline, said};

    /// How large the future of a function is.
    fn size<A, B, C, F: Future>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_journey_is_small() {
        let bytes = size(pipeline::journey);
        assert!(bytes <= 1024, "{bytes}");
    }

    /// A request that waits for work memory, and what has all of that.
    async fn waiting() -> (TestServer, FaultControl, Journey, Permit) {
        let world = TestServer::new().await;
        assert_eq!(world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await.status, 204);
        let device = world.device("test/", false).await;
        let other = world.core.arrive(&world.core.account(None), &Target::Api("kv/other".to_owned()));
        other.prepare(usize::MAX).await.unwrap();
        let large = json!({"a": "x".repeat(100_000)});
        let mut journey = world.start(ask("POST", "kv/app").token(&world.root).json(&large));
        assert_eq!(journey.load(), Load::Large);
        std::future::poll_fn(|context| {
            assert!(Pin::new(&mut journey).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        (world, device, journey, other)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_leaves_while_its_request_waits_for_memory_changes_nothing() {
        let (_world, device, journey, other) = waiting().await;
        drop(journey);
        drop(other);
        let recording = device.clone();
        tokio::task::spawn_blocking(move || recording.wait_for_lines(2)).await.unwrap();
        assert_eq!(outline(&device), ["request create kv/app", "response create kv/app"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_that_waits_for_memory_while_the_server_is_sealed_is_not_done() {
        let (world, device, journey, other) = waiting().await;
        assert_eq!(world.root("PUT", "sys/seal", None).await.status, 204);
        drop(other);
        let said = said(journey.await);
        assert_eq!((said.status, said.error()), (503, "Vault is sealed"));
        assert_eq!(outline(&device).iter().filter(|line| line.contains("kv/app")).count(), 0);
        assert_eq!(world.core.admission().bytes_held(), 0);
    }

    #[tokio::test]
    async fn a_read_that_shows_to_be_large_moves_and_the_next_begins_there() {
        let world = TestServer::new().await;
        assert_eq!(world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await.status, 204);
        let large = json!({"a": "x".repeat(100_000)});
        assert_eq!(world.root("POST", "kv/large", Some(large)).await.status, 204);
        let mut journey = world.start(ask("GET", "kv/large").token(&world.root));
        assert_eq!(journey.load(), Load::Small);
        std::future::poll_fn(|context| {
            assert!(Pin::new(&mut journey).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(journey.load(), Load::Large);
        assert_eq!(journey.await.status(), 200);
        let next = || world.start(ask("GET", "kv/large").token(&world.root));
        assert_eq!(next().load(), Load::Large);
        // A request that may not read does not make the server forget the path; a small value there does.
        assert_eq!(world.send(ask("GET", "kv/large").token("s.none")).await.status, 403);
        assert_eq!(next().load(), Load::Large);
        assert_eq!(world.root("POST", "kv/large", Some(json!({"a": "b"}))).await.status, 204);
        assert_eq!(world.root("GET", "kv/large", None).await.status, 200);
        assert_eq!(next().load(), Load::Small);
    }
}
