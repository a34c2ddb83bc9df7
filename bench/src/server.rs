//! The server over HTTP: KV 2 reads and writes with no device, one file, three files, and one file beside a device that hangs, next
//! to a bare HTTP server with the same body. All variants run in turn within a round, so that ratios hold on a machine that drifts.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use onrecord_e2e::process::Server;
use serde_json::json;

use crate::load::{self, Found};
use crate::table::{median, micros, ratio};

/// An answer of the size and shape of a KV 2 read.
const BODY: &str = "{\"request_id\":\"5f0b7a3e-4f8f-4c58-9b6f-3d9d1f5f6a10\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\"data\":{\"data\":{\"password\":\"correct horse battery staple\",\"port\":5432,\"user\":\"svc\"},\"metadata\":{\"created_time\":\"2026-11-22T10:25:22.459819797Z\",\"custom_metadata\":null,\"deletion_time\":\"\",\"destroyed\":false,\"version\":1}},\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n";

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// One measurement.
    pub time: Duration,
    /// Measurements of each variant.
    pub rounds: usize,
}

/// A variant: its name and its running server.
struct Variant {
    name: &'static str,
    addr: SocketAddr,
    token: String,
    /// So that the server and its files live as long as the variant.
    held: Option<(Server, tempfile::TempDir)>,
}

/// Starts a server with a KV 2 mount, a secret, and these devices.
fn start(name: &'static str, storage: &str, devices: usize, hung: bool) -> Variant {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = storage.replace("DIR", &folder.path().join("data").display().to_string());
    let mut server =
        Server::launch_config(folder.path(), &storage, |launch| if hung { launch.unread() } else { launch });
    server.open_up();
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(server.call("POST", "sys/mounts/secret", Some(mount)).status, 204);
    let secret = json!({"data": {"password": "correct horse battery staple", "port": 5432, "user": "svc"}});
    assert_eq!(server.call("POST", "secret/data/app/db", Some(secret)).status, 200);
    for index in 0..devices {
        server.enable_file(&format!("file{index}"), &folder.path().join(format!("audit{index}.log")));
    }
    if hung {
        let stdout = json!({"type": "file", "options": {"file_path": "stdout"}});
        assert_eq!(server.call("PUT", "sys/audit/stdout", Some(stdout)).status, 204);
    }
    Variant { name, addr: server.addr, token: server.token.clone(), held: Some((server, folder)) }
}

fn bare() -> Variant {
    let (tell, said) = mpsc::channel();
    std::thread::spawn(move || crate::bare::serve(BODY, &tell));
    let addr = said.recv().expect("an address");
    Variant { name: "bare HTTP server", addr, token: String::new(), held: None }
}

/// A request with a body, or without one.
fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: {token}\r\n{length}\r\n{body}")
        .into_bytes()
}

/// One kind of load on one variant.
fn measure(variant: &Variant, connections: usize, effort: Effort, write: bool) -> Found {
    let found = load::load(variant.addr, connections, effort.time, 200, |connection, turn| {
        if write {
            let body =
                format!("{{\"data\":{{\"password\":\"correct horse battery staple\",\"turn\":{turn}}}}}");
            request("POST", &format!("/v1/secret/data/load/{connection}"), &variant.token, &body)
        } else {
            request("GET", "/v1/secret/data/app/db", &variant.token, "")
        }
    });
    assert_eq!(found.wrong, 0, "{}: answers with a wrong status", variant.name);
    found
}

/// All rounds of one kind of load; prints a table whose last column is the ratio to the first variant of the same round.
fn compare(title: &str, variants: &[Variant], connections: usize, effort: Effort, write: bool) {
    println!("\n### {title}, {connections} connection(s), {} x {:?}\n", effort.rounds, effort.time);
    println!(
        "| variant | requests/s (median) | p50 µs | p99 µs | ratio to the first |\n|---|---:|---:|---:|---:|"
    );
    let mut rates = vec![Vec::new(); variants.len()];
    let mut middles = vec![Vec::new(); variants.len()];
    let mut tails = vec![Vec::new(); variants.len()];
    for round in 0..=effort.rounds {
        for (index, variant) in variants.iter().enumerate() {
            let found = measure(variant, connections, effort, write);
            // The first round warms up.
            if round > 0 {
                rates[index].push(found.rate);
                middles[index].push(found.percentile(0.5).as_secs_f64());
                tails[index].push(found.percentile(0.99).as_secs_f64());
            }
        }
    }
    let first = rates[0].clone();
    for (index, variant) in variants.iter().enumerate() {
        let to_first = ratio(&rates[index], &first);
        let of = |figures: &mut Vec<f64>| micros(Duration::from_secs_f64(median(figures)));
        let (p50, p99) = (of(&mut middles[index]), of(&mut tails[index]));
        println!("| {} | {:.0} | {p50} | {p99} | {to_first:.2} |", variant.name, median(&mut rates[index]));
    }
}

/// Peak and present memory of a server, in MiB.
fn memory(server: &Server) -> (f64, f64) {
    let status = std::fs::read_to_string(Path::new("/proc").join(server.pid().to_string()).join("status"));
    let status = status.unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// All server benches.
pub fn run(effort: Effort) {
    let started = std::time::Instant::now();
    let idle = start("idle", "storage \"inmem\" {}", 1, false);
    let ready = started.elapsed();
    if let Some((server, _)) = &idle.held {
        println!(
            "\nStart, init, unseal, mount, first device: {} µs. Idle: {:.1} MiB resident.",
            micros(ready),
            memory(server).0
        );
    }
    drop(idle);
    let memory_store = "storage \"inmem\" {}";
    let variants = [
        start("no device", memory_store, 0, false),
        start("one file", memory_store, 1, false),
        start("three files", memory_store, 3, false),
        start("one file beside a hung device", memory_store, 1, true),
        bare(),
    ];
    compare("KV 2 read", &variants, 64, effort, false);
    compare("KV 2 read", &variants, 1, effort, false);
    if let Some((server, _)) = &variants[1].held {
        println!(
            "\nOne file, after the loads: {:.1} MiB resident, {:.1} MiB at peak.",
            memory(server).0,
            memory(server).1
        );
    }
    drop(variants);
    let durable = "storage \"file\" {\n  path = \"DIR\"\n}";
    let variants = [
        start("no device", durable, 0, false),
        start("one file", durable, 1, false),
        start("three files", durable, 3, false),
        start("one file beside a hung device", durable, 1, true),
    ];
    compare("KV 2 write, embedded store", &variants, 64, effort, true);
    compare("KV 2 write, embedded store", &variants, 1, effort, true);
}
