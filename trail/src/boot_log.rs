//! The numbers of one start of the server on one device, and the holes in them.
//! Never in it: a line, or an id.

use onrecord_entry::{Boot, SeqRange, SeqSet};

use crate::report::{BootReport, RangeSample};
use crate::seen_seqs::SeenSeqs;

/// The numbers of one start on one device.
#[derive(Debug)]
pub(crate) struct BootLog {
    /// How many starts were found before it.
    pub(crate) order: usize,
    pub(crate) seqs: SeenSeqs,
    pub(crate) entries: u64,
    /// The missed numbers that gap entries declare.
    pub(crate) declared: SeqSet,
    /// A probe with this number came before an entry of the device. If the device has no older entry, it was its own
    /// probe, and the device need not have earlier entries.
    pub(crate) begun_after: Option<u64>,
    /// The device was disabled within this start, after this number.
    pub(crate) ended: Option<u64>,
}

impl BootLog {
    pub(crate) fn new(order: usize) -> Self {
        Self {
            order,
            seqs: SeenSeqs::default(),
            entries: 0,
            declared: SeqSet::new(),
            begun_after: None,
            ended: None,
        }
    }

    /// The numbers that this device has, lacks, and declares as missed. `all` are the numbers of this start known from all
    /// devices: the start has the numbers from the smallest to the largest of them.
    pub(crate) fn report(mut self, boot: Boot, all: &SeqSet, examples: usize) -> BootReport {
        let seen = self.seqs.set();
        let declared = std::mem::take(&mut self.declared);
        let required = self.required(all, &seen.union(&declared));
        let holes = required.difference(&seen);
        let bounds = seen.bounds();
        BootReport {
            boot,
            entries: self.entries,
            first: bounds.map(|bounds| bounds.from),
            last: bounds.map(|bounds| bounds.to),
            undeclared: RangeSample::of(&holes.difference(&declared), examples),
            surplus: RangeSample::of(&declared.intersection(&seen), examples),
            holes: RangeSample::of(&holes, examples),
            declared: RangeSample::of(&declared, examples),
        }
    }

    /// The numbers that the device should have.
    fn required(&self, all: &SeqSet, known: &SeqSet) -> SeqSet {
        let (Some(all), Some(known)) = (all.bounds(), known.bounds()) else { return SeqSet::new() };
        // A probe comes a moment before the device gets all entries: only its first entry shows where it began. With
        // entries from before the probe, the probe was that of another device that writes to the same log.
        let begun = self.begun_after.is_some_and(|after| known.from > after);
        let from = if begun { known.from } else { all.from };
        let to = self.ended.map_or(all.to, |ended| ended.max(known.to));
        SeqSet::from(SeqRange { from, to })
    }
}
