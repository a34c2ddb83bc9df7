//! Lines that are not in the tree, and of which the tree itself says so: an event that is a leaf says how many there are, and before
//! which leaf.
//! Never in it: gaps of the log.

use std::collections::BTreeMap;

use onrecord_entry::SeqSet;

use super::tree_events::EventKind;
use super::walk::{Difference, Walk, Where};

/// How many lines before which leaf.
#[derive(Debug, Default)]
pub(crate) struct Declared(BTreeMap<u64, u64>);

impl Declared {
    /// Those of which exactly as many lines are there as an event says: fewer or more are not those that the tree could not take.
    /// After a rotation some may be at the end of one file, and others at the beginning of the next.
    pub(crate) fn new(walk: &Walk<'_>, first_leaf: u64) -> Self {
        let mut said: BTreeMap<u64, u64> = BTreeMap::new();
        for (_, event) in walk.events.iter().filter(|(_, event)| event.kind == EventKind::Lost) {
            let lines = said.entry(event.size).or_default();
            *lines = lines.saturating_add(event.lines);
        }
        let mut there: BTreeMap<u64, u64> = BTreeMap::new();
        for (leaf, lines) in walk.differences.iter().filter_map(|one| surplus(one, &walk.covered, first_leaf))
        {
            *there.entry(leaf).or_default() += lines;
        }
        said.retain(|leaf, lines| there.get(leaf) == Some(lines));
        Self(said)
    }

    /// Whether these lines are some of them.
    pub(crate) fn has(&self, difference: &Difference, covered: &SeqSet, first_leaf: u64) -> bool {
        surplus(difference, covered, first_leaf).is_some_and(|(leaf, _)| self.0.contains_key(&leaf))
    }
}

/// The leaf before which lines stand, and how many, if none of the lines stands for a leaf.
fn surplus(difference: &Difference, covered: &SeqSet, first_leaf: u64) -> Option<(u64, u64)> {
    let (from, to) = difference.leaves;
    let leaf = match difference.at {
        Where::Inside => (from == to).then_some(from),
        Where::Tail => covered.contains(from).then_some(from),
        Where::Head => (to <= first_leaf || covered.contains(to - 1)).then_some(to),
    };
    leaf.map(|leaf| (leaf, difference.count)).filter(|(_, lines)| *lines > 0)
}
