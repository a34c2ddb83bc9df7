//! The server without HTTP: what a request costs from capture to release, in one thread, with its heap allocations.
//! Never in it: sockets; `server` measures those.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use onrecord_audit::SystemClock;
use onrecord_core::InitOptions;
use onrecord_core::{Core, Exchange, Headers, Received, Settings, Target};
use onrecord_core::{Host, Spawn, Task};
use onrecord_seal::{OsEntropy, Secret};
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use onrecord_storage::memory::Memory;

use crate::allocations;
use crate::effort::Effort;
use crate::table::{median, ratio};

/// Drops tasks: no client disconnects here, so none is spawned.
struct NoSpawn;

impl Spawn for NoSpawn {
    fn spawn(&self, _: Task) {}
}

/// A request with the root token.
pub fn exchange(method: &str, path: &str, body: Bytes) -> Exchange {
    let mut headers = Headers::new();
    headers.push("host", "localhost");
    headers.push("x-vault-token", "root");
    Exchange {
        method: method.to_owned(),
        target: Target::Api(path.to_owned()),
        query: String::new(),
        headers,
        body: Received::Whole(body),
        peer: None,
        client_certificate_serial: None,
        client_certificates: None,
    }
}

async fn ask(core: &Core, method: &str, path: &str, body: &'static str) -> u16 {
    let exchange = exchange(method, path, Bytes::from_static(body.as_bytes()));
    let permit = core.arrive(&core.account(None), &exchange.target);
    core.answer(permit, exchange).await.status()
}

/// An unsealed server with KV 2 at `secret/`, a secret, and these many file devices.
pub async fn server(storage: Storage, folder: &Path, devices: usize) -> Core {
    let host = Host {
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(OsEntropy::new()),
        spawn: Arc::new(NoSpawn),
        process: Arc::new(()),
    };
    let core = Core::new(storage, host, Settings::default());
    let root_token = Some(Secret::new("root".to_owned()));
    let made = core.init(InitOptions { shares: 1, threshold: 1, root_token }).await.expect("it is new");
    let key = made.keys.first().expect("one share");
    core.unseal(&const_hex::encode(key.expose())).await.expect("its own key");
    let mount = r#"{"type":"kv","options":{"version":"2"}}"#;
    assert_eq!(ask(&core, "POST", "sys/mounts/secret", mount).await, 204);
    let secret = r#"{"data":{"password":"correct horse battery staple","port":5432,"user":"svc"}}"#;
    assert_eq!(ask(&core, "POST", "secret/data/app/db", secret).await, 200);
    for number in 0..devices {
        let path = folder.join(format!("audit{number}.log"));
        let body = format!(r#"{{"type":"file","options":{{"file_path":"{}"}}}}"#, path.display());
        assert_eq!(ask(&core, "PUT", &format!("sys/audit/file{number}"), String::leak(body)).await, 204);
    }
    core
}

struct Variant {
    name: &'static str,
    devices: usize,
    durable: bool,
    work: Work,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Read,
    Write,
    /// A token is created, with its lease.
    Lease,
}

impl Work {
    /// Method, path and body of the request with this number.
    fn request(self, number: usize) -> (&'static str, String, &'static str) {
        match self {
            Self::Read => ("GET", "secret/data/app/db".to_owned(), ""),
            Self::Write => ("POST", format!("secret/data/load/{number}"), SECRET),
            Self::Lease => ("POST", "auth/token/create".to_owned(), TOKEN),
        }
    }
}

const fn variant(name: &'static str, devices: usize, durable: bool, work: Work) -> Variant {
    Variant { name, devices, durable, work }
}

const VARIANTS: [Variant; 7] = [
    variant("read, no device", 0, false, Work::Read),
    variant("read, one file", 1, false, Work::Read),
    variant("read, three files", 3, false, Work::Read),
    variant("read, no device, embedded store", 0, true, Work::Read),
    variant("read, one file, embedded store", 1, true, Work::Read),
    variant("write, one file, embedded store", 1, true, Work::Write),
    variant("lease (a token), one file, embedded store", 1, true, Work::Lease),
];

const TOKEN: &str = r#"{"policies":["default"],"ttl":"1h"}"#;

const SECRET: &str = r#"{"data":{"password":"correct horse battery staple","turn":1}}"#;

/// This many requests at once, each waiting for its answer before the next: what a second of them is, and what each
/// takes from the heap of this thread.
async fn load(core: &Core, variant: &Variant, at_once: usize, time: Duration) -> (f64, f64) {
    let begin = Instant::now();
    let local = tokio::task::LocalSet::new();
    let count = std::rc::Rc::new(std::cell::Cell::new(0_u64));
    let mut taken = 0;
    for number in 0..at_once {
        let (core, count) = (core.clone(), std::rc::Rc::clone(&count));
        let (method, path, body) = variant.work.request(number);
        local.spawn_local(async move {
            while begin.elapsed() < time {
                assert_eq!(ask(&core, method, &path, body).await, 200);
                count.set(count.get() + 1);
            }
        });
    }
    let before = allocations::so_far();
    local.await;
    taken += allocations::so_far() - before;
    (count.get() as f64 / begin.elapsed().as_secs_f64(), taken as f64 / count.get() as f64)
}

/// This many requests, one after another.
async fn exactly(core: &Core, variant: &Variant, count: u64) {
    let (method, path, body) = variant.work.request(0);
    for _ in 0..count {
        assert_eq!(ask(core, method, &path, body).await, 200);
    }
}

/// Prints the table.
pub fn run(effort: Effort) {
    println!("\n### The server without HTTP: one thread, 64 requests at once\n");
    println!(
        "| request | a second | ns each | allocations each | ratio to the first |\n|---|---:|---:|---:|---:|"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let variants: Vec<&Variant> = VARIANTS.iter().filter(|variant| effort.wants(variant.name)).collect();
    let servers: Vec<Core> = variants
        .iter()
        .enumerate()
        .map(|(number, variant)| {
            let own: PathBuf = folder.path().join(number.to_string());
            std::fs::create_dir(&own).expect("a folder");
            let storage = if variant.durable {
                Storage::start(Embedded::open(&own.join("data")).expect("it is new"))
            } else {
                Storage::start(Memory::new())
            };
            runtime.block_on(server(storage.expect("a thread"), &own, variant.devices))
        })
        .collect();
    if effort.count > 0 {
        for (variant, core) in variants.iter().zip(&servers) {
            runtime.block_on(exactly(core, variant, effort.count));
        }
        return;
    }
    let mut rates = vec![Vec::new(); servers.len()];
    let mut taken = vec![0.0; servers.len()];
    for round in 0..=effort.rounds {
        for (index, (variant, core)) in variants.iter().zip(&servers).enumerate() {
            let (rate, allocations) = runtime.block_on(load(core, variant, 64, effort.part(6)));
            // The first round warms up.
            if round > 0 {
                rates[index].push(rate);
            }
            taken[index] = allocations;
        }
    }
    let first = rates.first().cloned().unwrap_or_default();
    for ((variant, rates), taken) in variants.iter().zip(&mut rates).zip(taken) {
        let to_first = ratio(rates, &first);
        let rate = median(rates);
        println!("| {} | {rate:.0} | {:.0} | {taken:.1} | {to_first:.2} |", variant.name, 1e9 / rate);
    }
}
