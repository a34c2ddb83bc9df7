//! The server over HTTP: KV 2 reads and writes, and transit encryptions, with no device, one file, three files, and one file beside a device that hangs, next
//! to a bare HTTP server with the same body. All variants run in turn within a round, so that ratios hold on a machine that drifts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Server, binary};
use rustix::process::Signal;
use serde_json::json;

use crate::effort::Effort;
use crate::load::{self, LoadResult};
use crate::memory::memory_of;
use crate::table::{LoadFigures, median, micros, ratio};

/// An answer of the size and shape of a KV 2 read.
pub const BODY: &str = "{\"request_id\":\"5f0b7a3e-4f8f-4c58-9b6f-3d9d1f5f6a10\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\"data\":{\"data\":{\"password\":\"correct horse battery staple\",\"port\":5432,\"user\":\"svc\"},\"metadata\":{\"created_time\":\"2026-11-22T10:25:22.459819797Z\",\"custom_metadata\":null,\"deletion_time\":\"\",\"destroyed\":false,\"version\":1}},\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n";

/// A variant: its name and its running server.
pub struct Variant {
    name: &'static str,
    addr: SocketAddr,
    pid: u32,
    token: String,
    /// Keeps the server and its files as long as the variant.
    process: Process,
    logs: Vec<PathBuf>,
}

/// The process of a variant; it ends when this is dropped.
enum Process {
    Bare(#[expect(dead_code, reason = "ended when dropped")] BareServer),
    Server(Server, #[expect(dead_code, reason = "removed when dropped")] Place),
}

impl Variant {
    /// A server with a KV 2 mount and a secret in it, and one file device, whose log is this file.
    pub fn with_log(name: &'static str, log: &Path) -> Self {
        let row = Row { name, devices: 0, hung: false, evidence: true };
        let mut variant = start(&row, "storage \"inmem\" {}");
        variant.server().enable_file("file", log);
        variant.logs.push(log.to_owned());
        variant
    }

    /// The server.
    pub fn server(&self) -> &Server {
        match &self.process {
            Process::Server(server, _) => server,
            Process::Bare(_) => panic!("{} has no API", self.name),
        }
    }

    /// The CPU time of all threads of the server, in nanoseconds.
    fn cpu_nanos(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid)).expect("it runs");
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// Removes the logs and reopens them, so that a long run does not fill the disk.
    pub fn rotate(&self) {
        let Process::Server(server, _) = &self.process else { return };
        for log in &self.logs {
            std::fs::remove_file(log).expect("the log is there");
        }
        server.signal(Signal::HUP);
        server.eventually("the server reopens its logs", || self.logs.iter().all(|log| log.exists()));
    }
}

/// Starts a server with a KV 2 mount, a secret, and these devices.
fn start(row: &Row, storage: &str) -> Variant {
    let Row { name, devices, hung, evidence } = *row;
    let place = Place::new();
    place.write_config(&storage.replace("DIR", &place.path("data").display().to_string()));
    let launch = place.launch();
    let mut server = if hung { launch.unread() } else { launch }.start();
    server.open_up();
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(server.call("POST", "sys/mounts/secret", Some(mount)).status, 204);
    let secret = json!({"data": {"password": "correct horse battery staple", "port": 5432, "user": "svc"}});
    assert_eq!(server.call("POST", "secret/data/app/db", Some(secret)).status, 200);
    assert_eq!(server.call("POST", "sys/mounts/transit", Some(json!({"type": "transit"}))).status, 204);
    assert_eq!(server.call("POST", "transit/keys/app", Some(json!({}))).status, 200);
    let logs: Vec<PathBuf> = (0..devices).map(|index| place.path(format!("audit{index}.log"))).collect();
    for (index, log) in logs.iter().enumerate() {
        let evidence = if evidence { "on" } else { "off" };
        let options = json!({"file_path": log, "evidence": evidence});
        server.enable(&format!("file{index}"), "file", &options);
    }
    if hung {
        server.enable("stdout", "file", &json!({"file_path": "stdout"}));
    }
    Variant {
        name,
        addr: server.addr,
        pid: server.pid(),
        token: server.token.clone(),
        process: Process::Server(server, place),
        logs,
    }
}

/// A server that is compared: how many file devices it has, whether a device that hangs is beside them, and whether each file
/// has its tree.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    devices: usize,
    hung: bool,
    evidence: bool,
}

const SERVERS: [Row; 5] = [
    Row { name: "no device", devices: 0, hung: false, evidence: true },
    Row { name: "one file", devices: 1, hung: false, evidence: true },
    Row { name: "one file, `evidence=off`", devices: 1, hung: false, evidence: false },
    Row { name: "three files", devices: 3, hung: false, evidence: true },
    Row { name: "one file beside a hung device", devices: 1, hung: true, evidence: true },
];
const BARE: &str = "bare HTTP server";

fn start_all(storage: &str, effort: Effort) -> Vec<Variant> {
    SERVERS.iter().filter(|row| effort.wants(row.name)).map(|row| start(row, storage)).collect()
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("the name of this program")
}

/// The bare server in a process of its own.
pub struct BareServer(Child);

impl BareServer {
    /// Starts it, and says where it listens.
    pub fn start() -> (Self, SocketAddr) {
        Self::start_with(Command::new(this_program()).arg("bare"))
    }

    /// Starts one at the lowest priority, for what happens on other machines. If `large`, it answers with 30 MB.
    pub fn start_elsewhere(large: bool) -> (Self, SocketAddr) {
        let part = if large { "bare-large" } else { "bare" };
        Self::start_with(Command::new("nice").args(["-n", "19"]).arg(this_program()).arg(part))
    }

    fn start_with(command: &mut Command) -> (Self, SocketAddr) {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says its address");
        (Self(child), line.trim().parse().expect("an address"))
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn bare() -> Variant {
    let (server, addr) = BareServer::start();
    let (pid, process) = (server.0.id(), Process::Bare(server));
    Variant { name: BARE, addr, pid, token: String::new(), process, logs: Vec::new() }
}

/// A kind of load.
#[derive(Clone, Copy)]
pub enum Work {
    /// Reads of one secret.
    Read,
    /// Writes of a secret for each connection.
    Write,
    /// Transit encryptions of [`ENCRYPTED`] bytes.
    Encrypt,
}

/// How many bytes an encryption is of.
const ENCRYPTED: usize = 1024;

/// One kind of load on one variant, whose logs are removed after it.
fn measure(variant: &Variant, connections: usize, effort: Effort, work: Work) -> (LoadResult, f64) {
    let found = load_on(variant, connections, effort, work);
    variant.rotate();
    found
}

/// One kind of load on one variant: what came of it, and the server's CPU time in microseconds for each answer.
pub fn load_on(variant: &Variant, connections: usize, effort: Effort, work: Work) -> (LoadResult, f64) {
    let head = format!("Host: localhost\r\nX-Vault-Token: {}\r\n", variant.token);
    // Base64 of as many zero bytes.
    let plaintext = format!("{}==", "A".repeat(ENCRYPTED.div_ceil(3) * 4 - 2));
    let before = variant.cpu_nanos();
    let found = load::load(variant.addr, connections, effort.time, 200, |connection, turn, out| {
        let made = match work {
            Work::Write => {
                let digits = turn.checked_ilog10().unwrap_or(0) + 1;
                write!(
                    out,
                    "POST /v1/secret/data/load/{connection} HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n\
                 {{\"data\":{{\"password\":\"correct horse battery staple\",\"turn\":{turn}}}}}",
                    60 + digits
                )
            }
            Work::Read => write!(out, "GET /v1/secret/data/app/db HTTP/1.1\r\n{head}\r\n"),
            Work::Encrypt => write!(
                out,
                "POST /v1/transit/encrypt/app HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{{\"plaintext\":\"{plaintext}\"}}",
                plaintext.len() + 16
            ),
        };
        made.expect("memory takes it");
    });
    assert_eq!(found.wrong, 0, "{}: answers with a wrong status", variant.name);
    let cpu_micros = (variant.cpu_nanos() - before) as f64 / 1e3 / found.answers() as f64;
    (found, cpu_micros)
}

/// All rounds of one kind of load; prints a table whose last column is the ratio to the first variant of the same round.
fn compare(title: &str, variants: &[Variant], connections: usize, effort: Effort, work: Work) {
    println!("\n### {title}, {connections} connection(s), {} x {:?}\n", effort.rounds, effort.time);
    LoadFigures::print_head();
    let mut all: Vec<LoadFigures> = variants.iter().map(|_| LoadFigures::default()).collect();
    for round in 0..=effort.rounds {
        // Each round begins with another variant: what one leaves to the disk must not always slow the same next one.
        for at in (0..variants.len()).map(|at| (at + round) % variants.len()) {
            let (Some(variant), Some(figures)) = (variants.get(at), all.get_mut(at)) else { continue };
            let (found, cpu_micros) = measure(variant, connections, effort, work);
            // The first round warms up.
            if round > 0 {
                figures.add(&found, cpu_micros);
            }
        }
    }
    let first = all.first().cloned().unwrap_or_default();
    for (variant, figures) in variants.iter().zip(&all) {
        figures.print(variant.name, &first);
    }
}

/// Encryptions beside reads, in turn within a round, and beside what the cipher alone takes.
fn encryptions_beside_reads(variants: &[Variant], connections: usize, effort: Effort) {
    println!(
        "\n### Transit encryption of {ENCRYPTED} bytes beside KV 2 reads, {connections} connection(s), {} x {:?}\n\n\
         | variant | reads/s (median) | encryptions/s (median) | ratio |\n|---|---:|---:|---:|",
        effort.rounds, effort.time
    );
    for variant in variants {
        let (mut reads, mut encryptions) = (Vec::new(), Vec::new());
        for round in 0..=effort.rounds {
            let (read, _) = measure(variant, connections, effort, Work::Read);
            let (encrypted, _) = measure(variant, connections, effort, Work::Encrypt);
            // The first round warms up.
            if round > 0 {
                reads.push(read.rate);
                encryptions.push(encrypted.rate);
            }
        }
        let of_reads = ratio(&encryptions, &reads);
        let (read, encrypted) = (median(&mut reads), median(&mut encryptions));
        println!("| {} | {read:.0} | {encrypted:.0} | {of_reads:.2} |", variant.name);
    }
    println!("\nThe cipher alone, one core: {:.0} encryptions/s.", cipher_alone(effort));
}

/// Encryptions of [`ENCRYPTED`] bytes with AES-256-GCM per second, on one core.
fn cipher_alone(effort: Effort) -> f64 {
    let key = UnboundKey::new(&AES_256_GCM, &[1; 32]).map(LessSafeKey::new).expect("a key");
    let mut plain = [0; ENCRYPTED];
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < effort.time {
        let nonce = Nonce::try_assume_unique_for_key(&(u128::from(count) << 32).to_be_bytes()[..12])
            .expect("a nonce");
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut plain).expect("it encrypts");
        drop(std::hint::black_box(tag));
        count += 1;
    }
    count as f64 / started.elapsed().as_secs_f64()
}

/// The memory of a server, resident now and at its peak, in MiB.
fn memory(server: &Server) -> (f64, f64) {
    memory_of(&server.pid().to_string())
}

/// How long a development server takes from its start to its address, and what it holds with nothing to do.
fn ready_and_idle(effort: Effort) {
    binary();
    let (mut times, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let started = Instant::now();
        let folder = tempfile::tempdir().expect("a folder");
        let log = format!("-dev-audit={}", folder.path().join("audit.log").display());
        let server = Server::dev(&[&log]);
        times.push(started.elapsed().as_secs_f64());
        assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
        resident.push(memory(&server).0);
    }
    println!(
        "\nDevelopment server, one file device: ready after {} µs, {:.1} MiB resident.",
        micros(Duration::from_secs_f64(median(&mut times))),
        median(&mut resident)
    );
}

/// Audited reads with the tree beside the log and without it, in turns.
pub fn reads_with_and_without_a_tree(effort: Effort) {
    let rows = SERVERS.iter().filter(|row| row.devices == 1 && !row.hung);
    let mut variants: Vec<Variant> = rows.map(|row| start(row, "storage \"inmem\" {}")).collect();
    // Ratios are to the one without.
    variants.reverse();
    compare("KV 2 read", &variants, 64, effort, Work::Read);
}

/// All server benches.
pub fn run(effort: Effort) {
    ready_and_idle(effort);
    let memory_store = "storage \"inmem\" {}";
    let mut variants = start_all(memory_store, effort);
    if effort.wants(BARE) {
        variants.push(bare());
    }
    compare("KV 2 read", &variants, 64, effort, Work::Read);
    compare("KV 2 read", &variants, 1, effort, Work::Read);
    if let Some(Process::Server(server, _)) = variants.get(1).map(|variant| &variant.process) {
        println!(
            "\nOne file, after the loads: {:.1} MiB resident, {:.1} MiB at peak.",
            memory(server).0,
            memory(server).1
        );
    }
    let with_transit: Vec<Variant> = variants.drain(..).filter(|variant| variant.name != BARE).collect();
    encryptions_beside_reads(&with_transit, 64, effort);
    encryptions_beside_reads(&with_transit, 1, effort);
    drop(with_transit);
    let durable = "storage \"file\" {\n  path = \"DIR\"\n}";
    let variants = start_all(durable, effort);
    compare("KV 2 write, embedded store", &variants, 64, effort, Work::Write);
    compare("KV 2 write, embedded store", &variants, 1, effort, Work::Write);
}
