//! Reads of a server, alone and while `sys/audit-query` reads a large log of it: both in each round, so that their ratio holds on a
//! machine that drifts.
//! Never in it: the load of reads (`server`).

use std::fs::{self, File};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use onrecord_e2e::http;
use onrecord_e2e::process::Server;
use serde_json::json;

use super::log;
use crate::effort::Effort;
use crate::server::{Variant, Work, load_on};
use crate::table::{LoadFigures, median};

const CONNECTIONS: [usize; 2] = [64, 1];
/// No answer takes as long, and each has to be looked at.
const FILTER: &str = "duration>1h";
/// The longest that the server allows.
const TIME_LIMIT: &str = "30s";
/// The name of the thread in which the server reads its logs.
const THREAD: &str = "onrecord-query";

/// Queries one after another, until this ends.
struct Queries {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Queries {
    /// Asks the first one, and waits until the server reads.
    fn begin(server: &Server) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, addr, token) = (Arc::clone(&stop), server.addr, server.token.clone());
        let thread = thread::spawn(move || {
            let mut asked = 0;
            while !stopped.load(Ordering::Relaxed) {
                ask(addr, &token);
                asked += 1;
            }
            asked
        });
        server.eventually("the server reads its log", || is_reading(server.pid()) || thread.is_finished());
        Self { stop, thread }
    }

    /// Waits for the end of the one that runs; how many were asked.
    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("each query is answered")
    }
}

fn ask(addr: SocketAddr, token: &str) {
    let body = json!({"filter": FILTER, "time_limit": TIME_LIMIT}).to_string();
    let headers = [("X-Vault-Token", token)];
    let answer = http::send(addr, "POST", "/v1/sys/audit-query", &headers, Some(body.as_bytes()));
    let answer = answer.expect("the server answers");
    assert_eq!(answer.status, 200, "{}", answer.error());
    let bound = &answer.json()["data"]["bound"];
    assert!(bound.is_null() || bound == "time", "it ended early: {bound}");
}

fn is_reading(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let mut names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.any(|name| name.trim_end() == THREAD)
}

/// Reads of a server whose log was rotated once: the rotated file has this many bytes.
pub fn run(effort: Effort, bytes: u64) {
    // No device may write below /dev, where other logs of these benches are.
    let folder = tempfile::tempdir().expect("a folder");
    let rotated = folder.path().join("audit.log.1");
    let (_, bytes) = log::write(&rotated, bytes);
    // What is written back later would slow the first rounds.
    File::open(&rotated).and_then(|file| file.sync_all()).expect("it is stored");
    let variant = Variant::with_log("one file", &folder.path().join("audit.log"));
    for connections in CONNECTIONS {
        println!(
            "\n### KV 2 read beside queries of {:.1} GB, {connections} connection(s), {} x {:?}\n",
            bytes as f64 / 1e9,
            effort.rounds,
            effort.time
        );
        compare(&variant, connections, effort);
    }
}

/// All rounds; prints a table whose last column is the ratio to the reads alone.
fn compare(variant: &Variant, connections: usize, effort: Effort) {
    let (mut alone, mut beside, mut asked) = (LoadFigures::default(), LoadFigures::default(), Vec::new());
    for round in 0..=effort.rounds {
        // Each round begins with the other one: what one leaves to the disk must not always slow the same next one.
        for with_queries in [round % 2 == 0, round % 2 != 0] {
            let queries = with_queries.then(|| Queries::begin(variant.server()));
            let (found, cpu_micros) = load_on(variant, connections, effort, Work::Read);
            let count = queries.map(Queries::end);
            // A query fails whose file is removed before it is opened.
            variant.rotate();
            // The first round warms up.
            if round > 0 {
                if with_queries { &mut beside } else { &mut alone }.add(&found, cpu_micros);
                asked.extend(count.map(|count| count as f64));
            }
        }
    }
    LoadFigures::print_head();
    alone.print("alone", &alone);
    beside.print("beside queries", &alone);
    println!("\nQueries asked in a round: {:.0} (1: it took longer than the reads).", median(&mut asked));
}
