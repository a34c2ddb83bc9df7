//! A broker with the devices of one variant, their peers, and a load on it.
//! Never in it: tables.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use onrecord_audit::evidence::EvidenceConfig;
use onrecord_audit::{Broker, DeviceConfig, DeviceOptions, Placement, SystemClock};
use onrecord_entry::{Boot, Formatter, Salt};
use onrecord_evidence::Ed25519Key;

use super::peer::{self, Peer};
use crate::library::SampleData;

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A file; the kernel has each line before its entry settles.
    File,
    /// The same, with a tree of its lines beside it.
    FileWithTree,
    /// A file; the disk has each line before its entry settles.
    Fsync,
    /// The daemon's socket, read by a thread of this process.
    Syslog,
    /// A socket, read by a thread of this process.
    Tcp,
    /// The same.
    Udp,
    /// The same.
    Unix,
    /// Nowhere.
    Discard,
    /// A TCP peer that never reads.
    BlackHole,
}

/// Devices that are enabled together.
pub struct Stage {
    broker: Arc<Broker>,
    /// Removed when dropped.
    _folder: tempfile::TempDir,
    logs: Vec<PathBuf>,
    _peers: Vec<Peer>,
}

/// The result of a load.
pub struct LoadResult {
    /// Entries a second.
    pub rate: f64,
    /// Of every eighth entry, how long it took to settle, sorted.
    latencies: Vec<Duration>,
}

impl LoadResult {
    /// A percentile of the latency (0.5 is the median).
    pub fn percentile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the length"
        )]
        let index = (self.latencies.len().saturating_sub(1) as f64 * share) as usize;
        self.latencies.get(index).copied().unwrap_or_default().as_secs_f64()
    }
}

/// One entry in this many is timed.
const TIMED: u64 = 8;

impl Stage {
    /// Enables these devices.
    pub fn new(kinds: &[DeviceKind]) -> Self {
        let clock = Arc::new(SystemClock::new());
        let broker = Broker::builder().clock(Arc::clone(&clock) as _).build_with_boot(Boot::new(1));
        let folder = tempfile::tempdir().expect("a folder");
        let (mut logs, mut peers) = (Vec::new(), Vec::new());
        for (number, kind) in kinds.iter().enumerate() {
            let own = folder.path().join(format!("device{number}.log"));
            let placement = Placement::api().for_configuration().with_syslog_socket(&own);
            let (device, words) = prepare(*kind, own, &mut logs, &mut peers);
            let words = words.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            let options = DeviceOptions::parse(device, &words).expect("known options");
            let device = options.open(&placement, Arc::clone(&clock) as _).expect("a device");
            let form =
                Formatter::new(options.form, Arc::new(Salt::new("5b0c6d5e-0f5e-4d0a-9f0a-3c8f1d2b7a10")));
            let config = DeviceConfig::new(format!("device{number}/"), device, form);
            let config = if *kind == DeviceKind::FileWithTree {
                let key = Arc::new(Ed25519Key::generate().expect("random numbers"));
                config.evidence(EvidenceConfig::new(format!("bench/device{number}"), key as _))
            } else {
                config
            };
            broker.restore(config).expect("it is enabled");
        }
        Self { broker: Arc::new(broker), logs, _folder: folder, _peers: peers }
    }

    /// Loads it with this many writers: tasks that wait for each entry before their next, as requests do.
    pub fn load(&self, sample: &'static SampleData, writers: usize, time: Duration) -> LoadResult {
        // One task needs no second thread, which would only be woken and sent to sleep beside it.
        let runtime = if writers == 1 {
            tokio::runtime::Builder::new_current_thread().enable_all().build()
        } else {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
        };
        let runtime = runtime.expect("a runtime");
        let stop = Arc::new(AtomicBool::new(false));
        let begin = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|_| runtime.spawn(write(sample, Arc::clone(&self.broker), Arc::clone(&stop))))
            .collect();
        let (mut count, mut latencies) = (0_u64, Vec::new());
        runtime.block_on(async {
            tokio::time::sleep(time).await;
            stop.store(true, Ordering::Relaxed);
            for task in tasks {
                let (own, timed) = task.await.expect("it ends well");
                count += own;
                latencies.extend(timed);
            }
        });
        let rate = count as f64 / begin.elapsed().as_secs_f64();
        latencies.sort_unstable();
        self.rotate();
        LoadResult { rate, latencies }
    }

    /// Takes the logs away, so that a long run does not fill the disk.
    fn rotate(&self) {
        for log in &self.logs {
            std::fs::remove_file(log).expect("the log is there");
            let device = log.file_stem().unwrap_or_default().to_string_lossy();
            let path = format!("{device}/");
            for (path, opened) in self.broker.reopen(Some(&path), Duration::from_secs(10)) {
                opened.unwrap_or_else(|why| panic!("{path}: {why}"));
            }
        }
    }
}

/// The type and the options of a device; starts its peer.
fn prepare(
    kind: DeviceKind,
    own: PathBuf,
    logs: &mut Vec<PathBuf>,
    peers: &mut Vec<Peer>,
) -> (&'static str, Vec<(&'static str, String)>) {
    let path = own.display().to_string();
    let mut socket = |kind: &str, (peer, address): (Peer, String)| {
        peers.push(peer);
        ("socket", vec![("address", address), ("socket_type", kind.to_owned())])
    };
    match kind {
        DeviceKind::File | DeviceKind::FileWithTree | DeviceKind::Fsync => {
            logs.push(own);
            let durability = if kind == DeviceKind::Fsync { "fsync" } else { "os" };
            ("file", vec![("file_path", path), ("durability", durability.to_owned())])
        }
        DeviceKind::Discard => ("file", vec![("file_path", "discard".to_owned())]),
        DeviceKind::Syslog => {
            peers.push(peer::syslog(&own));
            ("syslog", Vec::new())
        }
        DeviceKind::Tcp => socket("tcp", peer::tcp()),
        DeviceKind::Udp => socket("udp", peer::udp()),
        DeviceKind::Unix => socket("unix", (peer::unix(&own), path)),
        DeviceKind::BlackHole => socket("tcp", peer::unread()),
    }
}

/// Records entries until it is stopped. Returns how many, and the latencies of the timed ones.
async fn write(
    sample: &'static SampleData,
    broker: Arc<Broker>,
    stop: Arc<AtomicBool>,
) -> (u64, Vec<Duration>) {
    let entry = sample.request();
    let (mut count, mut latencies) = (0_u64, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let begin = count.is_multiple_of(TIMED).then(Instant::now);
        let proof = broker.record_request(&entry).await.expect("it is on record");
        drop(proof);
        latencies.extend(begin.map(|begin| begin.elapsed()));
        count += 1;
        if count.is_multiple_of(64) {
            // Where nothing is waited for (`discard`), the others must have their turn.
            tokio::task::yield_now().await;
        }
    }
    (count, latencies)
}
