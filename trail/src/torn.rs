//! Torn lines, and the gap entries that declare them: the server keeps a torn end beside its file, and writes its length
//! and SHA-256 in a gap entry. Never in it: the meaning of a torn line.

use std::collections::{BTreeSet, HashMap, HashSet};

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, SaltId};
use sha2::{Digest, Sha256};

use crate::report::{Sample, TornLine};

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
    before: Option<Before>,
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

/// What comes before a torn line in its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// The device and the start of the last entry.
    pub(crate) of: (SaltId, Boot),
    /// The largest number of an entry of both.
    pub(crate) largest: u64,
}

impl Before {
    /// What comes before the next line, if this entry follows.
    pub(crate) fn and(before: Option<Self>, record: &Record) -> Self {
        let of = (record.device_id(), record.boot);
        let largest = before.filter(|before| before.of == of).map_or(0, |before| before.largest);
        Self { of, largest: largest.max(record.seq) }
    }
}

/// What is known of the numbers of a device's start when all sources were read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownNumbers {
    /// The largest that any log has or declares.
    pub(crate) largest: u64,
    /// How many of the last ones up to it the device lacks and does not declare.
    pub(crate) lacking: u64,
}

impl TornLines {
    pub(crate) fn add(&mut self, line: TornLine, text: &[u8], before: Option<Before>) {
        self.count += 1;
        if self.compared.len() < COMPARED_MAX {
            self.compared.push(Torn { line, sha256: const_hex::encode(Sha256::digest(text)), before });
        }
    }

    /// Adds the length and SHA-256 of one that a gap entry declares.
    pub(crate) fn declare(&mut self, torn: (u64, String)) {
        self.declared.insert(torn);
    }

    /// A torn line is an entry that a log has, or a hole, if a larger number is known than those before it, or if the device
    /// lacks one; otherwise its number is in no log. With nothing before it in its source that is not known: `or_elsewhere`.
    pub(crate) fn report(
        self,
        known: impl Fn((SaltId, Boot)) -> KnownNumbers,
        or_elsewhere: bool,
        examples: usize,
    ) -> TornReport {
        let Self { count, compared, declared } = self;
        let mut starts: HashMap<(SaltId, Boot), KnownNumbers> = HashMap::new();
        let mut is_missing = |before: Option<Before>| {
            let Some(Before { of, largest }) = before else { return !or_elsewhere };
            let known = starts.entry(of).or_insert_with(|| known(of));
            if known.largest > largest {
                return false;
            }
            let is_missing = known.lacking == 0;
            known.lacking = known.lacking.saturating_sub(1);
            is_missing
        };
        let judge = |Torn { line, sha256, before }| {
            let declared = declared.contains(&(line.bytes, sha256));
            TornLine { declared, missing: !declared && is_missing(before), ..line }
        };
        let mut lines: Vec<TornLine> = compared.into_iter().map(judge).collect();
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
