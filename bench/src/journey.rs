//! The server without HTTP: what a request costs from capture to release, in one thread, with its heap allocations.
//! Never in it: sockets; `server` measures those.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
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
    /// One of 64 secrets gets a new version.
    Write,
    /// A secret is written at a path that has none, somewhere among the others.
    New,
    /// A token is created, with its lease.
    Lease,
}

impl Work {
    /// Method, path and body of a request: which of the clients sends it, and how many were sent before.
    fn request(self, client: u64, before: u64) -> (&'static str, String, &'static str) {
        match self {
            Self::Read => ("GET", "secret/data/app/db".to_owned(), ""),
            Self::Write => ("POST", format!("secret/data/load/{client}"), SECRET),
            // Fibonacci hashing: no two are alike, and they come in no order.
            Self::New => {
                let place = before.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                ("POST", format!("secret/data/load/{place:016x}"), SECRET)
            }
            Self::Lease => ("POST", "auth/token/create".to_owned(), TOKEN),
        }
    }
}

const fn variant(name: &'static str, devices: usize, durable: bool, work: Work) -> Variant {
    Variant { name, devices, durable, work }
}

const VARIANTS: [Variant; 8] = [
    variant("read, no device", 0, false, Work::Read),
    variant("read, one file", 1, false, Work::Read),
    variant("read, three files", 3, false, Work::Read),
    variant("read, no device, embedded store", 0, true, Work::Read),
    variant("read, one file, embedded store", 1, true, Work::Read),
    variant("write, one file, embedded store", 1, true, Work::Write),
    variant("write at a new path, one file, embedded store", 1, true, Work::New),
    variant("lease (a token), one file, embedded store", 1, true, Work::Lease),
];

const TOKEN: &str = r#"{"policies":["default"],"ttl":"1h"}"#;

const SECRET: &str = r#"{"data":{"password":"correct horse battery staple","turn":1}}"#;

/// What a measurement found.
#[derive(Default, Clone, Copy)]
struct Costs {
    /// Requests.
    count: u64,
    /// How many of them a second.
    rate: f64,
    /// What each takes from the heap of this thread.
    allocations: f64,
    /// Microseconds of CPU time of the whole process for each.
    cpu: f64,
    /// Kilobytes that the process writes for each, to the storage and to the log.
    written: f64,
}

/// Sends requests of several clients, each waiting for its answer before the next, for a time or until there were as many as
/// are wanted. `before` is how many were sent before.
async fn load(core: &Core, work: Work, before: u64, at_once: u64, limit: Limit) -> Costs {
    let begin = Instant::now();
    let local = tokio::task::LocalSet::new();
    let sent = Rc::new(Cell::new(0_u64));
    for client in 0..at_once {
        let (core, sent) = (core.clone(), Rc::clone(&sent));
        local.spawn_local(async move {
            while limit.allows(begin, sent.get()) {
                let (method, path, body) = work.request(client, before + sent.replace(sent.get() + 1));
                assert_eq!(ask(&core, method, &path, body).await, 200);
            }
        });
    }
    let counters = || (allocations::so_far() as f64, cpu_micros(), written_kilobytes());
    let first = counters();
    local.await;
    let last = counters();
    let count = sent.get() as f64;
    Costs {
        count: sent.get(),
        rate: count / begin.elapsed().as_secs_f64(),
        allocations: (last.0 - first.0) / count,
        cpu: (last.1 - first.1) / count,
        written: (last.2 - first.2) / count,
    }
}

/// When a load ends.
#[derive(Clone, Copy)]
enum Limit {
    Time(Duration),
    Count(u64),
}

impl Limit {
    fn allows(self, begin: Instant, sent: u64) -> bool {
        match self {
            Self::Time(time) => begin.elapsed() < time,
            Self::Count(count) => sent < count,
        }
    }
}

fn cpu_micros() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn written_kilobytes() -> f64 {
    let counters = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let written = counters.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<f64>().ok());
    written.unwrap_or(f64::NAN) / 1e3
}

/// Prints the table.
pub fn run(effort: Effort) {
    let at_once = effort.at_once;
    println!("\n### The server without HTTP: one thread, {at_once} requests at once\n");
    println!(
        "| request | a second | ns each | CPU µs each | allocations each | KB written each | ratio to the first |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
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
    let (limit, rounds) = match effort.count {
        0 => (Limit::Time(effort.part(6)), effort.rounds),
        count => (Limit::Count(count), 0),
    };
    let mut found = vec![Vec::<Costs>::new(); servers.len()];
    for _ in 0..=rounds {
        for ((variant, core), found) in variants.iter().zip(&servers).zip(&mut found) {
            let before = found.iter().map(|costs| costs.count).sum();
            found.push(runtime.block_on(load(core, variant.work, before, at_once, limit)));
        }
    }
    let mut first = Vec::new();
    for (variant, found) in variants.iter().zip(&mut found) {
        // The first round warms up.
        let found = found.get(usize::from(rounds > 0)..).unwrap_or_default();
        let of = |cost: fn(&Costs) -> f64| found.iter().map(cost).collect::<Vec<_>>();
        let mut rates = of(|costs| costs.rate);
        if first.is_empty() {
            first.clone_from(&rates);
        }
        let to_first = ratio(&rates, &first);
        let rate = median(&mut rates);
        let [cpu, allocations, written] =
            [of(|costs| costs.cpu), of(|costs| costs.allocations), of(|costs| costs.written)]
                .map(|mut costs| median(&mut costs));
        println!(
            "| {} | {rate:.0} | {:.0} | {cpu:.1} | {allocations:.1} | {written:.1} | {to_first:.2} |",
            variant.name,
            1e9 / rate
        );
    }
}
