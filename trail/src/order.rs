//! The order of a device's lines: within a source each should have a larger number than those before it.
//! Never in it: whether a number is missing.

use std::collections::HashSet;

use onrecord_entry::Boot;

use crate::report::{EntryNumber, LinePosition, Misplaced, OutOfOrder};

/// The position of a line; its source by its index.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    pub(crate) source: usize,
    pub(crate) line: u64,
    pub(crate) offset: u64,
}

/// The order of the lines of one device.
#[derive(Debug, Default)]
pub(crate) struct Order {
    source: usize,
    /// The starts of this source that came before that of `largest`.
    earlier: HashSet<Boot>,
    /// The largest number so far of the latest start of this source.
    largest: Option<EntryNumber>,
    count: u64,
    farthest: Option<(EntryNumber, EntryNumber, At)>,
}

impl Order {
    /// Adds the next entry that is not a double.
    pub(crate) fn add(&mut self, entry: EntryNumber, at: At) {
        if self.source != at.source {
            (self.source, self.largest) = (at.source, None);
            self.earlier.clear();
        }
        match &mut self.largest {
            Some(largest) if largest.boot == entry.boot && largest.seq < entry.seq => *largest = entry,
            Some(largest) if largest.boot == entry.boot || self.earlier.contains(&entry.boot) => {
                self.count += 1;
                let after = *largest;
                if self.farthest.is_none_or(|(other, than, _)| distance(entry, after) > distance(other, than))
                {
                    self.farthest = Some((entry, after, at));
                }
            }
            largest => {
                self.earlier.extend(largest.map(|largest| largest.boot));
                *largest = Some(entry);
            }
        }
    }

    pub(crate) fn report(&self, names: &[String]) -> OutOfOrder {
        let misplaced = |(entry, after, at): (_, _, At)| Misplaced {
            position: LinePosition {
                source: names.get(at.source).cloned().unwrap_or_default(),
                line: at.line,
                offset: at.offset,
            },
            entry,
            after,
        };
        OutOfOrder { count: self.count, farthest: self.farthest.map(misplaced) }
    }
}

/// By how many numbers an entry comes too late; an earlier start is farther than any number.
fn distance(entry: EntryNumber, after: EntryNumber) -> u64 {
    if entry.boot == after.boot { after.seq.saturating_sub(entry.seq) } else { u64::MAX }
}
