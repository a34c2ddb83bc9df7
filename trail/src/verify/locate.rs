//! Where each source begins in the tree: its first lines are searched for among all leaves.
//! Never in it: what the lines after them are.

use std::ops::ControlFlow;

use onrecord_evidence::Hash;

use super::leaves::Leaves;
use super::line_hashes::LineHashes;
use super::lookup::Lookup;

/// So many lines of each source are searched for in the first pass over the tree.
pub(crate) const FIRST_LINES: usize = 64;
/// Where none of these is in the tree, more are searched for, up to this many at once.
const LINES_MAX: usize = 1 << 20;
/// So many of the places of one hash are remembered: two lines are equal only where someone doubled one.
const PLACES_MAX: usize = 4;

/// A line of a source, from 0, that is a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) line: u64,
    pub(crate) leaf: u64,
}

/// The lines that are searched for.
pub(crate) struct Probe {
    wanted: Lookup<Wanted>,
    /// By source.
    hits: Vec<Vec<Start>>,
}

#[derive(Default)]
struct Wanted {
    lines: Vec<(usize, u64)>,
    places: usize,
}

impl Probe {
    pub(crate) fn new(sources: usize) -> Self {
        Self { wanted: Lookup::new(), hits: vec![Vec::new(); sources] }
    }

    pub(crate) fn add(&mut self, source: usize, line: u64, hash: Hash) {
        let wanted = self.wanted.want(hash);
        if wanted.lines.len() < PLACES_MAX {
            wanted.lines.push((source, line));
        }
    }

    /// Compares a leaf with the lines.
    pub(crate) fn see(&mut self, leaf: u64, hash: &Hash) {
        let Some(wanted) = self.wanted.find(hash) else { return };
        if wanted.places == PLACES_MAX {
            return;
        }
        wanted.places += 1;
        for (source, line) in &wanted.lines {
            if let Some(hits) = self.hits.get_mut(*source) {
                hits.push(Start { line: *line, leaf });
            }
        }
    }

    /// Where a source begins, if any of its lines is in the tree.
    pub(crate) fn start(&self, source: usize) -> Option<Start> {
        start(self.hits.get(source)?)
    }
}

/// The first line of the longest chain of lines that are in the order of their leaves: lines that were moved or doubled do not
/// belong to it.
fn start(hits: &[Start]) -> Option<Start> {
    let mut sorted = hits.to_vec();
    sorted.sort_unstable_by_key(|hit| (hit.line, hit.leaf));
    // For each length the chain of later lines that begins with the largest leaf: the longer, the smaller.
    let mut chains: Vec<u64> = Vec::new();
    let mut best: Option<(usize, Start)> = None;
    for of_line in sorted.chunk_by(|one, other| one.line == other.line).rev() {
        let length = |hit: &Start| chains.partition_point(|leaf| *leaf > hit.leaf);
        let lengths: Vec<usize> = of_line.iter().map(length).collect();
        for (hit, length) in of_line.iter().zip(lengths).rev() {
            if best.is_none_or(|(longest, _)| length + 1 >= longest) {
                best = Some((length + 1, *hit));
            }
            match chains.get_mut(length) {
                Some(leaf) => *leaf = hit.leaf.max(*leaf),
                None => chains.push(hit.leaf),
            }
        }
    }
    best.map(|(_, first)| first)
}

/// Searches for all lines of a source, from its beginning, until one is in the tree.
pub(crate) fn search(lines: &mut LineHashes, leaves: &mut Leaves<'_>, keep: bool) -> Option<Start> {
    let (mut done, mut count) = (0, FIRST_LINES * FIRST_LINES);
    loop {
        let mut probe = Probe::new(1);
        let passed = lines.passed();
        let ahead = lines.ahead(count);
        let found = ahead.len();
        for (line, hash) in (passed..).zip(&ahead).skip(done) {
            probe.add(0, line, *hash);
        }
        if found <= done {
            return None;
        }
        leaves.each(0, &mut |leaf, hash| {
            probe.see(leaf, hash);
            ControlFlow::<()>::Continue(())
        });
        if let Some(start) = probe.start(0) {
            return Some(start);
        }
        if found < count {
            return None;
        }
        if keep {
            // A stream is read once: its lines wait, 32 bytes each.
            (done, count) = (found, count.saturating_mul(2));
        } else {
            for _ in 0..found {
                lines.pop();
            }
            count = (count * FIRST_LINES).min(LINES_MAX);
        }
    }
}
