//! Load on a server: clients that send requests until they are stopped, and the outcome of each request.
//! Never in it: expectations, but for the one of [`Outcome::all_answered`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::http;
use crate::process::Server;

/// How long a load lasts: `ONRECORD_LOAD_SECONDS`, or two seconds.
pub fn duration() -> Duration {
    let seconds = std::env::var("ONRECORD_LOAD_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2))
}

/// Lets a load go on for its [`duration`]. Nothing is waited for: this time is what the test is about.
pub fn go_on() {
    std::thread::sleep(duration());
}

/// A request of a client: method, path below `/v1/`, body.
pub type Request = (&'static str, String, Option<Value>);

/// Reads the table of mounts. It changes nothing.
pub fn reads(_client: usize, _turn: u64) -> Request {
    ("GET", "sys/mounts".to_owned(), None)
}

/// Writes a secret of a KV engine of version 2 at `secret/`, and then reads it.
pub fn writes_and_reads(client: usize, turn: u64) -> Request {
    let path = format!("secret/data/c{client}");
    match turn % 2 {
        0 => ("POST", path, Some(json!({"data": {"n": turn.to_string()}}))),
        _ => ("GET", path, None),
    }
}

/// Writes a secret of 40 values to a KV engine of version 2 at `kv/`: the entries of a request have some kilobytes.
pub fn long_writes(client: usize, _turn: u64) -> Request {
    let values: Map<String, Value> = (0..40).map(|n| (format!("key-{n}"), Value::from(n))).collect();
    ("POST", format!("kv/data/w{client}"), Some(json!({"data": values})))
}

/// The outcome of all requests of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The ids of the requests that were answered with 200.
    pub answered: Vec<String>,
    /// The statuses and errors of the others.
    pub failed: Vec<(u16, String)>,
}

impl Outcome {
    /// The ids of all requests, none of which failed.
    pub fn all_answered(self) -> Vec<String> {
        assert_eq!(self.failed, [], "{} were answered", self.answered.len());
        assert!(!self.answered.is_empty(), "there was a load");
        self.answered
    }
}

/// Clients at work. They stop when this is dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Outcome>>,
}

impl Load {
    /// Starts clients. Each sends the requests that `request` makes of its number and a turn that counts from 0.
    pub fn begin(
        server: &Server,
        clients: usize,
        request: impl Fn(usize, u64) -> Request + Copy + Send + 'static,
    ) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |client| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let (addr, token) = (server.addr, server.token.clone());
            std::thread::spawn(move || {
                let mut outcome = Outcome::default();
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = send(addr, &token, request(client, turn));
                    // Its answer names the request.
                    match answer.json()["request_id"].as_str() {
                        Some(id) if answer.status == 200 => {
                            outcome.answered.push(id.to_owned());
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        _ => outcome.failed.push((answer.status, answer.error())),
                    }
                }
                outcome
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { stop, answered, clients }
    }

    /// How many requests have been answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Stops the clients and waits for their last requests.
    pub fn end(mut self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Outcome::default();
        for client in std::mem::take(&mut self.clients) {
            let Outcome { answered, failed } = client.join().expect("the server answers");
            all.answered.extend(answered);
            all.failed.extend(failed);
        }
        all
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn send(addr: SocketAddr, token: &str, (method, path, body): Request) -> http::Response {
    let body = body.map(|body| body.to_string().into_bytes());
    let headers = [("X-Vault-Token", token)];
    http::send(addr, method, &format!("/v1/{path}"), &headers, body.as_deref()).expect("an answer")
}

/// Four clients with [`long_writes`] while `work` is done.
pub fn during(server: &Server, work: impl FnOnce()) -> Outcome {
    let load = Load::begin(server, 4, long_writes);
    work();
    load.end()
}
