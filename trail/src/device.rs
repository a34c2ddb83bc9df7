//! All that the lines of one salt say, whatever files they are in.
//! Never in it: what another device has.

use std::collections::{HashMap, HashSet};

use onrecord_entry::{Boot, Kind};

use crate::id::Id;
use crate::pairs::Pairs;
use crate::report::{DeviceReport, Numbered, Sample};
use crate::runs::Runs;
use crate::strand::Strand;

/// One device.
#[derive(Debug)]
pub(crate) struct Device {
    /// How many devices were met before.
    pub(crate) place: usize,
    /// The sources that have lines of it, by their places.
    sources: Vec<usize>,
    strands: HashMap<Boot, Strand>,
    pub(crate) pairs: Pairs,
    pub(crate) requests: u64,
    pub(crate) responses: u64,
    pub(crate) doubles: Sample<Numbered>,
    pub(crate) elided: u64,
    pub(crate) split: u64,
    pub(crate) wrong_parts: u64,
    pub(crate) gaps: HashSet<Id>,
    pub(crate) missed: u64,
}

impl Device {
    pub(crate) fn new(place: usize) -> Self {
        Self {
            place,
            sources: Vec::new(),
            strands: HashMap::new(),
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

    /// Notes that it has lines in a source.
    pub(crate) fn is_in(&mut self, source: usize) {
        if self.sources.last() != Some(&source) {
            self.sources.push(source);
        }
    }

    /// What it has of a start.
    pub(crate) fn strand(&mut self, boot: Boot) -> &mut Strand {
        let place = self.strands.len();
        self.strands.entry(boot).or_insert_with(|| Strand::new(place))
    }

    /// Counts an entry that is no double.
    pub(crate) fn count(&mut self, kind: Kind, id: &Id) {
        match kind {
            Kind::Request => self.requests += 1,
            Kind::Response => self.responses += 1,
        }
        self.pairs.add(kind, id);
    }

    /// What it has of each start.
    pub(crate) fn strands(&self) -> impl Iterator<Item = (Boot, &Strand)> {
        self.strands.iter().map(|(boot, strand)| (*boot, strand))
    }

    /// What is to be said of it. `known` is what is known of each start from all devices.
    pub(crate) fn report(
        self,
        names: &[String],
        known: &HashMap<Boot, Runs>,
        examples: usize,
    ) -> DeviceReport {
        let nothing = Runs::default();
        let mut strands: Vec<(Boot, Strand)> = self.strands.into_iter().collect();
        strands.sort_unstable_by_key(|(_, strand)| strand.place);
        DeviceReport {
            salt: None,
            sources: self.sources.iter().filter_map(|&at| names.get(at).cloned()).collect(),
            requests: self.requests,
            responses: self.responses,
            pairs: self.pairs.complete,
            requests_alone: self.pairs.alone(Kind::Request, examples),
            responses_alone: self.pairs.alone(Kind::Response, examples),
            doubles: self.doubles,
            gaps: self.gaps.len() as u64,
            missed: self.missed,
            elided: self.elided,
            split: self.split,
            wrong_parts: self.wrong_parts,
            incomplete_parts: 0,
            boots: strands
                .into_iter()
                .map(|(boot, strand)| strand.report(boot, known.get(&boot).unwrap_or(&nothing), examples))
                .collect(),
        }
    }
}
