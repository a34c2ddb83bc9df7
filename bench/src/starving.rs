//! What one hostile client can take from the others: the server's peak memory, and how long a small read of another client
//! takes, idle and under each load.
//! Never in it: the loads ([`attacks`]).

pub mod attacks;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use onrecord_e2e::attacker::allow_open_files;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::json;

use self::attacks::ATTACKS;
use crate::effort::Effort;
use crate::server::BareServer;
use crate::table::{median, micros};

/// A small read is sent so often.
const PACE: Duration = Duration::from_millis(2);

/// The attack in a process of its own, at the lowest priority: what is measured is the server, not the contest for the
/// machine's processors. It ends when this is dropped.
struct AttackProcess(Child);

impl AttackProcess {
    /// Starts an attack, and waits until it is under way.
    fn start(name: &str, target: SocketAddr, token: &str) -> Self {
        let program = std::env::current_exe().expect("the name of this program");
        let mut child = Command::new("nice")
            .args(["-n", "19"])
            .arg(program)
            .args(["attack", name, &target.to_string(), token])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says that it is under way");
        Self(child)
    }
}

impl Drop for AttackProcess {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Latencies of small reads, sorted, and how many were not answered 200.
fn small_reads(server: &Server, time: Duration) -> (Vec<Duration>, usize) {
    let mut stream = TcpStream::connect(server.addr).expect("the server accepts");
    stream.set_nodelay(true).expect("a socket option");
    let request =
        format!("GET /v1/kv/small HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: {}\r\n\r\n", server.token);
    let (begin, mut found, mut wrong) = (Instant::now(), Vec::new(), 0);
    let mut answer = [0; 4096];
    while begin.elapsed() < time {
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).expect("the server reads");
        // One read takes such an answer whole.
        let count = stream.read(&mut answer).expect("the server answers");
        found.push(sent.elapsed());
        wrong += usize::from(!answer.get(..count).is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200")));
        std::thread::sleep(PACE.saturating_sub(sent.elapsed()));
    }
    found.sort_unstable();
    (found, wrong)
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default().as_secs_f64()
}

/// The figures of one attack.
#[derive(Default)]
struct Figures {
    peak_mib: Vec<f64>,
    idle: [Vec<f64>; 2],
    attacked: [Vec<f64>; 2],
    wrong: usize,
}

fn measure(name: &str, effort: Effort, figures: &mut Figures) {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    server.mount_kv(1);
    let store = |key: &str, value: &str| {
        assert_eq!(server.call("POST", &format!("kv/{key}"), Some(json!({"value": value}))).status, 204);
    };
    store("small", "correct horse battery staple");
    if attacks::reads_large_values(name) {
        store("large", &"x".repeat(30_000_000));
    }
    small_reads(&server, Duration::from_millis(200));
    let (idle, _) = small_reads(&server, effort.time);
    // What the same bytes cost the machine, where another process sends them or throws them away.
    let large = attacks::reads_large_values(name);
    let elsewhere = attacks::is_elsewhere(name).then(|| BareServer::start_elsewhere(large));
    let target = elsewhere.as_ref().map_or(server.addr, |(_, addr)| *addr);
    let attack = AttackProcess::start(name, target, &server.token);
    let (attacked, wrong) = small_reads(&server, effort.time);
    drop(attack);
    for (at, percent) in [50, 99].into_iter().enumerate() {
        figures.idle[at].push(percentile(&idle, percent));
        figures.attacked[at].push(percentile(&attacked, percent));
    }
    figures.wrong += wrong;
    figures.peak_mib.push(server.peak_memory_kib() as f64 / 1024.0);
}

/// All attacks.
pub fn run(effort: Effort) {
    allow_open_files(20_000);
    println!("\n### Under attack, {} x {:?}, a small read each {PACE:?}\n", effort.rounds, effort.time);
    println!(
        "| attack | peak MiB | idle p50 µs | idle p99 µs | p50 µs | p99 µs | p99 to idle | not 200 |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|"
    );
    for (name, what) in ATTACKS.into_iter().filter(|(name, _)| effort.wants(name)) {
        let mut figures = Figures::default();
        for _ in 0..effort.rounds {
            measure(name, effort, &mut figures);
        }
        let Figures { mut peak_mib, idle, attacked, wrong } = figures;
        let ratio = crate::table::ratio(&attacked[1], &idle[1]);
        let [p50_idle, p99_idle] = idle.map(|mut all| micros(Duration::from_secs_f64(median(&mut all))));
        let [p50, p99] = attacked.map(|mut all| micros(Duration::from_secs_f64(median(&mut all))));
        let peak = median(&mut peak_mib);
        println!("| {what} | {peak:.0} | {p50_idle} | {p99_idle} | {p50} | {p99} | {ratio:.1} | {wrong} |");
    }
}
