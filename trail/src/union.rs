//! All devices as one: an entry that any of them has is there.
//! Never in it: which device has it.

use std::collections::HashMap;

use onrecord_entry::{Boot, Kind, Record, SeqRange};

use crate::glance::Seen;
use crate::id::Id;
use crate::pairs::Pairs;
use crate::report::{Sample, Unanswered, UnionReport};
use crate::runs::Runs;
use crate::strand::Strand;

/// All devices.
pub(crate) struct Union {
    strands: HashMap<Boot, Strand>,
    pairs: Pairs,
    requests: u64,
    responses: u64,
    /// The requests that are known to have been answered, and which of their entries were seen.
    answered: HashMap<Id, Sighted>,
}

#[derive(Clone, Copy, Default)]
struct Sighted {
    request: bool,
    response: bool,
}

impl Union {
    pub(crate) fn new(answered: &[String]) -> Self {
        Self {
            strands: HashMap::new(),
            pairs: Pairs::default(),
            requests: 0,
            responses: 0,
            answered: answered.iter().map(|id| (Id::of(id), Sighted::default())).collect(),
        }
    }

    /// Adds an entry of a device, if no other device had it.
    pub(crate) fn add(&mut self, seen: &Seen) {
        if let Some(Record { seq, boot, .. }) = seen.record {
            let place = self.strands.len();
            let strand = self.strands.entry(boot).or_insert_with(|| Strand::new(place));
            if !strand.seqs.insert(seq) {
                return;
            }
            strand.entries += 1;
        }
        match seen.kind {
            Kind::Request => self.requests += 1,
            Kind::Response => self.responses += 1,
        }
        if let Some(sighted) = self.answered.get_mut(&seen.id) {
            match seen.kind {
                Kind::Request => sighted.request = true,
                Kind::Response => sighted.response = true,
            }
        }
        self.pairs.add(seen.kind, &seen.id);
    }

    /// What is to be said of all devices together, and what is known of each start: the numbers that were seen, and
    /// those that any device declares.
    pub(crate) fn report(
        mut self,
        declared: HashMap<Boot, Vec<SeqRange>>,
        examples: usize,
    ) -> (UnionReport, HashMap<Boot, Runs>) {
        for (boot, ranges) in declared {
            let place = self.strands.len();
            self.strands.entry(boot).or_insert_with(|| Strand::new(place)).declared = ranges;
        }
        let mut strands: Vec<(Boot, Strand)> = self.strands.into_iter().collect();
        strands.sort_unstable_by_key(|(_, strand)| strand.place);
        let (mut boots, mut known) = (Vec::new(), HashMap::new());
        for (boot, mut strand) in strands {
            let declared = Runs::of(strand.declared.clone());
            let all = strand.seqs.runs().or(&declared);
            // Here a declared number that is there is the rule: one device missed what another has.
            strand.declared = declared.without(&strand.seqs.runs()).iter().collect();
            boots.push(strand.report(boot, &all, examples));
            known.insert(boot, all);
        }
        let mut unanswered: Vec<Unanswered> = self
            .answered
            .iter()
            .filter(|(_, sighted)| !(sighted.request && sighted.response))
            .map(|(id, sighted)| Unanswered {
                id: id.to_string(),
                request: sighted.request,
                response: sighted.response,
            })
            .collect();
        unanswered.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let count = unanswered.len() as u64;
        unanswered.truncate(examples);
        let report = UnionReport {
            requests: self.requests,
            responses: self.responses,
            pairs: self.pairs.complete,
            requests_alone: self.pairs.alone(Kind::Request, examples),
            responses_alone: self.pairs.alone(Kind::Response, examples),
            unanswered: Sample { count, first: unanswered },
            boots,
        };
        (report, known)
    }
}
