//! The tree of one folder, as devices and those who ask see it: what waits for it, its state, and the thread that keeps it.
//! Devices that write to one file at a time share it: one that takes the place of another, which still finishes.
//! Never in it: hashing, IO.

mod thread;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use onrecord_evidence::{Checkpoint, Note, SignError, Signer};
use onrecord_value::Time;

use super::feed::{Feed, OpenedFile};
use super::feeder::note_previous;
use super::folder::{FolderReader, Place};
use super::head::TreeHead;
use super::notice::TreeNotice;
use super::worker::Worker;
use super::{CheckpointFailed, DeviceEvidence, EXTRAS_MAX, EvidenceStatus, SignedCheckpoint, Sink, lock};
use crate::device::FileId;

/// How many events wait to be put on record.
const NOTICES_MAX: usize = 1024;
/// How long the end of a device waits for the last checkpoint.
const END_WAIT: Duration = Duration::from_secs(1);

/// Which folder: no two keepers of the process write to one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FolderKey {
    directory: FileId,
    name: OsString,
}

impl FolderKey {
    pub(super) fn new(directory: FileId, name: &OsStr) -> Self {
        Self { directory, name: name.to_owned() }
    }
}

/// The keepers of the process. The folder is the process's, whatever broker a device belongs to.
static KEEPERS: Mutex<Vec<Arc<Keeper>>> = Mutex::new(Vec::new());

/// The last keeper of a folder. Those before it end.
fn last_at(keepers: &[Arc<Keeper>], key: &FolderKey) -> Option<Arc<Keeper>> {
    keepers.iter().rev().find(|keeper| keeper.key == *key).cloned()
}

pub(super) struct Keeper {
    key: FolderKey,
    pub(super) origin: String,
    path: PathBuf,
    place: Arc<Place>,
    pending: Mutex<Pending>,
    /// Notified when the thread has something to do.
    work: Condvar,
    /// Notified when the thread has made what was asked for, and when it ended.
    progress: Condvar,
    published: Mutex<Published>,
    signer: Mutex<Arc<dyn Signer>>,
    /// That of the device that came last, for when the other signs no more.
    next_signer: Mutex<Option<Arc<dyn Signer>>>,
    sink: Mutex<Option<Sink>>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Pending {
    feed: Feed,
    /// How many devices feed it. At none it ends.
    feeders: usize,
    /// How many devices without a tree, or with that of another log, write to the file as well. It waits a moment for the last
    /// lines of theirs.
    guests: usize,
    /// When the last device has gone.
    left: Option<Instant>,
    /// Its thread waits until the keepers before it have ended. Until then a device may come after the last has gone.
    waits_for_turn: bool,
    /// There was more than one device since the thread took the last lines.
    several: bool,
    /// The file that was opened last.
    file: Option<FileId>,
    /// The thread sleeps without a limit.
    idle: bool,
    /// The thread was called because much waits.
    called: bool,
    asked: u64,
    done: u64,
    failure: Option<CheckpointFailed>,
    notices: VecDeque<TreeNotice>,
    extras: Vec<(String, Vec<u8>)>,
    ended: bool,
}

#[derive(Default)]
struct Published {
    checkpoint: Option<SignedCheckpoint>,
    /// How many entries the tree has in memory.
    size: u64,
    lost: u64,
    error: Option<(String, Time)>,
    contradiction: Option<(TreeNotice, Time)>,
    head: Option<TreeHead>,
}

/// What the thread is to do next.
pub(super) struct Round {
    pub(super) feed: Feed,
    pub(super) several: bool,
    /// A checkpoint is due, or somebody waits for one: those who asked up to this number.
    pub(super) checkpoint: Option<u64>,
    /// No device feeds it any more.
    pub(super) ends: bool,
}

/// What a device is to feed.
pub(super) struct Joined {
    pub(super) keeper: Option<Arc<Keeper>>,
    /// It is the keeper of the device before it, or `None` if that keeps no tree.
    pub(super) guest: bool,
}

impl Keeper {
    /// The keeper of a folder: the one that there is, or a new one with a thread; an error if there is no thread to be had.
    /// No keeper is begun while a device that came `first` writes to the file and keeps no tree, or that of another log.
    pub(super) fn join(
        evidence: &DeviceEvidence,
        key: FolderKey,
        directory: OwnedFd,
        path: PathBuf,
        file: OpenedFile,
        first: bool,
    ) -> io::Result<Joined> {
        let mut keepers = lock(&KEEPERS);
        let signer = evidence.signer();
        let last = last_at(&keepers, &key);
        let same = last.as_ref().filter(|keeper| keeper.is_of(&evidence.config.origin, &*signer));
        if let Some(found) = same.filter(|keeper| keeper.add_feeder()) {
            drop(keepers);
            *lock(&found.sink) = Some(Arc::clone(&evidence.sink));
            *lock(&found.next_signer) = Some(signer);
            found.add_file(file);
            return Ok(Joined { keeper: last, guest: false });
        }
        // The claim on a file is left a moment before its keeper, and while the device looks at the file again.
        let is_kept = || last.as_ref().is_some_and(|keeper| keeper.is_fed() && keeper.has_file(file.id));
        if same.is_none() && (!first || is_kept()) {
            return Ok(Joined { keeper: last.filter(|keeper| keeper.add_guest()), guest: true });
        }
        let place = Arc::new(Place::beside(directory, &key.name));
        let keeper = Arc::new(Self {
            origin: evidence.config.origin.clone(),
            path,
            place: Arc::clone(&place),
            pending: Mutex::new(Pending {
                feed: Feed::default(),
                feeders: 1,
                guests: 0,
                left: None,
                waits_for_turn: true,
                several: false,
                file: Some(file.id),
                idle: false,
                called: false,
                asked: 0,
                done: 0,
                failure: None,
                notices: VecDeque::new(),
                extras: Vec::new(),
                ended: false,
            }),
            work: Condvar::new(),
            progress: Condvar::new(),
            published: Mutex::default(),
            signer: Mutex::new(signer),
            next_signer: Mutex::new(None),
            sink: Mutex::new(Some(Arc::clone(&evidence.sink))),
            key,
        });
        let worker = Worker::new(&keeper, &evidence.config, &evidence.clock, place, file);
        let name = "audit-evidence".to_owned();
        std::thread::Builder::new().name(name).spawn(move || worker.run())?;
        keepers.push(Arc::clone(&keeper));
        Ok(Joined { keeper: Some(keeper), guest: false })
    }

    /// The keeper of a folder as a guest has it, if a device feeds it.
    pub(super) fn visit(key: &FolderKey) -> Option<Arc<Self>> {
        last_at(&lock(&KEEPERS), key).filter(|keeper| keeper.add_guest())
    }

    fn add_guest(&self) -> bool {
        let mut pending = lock(&self.pending);
        let is_fed = pending.feeders > 0 && !pending.ended;
        if is_fed {
            pending.guests += 1;
            pending.several = true;
        }
        is_fed
    }

    pub(super) fn is_fed(&self) -> bool {
        let pending = lock(&self.pending);
        pending.feeders > 0 && !pending.ended
    }

    fn has_file(&self, id: FileId) -> bool {
        lock(&self.pending).file == Some(id)
    }

    pub(super) fn is_at(&self, key: &FolderKey) -> bool {
        self.key == *key
    }

    /// Whether it keeps the log of this name with this key.
    fn is_of(&self, origin: &str, signer: &dyn Signer) -> bool {
        self.origin == origin && self.signer().public_key() == signer.public_key()
    }

    /// False if it ends.
    fn add_feeder(&self) -> bool {
        let mut pending = lock(&self.pending);
        if pending.ended || pending.feeders == 0 && !pending.waits_for_turn {
            return false;
        }
        pending.feeders += 1;
        pending.several = true;
        true
    }

    /// A device feeds it no more.
    pub(super) fn leave(&self, guest: bool) {
        let mut pending = lock(&self.pending);
        if guest {
            pending.guests -= 1;
        } else {
            pending.feeders -= 1;
            pending.left = Some(Instant::now());
        }
        drop(pending);
        self.work.notify_one();
    }

    /// Another file follows, unless it is the same one.
    pub(super) fn add_file(&self, mut file: OpenedFile) {
        let before = lock(&self.pending).file.replace(file.id);
        if before == Some(file.id) && !file.created {
            return;
        }
        // Not under the lock: the disk may hang.
        note_previous(&mut file, before);
        lock(&self.pending).feed.add_file(file);
        self.work.notify_one();
    }

    /// Takes lines that were written to a file at `start`.
    #[inline]
    pub(super) fn add(&self, file: FileId, start: u64, text: &[u8], lines: u64) {
        let mut pending = lock(&self.pending);
        pending.feed.add(file, start, text, lines);
        let much = pending.feed.has_chunk() && !std::mem::replace(&mut pending.called, true);
        let wake = std::mem::take(&mut pending.idle) || much;
        drop(pending);
        if wake {
            self.work.notify_one();
        }
    }

    pub(super) fn take_notices(&self) -> Vec<TreeNotice> {
        lock(&self.pending).notices.drain(..).collect()
    }

    pub(super) fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&lock(&self.signer))
    }

    pub(super) fn set_signer(&self, signer: Arc<dyn Signer>) {
        *lock(&self.next_signer) = None;
        *lock(&self.signer) = signer;
    }

    /// Signs a checkpoint, from now on with the signer of the device that came last where the one before fails: that of a device
    /// that has gone may have gone with it.
    pub(super) fn sign(&self, checkpoint: &Checkpoint) -> Result<Note, SignError> {
        let error = match checkpoint.sign(&*self.signer()) {
            Err(error) => error,
            signed => return signed,
        };
        let next = lock(&self.next_signer).clone().ok_or(error)?;
        let signed = checkpoint.sign(&*next)?;
        self.set_signer(next);
        Ok(signed)
    }

    pub(super) fn reader(&self) -> FolderReader {
        FolderReader(Arc::clone(&self.place))
    }

    pub(super) fn newest(&self) -> Option<SignedCheckpoint> {
        lock(&self.published).checkpoint.clone()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is to be remembered of the tree. `ends`: nothing is written any more.
    pub(super) fn head(&self, ends: bool) -> Option<TreeHead> {
        let pending = lock(&self.pending);
        let others = (pending.feeders + pending.guests).saturating_sub(1);
        let waits = pending.feed.lines > 0 || others > 0;
        drop(pending);
        let published = lock(&self.published);
        let mut head = published.head.clone()?;
        head.ended = ends && !waits && published.size == head.size;
        Some(head)
    }

    pub(super) fn publish_head(&self, head: TreeHead) {
        lock(&self.published).head = Some(head);
    }

    pub(super) fn status(&self) -> EvidenceStatus {
        let waits = lock(&self.pending).feed.lines;
        let published = lock(&self.published);
        let covered = published.checkpoint.as_ref().map_or(0, |signed| signed.checkpoint.size);
        EvidenceStatus {
            origin: self.origin.clone(),
            folder: Some(self.path.clone()),
            checkpoint: published.checkpoint.clone(),
            uncovered: waits + published.size.saturating_sub(covered),
            lost: published.lost,
            error: published.error.clone(),
            contradiction: published.contradiction.clone(),
        }
    }

    pub(super) fn keep_beside(&self, name: &str, bytes: Vec<u8>) -> bool {
        let word = !name.is_empty()
            && name.len() <= 64
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if !word || matches!(name, "checkpoint" | "tile" | "state") {
            return false;
        }
        let mut pending = lock(&self.pending);
        pending.extras.retain(|(other, _)| other != name);
        if pending.extras.len() >= EXTRAS_MAX {
            return false;
        }
        pending.extras.push((name.to_owned(), bytes));
        pending.idle = false;
        drop(pending);
        self.work.notify_one();
        true
    }

    pub(super) fn checkpoint(&self, timeout: Duration) -> Result<SignedCheckpoint, CheckpointFailed> {
        let deadline = Instant::now() + timeout;
        let mut pending = lock(&self.pending);
        pending.asked += 1;
        let number = pending.asked;
        self.work.notify_one();
        while pending.done < number && !pending.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(CheckpointFailed::TimedOut);
            }
            pending = self.progress.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if pending.ended && pending.feeders > 0 {
            return Err(CheckpointFailed::Failed("the thread of the tree has ended".to_owned()));
        }
        if let Some(failure) = pending.failure.clone().filter(|_| !pending.ended) {
            return Err(failure);
        }
        drop(pending);
        self.newest().ok_or(CheckpointFailed::Empty)
    }

    /// Waits until the thread has ended, but not for long.
    pub(super) fn wait_for_end(&self) {
        let deadline = Instant::now() + END_WAIT;
        let mut pending = lock(&self.pending);
        while pending.feeders == 0 && !pending.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            pending = self.progress.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
