//! Torn lines, and the gap entries that declare them: the server keeps a torn end beside its file, and writes its length
//! and SHA-256 in a gap entry. Never in it: the meaning of a torn line.

use std::collections::{BTreeSet, HashMap, HashSet};

use onrecord_entry::{Boot, SeqSet};
use sha2::{Digest, Sha256};

use crate::report::{EntryNumber, Sample, TornLine};

/// Further torn lines are counted, but not compared with gap entries and numbers.
const COMPARED_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct TornLines {
    count: u64,
    compared: Vec<Torn>,
    declared: BTreeSet<(u64, String)>,
}

struct Torn {
    line: TornLine,
    sha256: String,
    /// The entry before it in its source.
    after: Option<EntryNumber>,
}

/// What is known of torn lines when all sources were read.
pub(crate) struct TornReport {
    /// All of them.
    pub(crate) lines: Sample<TornLine>,
    /// How many no gap entry declares,
    pub(crate) undeclared: u64,
    /// and how many of these are in no log.
    pub(crate) missing: u64,
    /// The names of the sources that have a declared one.
    pub(crate) declared_in: HashSet<String>,
}

/// The numbers that any log has or declares.
pub(crate) struct KnownNumbers<'k> {
    pub(crate) of_starts: &'k HashMap<Boot, SeqSet>,
    /// Whether they are of one device alone.
    pub(crate) of_one_device: bool,
}

impl KnownNumbers<'_> {
    /// Whether the entry after this one is known by its number. Of an entry without one before it that cannot be said:
    /// another device may have it.
    fn have_next(&self, after: Option<EntryNumber>) -> bool {
        let Some(EntryNumber { boot, seq }) = after else { return !self.of_one_device };
        let known = self.of_starts.get(&boot).and_then(SeqSet::bounds);
        known.is_some_and(|known| known.to > seq)
    }
}

impl TornLines {
    pub(crate) fn add(&mut self, line: TornLine, text: &[u8], after: Option<EntryNumber>) {
        self.count += 1;
        if self.compared.len() < COMPARED_MAX {
            self.compared.push(Torn { line, sha256: const_hex::encode(Sha256::digest(text)), after });
        }
    }

    /// Adds the length and SHA-256 of one that a gap entry declares.
    pub(crate) fn declare(&mut self, torn: (u64, String)) {
        self.declared.insert(torn);
    }

    pub(crate) fn report(self, known: &KnownNumbers<'_>, examples: usize) -> TornReport {
        let Self { count, compared, declared } = self;
        let judged = |Torn { line, sha256, after }| {
            let declared = declared.contains(&(line.bytes, sha256));
            TornLine { declared, missing: !declared && !known.have_next(after), ..line }
        };
        let mut lines: Vec<TornLine> = compared.into_iter().map(judged).collect();
        let not_compared = count - lines.len() as u64;
        let sum =
            |of: fn(&TornLine) -> bool| lines.iter().filter(|line| of(line)).count() as u64 + not_compared;
        let (undeclared, missing) = (sum(|line| !line.declared), sum(|line| line.missing));
        let declared = lines.iter().filter(|line| line.declared);
        let declared_in = declared.map(|line| line.position.source.clone()).collect();
        lines.truncate(examples);
        TornReport { lines: Sample { count, first: lines }, undeclared, missing, declared_in }
    }
}
