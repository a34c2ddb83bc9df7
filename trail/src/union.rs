//! All devices as one: it has every entry that any of them has.
//! Never in it: which device has an entry.

use std::collections::HashMap;

use onrecord_entry::{Boot, EntryType, SeqSet};

use crate::device::Entries;
use crate::fast_scan::ScannedEntry;
use crate::id::Id;
use crate::report::{Sample, Unanswered, UnionReport};

pub(crate) struct Union {
    entries: Entries,
    /// The requests that are known to have been answered, and which of their entries were found.
    answered: HashMap<Id, Unanswered>,
}

impl Union {
    pub(crate) fn new(answered: &[String]) -> Self {
        let nothing = |id: &String| Unanswered { id: id.clone(), request: false, response: false };
        let answered = answered.iter().map(|id| (Id::of(id), nothing(id))).collect();
        Self { entries: Entries::default(), answered }
    }

    /// Adds an entry of a device, if no other device had it.
    pub(crate) fn add(&mut self, seen: &ScannedEntry) {
        if self.entries.add(seen)
            && let Some(found) = self.answered.get_mut(&seen.id)
        {
            match seen.entry_type {
                EntryType::Request => found.request = true,
                EntryType::Response => found.response = true,
            }
        }
    }

    /// Adds an entry that belongs to no other, if no other device had it.
    pub(crate) fn add_alone(&mut self, seen: &ScannedEntry) {
        self.entries.add_alone(seen);
    }

    /// The report about all devices together, and the known numbers of each start: those that were seen, and those that
    /// any device declares.
    pub(crate) fn report(
        mut self,
        declared: HashMap<Boot, SeqSet>,
        examples: usize,
    ) -> (UnionReport, HashMap<Boot, SeqSet>) {
        for (boot, declared) in declared {
            self.entries.boot_log(boot).declared = declared;
        }
        let (mut boots, mut known) = (Vec::new(), HashMap::new());
        for (boot, mut boot_log) in self.entries.take_boots() {
            let seen = boot_log.seqs.set();
            let all = seen.union(&boot_log.declared);
            // Numbers that were declared and seen are usual here: one device missed an entry that another has.
            boot_log.declared = boot_log.declared.difference(&seen);
            boots.push(boot_log.report(boot, &all, examples));
            known.insert(boot, all);
        }
        let mut unanswered: Vec<Unanswered> = self.answered.into_values().collect();
        unanswered.retain(|found| !(found.request && found.response));
        unanswered.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let count = unanswered.len() as u64;
        unanswered.truncate(examples);
        let Entries { requests, responses, pairs, .. } = self.entries;
        let report = UnionReport {
            requests,
            responses,
            pairs: pairs.complete,
            requests_alone: pairs.unpaired(EntryType::Request, examples),
            responses_alone: pairs.unpaired(EntryType::Response, examples),
            unanswered: Sample { count, first: unanswered },
            boots,
        };
        (report, known)
    }
}
