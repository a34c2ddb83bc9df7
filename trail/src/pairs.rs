//! The two entries of each request. Requests with both are only counted, so that memory is used for the others alone.
//! Never in it: where an entry was.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use onrecord_entry::EntryType;

use crate::id::Id;
use crate::report::Sample;

/// Requests by their ids.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    open: HashMap<Id, Unpaired>,
    pub(crate) complete: u64,
}

/// The entries of a request that still lack their counterpart.
#[derive(Clone, Copy, Debug, Default)]
struct Unpaired {
    requests: u32,
    responses: u32,
}

impl Pairs {
    /// Adds an entry.
    pub(crate) fn add(&mut self, entry_type: EntryType, id: &Id) {
        let mut open = match self.open.entry(id.clone()) {
            Entry::Occupied(open) => open,
            Entry::Vacant(place) => {
                let (requests, responses) = match entry_type {
                    EntryType::Request => (1, 0),
                    EntryType::Response => (0, 1),
                };
                place.insert(Unpaired { requests, responses });
                return;
            }
        };
        let Unpaired { requests, responses } = open.get_mut();
        let (own, other) = match entry_type {
            EntryType::Request => (requests, responses),
            EntryType::Response => (responses, requests),
        };
        if *other == 0 {
            *own += 1;
            return;
        }
        *other -= 1;
        self.complete += 1;
        if *other == 0 {
            open.remove();
        }
    }

    /// The ids of requests without response, or of responses without request.
    pub(crate) fn unpaired(&self, entry_type: EntryType, examples: usize) -> Sample<String> {
        let unpaired = self.open.iter().filter_map(|(id, open)| {
            let count = match entry_type {
                EntryType::Request => open.requests,
                EntryType::Response => open.responses,
            };
            (count > 0).then_some((id, count))
        });
        let (mut count, mut first) = (0, Vec::new());
        for (id, entries) in unpaired {
            count += u64::from(entries);
            first.push(id);
        }
        // The order of the map is random.
        first.sort_unstable();
        first.truncate(examples);
        Sample { count, first: first.into_iter().map(Id::to_string).collect() }
    }
}
