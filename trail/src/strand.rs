//! One start of the server as one device has it, and what follows from its numbers.
//! Never in it: a line, or an id.

use onrecord_entry::{Boot, SeqRange};

use crate::report::{BootReport, Spans};
use crate::runs::Runs;
use crate::seqs::Seqs;

/// The numbers of one start on one device.
#[derive(Debug)]
pub(crate) struct Strand {
    /// How many starts were seen before.
    pub(crate) place: usize,
    pub(crate) seqs: Seqs,
    pub(crate) entries: u64,
    /// What gap entries say was missed.
    pub(crate) declared: Vec<SeqRange>,
    /// There was a probe after this number before an entry of the device: if none of its own is older, it was its own
    /// probe, and what came before is not its business.
    pub(crate) begun_after: Option<u64>,
    /// The device was disabled within this start, after this number.
    pub(crate) ended: Option<u64>,
}

impl Strand {
    pub(crate) fn new(place: usize) -> Self {
        Self {
            place,
            seqs: Seqs::default(),
            entries: 0,
            declared: Vec::new(),
            begun_after: None,
            ended: None,
        }
    }

    /// What this device has, lacks and says that it lacks. `all` is what is known of this start from all devices: the
    /// numbers of it that there are go from its smallest to its largest.
    pub(crate) fn report(mut self, boot: Boot, all: &Runs, examples: usize) -> BootReport {
        let seen = self.seqs.runs();
        let declared = Runs::of(std::mem::take(&mut self.declared));
        let owed = self.owed(all, &seen.or(&declared));
        let holes = owed.without(&seen);
        let bounds = seen.bounds();
        BootReport {
            boot,
            entries: self.entries,
            first: bounds.map(|bounds| bounds.from),
            last: bounds.map(|bounds| bounds.to),
            undeclared: Spans::of(&holes.without(&declared), examples),
            surplus: Spans::of(&declared.and(&seen), examples),
            holes: Spans::of(&holes, examples),
            declared: Spans::of(&declared, examples),
        }
    }

    /// The numbers that the device should have.
    fn owed(&self, all: &Runs, known: &Runs) -> Runs {
        let (Some(all), Some(known)) = (all.bounds(), known.bounds()) else { return Runs::default() };
        // A probe comes a moment before the device gets all entries: which is its first, only the entry itself says.
        // With entries from before, the probe was that of another device that writes to the same log.
        let begun = self.begun_after.is_some_and(|after| known.from > after);
        let from = if begun { known.from } else { all.from };
        let to = self.ended.map_or(all.to, |ended| ended.max(known.to));
        Runs::from(Some(SeqRange { from, to }))
    }
}
