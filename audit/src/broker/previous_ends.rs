//! Where earlier boots of the server ended, as the logs of all devices show (I9). Entries between that and the end of a
//! device's own log are on other devices alone, or lost; and so is a whole boot that only other logs show after one of this one. Never in it: reading a log, or reporting what is missing.

use std::collections::{HashMap, HashSet};

use onrecord_entry::{Boot, SeqRange, SeqSet};

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

/// What all devices know.
#[derive(Default)]
pub(crate) struct PreviousEnds {
    known: Mutex<Known>,
    /// How often it has changed: a writer looks at it after each batch.
    changes: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// The largest number of each boot.
    last: HashMap<Boot, u64>,
    /// The boots with which logs end.
    newest: HashSet<Boot>,
    /// Which boots follow another one in a log.
    following: HashMap<Boot, HashSet<Boot>>,
}

/// What one device knows: up to which number of each boot it has or reports all. The oldest boot is the first.
#[derive(Default)]
pub(crate) struct OwnEnds {
    ends: Vec<(Boot, u64)>,
    /// What its log reports as missing, or will: the server kept it.
    declared: HashMap<Boot, SeqSet>,
    seen: u64,
}

impl PreviousEnds {
    /// The boots with which the logs end, each with its largest number.
    pub(crate) fn newest(&self) -> Vec<(Boot, u64)> {
        let known = lock(&self.known);
        known.newest.iter().filter_map(|boot| Some((*boot, *known.last.get(boot)?))).collect()
    }

    fn note_lost(&self, boot: Boot, seq: u64) {
        let mut known = lock(&self.known);
        let last = known.last.entry(boot).or_insert(seq);
        *last = seq.max(*last);
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn note(&self, ends: &[(Boot, u64)]) {
        let mut known = lock(&self.known);
        let mut before = None;
        for (boot, seq) in ends {
            let last = known.last.entry(*boot).or_insert(*seq);
            *last = (*seq).max(*last);
            if let Some(before) = before.replace(*boot) {
                known.following.entry(before).or_default().insert(*boot);
            }
        }
        known.newest.extend(before);
        self.changes.fetch_add(1, Ordering::Release);
    }
}

impl OwnEnds {
    pub(crate) const fn is_known(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Notes what the log of the device shows, for all devices: where boots ended, the oldest first, and what its gap entries
    /// report. Another device may have the entries before those, and no report of them.
    pub(crate) fn note(&mut self, ends: Vec<(Boot, u64)>, declared: &[(Boot, SeqSet)], all: &PreviousEnds) {
        if ends.is_empty() {
            return;
        }
        all.note(&ends);
        self.ends = ends;
        for (boot, seqs) in declared {
            self.note_declared(*boot, seqs, all);
        }
    }

    /// Notes numbers that were given to entries, even if every device lacks them, and that this one reports.
    pub(crate) fn note_declared(&mut self, boot: Boot, seqs: &SeqSet, all: &PreviousEnds) {
        let Some(last) = seqs.last() else { return };
        all.note_lost(boot, last);
        let declared = self.declared.entry(boot).or_default();
        *declared = declared.union(seqs);
    }

    /// What other devices have of earlier boots, and this one has not. Each is handed out once.
    pub(crate) fn missing(&mut self, all: &PreviousEnds) -> Vec<(Boot, SeqSet)> {
        let changes = all.changes.load(Ordering::Acquire);
        if !self.is_known() || changes == self.seen {
            return Vec::new();
        }
        self.seen = changes;
        let known = lock(&all.known);
        // A boot that follows one of this log's, and has no line here, came when the device was enabled: all of it is missing.
        let mut later: Vec<Boot> = self.ends.iter().map(|(boot, _)| *boot).collect();
        while let Some(boot) = later.pop() {
            for next in known.following.get(&boot).into_iter().flatten() {
                if self.ends.iter().all(|(own, _)| own != next) {
                    self.ends.push((*next, 0));
                    later.push(*next);
                }
            }
        }
        let mut missing = Vec::new();
        for (boot, reported) in &mut self.ends {
            let last = known.last.get(boot).copied().unwrap_or(0);
            if last > *reported {
                let mut seqs = SeqSet::from(SeqRange { from: *reported + 1, to: last });
                if let Some(declared) = self.declared.get(boot) {
                    seqs = seqs.difference(declared);
                }
                *reported = last;
                if !seqs.is_empty() {
                    missing.push((*boot, seqs));
                }
            }
        }
        missing
    }
}
