//! The tree of a log by itself: what an entry costs, what a tree of many entries keeps in memory, and how long a start takes
//! to open one; and audited reads with it and without it.
//! Never in it: the load of requests (`server`).

mod opening;

use std::time::Instant;

use onrecord_evidence::{Ed25519Key, MemoryStore, Store, StoreReader, TreeLog, line_digest};

use crate::effort::Effort;
use crate::library::thread_cpu_time;
use crate::memory::memory;

/// As many entries as a server with 1,000 requests a second writes in 14 hours.
const MANY: u64 = 100_000_000;
/// Entries between two checkpoints.
const STEP: u64 = 100_000;

/// Takes everything and keeps nothing.
struct Nowhere(u64);

impl StoreReader for Nowhere {
    fn read(&self, _path: &str) -> std::io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

impl Store for Nowhere {
    fn write(&mut self, _path: &str, bytes: &[u8]) -> std::io::Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    fn remove(&mut self, _path: &str) -> std::io::Result<()> {
        Ok(())
    }
}

/// All of it, or `tree`, `opening` or `reads` alone.
pub fn run(effort: Effort) {
    if effort.wants("tree") {
        println!("\n### The tree of a log, one thread\n");
        println!(
            "| what | how many | ns each | bytes written each | resident more, MiB |\n|---|---:|---:|---:|---:|"
        );
        digests(effort);
        growth(if effort.rounds > 1 { MANY } else { 1_000_000 });
        signatures(effort);
    }
    if effort.wants("opening") {
        opening::run(effort);
    }
    if effort.wants("reads") {
        crate::server::reads_with_and_without_a_tree(effort);
    }
}

fn digests(effort: Effort) {
    let line = vec![b'x'; 1417];
    let (cpu, begin, mut count) = (thread_cpu_time(), Instant::now(), 0_u64);
    while begin.elapsed() < effort.time {
        for _ in 0..256 {
            std::hint::black_box(line_digest(std::hint::black_box(&line)));
        }
        count += 256;
    }
    let nanos = thread_cpu_time().saturating_sub(cpu).as_secs_f64() * 1e9 / count as f64;
    println!("| digest of a line of 1,417 bytes | {count} | {nanos:.0} | | |");
}

fn growth(count: u64) {
    let (before, _) = memory();
    let (mut log, mut store) = (TreeLog::new(), Nowhere(0));
    let mut entry = [7; 32];
    let cpu = thread_cpu_time();
    for number in 0..count {
        entry[..8].copy_from_slice(&number.to_be_bytes());
        log.append(entry);
        if (number + 1) % STEP == 0 {
            log.flush(&mut store).expect("it takes everything");
        }
    }
    let nanos = thread_cpu_time().saturating_sub(cpu).as_secs_f64() * 1e9 / count as f64;
    let (_, peak) = memory();
    let (written, more) = (store.0 as f64 / count as f64, (peak - before).max(0.0));
    println!(
        "| entry appended, a checkpoint for each {STEP} | {count} | {nanos:.0} | {written:.1} | {more:.1} |"
    );
    std::hint::black_box(log.root());
}

fn signatures(effort: Effort) {
    let key = Ed25519Key::generate().expect("random numbers");
    let (mut log, mut store) = (TreeLog::new(), MemoryStore::default());
    log.append([1; 32]);
    let root = log.flush(&mut store).expect("memory");
    let checkpoint =
        onrecord_evidence::Checkpoint { origin: "example.com/audit/file".to_owned(), size: 1, root };
    let (cpu, begin, mut count) = (thread_cpu_time(), Instant::now(), 0_u64);
    while begin.elapsed() < effort.part(3) {
        std::hint::black_box(checkpoint.sign(&key).expect("a key in memory"));
        count += 1;
    }
    let nanos = thread_cpu_time().saturating_sub(cpu).as_secs_f64() * 1e9 / count as f64;
    println!("| checkpoint signed | {count} | {nanos:.0} | | |");
}
