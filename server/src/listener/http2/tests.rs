//! Clients that keep to the protocol and clients that use it against the server, over a stream in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2 as client;
use hyper::{Request, Response};
use onrecord_core::{Core, Host, Settings, Spawn, Task};
use onrecord_seal::OsEntropy;
use onrecord_storage::Storage;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::LocalClock;
use crate::http::Bounds;
use crate::kinds::Kinds;
use crate::process::CurrentProcess;
use crate::transfer::LeastRate;
use crate::workers::LargeRequests;

struct Runtime;

impl Spawn for Runtime {
    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

/// A server in memory that is not initialised, and gives its metrics to anybody.
fn core() -> Core {
    let storage = Kinds::default().backends.parse("inmem", BTreeMap::new()).unwrap();
    let host = Host {
        clock: Arc::new(LocalClock::new()),
        entropy: Arc::new(OsEntropy::new()),
        spawn: Arc::new(Runtime),
        process: Arc::new(CurrentProcess),
    };
    Core::new(Storage::open(&storage).unwrap(), host, Settings::default()).with_open_metrics()
}

/// Short enough for a test that waits for one.
const SHORT: Duration = Duration::from_millis(50);

fn bounds() -> Bounds {
    Bounds { least_rate: LeastRate { grace: SHORT, ..LeastRate::default() }, ..Bounds::default() }
}

/// A connection: the server's end, which is done when the connection is, and the way to tell it to end.
struct Scene {
    serving: JoinHandle<()>,
    ending: watch::Sender<Ending>,
}

/// Serves a connection and hands the client's end to `connect`.
async fn connect<B>(
    core: &Core,
    bounds: Bounds,
    builder: &client::Builder<TokioExecutor>,
) -> (Scene, client::SendRequest<B>)
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let service = Service {
        core: core.clone(),
        peer: None,
        account: core.account_of_client(None),
        forwarded_for: None,
        client_certificate_serial: None,
        client_certificates: None,
        bounds,
        sealings: core.sealings(),
        large_requests: LargeRequests {
            bodies: Handle::current(),
            ordinary: Handle::current(),
            operators: Handle::current(),
        },
    };
    let ending = watch::Sender::new(Ending::default());
    let serving = tokio::spawn(serve(ours, service, ending.subscribe()));
    let (sender, connection) = builder.handshake(TokioIo::new(theirs)).await.unwrap();
    tokio::spawn(async move {
        // How it ends is the server's to say.
        drop(connection.await);
    });
    (Scene { serving, ending }, sender)
}

fn builder() -> client::Builder<TokioExecutor> {
    client::Builder::new(TokioExecutor::new())
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("https://a{path}")).body(Empty::new()).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

impl Scene {
    /// Waits until the server has ended the connection.
    async fn ended(self) {
        tokio::time::timeout(Duration::from_secs(20), self.serving).await.expect("it ends").unwrap();
    }
}

#[tokio::test]
async fn requests_at_once_are_each_answered() {
    let core = core();
    let (scene, sender) = connect(&core, Bounds::default(), &builder()).await;
    let asked = (0..100).map(|_| {
        let mut sender = sender.clone();
        tokio::spawn(async move { sender.send_request(get("/v1/sys/seal-status")).await.unwrap() })
    });
    for response in asked.collect::<Vec<_>>() {
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(text(response).await.contains("\"initialized\":false"));
    }
    drop(sender);
    scene.ended().await;
}

#[tokio::test]
async fn a_head_request_has_the_length_of_the_answer_and_nothing_of_it() {
    let core = core();
    let (_scene, mut sender) = connect(&core, Bounds::default(), &builder()).await;
    let head = Request::head("https://a/v1/sys/seal-status").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(head).await.unwrap();
    assert_eq!(response.status(), 405);
    let length = response.headers()["content-length"].to_str().unwrap().to_owned();
    assert_eq!((length.as_str(), text(response).await.as_str()), ("14", ""));
}

#[tokio::test]
async fn a_head_of_a_request_that_is_too_large_is_refused() {
    let core = core();
    let (_scene, mut sender) = connect(&core, Bounds::default(), &builder()).await;
    let large = Request::get("https://a/v1/sys/health").header("x-large", "x".repeat(2 * HEAD));
    let refused = sender.send_request(large.body(Empty::<Bytes>::new()).unwrap()).await;
    // The client may notice the limit first, because the server announces it.
    assert!(refused.is_err() || refused.is_ok_and(|response| response.status() == 431));
}

#[tokio::test]
async fn a_client_that_grants_no_window_is_cut_off() {
    let core = core();
    let mut builder = builder();
    builder.initial_stream_window_size(1);
    let (scene, mut sender) = connect(&core, bounds(), &builder).await;
    let answer = sender.send_request(get("/v1/sys/metrics")).await.unwrap();
    assert_eq!(answer.status(), 200);
    scene.ended().await;
    drop(answer);
}

#[tokio::test]
async fn a_client_that_gives_up_its_requests_is_cut_off_and_costs_no_work() {
    let core = core();
    let (scene, sender) = connect(&core, Bounds::default(), &builder()).await;
    let mut given_up = 0;
    while !scene.serving.is_finished() && given_up < 100_000 {
        let request = Request::post("https://a/v1/sys/unseal").body(Unsent).unwrap();
        let mut sender = sender.clone();
        if sender.ready().await.is_err() {
            break;
        }
        let asked = sender.send_request(request);
        // Sent, and not answered: its body does not come. Once there are too many, nothing is looked at.
        if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_millis(1), asked).await {
            assert_eq!(answer.status(), 503);
        }
        given_up += 1;
    }
    assert!(given_up < 5_000, "{given_up}");
    drop(sender);
    scene.ended().await;
    assert_eq!(core.admission().bytes_held(), 0);
}

/// A body that does not come.
struct Unsent;

impl Body for Unsent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn a_body_over_http_2_is_charged_as_it_arrives_and_must_not_be_too_large() {
    let core = core();
    let small = Bounds { max_request_size: 1000, ..Bounds::default() };
    let (_scene, mut sender) = connect(&core, small, &builder()).await;
    let body = |size: usize| {
        Request::put("https://a/v1/sys/unseal").body(Full::new(Bytes::from(vec![b' '; size]))).unwrap()
    };
    assert_eq!(sender.send_request(body(1000)).await.unwrap().status(), 400);
    assert_eq!(sender.send_request(body(1001)).await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_connection_that_carries_nothing_ends_after_the_header_time_out() {
    let core = core();
    let idle = Bounds { header_timeout: SHORT, ..Bounds::default() };
    let (scene, mut sender) = connect(&core, idle, &builder()).await;
    assert_eq!(sender.send_request(get("/v1/sys/seal-status")).await.unwrap().status(), 200);
    scene.ended().await;
    let (scene, _sender) = connect::<Empty<Bytes>>(&core, idle, &builder()).await;
    scene.ended().await;
}

#[tokio::test]
async fn a_seal_ends_a_connection_that_has_carried_requests_and_a_stop_ends_each() {
    let core = core();
    let (scene, mut sender) = connect(&core, Bounds::default(), &builder()).await;
    scene.ending.send_replace(Ending::Sealed);
    assert_eq!(sender.send_request(get("/v1/sys/seal-status")).await.unwrap().status(), 200, "it had none");
    scene.ending.send_replace(Ending::Sealed);
    scene.ended().await;
    let (scene, _sender) = connect::<Empty<Bytes>>(&core, Bounds::default(), &builder()).await;
    scene.ending.send_replace(Ending::Stopped);
    scene.ended().await;
}
