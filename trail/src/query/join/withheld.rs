//! The numbers of lines that were withheld: their entries are not missing, and those that no line that was read has are counted.
//! Never in it: why a line is withheld.

use std::collections::HashMap;

use onrecord_entry::{Boot, SeqSet};

use crate::query::scan::Withheld;
use crate::query::seen::Seen;

/// Ranges of numbers that are remembered. The numbers of further ones count as missing.
const RANGES_MAX: usize = 100_000;

/// The numbers of withheld lines.
#[derive(Default)]
pub(super) struct WithheldNumbers {
    all: HashMap<Boot, SeqSet>,
    /// Those of them that are of a time that is asked for.
    in_time: HashMap<Boot, SeqSet>,
    /// The ranges of both.
    ranges: usize,
}

impl WithheldNumbers {
    pub(super) fn insert(&mut self, line: &Withheld) {
        let Withheld { record, in_time } = line;
        for numbers in [&mut self.all].into_iter().chain(in_time.then_some(&mut self.in_time)) {
            if self.ranges < RANGES_MAX {
                let numbers = numbers.entry(record.boot).or_default();
                let before = numbers.ranges().len();
                numbers.insert(record.seq);
                self.ranges = self.ranges + numbers.ranges().len() - before;
            }
        }
    }

    /// How many entries of the asked time no line has that was read.
    pub(super) fn count_unseen(&self, seen: &Seen) -> u64 {
        let unseen = |(boot, numbers): (&Boot, &SeqSet)| seen.unseen(*boot, numbers);
        self.in_time.iter().map(unseen).fold(0, u64::saturating_add)
    }

    /// All of them.
    pub(super) const fn all(&self) -> &HashMap<Boot, SeqSet> {
        &self.all
    }
}
