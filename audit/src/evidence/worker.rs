//! The thread of one tree: opens it, appends the lines that were handed over, and has checkpoints made.
//! Never in it: what a start finds (`recovery`), how a checkpoint is made (`checkpointing`).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use onrecord_entry::decode;
use onrecord_evidence::{Digest, Store, StoreReader, TreeLog, line_digests};
use onrecord_value::Time;

use super::attribute::FileMark;
use super::feed::{Content, Feed, OpenedFile, Record, each_line};
use super::folder::{Folder, Place};
use super::keeper::Keeper;
use super::notice::{TreeEvent, TreeNotice};
use super::order::Held;
use super::recovery::{self, Part};
use super::{EvidenceConfig, lines, lock};
use crate::clock::Clock;
use crate::device::FileId;

/// After so many entries a checkpoint is made before it is due, so that little waits in memory.
pub(super) const ENTRIES_EARLY: usize = 1 << 17;
/// With so many entries that the folder does not take no more are taken.
const ENTRIES_MAX: usize = 1 << 18;
/// The path of a checkpoint of another device is looked for in the beginning of a line.
const BEGINNING: usize = 2048;
/// How many bytes of a log are read before their entries are added, and how many entries they are at most.
const REPAIRED_AT_ONCE: u64 = 16 * 1024 * 1024;
const REPAIRED_MAX: usize = 1 << 17;

/// The folder, or what a test puts before it.
pub(super) struct TreeStore {
    store: Box<dyn Store + Send>,
    pub(super) folder: SharedFolder,
}

#[derive(Clone)]
pub(super) struct SharedFolder(Arc<Mutex<Folder>>);

impl SharedFolder {
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Folder) -> T) -> T {
        act(&mut lock(&self.0))
    }
}

impl StoreReader for SharedFolder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        lock(&self.0).read(path)
    }
}

impl Store for SharedFolder {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        lock(&self.0).write(path, bytes)
    }

    fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        lock(&self.0).add(path, bytes)
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        lock(&self.0).remove(path)
    }
}

impl StoreReader for TreeStore {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.store.read(path)
    }
}

impl Store for TreeStore {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.store.write(path, bytes)
    }

    fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.store.add(path, bytes)
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.store.remove(path)
    }
}

pub(super) struct Worker {
    pub(super) keeper: Arc<Keeper>,
    pub(super) config: EvidenceConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) place: Arc<Place>,
    pub(super) store: TreeStore,
    pub(super) log: TreeLog,
    /// The entries since the last checkpoint.
    pub(super) recent: Vec<Digest>,
    /// The file whose lines follow, and what it says of the tree.
    pub(super) file: OpenedFile,
    pub(super) mark: FileMark,
    /// Whether it keeps that.
    pub(super) named: bool,
    /// Up to where the tree has its lines, and up to where at the last checkpoint.
    pub(super) covered: u64,
    pub(super) covered_at_checkpoint: u64,
    /// From which entry on the tree has its lines without others between, and from where on.
    pub(super) since: (u64, u64),
    /// The size at the last checkpoint.
    pub(super) signed: Option<u64>,
    /// The sizes of which partial tiles are in the folder.
    pub(super) flushed: Vec<u64>,
    /// Lines other than checkpoints of other devices were written since the last checkpoint.
    pub(super) news: bool,
    /// The folder did not take the last checkpoint.
    failing: bool,
    /// Lines that wait for those in front of them.
    held: Held,
}

impl Worker {
    pub(super) fn new(
        keeper: &Arc<Keeper>,
        config: &EvidenceConfig,
        clock: &Arc<dyn Clock>,
        place: Arc<Place>,
        file: OpenedFile,
    ) -> Self {
        let folder = SharedFolder(Arc::new(Mutex::new(Folder::new(Arc::clone(&place), file.mode))));
        let store: Box<dyn Store + Send> = Box::new(folder.clone());
        #[cfg(feature = "test-support")]
        let store = match &config.wrap {
            Some(wrap) => wrap(store),
            None => store,
        };
        let end = file.end;
        Self {
            keeper: Arc::clone(keeper),
            config: config.clone(),
            clock: Arc::clone(clock),
            place,
            store: TreeStore { store, folder },
            log: TreeLog::new(),
            recent: Vec::new(),
            file,
            mark: FileMark::default(),
            named: false,
            covered: end,
            covered_at_checkpoint: end,
            since: (0, end),
            signed: None,
            flushed: Vec::new(),
            news: false,
            failing: false,
            held: Held::default(),
        }
    }

    pub(super) fn run(mut self) {
        let keeper = Arc::clone(&self.keeper);
        let ran = catch_unwind(AssertUnwindSafe(move || {
            if let Some(followed) = self.keeper.wait_for_turn()
                && self.open(followed)
            {
                self.keep();
            }
        }));
        if ran.is_err() {
            let at = Time::from(std::time::SystemTime::now());
            keeper.note_error(Some("the thread of the tree panicked".to_owned()), at);
        }
        keeper.end();
    }

    /// Opens the tree and adds the lines that it lacks. False if the devices have gone before that was possible.
    /// `followed`: another device wrote to the file until now.
    fn open(&mut self, followed: bool) -> bool {
        let length = rustix::fs::fstat(&self.file.file).ok().filter(|_| followed);
        let length = length.and_then(|stat| u64::try_from(stat.st_size).ok()).unwrap_or(self.file.end);
        loop {
            let now = self.clock.now();
            let file = (&self.file, length);
            match recovery::open(&mut self.store, &self.keeper, &self.place, &self.config, file, now) {
                Ok(found) => return self.adopt(found),
                Err(error) => {
                    let text = error.to_string();
                    self.keeper.note_error(Some(text.clone()), now);
                    if !self.keeper.rest(self.config.interval, &text) {
                        return false;
                    }
                }
            }
        }
    }

    fn adopt(&mut self, found: recovery::Recovered) -> bool {
        let recovery::Recovered { log, checkpoint, state, notices, parts, repaired } = found;
        self.log = log;
        self.signed = checkpoint.as_ref().map(|signed| signed.checkpoint.size);
        self.flushed = self.signed.into_iter().collect();
        self.keeper.note_size(self.log.size());
        self.keeper.publish(checkpoint);
        self.keeper.note_error(None, self.clock.now());
        for notice in notices {
            self.keeper.add_notice(notice, self.clock.now());
        }
        if let Some(state) = state {
            (self.covered, self.since) = (state.offset, state.since);
        }
        link(&parts);
        let (size, last) = (self.log.size(), parts.len().saturating_sub(1));
        let id = self.file.id;
        for (at, part) in parts.into_iter().enumerate() {
            let id = if at == last { id } else { FileId { dev: 0, ino: part.inode } };
            if !self.repair(part, id) {
                return false;
            }
        }
        if self.log.size() > size {
            let lines = self.log.size() - size;
            self.keeper.add_notice(TreeNotice::new(repaired, size, lines), self.clock.now());
            self.keeper.note_size(self.log.size());
            self.news = true;
        } else {
            // It does not end in order any more.
            self.write_state_at_beginning();
        }
        self.publish_head();
        true
    }

    /// Adds the lines of a file, or of its end, that the tree lacks. False if the devices have gone meanwhile.
    fn repair(&mut self, part: Part, id: FileId) -> bool {
        let Part { file, from, to, since, .. } = part;
        self.file = OpenedFile { file, id, end: to, mode: self.file.mode, created: false, previous: 0 };
        self.since = since.unwrap_or((self.log.size(), from));
        (self.covered, self.covered_at_checkpoint) = (from, from);
        let known = FileMark::read(&self.file.file).unwrap_or_default();
        let begins = known.begins.filter(|_| self.signed.is_some());
        let begins = begins.or(Some((self.log.size(), from)));
        self.mark = FileMark { begins, covered: self.signed.is_some(), ..known };
        self.named = self.mark.write(&self.file.file);
        let (mut at, mut slice) = (from, REPAIRED_AT_ONCE);
        while at < to {
            let (next, mut entries, mut last) = (to.min(at.saturating_add(slice)), Vec::new(), None);
            let read = lines::for_each(&self.file.file, at, next, |digest, end| {
                entries.push(digest);
                last = Some(end);
                entries.len() < REPAIRED_MAX
            });
            match last {
                // What cannot be read is not added: verification names it.
                _ if read.is_err() => break,
                None if next == to => break,
                // A line that is longer.
                None => slice = slice.saturating_mul(2),
                Some(end) => {
                    self.append(&entries);
                    (self.covered, at, slice) = (end, end, REPAIRED_AT_ONCE);
                }
            }
            if !self.flush_early() {
                return false;
            }
        }
        true
    }

    /// Has a checkpoint made where many entries wait in memory. False if the devices have gone.
    fn flush_early(&mut self) -> bool {
        while self.recent.len() >= ENTRIES_EARLY {
            match self.checkpoint(false) {
                Ok(()) => break,
                Err(failure) if !self.keeper.rest(self.config.interval, &failure.to_string()) => {
                    return false;
                }
                Err(_) => {}
            }
        }
        true
    }

    fn keep(&mut self) {
        let interval = self.config.interval;
        let mut due = (self.log.unflushed() > 0).then(Instant::now);
        let mut read = Feed::default();
        loop {
            let takes = self.recent.len() < ENTRIES_MAX;
            let holds = takes && !self.held.is_empty();
            let chunks = takes.then(|| std::mem::take(&mut read));
            let mut round = self.keeper.next(&mut due, interval, chunks, holds);
            if takes {
                self.take(&mut round.feed, (round.several, round.ends));
                read = round.feed;
            }
            let early = self.recent.len() >= ENTRIES_EARLY && !self.failing;
            if let Some(asked) = round.checkpoint.or(early.then_some(0)) {
                let outcome = self.checkpoint(round.ends);
                self.failing = outcome.is_err() && self.log.size() > 0;
                due = self.failing.then(|| Instant::now() + interval);
                if !takes && outcome.is_ok() {
                    // There is room again, and those who asked want all of it covered.
                    due = Some(Instant::now());
                    continue;
                }
                if round.checkpoint.is_some() && (self.held.is_empty() || round.ends || outcome.is_err()) {
                    self.keeper.answer(asked, outcome);
                }
            }
            if takes {
                due = due.into_iter().chain(self.held.until()).min();
            }
            if round.ends {
                return;
            }
        }
    }

    /// Appends what was handed over, and empties it. `several`: more than one device writes to the file; `last`: no lines come
    /// after these.
    fn take(&mut self, feed: &mut Feed, (several, last): (bool, bool)) {
        self.held.put_in_order(feed, (self.file.id, self.covered), (several, last), Instant::now());
        for record in std::mem::take(&mut feed.records) {
            match record {
                Record::File(file) => self.begin_file(*file),
                Record::Lines { file, start, end, content } => {
                    let current = file == self.file.id;
                    if current && start != self.covered {
                        // What lies between is not the device's, or the file was cut.
                        self.since = (self.log.size(), start);
                    }
                    match content {
                        Content::Bytes(chunk, range) => self.add_lines(feed.bytes(chunk, range)),
                        Content::Digests(digests) => {
                            self.news = true;
                            self.append(&digests);
                        }
                    }
                    if current && start < self.covered && self.reaches(self.covered) {
                        // It waited too long for a thread that was interrupted: the lines behind it were added before it.
                        self.covered = self.covered.max(end);
                        self.since = (self.log.size(), self.covered);
                    } else if current {
                        self.covered = end;
                    } else {
                        self.since = (self.log.size(), self.covered);
                    }
                }
                Record::Lost { lines, .. } => {
                    self.keeper.note_lost(lines);
                    let notice = TreeNotice::new(TreeEvent::Lost, self.log.size(), lines);
                    self.keeper.add_notice(notice, self.clock.now());
                    self.news = true;
                }
            }
        }
        self.keeper.note_size(self.log.size() + self.held.lines());
        feed.clear();
    }

    /// Whether the file is so long: it was not cut.
    fn reaches(&self, offset: u64) -> bool {
        rustix::fs::fstat(&self.file.file)
            .is_ok_and(|stat| u64::try_from(stat.st_size).is_ok_and(|length| length >= offset))
    }

    fn add_lines(&mut self, text: &[u8]) {
        self.news = self.news || each_line(text).any(|line| !is_checkpoint(line));
        self.append(&line_digests(each_line(text)));
    }

    fn append(&mut self, entries: &[Digest]) {
        self.log.append_all(entries);
        self.recent.extend_from_slice(entries);
    }

    /// What was written to the file before is covered by a checkpoint, if the folder lets it; then another one follows.
    fn begin_file(&mut self, file: OpenedFile) {
        if self.signed != Some(self.log.size()) {
            self.failing = self.checkpoint(false).is_err();
        }
        self.mark = FileMark {
            previous: file.previous,
            begins: Some((self.log.size(), file.end)),
            covered: self.signed.is_some(),
        };
        self.named = self.mark.write(&file.file);
        (self.covered, self.covered_at_checkpoint) = (file.end, file.end);
        self.since = (self.log.size(), file.end);
        self.file = file;
        self.write_state_at_beginning();
    }
}

/// Notes at once in files that were begun while the server was down which one was before each: another kill may come before
/// their lines are added.
fn link(parts: &[Part]) {
    for (before, part) in parts.iter().zip(parts.iter().skip(1)) {
        let mark = FileMark::read(&part.file).unwrap_or_default();
        if mark.previous == 0 {
            FileMark { previous: before.inode, ..mark }.write(&part.file);
        }
    }
}

/// Whether a line keeps the checkpoint of another device.
fn is_checkpoint(line: &[u8]) -> bool {
    let beginning = line.get(..line.len().min(BEGINNING)).unwrap_or_default();
    memchr::memmem::find(beginning, b"checkpoint").is_some()
        && decode(line).is_ok_and(|line| line.entry().checkpoint.is_some())
}
