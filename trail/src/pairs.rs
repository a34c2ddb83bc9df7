//! The two entries of each request. Requests with both are only counted, so that memory is used for the others alone.
//! Never in it: where an entry was.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use onrecord_entry::EntryType;

use crate::id::Id;
use crate::report::Sample;

#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// How many requests of an id have no response; below zero, how many responses have no request.
    open: HashMap<Id, i64>,
    pub(crate) complete: u64,
}

const fn one(entry_type: EntryType) -> i64 {
    match entry_type {
        EntryType::Request => 1,
        EntryType::Response => -1,
    }
}

impl Pairs {
    pub(crate) fn add(&mut self, entry_type: EntryType, id: &Id) {
        let one = one(entry_type);
        match self.open.entry(id.clone()) {
            Entry::Vacant(place) => drop(place.insert(one)),
            Entry::Occupied(mut open) => {
                let before = *open.get();
                *open.get_mut() = before.saturating_add(one);
                self.complete += u64::from(before.signum() != one);
                if before + one == 0 {
                    open.remove();
                }
            }
        }
    }

    /// The ids of requests without response, or of responses without request.
    pub(crate) fn unpaired(&self, entry_type: EntryType, examples: usize) -> Sample<String> {
        let unpaired =
            |(id, open): (_, &i64)| (open.signum() == one(entry_type)).then_some((id, open.unsigned_abs()));
        let (mut first, counts): (Vec<&Id>, Vec<u64>) = self.open.iter().filter_map(unpaired).unzip();
        // The order of the map is random.
        first.sort_unstable();
        first.truncate(examples);
        Sample { count: counts.into_iter().sum(), first: first.into_iter().map(Id::to_string).collect() }
    }
}
