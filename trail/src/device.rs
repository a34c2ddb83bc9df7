//! The facts in the lines of one salt, from all files.
//! Never in it: what another device has.

use std::collections::{HashMap, HashSet};

use onrecord_entry::{Boot, EntryType, SeqSet};

use crate::boot_log::BootLog;
use crate::id::Id;
use crate::pairs::Pairs;
use crate::report::{DeviceReport, EntryNumber, Sample};

/// One device.
#[derive(Debug)]
pub(crate) struct Device {
    /// How many devices were found before it.
    pub(crate) order: usize,
    /// The sources that have lines of it, by their index.
    sources: Vec<usize>,
    boots: HashMap<Boot, BootLog>,
    pub(crate) pairs: Pairs,
    pub(crate) requests: u64,
    pub(crate) responses: u64,
    pub(crate) doubles: Sample<EntryNumber>,
    pub(crate) elided: u64,
    pub(crate) split: u64,
    pub(crate) wrong_parts: u64,
    pub(crate) gaps: HashSet<Id>,
    pub(crate) missed: u64,
}

impl Device {
    pub(crate) fn new(order: usize) -> Self {
        Self {
            order,
            sources: Vec::new(),
            boots: HashMap::new(),
            pairs: Pairs::default(),
            requests: 0,
            responses: 0,
            doubles: Sample::default(),
            elided: 0,
            split: 0,
            wrong_parts: 0,
            gaps: HashSet::new(),
            missed: 0,
        }
    }

    /// Adds a source that has lines of it.
    pub(crate) fn add_source(&mut self, source: usize) {
        if self.sources.last() != Some(&source) {
            self.sources.push(source);
        }
    }

    /// Its entries of a start.
    pub(crate) fn boot_log(&mut self, boot: Boot) -> &mut BootLog {
        let order = self.boots.len();
        self.boots.entry(boot).or_insert_with(|| BootLog::new(order))
    }

    /// Counts an entry that is not a double.
    pub(crate) fn count(&mut self, entry_type: EntryType, id: &Id) {
        match entry_type {
            EntryType::Request => self.requests += 1,
            EntryType::Response => self.responses += 1,
        }
        self.pairs.add(entry_type, id);
    }

    /// Its entries of each start.
    pub(crate) fn boots(&self) -> impl Iterator<Item = (Boot, &BootLog)> {
        self.boots.iter().map(|(boot, boot_log)| (*boot, boot_log))
    }

    /// The report about it. `known` has the numbers of each start that are known from all devices.
    pub(crate) fn report(
        self,
        names: &[String],
        known: &HashMap<Boot, SeqSet>,
        examples: usize,
    ) -> DeviceReport {
        let nothing = SeqSet::new();
        let mut boots: Vec<(Boot, BootLog)> = self.boots.into_iter().collect();
        boots.sort_unstable_by_key(|(_, boot_log)| boot_log.order);
        DeviceReport {
            salt: None,
            sources: self.sources.iter().filter_map(|&at| names.get(at).cloned()).collect(),
            requests: self.requests,
            responses: self.responses,
            pairs: self.pairs.complete,
            requests_alone: self.pairs.unpaired(EntryType::Request, examples),
            responses_alone: self.pairs.unpaired(EntryType::Response, examples),
            doubles: self.doubles,
            gaps: self.gaps.len() as u64,
            missed: self.missed,
            elided: self.elided,
            split: self.split,
            wrong_parts: self.wrong_parts,
            incomplete_parts: 0,
            boots: boots
                .into_iter()
                .map(|(boot, boot_log)| boot_log.report(boot, known.get(&boot).unwrap_or(&nothing), examples))
                .collect(),
        }
    }
}
