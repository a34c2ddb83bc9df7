//! Lines that were torn, and what gap entries say of them: the server keeps a torn end beside its file, with its length
//! and SHA-256 on record. Never in it: what a torn line would have said.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::report::{Sample, TornLine};

/// More torn lines than this are counted and not looked at.
const KEPT_MAX: usize = 100_000;

/// All torn lines.
#[derive(Default)]
pub(crate) struct TornLines {
    count: u64,
    kept: Vec<(TornLine, String)>,
    declared: BTreeSet<(u64, String)>,
}

impl TornLines {
    /// Adds one.
    pub(crate) fn add(&mut self, line: TornLine, text: &[u8]) {
        self.count += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push((line, const_hex::encode(Sha256::digest(text))));
        }
    }

    /// Notes that a gap entry tells of one.
    pub(crate) fn declare(&mut self, torn: (u64, String)) {
        self.declared.insert(torn);
    }

    /// How many of them no gap entry tells of, and all of them.
    pub(crate) fn report(self, examples: usize) -> (u64, Sample<TornLine>) {
        let declared = &self.declared;
        let mut lines: Vec<TornLine> = self
            .kept
            .into_iter()
            .map(|(line, sha256)| TornLine { declared: declared.contains(&(line.bytes, sha256)), ..line })
            .collect();
        let told = lines.iter().filter(|line| line.declared).count() as u64;
        lines.truncate(examples);
        (self.count - told, Sample { count: self.count, first: lines })
    }
}
