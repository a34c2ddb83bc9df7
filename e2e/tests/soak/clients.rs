//! Clients that write, read and list secrets all the time, and remember which of their requests were answered.
//! Never in it: expectations; a server may be away or refuse requests.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use onrecord_e2e::{http, wait};
use serde_json::{Map, Value, json};

/// What clients and the test have in common.
#[derive(Default)]
struct Shared {
    /// The server's address, and the token; `None` while the clients pause.
    server: Mutex<Option<(SocketAddr, String)>>,
    busy: AtomicU64,
    answered: Mutex<Vec<String>>,
    refused: AtomicU64,
    over: AtomicBool,
}

/// The load.
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    pub fn begin(count: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..count)
            .map(|client| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || run(client, &shared))
            })
            .collect();
        Self { shared, threads }
    }

    /// They work against this server from now on.
    pub fn go(&self, server: SocketAddr, token: &str) {
        *lock(&self.shared.server) = Some((server, token.to_owned()));
    }

    /// They send no further requests. Those in progress may go on.
    pub fn pause(&self) {
        *lock(&self.shared.server) = None;
    }

    /// Waits until nothing is under way.
    pub fn quiet(&self) {
        wait::eventually("no request is in progress", || self.shared.busy.load(Ordering::SeqCst) == 0);
    }

    /// The ids of all requests that were answered.
    pub fn answered(&self) -> Vec<String> {
        lock(&self.shared.answered).clone()
    }

    /// How many were refused or had no whole answer.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(client: usize, shared: &Shared) {
    for number in 0_u64.. {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        // The rate of a client.
        std::thread::sleep(Duration::from_millis(4));
        shared.busy.fetch_add(1, Ordering::SeqCst);
        let server = lock(&shared.server).clone();
        if let Some((addr, token)) = server {
            match ask(addr, &token, client, number) {
                Some(id) => lock(&shared.answered).push(id),
                None => drop(shared.refused.fetch_add(1, Ordering::Relaxed)),
            }
        }
        shared.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One request; its id if it was answered.
fn ask(addr: SocketAddr, token: &str, client: usize, number: u64) -> Option<String> {
    let headers = [("X-Vault-Token", token)];
    let path = format!("/v1/kv/data/c{client}");
    let body = json!({"data": values(number)}).to_string();
    let answer = match number % 5 {
        0 => http::send(addr, "LIST", "/v1/kv/metadata", &headers, None),
        1 | 2 => http::send(addr, "GET", &path, &headers, None),
        _ => http::send(addr, "POST", &path, &headers, Some(body.as_bytes())),
    };
    let answer = answer.ok().filter(|answer| answer.status == 200)?;
    answer.json()["request_id"].as_str().map(str::to_owned)
}

/// What is written: mostly little; now and then more than a syslog message of eight kilobytes takes, and at times more
/// than the others' queues leave room for.
fn values(number: u64) -> Value {
    let more = match number % 100 {
        3 => 60,
        53 => 1500,
        _ => 0,
    };
    let text = "x".repeat(usize::try_from(number % 300).unwrap_or(0));
    let mut values: Map<String, Value> = (0..more).map(|at| (format!("key-{at}"), "value".into())).collect();
    values.insert("n".to_owned(), number.into());
    values.insert("text".to_owned(), text.into());
    values.into()
}
