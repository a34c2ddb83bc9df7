//! What the end of a log shows: the start that wrote last, its last number, and the holes before that.
//! Never in it: reading a file.

use onrecord_entry::{Boot, SeqSet};

use crate::device::notice::Notice;

/// More holes than this are not holes: another file has these entries.
const HOLES_MAX: usize = 1024;

/// What the start that wrote last left behind: all its numbers up to the last are on record, but for the holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogEnd {
    pub(super) boot: Boot,
    /// Its last number that was written or reported as missing.
    pub(super) last: u64,
    pub(super) holes: SeqSet,
    /// The device was disabled then, or had just been enabled: later entries do not concern it.
    pub(super) ended: bool,
}

impl LogEnd {
    /// What the device reports of it.
    pub(super) fn notice(self) -> Option<Notice> {
        let report = !self.holes.is_empty() && self.holes.ranges().len() <= HOLES_MAX;
        report.then_some(Notice::Unfinished { boot: self.boot, seqs: self.holes })
    }

    /// Whether it says something of the file that follows.
    pub(super) fn goes_on(&self) -> bool {
        !self.ended && self.holes.ranges().len() <= HOLES_MAX
    }
}
