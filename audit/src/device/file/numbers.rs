//! Which numbers of one boot a file has or reports as missing, line by line, and where its holes are.
//! Never in it: reading lines; which boots concern the device.

use super::lines::OwnLine;
use super::previous_file::LogEnd;
use onrecord_entry::{Boot, SeqRange, SeqSet};

/// This many lines at the beginning of what is looked at may follow others in no exact order.
pub(super) const UNORDERED: usize = 256;

/// From which number on the file must have all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Beginning {
    /// What comes before may be elsewhere, and in no exact order.
    #[default]
    Elsewhere,
    /// From the smallest of its entries: the device was enabled within the boot, or nothing says that it was not.
    Smallest,
    /// From the first of the boot.
    First,
}

#[derive(Default)]
pub(super) struct Numbers {
    known: SeqSet,
    beginning: Beginning,
    /// Up to here nothing is a hole.
    floor: Option<u64>,
    last: u64,
    lines: usize,
    /// The device was disabled, and no entry came since.
    pub(super) ended: bool,
    /// All is known from files before, and no entry came since.
    carried: bool,
}

impl Numbers {
    /// Those of a file that follows another one in the middle of the boot, or may.
    pub(super) fn elsewhere() -> Self {
        Self::default()
    }

    /// Those of a file that has all entries of the boot which the device has.
    pub(super) fn here() -> Self {
        Self { beginning: Beginning::Smallest, ..Self::default() }
    }

    /// The same, of a device that was enabled before the first entry.
    pub(super) fn all() -> Self {
        Self { beginning: Beginning::First, floor: Some(0), carried: true, ..Self::default() }
    }

    /// Those after what files before have of the same boot.
    pub(super) fn after(before: &LogEnd) -> Self {
        let known = SeqSet::from(SeqRange { from: 0, to: before.last }).difference(&before.holes);
        Self { known, last: before.last, ..Self::all() }
    }

    pub(super) fn add(&mut self, seq: u64, own_line: Option<OwnLine>) {
        let (entry, unordered) = (own_line.is_none(), self.lines < UNORDERED);
        self.lines += 1;
        match own_line {
            // Earlier entries do not concern a device that was enabled later. From its probe on it gets every entry, in any
            // order.
            Some(OwnLine::Probe) => {
                self.known.insert_range(SeqRange { from: self.last.saturating_add(1), to: seq });
                if unordered && seq > 1 && (self.carried || self.floor != Some(0)) {
                    (self.beginning, self.floor) = (Beginning::Smallest, None);
                }
            }
            Some(OwnLine::Gap { seqs, of: None, ended }) => {
                self.declare(&seqs);
                self.ended |= ended;
            }
            // Only a device that was enabled in an earlier boot reports what is missing of that.
            Some(OwnLine::Gap { .. }) if self.beginning == Beginning::Smallest => {
                (self.beginning, self.floor) = (Beginning::First, Some(0));
            }
            Some(OwnLine::Gap { .. } | OwnLine::Checkpoint) => {}
            // The same as after a probe, where none says so.
            None if std::mem::take(&mut self.ended) => {
                self.known.insert_range(SeqRange { from: seq.min(self.last.saturating_add(1)), to: seq });
            }
            None => self.known.insert(seq),
        }
        self.last = self.last.max(seq);
        self.carried &= !entry;
        match self.beginning {
            Beginning::Smallest if entry => {
                let before = seq.saturating_sub(1);
                self.floor = Some(self.floor.map_or(before, |floor| floor.min(before)));
            }
            Beginning::Elsewhere => {
                // A file that begins with the first entry has nothing before it; any other may have been rotated.
                let floor = self.floor.get_or_insert(if seq <= 1 { 0 } else { seq });
                if *floor > 0 && unordered {
                    *floor = self.last;
                }
            }
            Beginning::Smallest | Beginning::First => {}
        }
    }

    /// Numbers that a gap entry reports.
    pub(super) fn declare(&mut self, seqs: &SeqSet) {
        self.known = self.known.union(seqs);
    }

    pub(super) fn end(self, boot: Boot) -> LogEnd {
        let floor = self.floor.unwrap_or(self.last);
        let last = self.known.last().unwrap_or(0).max(floor);
        let after_floor = SeqSet::from(SeqRange { from: floor.saturating_add(1), to: last });
        let holes = after_floor.difference(&self.known);
        LogEnd { boot, last, holes, ended: self.ended || self.floor.is_none() }
    }
}
