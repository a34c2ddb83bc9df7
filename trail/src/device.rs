//! The facts in the lines of one salt, from all files, and the holes in their numbers.
//! Never in it: a line, or what another device has.

use std::collections::{HashMap, HashSet};

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SeqRange, SeqSet};

use crate::fast_scan::ScannedEntry;
use crate::id::Id;
use crate::order::Order;
use crate::pairs::Pairs;
use crate::report::{BootReport, DeviceReport, RangeSample};
use crate::seen_seqs::SeenSeqs;

#[derive(Debug, Default)]
pub(crate) struct BootLog {
    /// How many starts were found before it.
    pub(crate) order: usize,
    pub(crate) seqs: SeenSeqs,
    pub(crate) entries: u64,
    pub(crate) declared: SeqSet,
    /// A probe with this number came before an entry of the device. If the device has no older entry, it was its own
    /// probe, and the device need not have earlier entries.
    pub(crate) begun_after: Option<u64>,
    /// The device was disabled within this start, after this number.
    pub(crate) ended: Option<u64>,
}

impl BootLog {
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

/// The entries of one device, or of all.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    boots: HashMap<Boot, BootLog>,
    pub(crate) pairs: Pairs,
    pub(crate) requests: u64,
    pub(crate) responses: u64,
}

impl Entries {
    pub(crate) fn boot_log(&mut self, boot: Boot) -> &mut BootLog {
        let order = self.boots.len();
        self.boots.entry(boot).or_insert_with(|| BootLog { order, ..BootLog::default() })
    }

    /// Adds an entry of a request; false if it is a double.
    pub(crate) fn add(&mut self, seen: &ScannedEntry) -> bool {
        if !self.add_alone(seen) {
            return false;
        }
        match seen.entry_type {
            EntryType::Request => self.requests += 1,
            EntryType::Response => self.responses += 1,
        }
        self.pairs.add(seen.entry_type, &seen.id);
        true
    }

    /// Adds an entry that belongs to no other; false if it is a double.
    pub(crate) fn add_alone(&mut self, seen: &ScannedEntry) -> bool {
        if let Some(Record { seq, boot, .. }) = seen.record {
            let boot_log = self.boot_log(boot);
            if !boot_log.seqs.insert(seq) {
                return false;
            }
            boot_log.entries += 1;
        }
        true
    }

    pub(crate) fn boots(&self) -> impl Iterator<Item = (Boot, &BootLog)> {
        self.boots.iter().map(|(boot, boot_log)| (*boot, boot_log))
    }

    /// Those of each start, taken out, in the order in which the starts were found.
    pub(crate) fn take_boots(&mut self) -> Vec<(Boot, BootLog)> {
        let mut boots: Vec<_> = self.boots.drain().collect();
        boots.sort_unstable_by_key(|(_, boot_log)| boot_log.order);
        boots
    }
}

#[derive(Debug, Default)]
pub(crate) struct Device {
    /// How many devices were found before it.
    pub(crate) order: usize,
    /// The sources that have lines of it, by their index.
    pub(crate) sources: Vec<usize>,
    pub(crate) entries: Entries,
    pub(crate) lines: Order,
    pub(crate) gaps: HashSet<Id>,
    /// The counts that need no more than adding.
    pub(crate) counted: DeviceReport,
}

impl Device {
    pub(crate) fn add_source(&mut self, source: usize) {
        if self.sources.last() != Some(&source) {
            self.sources.push(source);
        }
    }

    /// The report about it. `known` has the numbers of each start that are known from all devices.
    pub(crate) fn report(
        mut self,
        names: &[String],
        known: &HashMap<Boot, SeqSet>,
        examples: usize,
    ) -> DeviceReport {
        let nothing = SeqSet::new();
        let boots = self.entries.take_boots();
        let entries = self.entries;
        DeviceReport {
            sources: self.sources.iter().filter_map(|&at| names.get(at).cloned()).collect(),
            requests: entries.requests,
            responses: entries.responses,
            pairs: entries.pairs.complete,
            requests_alone: entries.pairs.unpaired(EntryType::Request, examples),
            responses_alone: entries.pairs.unpaired(EntryType::Response, examples),
            out_of_order: self.lines.report(names),
            gaps: self.gaps.len() as u64,
            boots: boots
                .into_iter()
                .map(|(boot, boot_log)| boot_log.report(boot, known.get(&boot).unwrap_or(&nothing), examples))
                .collect(),
            ..self.counted
        }
    }
}
