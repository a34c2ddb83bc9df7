//! A broker with the devices of one variant, their peers, and a load on it.
//! Never in it: tables.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use onrecord_audit::{Broker, DeviceConfig, DeviceOptions, Placement, SystemClock};
use onrecord_entry::{Boot, Formatter, Salt};

use super::peer::{self, Peer};
use crate::library::World;

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file; the kernel has each line before its entry settles.
    File,
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

/// What a load found.
pub struct Found {
    /// Entries a second.
    pub rate: f64,
    /// Of every eighth entry, how long it took to settle, sorted.
    latencies: Vec<Duration>,
}

impl Found {
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

/// Every so many entries, one is timed.
const TIMED: u64 = 8;

impl Stage {
    /// Enables these devices.
    pub fn new(kinds: &[Kind]) -> Self {
        let clock = Arc::new(SystemClock::new());
        let broker = Broker::builder().clock(Arc::clone(&clock) as _).build_with_boot(Boot::new(1));
        let folder = tempfile::tempdir().expect("a folder");
        let (mut logs, mut peers) = (Vec::new(), Vec::new());
        for (number, kind) in kinds.iter().enumerate() {
            let own = folder.path().join(format!("device{number}.log"));
            let placement = Placement::api().for_configuration().with_syslog_socket(&own);
            let (device, words) = described(*kind, own, &mut logs, &mut peers);
            let words = words.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            let options = DeviceOptions::parse(device, &words).expect("known options");
            let device = options.open(&placement, Arc::clone(&clock) as _).expect("a device");
            let form =
                Formatter::new(options.form, Arc::new(Salt::new("5b0c6d5e-0f5e-4d0a-9f0a-3c8f1d2b7a10")));
            broker
                .restore(DeviceConfig::new(format!("device{number}/"), device, form))
                .expect("it is enabled");
        }
        Self { broker: Arc::new(broker), logs, _folder: folder, _peers: peers }
    }

    /// Loads it with this many writers: tasks that wait for each entry before their next, as requests do.
    pub fn load(&self, world: &'static World, writers: usize, time: Duration) -> Found {
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
            .map(|_| runtime.spawn(write(world, Arc::clone(&self.broker), Arc::clone(&stop))))
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
        Found { rate, latencies }
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

/// The type and the options of a device; what it needs is started.
fn described(
    kind: Kind,
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
        Kind::File | Kind::Fsync => {
            logs.push(own);
            let durability = if kind == Kind::Fsync { "fsync" } else { "os" };
            ("file", vec![("file_path", path), ("durability", durability.to_owned())])
        }
        Kind::Discard => ("file", vec![("file_path", "discard".to_owned())]),
        Kind::Syslog => {
            peers.push(peer::syslog(&own));
            ("syslog", Vec::new())
        }
        Kind::Tcp => socket("tcp", peer::tcp()),
        Kind::Udp => socket("udp", peer::udp()),
        Kind::Unix => socket("unix", (peer::unix(&own), path)),
        Kind::BlackHole => socket("tcp", peer::unread()),
    }
}

/// Records until it is told to stop; how many entries, and how long the timed ones took.
async fn write(world: &'static World, broker: Arc<Broker>, stop: Arc<AtomicBool>) -> (u64, Vec<Duration>) {
    let entry = world.request();
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
