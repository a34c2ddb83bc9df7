//! Checkpoints that were kept elsewhere than beside the log: files of the user, and entries in the logs of other devices. The
//! tree must still have the root that each of them says.
//! Never in it: the tree's own checkpoint.

use std::collections::BTreeSet;
use std::io;

use memchr::memmem;
use onrecord_entry::decode;
use onrecord_entry::gap::CHECKPOINT_PATH;
use onrecord_evidence::{Checkpoint, Hash, Note, Tree, VerifierKey};
use serde::Serialize;

use super::VerifyError;
use crate::input::Input;
use crate::lines::Lines;
use crate::report::Sample;

/// What the tree says of a checkpoint that was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RootState {
    /// The tree still has its root.
    Same,
    /// The tree had another root at that size: it was rewritten.
    Differs,
    /// It is of a larger tree: this one was cut, or an older one was put in its place.
    Newer,
    /// Leaves before it are unknown.
    #[default]
    NotCompared,
}

/// A checkpoint that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeptCheckpoint {
    /// The file that has it.
    pub source: String,
    /// The line, in the log of another device.
    pub line: Option<u64>,
    /// How many leaves it vouches for.
    pub size: u64,
    /// What the tree says of it.
    pub state: RootState,
    /// Whether a given key signed it; `None` where that was not looked at: no key was given, or it is like the tree.
    pub signed: Option<bool>,
}

struct Kept {
    source: usize,
    line: Option<u64>,
    size: u64,
    root: Hash,
    state: RootState,
    signed: Option<bool>,
}

/// All that were kept of one origin, by their sizes.
#[derive(Default)]
pub(crate) struct KeptRoots {
    sources: Vec<String>,
    all: Vec<Kept>,
    /// Those before this place were compared.
    next: usize,
}

/// A checkpoint of another file, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptNote {
    /// The name of the file.
    pub name: String,
    /// The checkpoint.
    pub note: Note,
}

impl KeptNote {
    /// Reads the text of a checkpoint.
    pub fn parse(name: &str, text: &str) -> Result<Self, VerifyError> {
        let wrong = |error: String| VerifyError::Kept { name: name.to_owned(), error };
        let note = Note::parse(text).map_err(|error| wrong(error.to_string()))?;
        Checkpoint::parse(&note.text).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { name: name.to_owned(), note })
    }
}

impl KeptRoots {
    /// Those of a user. One of another origin is an error.
    pub(crate) fn add_notes(
        &mut self,
        notes: &[KeptNote],
        origin: &str,
        keys: &[VerifierKey],
    ) -> Result<(), VerifyError> {
        for KeptNote { name, note } in notes {
            let wrong = |error: String| VerifyError::Kept { name: name.clone(), error };
            let Checkpoint { origin: of, size, root } =
                Checkpoint::parse(&note.text).map_err(|error| wrong(error.to_string()))?;
            if of != origin {
                return Err(wrong(format!("it is of another tree, {of:?}; this one is {origin:?}")));
            }
            let signed = (!keys.is_empty()).then(|| Checkpoint::verify(note, keys).is_ok());
            self.sources.push(name.clone());
            let source = self.sources.len() - 1;
            self.all.push(Kept { source, line: None, size, root, state: RootState::default(), signed });
        }
        Ok(())
    }

    /// Those in the logs of other devices. A log without any of this origin is an error.
    pub(crate) fn add_logs(&mut self, logs: &[AnchorLog], origin: &str) -> Result<(), VerifyError> {
        for log in logs {
            self.sources.push(log.name.clone());
            let source = self.sources.len() - 1;
            let of_origin = log.found.iter().filter(|found| *found.origin == *origin);
            let before = self.all.len();
            self.all.extend(of_origin.map(|found| Kept {
                source,
                line: Some(found.line),
                size: found.size,
                root: found.root,
                state: RootState::default(),
                signed: None,
            }));
            if self.all.len() == before {
                let error = format!("it has no checkpoint of this tree, {origin:?}");
                return Err(VerifyError::Kept { name: log.name.clone(), error });
            }
        }
        Ok(())
    }

    /// To be called before the first comparison.
    pub(crate) fn sort(&mut self) {
        self.all.sort_by_key(|kept| kept.size);
    }

    /// Compares those of this size with the tree.
    pub(crate) fn compare(&mut self, size: u64, tree: &Tree) {
        let mut root = None;
        while let Some(kept) = self.all.get_mut(self.next).filter(|kept| kept.size <= size) {
            let found = *root.get_or_insert_with(|| tree.root());
            if kept.size == size {
                kept.state = if found == kept.root { RootState::Same } else { RootState::Differs };
            }
            self.next += 1;
        }
    }

    /// What is left is larger than the tree, or its leaves are unknown.
    pub(crate) fn finish(&mut self, size: u64) {
        for kept in self.all.iter_mut().filter(|kept| kept.size > size) {
            kept.state = RootState::Newer;
        }
    }

    /// Whether the tree has the root of this checkpoint, which was compared.
    pub(crate) fn agrees(&self, note: &Note) -> bool {
        Checkpoint::parse(&note.text).is_ok_and(|checkpoint| {
            let mut same = self.all.iter().filter(|kept| kept.state == RootState::Same);
            same.any(|kept| kept.size == checkpoint.size && kept.root == checkpoint.root)
        })
    }

    /// How many there are, the largest that the tree still agrees with, and those that it does not agree with.
    pub(crate) fn report(&self, examples: usize) -> (u64, Option<u64>, Sample<KeptCheckpoint>) {
        let same = self.all.iter().filter(|kept| kept.state == RootState::Same);
        let vouched = same.map(|kept| kept.size).max();
        let is_wrong = |kept: &&Kept| kept.state != RootState::Same || kept.signed == Some(false);
        let mut wrong = Sample::default();
        for kept in self.all.iter().filter(is_wrong) {
            wrong.add(examples, || KeptCheckpoint {
                source: self.sources.get(kept.source).cloned().unwrap_or_default(),
                line: kept.line,
                size: kept.size,
                state: kept.state,
                signed: kept.signed,
            });
        }
        (self.all.len() as u64, vouched, wrong)
    }
}

/// The checkpoints that the log of a device has of other devices.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnchorLog {
    name: String,
    found: Vec<Anchor>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Anchor {
    line: u64,
    origin: Box<str>,
    size: u64,
    root: Hash,
}

impl AnchorLog {
    /// Reads all of them in a log.
    pub(crate) fn read(input: Input) -> Result<Self, VerifyError> {
        let name = input.name().to_owned();
        let mut found = Vec::new();
        each_anchor(input, &mut |line, text| found.extend(anchor(line, text)))
            .map_err(|error| VerifyError::Input { name: name.clone(), error })?;
        Ok(Self { name, found })
    }
}

/// Calls a function with each line that has the path of a checkpoint's entry.
fn each_anchor(input: Input, see: &mut dyn FnMut(u64, &[u8])) -> io::Result<()> {
    let finder = memmem::Finder::new(CHECKPOINT_PATH);
    let mut lines = Lines::new(input.open()?.reader);
    let mut number = 0;
    while let Some(line) = lines.next()? {
        number += 1;
        if !line.too_long && finder.find(line.text).is_some() {
            see(number, line.text);
        }
    }
    Ok(())
}

fn anchor(line: u64, text: &[u8]) -> Option<Anchor> {
    let decoded = decode(text).ok()?;
    let entry = decoded.entry();
    let checkpoint = entry.checkpoint.filter(|_| entry.request.path == CHECKPOINT_PATH.into())?;
    Some(Anchor {
        line,
        origin: checkpoint.origin.as_str().into(),
        size: checkpoint.size,
        root: Hash::from_base64(checkpoint.root.as_str()).ok()?,
    })
}

/// The signed checkpoint in an entry of another device's log.
fn note_in(text: &[u8]) -> Option<Note> {
    let decoded = decode(text).ok()?;
    Note::parse(decoded.entry().checkpoint?.note.as_str()).ok()
}

/// Whether the given keys signed what the entries say that the tree does not agree with: a forger may have written those
/// entries, too.
pub(crate) fn check_signatures(wrong: &mut [KeptCheckpoint], logs: Vec<Input>, keys: &[VerifierKey]) {
    if keys.is_empty() {
        return;
    }
    for log in logs {
        let name = log.name().to_owned();
        let lines: BTreeSet<u64> =
            wrong.iter().filter(|kept| kept.source == name).filter_map(|kept| kept.line).collect();
        if lines.is_empty() {
            continue;
        }
        let read = each_anchor(log, &mut |line, text| {
            if !lines.contains(&line) {
                return;
            }
            let signed = note_in(text).and_then(|note| Checkpoint::verify(&note, keys).ok());
            let is_signed = signed.zip(anchor(line, text)).is_some_and(|(signed, said)| {
                signed.origin == *said.origin && signed.size == said.size && signed.root == said.root
            });
            for kept in wrong.iter_mut().filter(|kept| kept.source == name && kept.line == Some(line)) {
                kept.signed = Some(is_signed);
            }
        });
        // What could be read before can be read again, or else its signature stays unknown.
        read.unwrap_or_default();
    }
}
