//! Torn lines, and the gap entries that declare them: the server keeps a torn end beside its file, and writes its length
//! and SHA-256 in a gap entry. Never in it: the meaning of a torn line.

use std::collections::{BTreeSet, HashSet};

use sha2::{Digest, Sha256};

use crate::report::{Sample, TornLine};

/// Further torn lines are counted, but not compared with gap entries.
const COMPARED_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct TornLines {
    count: u64,
    compared: Vec<(TornLine, String)>,
    declared: BTreeSet<(u64, String)>,
}

impl TornLines {
    pub(crate) fn add(&mut self, line: TornLine, text: &[u8]) {
        self.count += 1;
        if self.compared.len() < COMPARED_MAX {
            self.compared.push((line, const_hex::encode(Sha256::digest(text))));
        }
    }

    /// Adds the length and SHA-256 of one that a gap entry declares.
    pub(crate) fn declare(&mut self, torn: (u64, String)) {
        self.declared.insert(torn);
    }

    /// How many of them no gap entry declares, all of them, and the names of the sources that have a declared one.
    pub(crate) fn report(self, examples: usize) -> (u64, Sample<TornLine>, HashSet<String>) {
        let declared = &self.declared;
        let mut lines: Vec<TornLine> = self
            .compared
            .into_iter()
            .map(|(line, sha256)| TornLine { declared: declared.contains(&(line.bytes, sha256)), ..line })
            .collect();
        let declared = || lines.iter().filter(|line| line.declared);
        let sources = declared().map(|line| line.position.source.clone()).collect();
        let undeclared = self.count - declared().count() as u64;
        lines.truncate(examples);
        (undeclared, Sample { count: self.count, first: lines }, sources)
    }
}
