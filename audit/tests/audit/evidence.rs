//! The tree beside a log: every line of all files is an entry of it, in order, whatever happens to the server, the files and
//! the folder. What a file, a tree or a checkpoint contradicts is said.
//! Never in it: verification of logs by readers.

mod anchors;
mod changed;
mod contradictions;
mod covered;
mod kills;
mod library;
mod remembered;
mod slow_folder;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::kit::broker::{builder, record, strict};
use crate::kit::file::options;
use crate::kit::until;
use onrecord_audit::evidence::{
    Checkpoint, DeviceEvidence, Ed25519Key, EvidenceConfig, EvidenceStatus, Note, Signer as _, StoreReader,
    line_digest,
};
use onrecord_audit::{Broker, Device, DeviceConfig, DeviceOptions, Placement, SystemClock};
use onrecord_entry::{Boot, Formatter, Salt, decode};
use onrecord_evidence::{Digest, TILE_WIDTH, TileId, hash_leaf, read_bundle, tree_root};
use onrecord_trail::Input;
use onrecord_trail::verify::{TreeFolder, Verdict, Verification, VerifyOptions, verify};

/// Ends a hang, and nothing else.
const LONG: Duration = Duration::from_mins(1);
/// Checkpoints are made on demand alone.
const NEVER: Duration = Duration::from_hours(1);

/// A log with a tree, in a directory of its own.
struct Log {
    dir: tempfile::TempDir,
    key: Arc<Ed25519Key>,
    rotated: Vec<PathBuf>,
    boot: u64,
}

/// All devices of these tests know of each other: a file is free only when the one before has let it go, as with servers of
/// which one is killed before the next starts.
static PLACEMENT: LazyLock<Placement> = LazyLock::new(Placement::api);

/// Opens a device as soon as its file is free.
fn open(options: &DeviceOptions) -> Box<dyn Device> {
    let begun = Instant::now();
    loop {
        match options.open(&PLACEMENT, Arc::new(SystemClock::new())) {
            Ok(device) => return device,
            Err(error) => assert!(begun.elapsed() < LONG, "{error}"),
        }
        std::thread::yield_now();
    }
}

/// A file device with a tree, or without one.
fn device_at(
    name: &str,
    path: &Path,
    evidence: Option<EvidenceConfig>,
    more: &[(&str, &str)],
) -> DeviceConfig {
    let mut pairs = vec![("file_path", path.to_str().unwrap())];
    pairs.extend_from_slice(more);
    let options = DeviceOptions::parse("file", &options(&pairs)).unwrap();
    let device = open(&options);
    let form = Formatter::new(options.form.clone(), Arc::new(Salt::new(&format!("salt of {name}"))));
    let config = DeviceConfig::new(name, device, form);
    match evidence {
        Some(evidence) => config.evidence(evidence),
        None => config,
    }
}

impl Log {
    fn new() -> Self {
        // A file system that keeps attributes, if there is one.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { dir, key: Arc::new(Ed25519Key::generate().unwrap()), rotated: Vec::new(), boot: 0 }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("a.log")
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("a.log.tlog")
    }

    fn config(&self) -> EvidenceConfig {
        EvidenceConfig::new("test/a", Arc::clone(&self.key) as _).interval(NEVER)
    }

    fn device_in(&self, placement: &Placement) -> DeviceConfig {
        self.bare_device_in(placement).evidence(self.config())
    }

    /// One that keeps no tree.
    fn bare_device_in(&self, placement: &Placement) -> DeviceConfig {
        let options = options(&[("file_path", self.path().to_str().unwrap())]);
        let options = DeviceOptions::parse("file", &options).unwrap();
        let device = options.open(placement, Arc::new(SystemClock::new())).unwrap();
        let form = Formatter::new(options.form.clone(), Arc::new(Salt::new("salt of a")));
        DeviceConfig::new("a", device, form)
    }

    fn device(&self, evidence: Option<EvidenceConfig>, more: &[(&str, &str)]) -> DeviceConfig {
        device_at("a", &self.path(), evidence, more)
    }

    /// A start of a server with the device, restored.
    fn start(&mut self) -> Broker {
        let config = self.config();
        self.start_with(config)
    }

    fn start_with(&mut self, config: EvidenceConfig) -> Broker {
        self.boot += 1;
        let broker = builder().rules(strict()).build_with_boot(Boot::new(self.boot));
        broker.restore(self.device(Some(config), &[])).unwrap();
        broker
    }

    /// Ends a server in order.
    fn end(&self, broker: Broker) {
        assert!(broker.drain(LONG).is_empty());
        let evidence = broker.evidence();
        drop(broker);
        // The writer lets the tree go when it ends.
        for (_, evidence) in evidence {
            until("the device has ended", || evidence.checkpoint(LONG).is_ok() && self.is_ended());
        }
    }

    /// Waits until no device has the file.
    fn until_free(&self) {
        let options = options(&[("file_path", self.path().to_str().unwrap())]);
        drop(open(&DeviceOptions::parse("file", &options).unwrap()));
    }

    fn is_ended(&self) -> bool {
        self.state().contains("ended 1")
    }

    fn state(&self) -> String {
        std::fs::read_to_string(self.folder().join("state")).unwrap_or_default()
    }

    fn rename(&mut self) {
        let to = self.dir.path().join(format!("a.log.{:04}", self.rotated.len() + 1));
        std::fs::rename(self.path(), &to).unwrap();
        self.rotated.push(to);
    }

    fn rotate(&mut self, broker: &Broker) {
        self.rename();
        for (_, done) in broker.reopen(None, LONG) {
            done.unwrap();
        }
    }

    /// The lines of all files, in order.
    fn lines(&self) -> Vec<Vec<u8>> {
        let files = self.rotated.iter().cloned().chain([self.path()]);
        files.flat_map(|path| lines_of(&path)).collect()
    }

    fn checkpoint(&self) -> Checkpoint {
        let text = std::fs::read_to_string(self.folder().join("checkpoint")).unwrap();
        Checkpoint::verify(&Note::parse(&text).unwrap(), &[self.key.verifier("test/a")]).unwrap()
    }

    /// The tree is that of all lines of all files, and everything in its folder belongs together, as verification says, too.
    fn assert_covered(&self) {
        assert_tree(&Folder(self.folder()), &self.checkpoint(), &self.lines());
        let found = self.verified();
        assert_eq!(found.verdict(), Verdict::Intact, "{found:?}");
    }

    fn verified(&self) -> Verification {
        let files = self.rotated.iter().cloned().chain([self.path()]);
        let inputs = files.filter(|path| path.metadata().unwrap().len() > 0).map(Input::file).collect();
        let tree = TreeFolder::new(self.folder());
        let options = VerifyOptions { keys: vec![self.key.verifier("test/a")], ..VerifyOptions::default() };
        verify(inputs, &tree, options, &mut |_| {}).unwrap()
    }

    /// Has all lines covered, those too which the device itself writes meanwhile.
    fn cover(&self, broker: &Broker) {
        let begun = Instant::now();
        loop {
            let covered = || broker.checkpoint("a", LONG).unwrap().checkpoint;
            let (size, lines) = (covered().size, self.lines());
            // The device may write what its tree has to say at any moment.
            if size == lines.len() as u64 && self.verified().verdict() == Verdict::Intact {
                let checkpoint = covered();
                if checkpoint.size == size {
                    return assert_tree(&Folder(self.folder()), &checkpoint, &lines);
                }
            }
            let reasons = self.reasons();
            assert!(begun.elapsed() < LONG, "{} lines, {size} entries, {reasons:?}", lines.len());
        }
    }

    /// The reasons of the entries that report events of the tree.
    fn reasons(&self) -> Vec<String> {
        reasons(&self.lines())
    }
}

fn lines_of(path: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read(path).unwrap();
    text.split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").expect("whole lines").to_vec())
        .collect()
}

fn reasons(lines: &[Vec<u8>]) -> Vec<String> {
    let of = |line: &Vec<u8>| {
        let line = decode(line).ok()?;
        let gap = line.entry().gap?;
        gap.tree.map(|_| gap.reason.as_str().to_owned())
    };
    lines.iter().filter_map(of).collect()
}

/// Reads a folder as a web server would give it out.
struct Folder(PathBuf);

impl StoreReader for Folder {
    fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn entries(store: &impl StoreReader, size: u64) -> Vec<Digest> {
    (0..size.div_ceil(TILE_WIDTH))
        .flat_map(|index| {
            let id = TileId::of_hash(0, index * TILE_WIDTH, size).unwrap();
            read_bundle(store, id).unwrap().entries
        })
        .collect()
}

fn assert_tree(store: &impl StoreReader, checkpoint: &Checkpoint, lines: &[Vec<u8>]) {
    let found = entries(store, checkpoint.size);
    let expected: Vec<_> = lines.iter().map(|line| line_digest(line)).collect();
    let first = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    assert_eq!((found.len(), first), (expected.len(), None), "entries and lines, and the first that differ");
    // The root over the tiles, and once more over the lines alone.
    assert_eq!(tree_root(store, checkpoint.size).unwrap(), checkpoint.root);
    let mut tree = onrecord_evidence::Tree::new();
    for digest in &expected {
        tree.push(hash_leaf(digest), &mut Vec::new());
    }
    assert_eq!(tree.root(), checkpoint.root);
}

fn status(broker: &Broker) -> EvidenceStatus {
    evidence(broker).status().unwrap()
}

fn evidence(broker: &Broker) -> Arc<DeviceEvidence> {
    Arc::clone(&broker.evidence()[0].1)
}

fn record_some(broker: &Broker, count: usize) {
    for _ in 0..count {
        record(broker, "secret/a").unwrap();
    }
}
