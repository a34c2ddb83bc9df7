//! What the differences mean: which lines were altered, moved, doubled or inserted, and which are missing.
//! Never in it: text of lines.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use onrecord_entry::{SeqRange, SeqSet};
use onrecord_evidence::Hash;

use super::declared::Declared;
use super::leaves::Leaves;
use super::lookup::Lookup;
use super::report::{Finding, FindingKind};
use super::times::Era;
use super::walk::{Difference, Repetition, Track, Walk, Where};
use crate::report::Sample;

/// The findings of each kind.
pub(crate) type Findings = BTreeMap<FindingKind, Sample<Finding>>;

struct Classifier<'c, 't> {
    names: &'c [String],
    tracks: &'c [Track],
    leaves: &'c mut Leaves<'t>,
    size: u64,
    examples: usize,
    /// The leaves that cannot be read.
    unknown: SeqSet,
    /// The leaves without a line,
    missing: SeqSet,
    /// and those of them that a difference explains.
    explained: SeqSet,
    found: Lookup<Found>,
    findings: Findings,
}

/// The leaf of a line that is not at its place.
#[derive(Clone, Copy, Default)]
struct Found {
    leaf: Option<u64>,
    /// The leaf has no line of its own, and no other line took it.
    free: bool,
}

/// What is looked at.
pub(crate) struct Bounds<'b> {
    /// Sources of which no line is in the tree.
    pub(crate) foreign: &'b [(usize, Era)],
    /// The first leaf that must have a line.
    pub(crate) first_leaf: u64,
    /// How many leaves there are.
    pub(crate) size: u64,
    /// The most examples of each kind that are kept.
    pub(crate) examples: usize,
}

/// The findings that follow from walks along all sources.
pub(crate) fn classify(
    walk: &mut Walk<'_>,
    names: &[String],
    tracks: &[Track],
    bounds: &Bounds<'_>,
) -> Findings {
    let Bounds { first_leaf, size, examples, foreign } = *bounds;
    let declared = Declared::new(walk, first_leaf);
    let Walk { leaves, covered, differences, repetitions, .. } = walk;
    let missing = if first_leaf < size {
        SeqSet::from(SeqRange { from: first_leaf, to: size - 1 }).difference(covered)
    } else {
        SeqSet::new()
    };
    let (explained, found, findings) = (SeqSet::new(), Lookup::new(), Findings::new());
    let unknown = leaves.unknown();
    let mut all =
        Classifier { names, tracks, leaves, size, examples, unknown, missing, explained, found, findings };
    differences.sort_by_key(|one| (one.source, one.line));
    all.find_moved(differences);
    for difference in differences.iter() {
        if declared.has(difference, covered, first_leaf) {
            let kind = FindingKind::UncoveredDeclared;
            let finding = all.one(kind, difference.source, difference.line, difference.count);
            all.add(finding);
        } else {
            all.difference(difference);
        }
    }
    for repetition in repetitions.iter() {
        all.repetition(*repetition);
    }
    all.missing_at_the_ends();
    for (source, era) in foreign {
        let kind = match era {
            Era::Before => FindingKind::UncoveredHead,
            Era::After => FindingKind::UncoveredTail,
            Era::Unknown => FindingKind::Foreign,
        };
        let finding = all.one(kind, *source, 1, tracks.get(*source).map_or(0, |track| track.lines));
        all.add(finding);
    }
    all.of_tracks();
    all.findings
}

impl Classifier<'_, '_> {
    fn add(&mut self, finding: Finding) {
        let sample = self.findings.entry(finding.kind).or_default();
        let count = finding.lines.max(finding.leaves).max(1);
        sample.count += count;
        // Lines that follow each other are one finding; altered ones are named one by one.
        if let Some(last) = sample.first.last_mut()
            && !matches!(finding.kind, FindingKind::Altered | FindingKind::CutLine)
            && last.source == finding.source
            && finding.lines > 0
            && last.line + last.lines == finding.line
            && last.leaf.map(|leaf| leaf + last.leaves) == finding.leaf
        {
            last.lines += finding.lines;
            last.leaves += finding.leaves;
        } else if sample.first.len() < self.examples {
            sample.first.push(finding);
        }
    }

    fn name(&self, source: usize) -> &str {
        self.names.get(source).map_or("", String::as_str)
    }

    fn one(&self, kind: FindingKind, source: usize, line: u64, lines: u64) -> Finding {
        Finding::new(kind, self.name(source), line, lines)
    }

    /// Searches the whole tree for the lines that are not at their place.
    fn find_moved(&mut self, differences: &[Difference]) {
        for hash in differences.iter().flat_map(|one| &one.hashes) {
            self.found.want(*hash);
        }
        if self.found.is_empty() {
            return;
        }
        let (found, missing) = (&mut self.found, &self.missing);
        self.leaves.each(0, &mut |leaf, hash| {
            if let Some(found) = found.find(hash).filter(|found| !found.free) {
                *found = Found { leaf: Some(leaf), free: missing.contains(leaf) };
            }
            ControlFlow::<()>::Continue(())
        });
        // They are not missing, only elsewhere.
        let moved = differences.iter().flat_map(|one| &one.hashes).filter_map(|hash| self.found.get(hash));
        let moved: SeqSet = moved
            .filter(|found| found.free)
            .filter_map(|found| found.leaf)
            .map(|leaf| SeqRange { from: leaf, to: leaf })
            .collect();
        self.missing = self.missing.difference(&moved);
    }

    fn difference(&mut self, difference: &Difference) {
        let Difference { source, line, count, .. } = *difference;
        // Lines that are in the tree, and the numbers of those that are not.
        let mut others = Vec::new();
        for (number, hash) in (line..).zip(&difference.hashes) {
            if !self.moved(source, number, hash) {
                others.push(number);
            }
        }
        let unnamed = count - difference.hashes.len() as u64;
        let more = line + difference.hashes.len() as u64;
        let place = self.place(difference);
        let mut free = place.iter().flat_map(|range| range.from..=range.to);
        let unknown = others.len() as u64 + unnamed;
        // Before the first line of the tree the nearest leaves are those of the last lines.
        let surplus = unknown.saturating_sub(place.count());
        let skipped = if difference.at == Where::Head { surplus } else { 0 };
        let skipped_others = usize::try_from(skipped).unwrap_or(usize::MAX).min(others.len());
        let (before, others) = others.split_at(skipped_others);
        for number in before {
            self.extra(difference, *number, 1);
        }
        let last = line + count - u64::from(count > 0);
        let mut used: Vec<u64> = Vec::new();
        for number in others {
            let cut = difference.cut && *number == last;
            match free.next() {
                Some(leaf) => {
                    used.push(leaf);
                    self.altered(source, *number, leaf, cut);
                }
                None if cut && difference.leaves.0 < self.size => {
                    let finding = self.one(FindingKind::CutLine, source, *number, 1);
                    self.add(finding);
                }
                None => self.extra(difference, *number, 1),
            }
        }
        let mut used: SeqSet = used.iter().map(|leaf| SeqRange { from: *leaf, to: *leaf }).collect();
        if unnamed > 0 {
            let altered = first(&place.difference(&used), unnamed);
            let parts = [
                (FindingKind::Altered, altered.difference(&self.unknown)),
                (FindingKind::Unverifiable, altered.intersection(&self.unknown)),
            ];
            let mut parts: Vec<(FindingKind, SeqRange)> =
                parts.iter().flat_map(|(kind, set)| set.iter().map(|range| (*kind, range))).collect();
            parts.sort_by_key(|(_, range)| range.from);
            let mut number = more;
            for (kind, SeqRange { from, to }) in parts {
                let lines = to - from + 1;
                let finding = self.one(kind, source, number, lines).at(from, lines);
                self.add(finding);
                number += lines;
            }
            if unnamed > altered.count() {
                self.extra(difference, more + altered.count(), unnamed - altered.count());
            }
            used = used.union(&altered);
        }
        let mut left = SeqSet::new();
        if difference.at == Where::Inside {
            left = place.difference(&used);
            for range in left.iter() {
                let finding = self.one(FindingKind::Dropped, source, line + count - 1, 0);
                self.add(finding.at(range.from, range.to - range.from + 1));
            }
        }
        for range in used.iter().chain(left.iter()) {
            self.explained.insert_range(range);
        }
    }

    /// The leaves without lines that belong where the difference is.
    fn place(&self, difference: &Difference) -> SeqSet {
        let (from, to) = difference.leaves;
        match difference.at {
            // Up to the next leaf that has a line.
            Where::Tail => {
                let place = self.unexplained(SeqRange { from, to: u64::MAX });
                place.iter().next().filter(|range| range.from == from).map_or_else(SeqSet::new, SeqSet::from)
            }
            _ if from < to => self.unexplained(SeqRange { from, to: to - 1 }),
            _ => SeqSet::new(),
        }
    }

    fn unexplained(&self, range: SeqRange) -> SeqSet {
        self.missing.within(range).difference(&self.explained.within(range))
    }

    /// Adds a line that is in the tree at another place. False if it is not in the tree.
    fn moved(&mut self, source: usize, line: u64, hash: &Hash) -> bool {
        let Some(found) = self.found.find(hash) else { return false };
        let Some(leaf) = found.leaf else { return false };
        let kind =
            if std::mem::take(&mut found.free) { FindingKind::Reordered } else { FindingKind::Doubled };
        let finding = self.one(kind, source, line, 1).at(leaf, 1);
        self.add(finding);
        true
    }

    fn altered(&mut self, source: usize, line: u64, leaf: u64, cut: bool) {
        let kind = match self.leaves.get(leaf) {
            None => FindingKind::Unverifiable,
            Some(_) if cut => FindingKind::CutLine,
            Some(_) => FindingKind::Altered,
        };
        let finding = self.one(kind, source, line, 1).at(leaf, 1);
        self.add(finding);
    }

    /// Lines for which the tree has no leaf.
    fn extra(&mut self, difference: &Difference, line: u64, lines: u64) {
        let (from, to) = difference.leaves;
        let kind = match difference.at {
            Where::Head if to == 0 || from == 0 && !self.has_leaf_before(to) => FindingKind::UncoveredHead,
            Where::Tail if self.is_last(from) => FindingKind::UncoveredTail,
            _ => FindingKind::Inserted,
        };
        let finding = self.one(kind, difference.source, line, lines);
        self.add(finding);
    }

    /// Whether another source has a line of a leaf before this one.
    fn has_leaf_before(&self, leaf: u64) -> bool {
        self.tracks.iter().any(|track| track.first.is_some_and(|first| first < leaf))
    }

    /// Whether no source has a line of this leaf or a later one.
    fn is_last(&self, leaf: u64) -> bool {
        !self.tracks.iter().any(|track| track.last.is_some_and(|last| last >= leaf))
    }

    fn repetition(&mut self, repetition: Repetition) {
        let Repetition { source, line, count, leaf } = repetition;
        let finding = self.one(FindingKind::Doubled, source, line, count).at(leaf, count);
        self.add(finding);
    }

    /// The leaves without lines that are before, between and after the sources.
    fn missing_at_the_ends(&mut self) {
        for range in self.missing.difference(&self.explained).iter() {
            let sources = || (0_usize..).zip(self.tracks);
            let before = sources().filter(|(_, track)| track.last.is_some_and(|last| last < range.from));
            let before = before.max_by_key(|(_, track)| track.last);
            let after = sources().filter(|(_, track)| track.first.is_some_and(|first| first > range.to));
            let after = after.min_by_key(|(_, track)| track.first).map(|(source, _)| source);
            let (kind, source, line) = match (before, after) {
                (None, Some(source)) => (FindingKind::HeadCut, source, 0),
                (Some((source, track)), Some(_)) => (FindingKind::MissingBetween, source, track.lines),
                (Some((source, track)), None) => (FindingKind::TailCut, source, track.lines),
                (None, None) => (FindingKind::AllMissing, 0, 0),
            };
            let next = after.filter(|_| kind == FindingKind::MissingBetween);
            let next = next.map(|source| self.name(source).to_owned());
            let finding = self.one(kind, source, line, 0).at(range.from, range.to - range.from + 1);
            self.add(Finding { next, ..finding });
        }
    }

    /// What the sources themselves showed.
    fn of_tracks(&mut self) {
        for (source, track) in (0_usize..).zip(self.tracks) {
            if track.newline_missing {
                let finding = self.one(FindingKind::CutLine, source, track.lines, 1);
                self.add(finding.at(track.last.unwrap_or_default(), 1));
            }
            if let Some(line) = track.stopped {
                let finding = self.one(FindingKind::NotCompared, source, line, 0);
                self.add(finding);
            }
            if let Some(error) = &track.error {
                let finding = self.one(FindingKind::Unreadable, source, track.lines + 1, 0);
                self.add(Finding { error: Some(error.clone()), ..finding });
            }
        }
    }
}

/// The first numbers of a set, as ranges: a checkpoint may claim any number of leaves.
fn first(set: &SeqSet, mut count: u64) -> SeqSet {
    let mut found = SeqSet::new();
    for range in set.iter() {
        if count == 0 {
            break;
        }
        let to = range.to.min(range.from.saturating_add(count - 1));
        count -= to - range.from + 1;
        found.insert_range(SeqRange { from: range.from, to });
    }
    found
}

#[cfg(test)]
mod tests {
    use onrecord_evidence::{Checkpoint, Ed25519Key, MemoryStore, Store as _};

    use super::super::leaves::Groups;
    use super::super::snapshot::Snapshot;
    use super::*;

    #[test]
    fn what_a_checkpoint_claims_takes_no_memory() {
        const CLAIMED: u64 = 1 << 40;
        let claim = Checkpoint { origin: "example.com/file".to_owned(), size: CLAIMED, root: Hash::empty() };
        let note = claim.sign(&Ed25519Key::generate().unwrap()).unwrap().to_string();
        let mut store = MemoryStore::default();
        store.write("checkpoint", note.as_bytes()).unwrap();
        let (tree, mut groups) = (Snapshot::take(&store).unwrap(), Groups::default());
        for group in [None, Some(&[Hash([2; 32])][..]), None, Some(&[Hash([3; 32])])] {
            groups.push_leaves(group);
        }
        let mut walk = Walk::new(Leaves::new(&tree, &groups, 1024));
        let difference = |at, line, count, leaves| {
            let hashes = vec![Hash([1; 32])];
            Difference { source: 0, at, line, count, hashes, leaves, cut: false }
        };
        walk.covered.insert(CLAIMED / 2);
        walk.differences.push(difference(Where::Inside, 1, CLAIMED / 4, (0, CLAIMED / 2)));
        let line = CLAIMED / 4 + 2;
        walk.differences.push(difference(Where::Tail, line, CLAIMED, (CLAIMED / 2 + 1, CLAIMED / 2 + 1)));
        let (first, last) = (Some(CLAIMED / 2), Some(CLAIMED / 2));
        let tracks = [Track { lines: line + CLAIMED - 1, covered: 1, first, last, ..Track::default() }];
        let bounds = Bounds { first_leaf: 0, size: CLAIMED, examples: 10, foreign: &[] };
        let findings = classify(&mut walk, &["log".to_owned()], &tracks, &bounds);
        let counts: Vec<_> = findings.iter().map(|(kind, sample)| (*kind, sample.count)).collect();
        // Of the line that the walk kept the leaf is not known either.
        assert_eq!(
            counts,
            [
                (FindingKind::Altered, 512),
                (FindingKind::Dropped, CLAIMED / 4),
                (FindingKind::UncoveredTail, CLAIMED / 2 + 1),
                (FindingKind::Unverifiable, CLAIMED * 3 / 4 - 513),
            ]
        );
    }
}
