//! The two entries of each request: found together they are forgotten, so that only what is open takes memory.
//! Never in it: where an entry was.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use onrecord_entry::Kind;

use crate::id::Id;
use crate::report::Sample;

/// Requests by their ids.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    open: HashMap<Id, Open>,
    pub(crate) complete: u64,
}

/// What there is of a request that is not complete.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    requests: u32,
    responses: u32,
}

impl Pairs {
    /// Adds an entry.
    pub(crate) fn add(&mut self, kind: Kind, id: &Id) {
        let mut open = match self.open.entry(id.clone()) {
            Entry::Occupied(open) => open,
            Entry::Vacant(place) => {
                let (requests, responses) = match kind {
                    Kind::Request => (1, 0),
                    Kind::Response => (0, 1),
                };
                place.insert(Open { requests, responses });
                return;
            }
        };
        let Open { requests, responses } = open.get_mut();
        let (own, other) = match kind {
            Kind::Request => (requests, responses),
            Kind::Response => (responses, requests),
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
    pub(crate) fn alone(&self, kind: Kind, examples: usize) -> Sample<String> {
        let alone = self.open.iter().filter_map(|(id, open)| {
            let count = match kind {
                Kind::Request => open.requests,
                Kind::Response => open.responses,
            };
            (count > 0).then_some((id, count))
        });
        let (mut count, mut first) = (0, Vec::new());
        for (id, many) in alone {
            count += u64::from(many);
            first.push(id);
        }
        // The map has an order of its own, another one each time.
        first.sort_unstable();
        first.truncate(examples);
        Sample { count, first: first.into_iter().map(Id::to_string).collect() }
    }
}
