//! Measures what decides how a versioned key-value engine lays out its records: durable writes a second at 64
//! concurrent writers, for (A) a metadata record and one record a version, (B) one record with all versions
//! inline, (C) inline up to 4 KiB, older versions moved out together. Every write reads and rewrites its
//! metadata, as a real one does; every key keeps its last ten versions. Never in it: an engine.
//!
//! `cargo run --release -p onrecord-storage --example kv_layout -- [SECONDS [DIRECTORY]]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measuring program may stop at its first error"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use onrecord_seal::{OsEntropy, SealConfig, SecretBytes};
use onrecord_storage::embedded::Embedded;
use onrecord_storage::{Barrier, Batch, Commit, Storage, View};

const WRITERS: u64 = 64;
const VERSIONS: usize = 10;
/// Bytes of metadata: of the key, and of each version (two times and two flags).
const KEY_META: usize = 48;
const VERSION_META: usize = 24;
const INLINE: usize = 4096;

#[derive(Clone, Copy, Debug)]
enum Layout {
    /// Metadata and version apart.
    A,
    /// All in one.
    B,
    /// Inline up to [`INLINE`], then moved out.
    C,
}

/// A record as bytes: the number of versions so far (8), the inline ones (8), and padding for their size.
fn counters(old: Option<&[u8]>) -> (u64, u64) {
    let read = |at: usize| old.map_or(0, |old| u64::from_le_bytes(old[at..at + 8].try_into().unwrap()));
    (read(0), read(8))
}

fn record(total: u64, inline: u64, value: usize) -> Vec<u8> {
    let kept = VERSIONS.min(usize::try_from(total).unwrap());
    let size = KEY_META + kept * VERSION_META + usize::try_from(inline).unwrap() * value;
    let mut record = vec![0x5a; size];
    record[..8].copy_from_slice(&total.to_le_bytes());
    record[8..16].copy_from_slice(&inline.to_le_bytes());
    record
}

async fn write(view: &View, layout: Layout, key: u64, value: usize) -> Commit {
    let name = format!("data/team/service-{key}/credentials");
    let _lock = view.lock(&name).await.unwrap();
    let (old, seen) = view.latest(&name).await.unwrap();
    let (total, inline) = counters(old.as_ref().map(SecretBytes::expose));
    let total = total + 1;
    let mut batch = Batch::new();
    batch.require(seen);
    let inline = match layout {
        Layout::A => {
            view.put(&mut batch, &format!("versions/{name}/{total}"), &vec![0x5a; value]).unwrap();
            if total > VERSIONS as u64 {
                view.delete(&mut batch, &format!("versions/{name}/{}", total - VERSIONS as u64)).unwrap();
            }
            0
        }
        Layout::B => total.min(VERSIONS as u64),
        Layout::C => {
            let inline = (inline + 1).min(VERSIONS as u64);
            if record(total, inline, value).len() <= INLINE {
                inline
            } else {
                // All but the newest go out together; the oldest such group is no longer needed.
                let out = vec![0x5a; usize::try_from(inline - 1).unwrap() * value];
                view.put(&mut batch, &format!("versions/{name}/{total}"), &out).unwrap();
                view.delete(&mut batch, &format!("versions/{name}/{}", total.saturating_sub(12))).unwrap();
                1
            }
        }
    };
    view.put(&mut batch, &name, &record(total, inline, value)).unwrap();
    view.commit(batch)
}

async fn view(directory: &Path) -> View {
    let storage = Storage::start(Embedded::open(directory).unwrap()).unwrap();
    let barrier = Barrier::new(storage, Arc::new(OsEntropy::new()));
    let (_, batch) = barrier.initialize(SealConfig::new(1, 1).unwrap(), 0).await.unwrap();
    barrier.commit(batch).await.unwrap();
    barrier.view("mount/0c6f1e4e-5a3b-4a43-9b1e-7b1b1d7a9f10/").unwrap()
}

/// Next of a multiplicative generator: which key a writer takes.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

async fn run(view: View, layout: Layout, value: usize, keys: u64, time: Duration) -> (f64, Vec<Duration>) {
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (view, done) = (view.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut state, mut times) = (writer + 1, Vec::new());
                while start.elapsed() < time {
                    let begun = Instant::now();
                    write(&view, layout, next(&mut state) % keys, value).await.await.unwrap();
                    times.push(begun.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for writer in writers {
        times.extend(writer.await.unwrap());
    }
    times.sort_unstable();
    (done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64(), times)
}

/// Time to read and decrypt the record that a read of the newest version needs first.
async fn get(view: &View, keys: u64) -> Duration {
    const GETS: u32 = 50_000;
    let names: Vec<String> = (0..keys).map(|key| format!("data/team/service-{key}/credentials")).collect();
    let mut state = 1;
    let start = Instant::now();
    for _ in 0..GETS {
        let name = &names[usize::try_from(next(&mut state) % keys).unwrap()];
        assert!(view.get(name).await.unwrap().is_some());
    }
    start.elapsed() / GETS
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let time = Duration::from_secs(arguments.first().map_or(4, |seconds| seconds.parse().unwrap()));
    let base = arguments.get(1).map_or_else(std::env::temp_dir, Into::into);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    println!("layout  value   keys   writes/s   p50 us   p99 us  file MB   ns/get");
    for (value, keys) in [(200, 2000), (200, 1), (1000, 2000), (4000, 500)] {
        for layout in [Layout::A, Layout::B, Layout::C] {
            let directory = tempfile::tempdir_in(&base).unwrap();
            let view = runtime.block_on(view(directory.path()));
            // Every key has its ten versions before the clock starts.
            for _ in 0..=VERSIONS {
                let fill: Vec<Commit> =
                    (0..keys).map(|key| runtime.block_on(write(&view, layout, key, value))).collect();
                for commit in fill {
                    commit.wait().unwrap();
                }
            }
            let (rate, times) = runtime.block_on(run(view.clone(), layout, value, keys, time));
            let at = |part: usize| times[times.len() * part / 100].as_micros();
            let size = std::fs::metadata(directory.path().join("store.redb")).unwrap().len() >> 20;
            let (p50, p99, get) = (at(50), at(99), runtime.block_on(get(&view, keys)).as_nanos());
            println!(
                "{layout:?}      {value:>6} {keys:>6} {rate:>10.0} {p50:>8} {p99:>8} {size:>8} {get:>8}"
            );
        }
    }
}
