//! Evidence: the tree beside the log of a device. Each line that a device writes becomes an entry of one Merkle tree that
//! only grows, across rotations, reopenings and restarts; its tiles and its signed checkpoint lie in a folder beside the
//! log (`FILE.tlog`), in the formats of `onrecord-evidence`.
//!
//! A device hands over what it wrote, and a thread of its own hashes, writes tiles and signs. No request waits for it: a
//! folder that is slow, full or cannot be written holds up nothing.
//!
//! A service gives each of its devices a name and a key. The key is an Ed25519 key in memory (feature `ed25519`), or anything
//! that signs: a module of hardware, a key service.
//!
//! ```
//! # #[cfg(feature = "ed25519")] {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use onrecord_audit::entry::{Entry, Formatter};
//! use onrecord_audit::evidence::{Checkpoint, Ed25519Key, EvidenceConfig, Note, Signer, StoreReader, origin};
//! use onrecord_audit::{
//!     Broker, DeviceConfig, DeviceOptions, Placement, SystemClock, Wait, salt_file,
//! };
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # let log = folder.join("audit.log").to_str().ok_or("not UTF-8")?.to_owned();
//! // Kept as the service keeps its secrets: `Ed25519Key::from_seed` has it back.
//! let key = Arc::new(Ed25519Key::generate()?);
//! let evidence = EvidenceConfig::new(origin("shop.example.com", "file/"), key);
//!
//! let broker = Broker::builder().build()?;
//! let options = DeviceOptions::parse("file", &[("file_path".to_owned(), log)].into())?;
//! let device = options.open(&Placement::api(), Arc::new(SystemClock::new()))?;
//! let formatter = Formatter::new(options.form, Arc::new(salt_file::read_or_create(folder.join("salt"))?));
//! broker.restore(DeviceConfig::new("file/", device, formatter).evidence(evidence))?;
//! broker.record_request(&Entry::default()).wait()?;
//!
//! // A checkpoint is made each second in which something was written, at the end, and on demand. To be kept elsewhere.
//! let signed = broker.checkpoint("file/", Duration::from_secs(5))?;
//! let (_, evidence) = broker.evidence().remove(0);
//! let checked = Checkpoint::verify(&Note::parse(&signed.note)?, &[evidence.verifier()])?;
//! assert_eq!((checked.origin.as_str(), checked.size), ("shop.example.com/file", 1));
//! // The tiles lie in `audit.log.tlog`, for any tool that reads tlog-tiles.
//! let reader = evidence.reader().ok_or("no tree")?;
//! assert!(reader.read("tile/entries/000.p/1")?.is_some());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never in it: the formats of the tree (`onrecord-evidence`), verification of a log, where the key is kept.

mod attribute;
mod checkpointing;
mod feed;
mod feeder;
mod folder;
mod head;
mod keeper;
mod lines;
mod notice;
mod order;
mod recovery;
mod state;
mod worker;

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_value::Time;

use crate::clock::Clock;
pub(crate) use feeder::{Feeder, FileHandle};
pub use folder::FolderReader;
use head::Memory;
pub use head::TreeHead;
use keeper::Keeper;
pub use notice::{TreeEvent, TreeNotice};

use onrecord_evidence::valid_key_name;
pub use onrecord_evidence::{
    Checkpoint, Hash, MemoryStore, Note, NoteSignature, SignError, Signer, Store, StoreReader, VerifierKey,
    line_digest,
};
#[cfg(feature = "ed25519")]
pub use onrecord_evidence::{Cosigned, Ed25519Key, KeyError, SEED_LENGTH};

/// A checkpoint is made so often while lines are written.
const INTERVAL: Duration = Duration::from_secs(1);
/// The most resources of others that are kept in the folder.
const EXTRAS_MAX: usize = 8;

/// Evidence of what a device wrote: under which name, and who signs.
#[derive(Clone)]
pub struct EvidenceConfig {
    pub(crate) origin: String,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) interval: Duration,
    pub(crate) earlier_keys: Vec<VerifierKey>,
    memory: Memory,
    #[cfg(feature = "test-support")]
    pub(crate) wrap: Option<WrapStore>,
}

/// Puts a store of a test in the place of the folder, for writing and reading tiles.
#[cfg(feature = "test-support")]
pub type WrapStore = Arc<dyn Fn(Box<dyn Store + Send>) -> Box<dyn Store + Send> + Send + Sync>;

impl fmt::Debug for EvidenceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvidenceConfig").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl EvidenceConfig {
    /// Evidence under this origin, signed by this key. The origin is the name of the log in its checkpoints: no two logs
    /// of one key have the same. What the name of a key cannot have is percent-encoded, as [`origin`] does.
    pub fn new(origin: impl Into<String>, signer: Arc<dyn Signer>) -> Self {
        let name = origin.into();
        Self {
            origin: if valid_key_name(&name) { name } else { self::origin(&name, "") },
            signer,
            interval: INTERVAL,
            earlier_keys: Vec::new(),
            memory: Memory::NotKept,
            #[cfg(feature = "test-support")]
            wrap: None,
        }
    }

    /// How often a checkpoint is made while lines are written, in place of each second.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// A key that has signed for this log before: a tree whose checkpoint it signed is continued.
    #[must_use]
    pub fn accept(mut self, key: VerifierKey) -> Self {
        self.earlier_keys.push(key);
        self
    }

    /// What is remembered of this log, of all folders that it had ([`DeviceEvidence::head`]): a start continues no tree that
    /// does not continue the one that is remembered, and adds nothing that was written after the device ended in order.
    /// An empty list is a memory, too: nothing is known of this log, and lines that are there already are not added.
    /// Without this call no memory is kept.
    #[must_use]
    pub fn remembered(mut self, heads: Vec<TreeHead>) -> Self {
        self.memory = Memory::Kept(heads);
        self
    }

    /// Has the tree written through a store of a test.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn wrap_store(self, wrap: WrapStore) -> Self {
        Self { wrap: Some(wrap), ..self }
    }
}

/// The origin of a device's log: the name of the service and the device's path, without a closing slash. What the name of
/// a key cannot have is percent-encoded: white space, control characters and `+`.
pub fn origin(service: &str, path: &str) -> String {
    let mut origin = String::new();
    let names = [service.trim_end_matches('/'), path.trim_matches('/')];
    for (at, name) in names.into_iter().filter(|name| !name.is_empty()).enumerate() {
        if at > 0 {
            origin.push('/');
        }
        for letter in name.chars() {
            if letter.is_whitespace() || letter.is_control() || matches!(letter, '+' | '%') {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    // Writing to a string does not fail.
                    let _always = write!(origin, "%{byte:02X}");
                }
            } else {
                origin.push(letter);
            }
        }
    }
    origin
}

/// A checkpoint as it was signed and written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedCheckpoint {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// The signed note: the text of the file `checkpoint`.
    pub note: String,
    /// When it was made, or at a start, when it was read back.
    pub at: Time,
}

/// Why no checkpoint was made on demand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointFailed {
    /// No device of this path is enabled.
    #[error("no audit device is enabled at this path")]
    NoDevice,
    /// The device keeps no tree.
    #[error("this audit device keeps no evidence")]
    Off,
    /// Nothing was written yet.
    #[error("nothing was written to this audit device yet")]
    Empty,
    /// It takes too long: the folder hangs, or much is waiting.
    #[error("no checkpoint was made in time")]
    TimedOut,
    /// The folder or the key failed.
    #[error("{0}")]
    Failed(String),
}

/// The state of a device's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvidenceStatus {
    /// The name of the log.
    pub origin: String,
    /// Where the tree lies.
    pub folder: Option<PathBuf>,
    /// The newest checkpoint.
    pub checkpoint: Option<SignedCheckpoint>,
    /// How many lines were written that no checkpoint covers yet.
    pub uncovered: u64,
    /// How many lines the tree could not take, since the device was enabled.
    pub lost: u64,
    /// Why the folder could not be written the last time, and since when; none while all is well.
    pub error: Option<(String, Time)>,
    /// The last contradiction between the tree and its log that was found since the device was enabled, and when.
    pub contradiction: Option<(TreeNotice, Time)>,
}

/// What is called with each checkpoint, and whether lines other than checkpoints of other devices were written since the
/// one before.
pub(crate) type Sink = Arc<dyn Fn(&SignedCheckpoint) + Send + Sync>;

/// The evidence of one device, for those who ask for it: status, checkpoints, tiles.
pub struct DeviceEvidence {
    config: EvidenceConfig,
    clock: Arc<dyn Clock>,
    sink: Sink,
    kept: AtomicBool,
    /// The broker was drained, and the device wrote all that waited for it.
    drained: AtomicBool,
    signer: Mutex<Arc<dyn Signer>>,
    keeper: Mutex<Option<Arc<Keeper>>>,
    /// Why there is no keeper, and since when.
    failure: Mutex<Option<(String, Time)>>,
}

impl fmt::Debug for DeviceEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceEvidence").field("origin", &self.config.origin).finish_non_exhaustive()
    }
}

impl DeviceEvidence {
    pub(crate) fn new(config: EvidenceConfig, clock: Arc<dyn Clock>, sink: Sink) -> Self {
        let signer = Mutex::new(Arc::clone(&config.signer));
        let [kept, drained] = [false, false].map(AtomicBool::new);
        let (keeper, failure) = (Mutex::new(None), Mutex::new(None));
        Self { config, clock, sink, kept, drained, signer, keeper, failure }
    }

    fn keeper(&self) -> Option<Arc<Keeper>> {
        lock(&self.keeper).clone()
    }

    /// The device keeps a tree, or will as soon as its file is open.
    fn set_kept(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Nothing keeps the tree until the device opens its file again: what it writes is not covered.
    fn fail(&self, error: &std::io::Error) {
        *lock(&self.keeper) = None;
        *lock(&self.failure) = Some((format!("the tree is not kept: {error}"), self.clock.now()));
    }

    /// Whether the device has written all that waited for it when the broker was drained.
    pub(crate) fn note_drained(&self, drained: bool) {
        self.drained.store(drained, Ordering::Relaxed);
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.config.origin
    }

    /// The key with which the signatures of its checkpoints are checked.
    pub fn verifier(&self) -> VerifierKey {
        self.signer().verifier(&self.config.origin)
    }

    fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&lock(&self.signer))
    }

    /// Has the next checkpoints signed by another key.
    pub fn set_signer(&self, signer: Arc<dyn Signer>) {
        *lock(&self.signer) = Arc::clone(&signer);
        if let Some(keeper) = self.keeper() {
            keeper.set_signer(signer);
        }
    }

    /// The state of the tree. `None` if the device keeps none.
    pub fn status(&self) -> Option<EvidenceStatus> {
        if !self.is_kept() {
            return None;
        }
        Some(self.keeper().map_or_else(
            || EvidenceStatus {
                origin: self.config.origin.clone(),
                folder: None,
                checkpoint: None,
                uncovered: 0,
                lost: 0,
                error: lock(&self.failure).clone(),
                contradiction: None,
            },
            |keeper| keeper.status(),
        ))
    }

    /// What is to be remembered of the tree, and given to the next start ([`EvidenceConfig::remembered`]). To be kept from
    /// time to time, as soon as there is one, and when the broker was drained: then with `ends`, which says that nothing is
    /// written any more. It is not believed of a device that did not write all that waited for it: that may still be written.
    /// `None` if the tree is not open yet.
    pub fn head(&self, ends: bool) -> Option<TreeHead> {
        self.keeper()?.head(ends && self.drained.load(Ordering::Relaxed))
    }

    /// The newest checkpoint, as it was when it was last made.
    pub fn newest(&self) -> Option<SignedCheckpoint> {
        self.keeper()?.newest()
    }

    /// Has everything that was written covered by a checkpoint now. Blocks, at most for `timeout`.
    pub fn checkpoint(&self, timeout: Duration) -> Result<SignedCheckpoint, CheckpointFailed> {
        let keeper = self.keeper().ok_or_else(|| match lock(&self.failure).clone() {
            Some((error, _)) => CheckpointFailed::Failed(error),
            None => CheckpointFailed::Off,
        });
        keeper?.checkpoint(timeout)
    }

    /// Reads the tiles and the checkpoint in the folder; a read may block. `None` if the device keeps no tree.
    pub fn reader(&self) -> Option<FolderReader> {
        Some(self.keeper()?.reader())
    }

    /// Keeps a resource of others in the folder, such as a checkpoint with the cosignatures of witnesses: it is written with
    /// the next checkpoint, or within a second. The name is one word, of letters, digits, `.` and `-`. False if it
    /// cannot be kept.
    pub fn keep_beside(&self, name: &str, bytes: Vec<u8>) -> bool {
        self.keeper().is_some_and(|keeper| keeper.keep_beside(name, bytes))
    }
}

/// Takes a lock. Nothing panics while it holds one, so a poisoned lock still guards sound data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_the_name_of_a_key() {
        assert_eq!(origin("cluster", "file/"), "cluster/file");
        assert_eq!(origin("example.com/", "/a b/c+d/"), "example.com/a%20b/c%2Bd");
        assert_eq!(origin("", "a\u{a0}é%"), "a%C2%A0é%25");
        assert!(onrecord_evidence::valid_key_name(&origin("a\n", "\u{7f}b")));
    }
}
