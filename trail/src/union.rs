//! All devices as one: it has every entry that any of them has.
//! Never in it: which device has an entry.

use std::collections::HashMap;

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SeqSet};

use crate::boot_log::BootLog;
use crate::fast_scan::ScannedEntry;
use crate::id::Id;
use crate::pairs::Pairs;
use crate::report::{Sample, Unanswered, UnionReport};

/// All devices.
pub(crate) struct Union {
    boots: HashMap<Boot, BootLog>,
    pairs: Pairs,
    requests: u64,
    responses: u64,
    /// The requests that are known to have been answered, and which of their entries were found.
    answered: HashMap<Id, FoundEntries>,
}

#[derive(Clone, Copy, Default)]
struct FoundEntries {
    request: bool,
    response: bool,
}

impl Union {
    pub(crate) fn new(answered: &[String]) -> Self {
        Self {
            boots: HashMap::new(),
            pairs: Pairs::default(),
            requests: 0,
            responses: 0,
            answered: answered.iter().map(|id| (Id::of(id), FoundEntries::default())).collect(),
        }
    }

    /// Adds an entry of a device, if no other device had it.
    pub(crate) fn add(&mut self, seen: &ScannedEntry) {
        if let Some(Record { seq, boot, .. }) = seen.record {
            let order = self.boots.len();
            let boot_log = self.boots.entry(boot).or_insert_with(|| BootLog::new(order));
            if !boot_log.seqs.insert(seq) {
                return;
            }
            boot_log.entries += 1;
        }
        match seen.entry_type {
            EntryType::Request => self.requests += 1,
            EntryType::Response => self.responses += 1,
        }
        if let Some(found) = self.answered.get_mut(&seen.id) {
            match seen.entry_type {
                EntryType::Request => found.request = true,
                EntryType::Response => found.response = true,
            }
        }
        self.pairs.add(seen.entry_type, &seen.id);
    }

    /// The report about all devices together, and the known numbers of each start: those that were seen, and those that
    /// any device declares.
    pub(crate) fn report(
        mut self,
        declared: HashMap<Boot, SeqSet>,
        examples: usize,
    ) -> (UnionReport, HashMap<Boot, SeqSet>) {
        for (boot, declared) in declared {
            let order = self.boots.len();
            self.boots.entry(boot).or_insert_with(|| BootLog::new(order)).declared = declared;
        }
        let mut logs: Vec<(Boot, BootLog)> = self.boots.into_iter().collect();
        logs.sort_unstable_by_key(|(_, boot_log)| boot_log.order);
        let (mut boots, mut known) = (Vec::new(), HashMap::new());
        for (boot, mut boot_log) in logs {
            let seen = boot_log.seqs.set();
            let all = seen.union(&boot_log.declared);
            // Numbers that were declared and seen are usual here: one device missed an entry that another has.
            boot_log.declared = boot_log.declared.difference(&seen);
            boots.push(boot_log.report(boot, &all, examples));
            known.insert(boot, all);
        }
        let mut unanswered: Vec<Unanswered> = self
            .answered
            .iter()
            .filter(|(_, found)| !(found.request && found.response))
            .map(|(id, found)| Unanswered {
                id: id.to_string(),
                request: found.request,
                response: found.response,
            })
            .collect();
        unanswered.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let count = unanswered.len() as u64;
        unanswered.truncate(examples);
        let report = UnionReport {
            requests: self.requests,
            responses: self.responses,
            pairs: self.pairs.complete,
            requests_alone: self.pairs.unpaired(EntryType::Request, examples),
            responses_alone: self.pairs.unpaired(EntryType::Response, examples),
            unanswered: Sample { count, first: unanswered },
            boots,
        };
        (report, known)
    }
}
