//! What a start finds: the tree as its checkpoint says, compared with its tiles and with the end of the log; which lines it
//! lacks, also over rotations; and what contradicts. A tree that contradicts its log is kept aside, and another begins.
//! Never in it: what comes after the start.

mod files;
mod remembered;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use onrecord_evidence::{
    Checkpoint, Digest, LoadError, Note, StoreReader as _, TILE_WIDTH, TileId, TreeLog, VerifierKey,
    read_bundle,
};
use onrecord_value::Time;

use super::attribute::FileMark;
use super::feed::OpenedFile;
use super::folder::Place;
use super::keeper::Keeper;
use super::notice::{TreeEvent, TreeNotice};
use super::state::{self, State};
use super::worker::TreeStore;
use super::{EvidenceConfig, SignedCheckpoint, lines};

/// Where it is not known how far the tree covers the file, its last line is looked for in this much.
const SEARCH: u64 = 64 * 1024 * 1024;

/// Lines of one file that the tree lacks, perhaps none.
pub(super) struct Part {
    pub(super) file: File,
    pub(super) inode: u64,
    pub(super) from: u64,
    pub(super) to: u64,
    /// From which entry and from where on the tree has lines of this file alone, if it has some.
    pub(super) since: Option<(u64, u64)>,
}

/// What was found. The last part is the open file.
pub(super) struct Recovered {
    pub(super) log: TreeLog,
    pub(super) checkpoint: Option<SignedCheckpoint>,
    pub(super) state: Option<State>,
    pub(super) notices: Vec<TreeNotice>,
    pub(super) parts: Vec<Part>,
    /// What it is to add the lines of the parts.
    pub(super) repaired: TreeEvent,
}

/// Why a tree is not continued: an event, and its size and root as far as they are known.
struct Aside(TreeEvent, u64, Option<String>);

/// Either the folder cannot be read at the moment, or the tree is not continued.
enum Fault {
    Io(io::Error),
    Aside(Aside),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Opening<'a> {
    store: &'a TreeStore,
    keeper: &'a Arc<Keeper>,
    place: &'a Place,
    config: &'a EvidenceConfig,
    file: &'a OpenedFile,
    /// How long the file is: another device may have written to it, and to the tree, since it was opened.
    length: u64,
}

/// Opens the tree beside a file, which is the first that the device opens.
pub(super) fn open(
    store: &mut TreeStore,
    keeper: &Arc<Keeper>,
    place: &Place,
    config: &EvidenceConfig,
    (file, length): (&OpenedFile, u64),
    now: Time,
) -> io::Result<Recovered> {
    let opening = Opening { store, keeper, place, config, file, length };
    match opening.find(now) {
        Ok(found) => Ok(found),
        Err(Fault::Io(error)) => {
            Err(io::Error::new(error.kind(), format!("the folder of the tree: {error}")))
        }
        Err(Fault::Aside(Aside(event, size, root))) => {
            let kept_as = store.folder.with(|folder| folder.keep_aside(now))?;
            let notice = TreeNotice { root, kept_as, ..TreeNotice::new(event, size, 0) };
            Ok(begin(file, file.end, vec![notice])?)
        }
    }
}

/// A tree without entries, whose first line begins at this offset of the file.
fn begin(file: &OpenedFile, from: u64, notices: Vec<TreeNotice>) -> io::Result<Recovered> {
    let part = Part { file: file.file.try_clone()?, inode: file.id.ino, from, to: file.end, since: None };
    Ok(Recovered {
        log: TreeLog::new(),
        checkpoint: None,
        state: None,
        notices,
        parts: vec![part],
        repaired: TreeEvent::Repaired,
    })
}

impl Opening<'_> {
    fn find(&self, now: Time) -> Result<Recovered, Fault> {
        let state = self.store.read(state::NAME)?;
        let Some(note) = self.store.read("checkpoint")? else {
            return self.without_checkpoint(state.is_some());
        };
        let (checkpoint, signed) = self.read_checkpoint(&note, now)?;
        let Checkpoint { size, root, .. } = checkpoint;
        let aside = |event| Fault::Aside(Aside(event, size, Some(root.to_base64())));
        let log = TreeLog::load(self.store, size).map_err(|error| match error {
            LoadError::Io { error, .. } => Fault::Io(error),
            LoadError::Missing { .. } | LoadError::Invalid { .. } | LoadError::Contradiction { .. } => {
                aside(TreeEvent::Tiles)
            }
        })?;
        if log.root() != root {
            return Err(aside(TreeEvent::Tiles));
        }
        let state = state.as_deref().and_then(State::parse);
        if state.is_some_and(|state| state.size > size) {
            return Err(aside(TreeEvent::OlderCheckpoint));
        }
        self.compare_head(size, root)?;
        let ended = self.has_ended(size, state);
        let compared = self.compare(size, state, ended).map_err(|fault| match fault {
            Fault::Aside(Aside(event, ..)) => aside(event),
            Fault::Io(error) => Fault::Io(error),
        });
        let (mut parts, mut notices) = compared?;
        let event = if ended { TreeEvent::Added } else { TreeEvent::Repaired };
        if ended && self.config.memory.is_kept() {
            notices.extend(remembered::leave_out(size, &mut parts));
        }
        Ok(Recovered { log, checkpoint: Some(signed), state, notices, parts, repaired: event })
    }

    fn without_checkpoint(&self, has_state: bool) -> Result<Recovered, Fault> {
        let mark = FileMark::read(&self.file.file);
        let begun = mark.and_then(|mark| mark.begins);
        if let Some(head) = self.head().filter(|head| head.size > 0) {
            let event = if has_state { TreeEvent::NoCheckpoint } else { TreeEvent::Missing };
            return Err(Fault::Aside(Aside(event, head.size, Some(head.root.to_base64()))));
        }
        let existed = mark.is_some_and(|mark| mark.covered) || begun.is_some_and(|(size, _)| size > 0);
        let size = begun.map_or(0, |(size, _)| size);
        if has_state {
            return Err(Fault::Aside(Aside(TreeEvent::NoCheckpoint, size, None)));
        }
        if existed {
            // What is left of the folder, if anything, is kept.
            return Err(Fault::Aside(Aside(TreeEvent::Missing, size, None)));
        }
        let end = self.file.end;
        // A device with a tree began this file, and was killed before the first checkpoint.
        let begins = if self.config.memory.is_kept() {
            // What a file says of itself is not believed.
            self.head().filter(|head| head.inode == self.file.id.ino).map(|head| head.offset)
        } else {
            mark.map(|_| begun.map_or(0, |(_, offset)| offset))
        };
        let left_out = begins.is_none() && end > 0;
        let notices = left_out.then(|| TreeNotice::new(TreeEvent::Begun, 0, 0)).into_iter().collect();
        Ok(begin(self.file, begins.map_or(end, |offset| offset.min(end)), notices)?)
    }

    fn read_checkpoint(&self, note: &[u8], now: Time) -> Result<(Checkpoint, SignedCheckpoint), Fault> {
        let unreadable = || Fault::Aside(Aside(TreeEvent::NoCheckpoint, 0, None));
        let text = std::str::from_utf8(note).map_err(|_| unreadable())?;
        let note = Note::parse(text).map_err(|_| unreadable())?;
        let checkpoint = Checkpoint::parse(&note.text).map_err(|_| unreadable())?;
        let aside = |event| Fault::Aside(Aside(event, checkpoint.size, Some(checkpoint.root.to_base64())));
        if checkpoint.origin != self.config.origin {
            return Err(aside(TreeEvent::OtherOrigin));
        }
        if !is_signed(&note, &self.keys()) {
            return Err(aside(TreeEvent::OtherKey));
        }
        let signed = SignedCheckpoint { checkpoint: checkpoint.clone(), note: text.to_owned(), at: now };
        Ok((checkpoint, signed))
    }

    /// Compares the tree with the end of the log, and finds the lines that it lacks.
    fn compare(
        &self,
        size: u64,
        state: Option<State>,
        ended: bool,
    ) -> Result<(Vec<Part>, Vec<TreeNotice>), Fault> {
        let Some(state) = state else { return Ok((self.compare_without_state(size)?, Vec::new())) };
        let (mut parts, found) = self.path_from(&state, size)?;
        let mut notices = Vec::new();
        if found {
            self.compare_end(&state, size, parts.first())?;
            self.skip(state.size, size, &mut parts)?;
        } else if !ended {
            notices.push(TreeNotice::new(TreeEvent::Unchecked, size, 0));
        }
        Ok((parts, notices))
    }

    /// How far the file is covered is not known: the last entry must be one of its last lines.
    fn compare_without_state(&self, size: u64) -> Result<Vec<Part>, Fault> {
        let end = self.file.end;
        let entries = self.last_entries(size, size, size.saturating_sub(1))?;
        let found = match entries.last() {
            None => Some(0),
            Some(last) => {
                lines::find_last(&self.file.file, end.saturating_sub(SEARCH), end, last).unwrap_or(None)
            }
        };
        let from = found.ok_or(Fault::Aside(Aside(TreeEvent::OtherLines, size, None)))?;
        Ok(vec![self.part_of_open_file(from, None)?])
    }

    /// The last lines that the tree has must be those before the offset.
    fn compare_end(&self, state: &State, size: u64, part: Option<&Part>) -> Result<(), Fault> {
        let Some(part) = part else { return Ok(()) };
        let entries = self.last_entries(size, state.size, state.since.0)?;
        if state.offset == 0 || entries.is_empty() {
            return Ok(());
        }
        // A log that cannot be read is not compared, nor are its lines added: verification does that.
        let mut byte = [0];
        if part.file.read_at(&mut byte, 0).is_err() {
            return Ok(());
        }
        match lines::end_with(&part.file, state.since.1, state.offset, &entries) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Fault::Aside(Aside(TreeEvent::OtherLines, state.size, None))),
        }
    }

    /// Up to 256 entries before `end`, but not before `since`: those of one bundle of the tree of `size` entries.
    fn last_entries(&self, size: u64, end: u64, since: u64) -> Result<Vec<Digest>, Fault> {
        let Some(id) = end.checked_sub(1).and_then(|last| TileId::of_hash(0, last, size)) else {
            return Ok(Vec::new());
        };
        let (begin, bundle) = (id.index * TILE_WIDTH, self.bundle(id)?);
        let place =
            |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX).min(bundle.len());
        Ok(bundle.get(place(since).min(place(end))..place(end)).unwrap_or_default().to_vec())
    }

    fn bundle(&self, id: TileId) -> Result<Vec<Digest>, Fault> {
        match read_bundle(self.store, id) {
            Ok(bundle) => Ok(bundle.entries),
            Err(LoadError::Io { error, .. }) => Err(Fault::Io(error)),
            Err(_) => Err(Fault::Aside(Aside(TreeEvent::Tiles, 0, None))),
        }
    }

    /// The tree has entries beyond those that the state knows: a kill came between the two. They are the next lines.
    fn skip(&self, from: u64, to: u64, parts: &mut [Part]) -> Result<(), Fault> {
        let (mut at, mut entries, mut same) = (from, Vec::new(), true);
        for part in parts {
            if at == to {
                break;
            }
            let (file, mut from) = (part.file.try_clone()?, part.from);
            let mut fault = None;
            let read = lines::for_each(&file, part.from, part.to, |digest, end| {
                if at == to || fault.is_some() {
                    return false;
                }
                let place = usize::try_from(at % TILE_WIDTH).unwrap_or(0);
                if entries.is_empty() || place == 0 {
                    match TileId::of_hash(0, at, to).map(|id| self.bundle(id)) {
                        Some(Ok(bundle)) => entries = bundle,
                        Some(Err(error)) => fault = Some(error),
                        None => {}
                    }
                }
                same &= entries.get(place) == Some(&digest);
                (at, from) = (at + 1, end);
                true
            });
            if let Some(fault) = fault {
                return Err(fault);
            }
            if read.is_err() {
                return Ok(());
            }
            part.from = from;
        }
        let event = if same { TreeEvent::Shorter } else { TreeEvent::OtherLines };
        if at == to && same { Ok(()) } else { Err(Fault::Aside(Aside(event, to, None))) }
    }
}

#[cfg(feature = "ed25519")]
fn is_signed(note: &Note, keys: &[VerifierKey]) -> bool {
    Checkpoint::verify(note, keys).is_ok()
}

/// Without Ed25519 in the process only the names and ids of the keys are compared.
#[cfg(not(feature = "ed25519"))]
fn is_signed(note: &Note, keys: &[VerifierKey]) -> bool {
    note.signatures.iter().any(|signature| keys.iter().any(|key| key.made(signature)))
}
