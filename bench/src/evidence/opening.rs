//! How long a start takes to open the tree of a log, by the length of the log: after an orderly end, and after a kill that
//! left lines to be added.
//! Never in it: what a tree costs while lines are written.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onrecord_audit::evidence::{DeviceEvidence, EvidenceConfig};
use onrecord_audit::{Broker, DeviceConfig, DeviceOptions, Placement, SystemClock};
use onrecord_entry::{Boot, Formatter, Salt};
use onrecord_evidence::Ed25519Key;
use tempfile::TempDir;

use crate::effort::Effort;
use crate::library::SampleData;
use crate::table::median;

/// Entries of a log.
const LENGTHS: [u64; 3] = [10_000, 100_000, 1_000_000];
/// Lines that no checkpoint covers after a kill: those of a second.
const UNCOVERED: u64 = 10_000;
/// Checkpoints are made on demand alone.
const NEVER: Duration = Duration::from_hours(1);
const LONG: Duration = Duration::from_mins(1);

struct Log {
    folder: TempDir,
    key: Arc<Ed25519Key>,
    /// The number of starts.
    starts: u64,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, key: Arc::new(Ed25519Key::generate().expect("random numbers")), starts: 0 }
    }

    fn start(&mut self) -> Broker {
        self.starts += 1;
        let clock = Arc::new(SystemClock::new());
        let path = self.folder.path().join("audit.log").display().to_string();
        let words = [("file_path".to_owned(), path)].into();
        let options = DeviceOptions::parse("file", &words).expect("known options");
        let device = options.open(&Placement::api(), Arc::clone(&clock) as _).expect("a device");
        let form = Formatter::new(options.form, Arc::new(Salt::new("a salt")));
        let evidence = EvidenceConfig::new("bench/file", Arc::clone(&self.key) as _).interval(NEVER);
        let broker = Broker::builder().clock(clock as _).build_with_boot(Boot::new(self.starts));
        broker.restore(DeviceConfig::new("file/", device, form).evidence(evidence)).expect("it is enabled");
        broker
    }

    fn tree(&self) -> std::path::PathBuf {
        self.folder.path().join("audit.log.tlog")
    }
}

fn record(broker: &Arc<Broker>, sample: &'static SampleData, count: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let broker = Arc::clone(broker);
            runtime.spawn(async move {
                let entry = sample.request();
                for _ in (task..count).step_by(64) {
                    drop(broker.record_request(&entry).await.expect("it is on record"));
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("it ends well");
        }
    });
}

fn evidence(broker: &Broker) -> Arc<DeviceEvidence> {
    loop {
        if let Some((_, evidence)) = broker.evidence().first() {
            return Arc::clone(evidence);
        }
        std::thread::yield_now();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("room");
        }
    }
}

/// Ends in order, and waits until the tree has ended too.
fn end(broker: Arc<Broker>) {
    assert!(broker.drain(LONG).is_empty(), "all is written");
    let evidence = evidence(&broker);
    drop(broker);
    while Arc::strong_count(&evidence) > 1 {
        std::thread::yield_now();
    }
}

/// Milliseconds from the start until this many lines are in the tree and not covered.
fn opened(log: &mut Log, uncovered: u64) -> f64 {
    let begin = Instant::now();
    let broker = log.start();
    let evidence = evidence(&broker);
    while !evidence
        .status()
        .is_some_and(|status| status.checkpoint.is_some() && status.uncovered >= uncovered)
    {
        std::thread::yield_now();
    }
    let time = begin.elapsed().as_secs_f64() * 1e3;
    drop(evidence);
    end(Arc::new(broker));
    time
}

/// A line of the table.
fn measure(sample: &'static SampleData, length: u64, effort: Effort) {
    let mut log = Log::new();
    let broker = Arc::new(log.start());
    let left = UNCOVERED.min(length / 2);
    record(&broker, sample, length - left);
    broker.checkpoint("file/", LONG).expect("a checkpoint");
    let (tree, before) = (log.tree(), log.folder.path().join("before"));
    copy(&tree, &before);
    record(&broker, sample, left);
    end(broker);
    let bytes = fs::metadata(log.folder.path().join("audit.log")).expect("the log").len();
    let (mut orderly, mut killed) = (Vec::new(), Vec::new());
    for round in 0..=effort.rounds {
        let time = opened(&mut log, 0);
        fs::remove_dir_all(&tree).expect("the tree");
        copy(&before, &tree);
        let repaired = opened(&mut log, left);
        if round > 0 {
            orderly.push(time);
            killed.push(repaired);
        }
    }
    println!(
        "| {length} | {:.0} | {:.2} | {:.2} |",
        bytes as f64 / 1e6,
        median(&mut orderly),
        median(&mut killed)
    );
}

/// A log of each length.
pub(super) fn run(effort: Effort) {
    let sample = SampleData::leak();
    println!("\n### From the start until the tree of a log is open, in ms\n");
    println!(
        "| entries | MB | after an orderly end | after a kill, {UNCOVERED} lines not covered |\n|---:|---:|---:|---:|"
    );
    let lengths = if effort.rounds > 1 { &LENGTHS[..] } else { &[1_000] };
    for length in lengths {
        measure(sample, *length, effort);
    }
}
