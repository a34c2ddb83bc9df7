//! One source beside the tree, line by line: as long as they are alike both go on together; where they are not, the next place is
//! searched for at which they are alike again.
//! Never in it: what a difference means (`classify`).

use std::collections::HashMap;
use std::ops::ControlFlow;

use onrecord_entry::{SeqRange, SeqSet};
use onrecord_evidence::Hash;

use super::leaves::Leaves;
use super::line_hashes::LineHashes;
use super::locate::Start;
use super::lookup::Lookup;
use super::tree_events::TreeEvent;

/// How far ahead the next like place is searched for, in lines and in leaves: further where it is not near.
const WINDOWS: [usize; 5] = [8, 64, 512, 4096, 65536];
/// Where it is not within the largest window, these many lines at once are searched for in all later leaves.
const FAR_MAX: usize = 1 << 20;
/// So many hashes of lines are kept of one difference; further lines are counted.
const KEPT_OF_ONE: usize = 65536;
/// And so many of all.
const KEPT: usize = 1 << 20;
/// After this number of differences the rest of a source is not compared.
const DIFFERENCES_MAX: usize = 1 << 18;

/// Where in a source a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// Before the first line that is in the tree.
    Head,
    /// Between two that are.
    Inside,
    /// After the last.
    Tail,
}

/// Lines that are not like the leaves at their place: `count` lines stand where these leaves should.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) source: usize,
    pub(crate) at: Where,
    /// The number of the first of the lines, from 1; without lines, of the one that follows.
    pub(crate) line: u64,
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) hashes: Vec<Hash>,
    /// From this leaf to before that. At the end of a source it is not known to which.
    pub(crate) leaves: (u64, u64),
    /// The last of the lines has no newline.
    pub(crate) cut: bool,
}

/// Lines that are in the tree, and whose leaves have lines already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repetition {
    pub(crate) source: usize,
    pub(crate) line: u64,
    pub(crate) count: u64,
    pub(crate) leaf: u64,
}

/// Lines of a source that are leaves, at their place, and the first that are: `to` is the leaf after the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) source: usize,
    pub(crate) line: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What a source has of the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    pub(crate) lines: u64,
    pub(crate) covered: u64,
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    /// The last line is a leaf but for its newline.
    pub(crate) newline_missing: bool,
    /// The line from which on nothing was compared.
    pub(crate) stopped: Option<u64>,
    /// Why it cannot be read any further.
    pub(crate) error: Option<String>,
}

pub(crate) struct Walk<'t> {
    pub(crate) leaves: Leaves<'t>,
    /// The leaves that have a line.
    pub(crate) covered: SeqSet,
    pub(crate) differences: Vec<Difference>,
    pub(crate) repetitions: Vec<Repetition>,
    pub(crate) runs: Vec<Run>,
    /// Events of the tree that leaves report, with the sources of their lines. A line that is not in the tree reports nothing: a
    /// forger may have written it.
    pub(crate) events: Vec<(usize, TreeEvent)>,
    kept: usize,
}

#[derive(Default)]
struct Skipped {
    count: u64,
    hashes: Vec<Hash>,
}

impl<'t> Walk<'t> {
    pub(crate) const fn new(leaves: Leaves<'t>) -> Self {
        Self {
            leaves,
            covered: SeqSet::new(),
            differences: Vec::new(),
            repetitions: Vec::new(),
            runs: Vec::new(),
            events: Vec::new(),
            kept: 0,
        }
    }

    /// Compares a source that begins there.
    pub(crate) fn source(
        &mut self,
        source: usize,
        lines: &mut LineHashes,
        start: Start,
        progress: &mut dyn FnMut(&LineHashes),
    ) -> Track {
        let mut track = Track::default();
        let (mut leaf, first_run) = (start.leaf, self.runs.len());
        let head = self.skip(lines, start.line, Skipped::default());
        if head.count > 0 {
            let leaves = (leaf.saturating_sub(head.count), leaf);
            self.add(source, Where::Head, 1, head, leaves, false);
        }
        loop {
            let (line, from) = (lines.passed() + 1, leaf);
            leaf = self.run(lines, leaf, progress);
            self.cover(source, line, from, leaf, &mut track);
            if lines.peek().is_none() {
                track.newline_missing = lines.is_cut() && leaf > from;
                break;
            }
            let line = lines.passed() + 1;
            if self.differences.len() >= DIFFERENCES_MAX || self.repetitions.len() >= DIFFERENCES_MAX {
                track.stopped = Some(line);
                break;
            }
            let (skipped, resumed) = self.resume(lines, leaf);
            let at = if resumed.is_some() { Where::Inside } else { Where::Tail };
            let cut = resumed.is_none() && lines.is_cut();
            self.add(source, at, line, skipped, (leaf, resumed.unwrap_or(leaf)), cut);
            match resumed {
                Some(next) => leaf = next,
                None => break,
            }
            progress(lines);
        }
        self.add_events(source, lines.take_events(), first_run);
        track.lines = lines.passed();
        track.error = lines.error.take().map(|error| error.to_string());
        progress(lines);
        track
    }

    /// Goes on while lines and leaves are alike; the leaf after the last.
    fn run(&mut self, lines: &mut LineHashes, from: u64, progress: &mut dyn FnMut(&LineHashes)) -> u64 {
        let mut leaf = from;
        while let Some(line) = lines.peek()
            && self.leaves.is(leaf, line)
        {
            lines.pop();
            leaf += 1;
            if leaf.is_multiple_of(4096) {
                progress(lines);
            }
        }
        leaf
    }

    fn cover(&mut self, source: usize, line: u64, from: u64, to: u64, track: &mut Track) {
        if from == to {
            return;
        }
        let range = SeqRange { from, to: to - 1 };
        let mut fresh = SeqSet::from(range);
        if self.covered.last().is_some_and(|last| last >= from) {
            for double in self.covered.intersection(&SeqSet::from(range)).iter() {
                let count = double.to - double.from + 1;
                let line = line + (double.from - from);
                self.repetitions.push(Repetition { source, line, count, leaf: double.from });
            }
            fresh = fresh.difference(&self.covered);
        }
        self.covered.insert_range(range);
        let run =
            |run: SeqRange| Run { source, line: line + (run.from - from), from: run.from, to: run.to + 1 };
        self.runs.extend(fresh.iter().map(run));
        track.covered += to - from;
        track.first = Some(track.first.map_or(from, |first| first.min(from)));
        track.last = Some(track.last.map_or(to - 1, |last| last.max(to - 1)));
    }

    /// Keeps the events of which the lines are in one of the source's runs, which are in the order of the lines.
    fn add_events(&mut self, source: usize, events: Vec<TreeEvent>, first_run: usize) {
        let runs = self.runs.get(first_run..).unwrap_or_default();
        let is_leaf = |line: u64| {
            let before = runs.partition_point(|run| run.line <= line);
            let run = before.checked_sub(1).and_then(|at| runs.get(at));
            run.is_some_and(|run| line - run.line < run.to - run.from)
        };
        self.events
            .extend(events.into_iter().filter(|event| is_leaf(event.line)).map(|event| (source, event)));
    }

    fn add(&mut self, source: usize, at: Where, line: u64, skipped: Skipped, leaves: (u64, u64), cut: bool) {
        let Skipped { count, hashes } = skipped;
        self.kept += hashes.len();
        self.differences.push(Difference { source, at, line, count, hashes, leaves, cut });
    }

    /// Takes lines out.
    fn skip(&self, lines: &mut LineHashes, count: u64, mut skipped: Skipped) -> Skipped {
        for _ in 0..count {
            let Some(line) = lines.pop() else { break };
            skipped.count += 1;
            if skipped.hashes.len() < KEPT_OF_ONE && self.kept + skipped.hashes.len() < KEPT {
                skipped.hashes.push(line.leaf());
            }
        }
        skipped
    }

    /// Searches for the next like place. The lines before it, and its leaf; without one all lines are taken.
    fn resume(&mut self, lines: &mut LineHashes, leaf: u64) -> (Skipped, Option<u64>) {
        let mut skipped = Skipped::default();
        if leaf >= self.leaves.end() {
            return (self.skip(lines, u64::MAX, skipped), None);
        }
        for window in WINDOWS {
            let ahead = lines.ahead(window);
            if let Some((passed, missing)) = self.nearest(&ahead, leaf, window) {
                return (self.skip(lines, passed, skipped), Some(leaf + missing));
            }
            if ahead.len() < window && leaf.saturating_add(window as u64) >= self.leaves.end() {
                return (self.skip(lines, ahead.len() as u64, skipped), None);
            }
        }
        let mut count = KEPT_OF_ONE;
        loop {
            let ahead = lines.ahead(count);
            if ahead.is_empty() {
                return (skipped, None);
            }
            if let Some((passed, next)) = self.far(&ahead, leaf) {
                return (self.skip(lines, passed, skipped), Some(next));
            }
            skipped = self.skip(lines, ahead.len() as u64, skipped);
            count = (count * 2).min(FAR_MAX);
        }
    }

    /// The like place with the fewest lines and leaves before it, within a window.
    fn nearest(&mut self, ahead: &[Hash], leaf: u64, window: usize) -> Option<(u64, u64)> {
        let mut places: HashMap<Hash, u64> = HashMap::with_capacity(window);
        for missing in 0..window as u64 {
            if let Some(hash) = self.leaves.get(leaf.saturating_add(missing)) {
                places.entry(hash).or_insert(missing);
            }
        }
        let mut best: Option<(u64, u64)> = None;
        for (passed, hash) in (0_u64..).zip(ahead) {
            let Some(missing) = places.get(hash) else { continue };
            // Of two that are equally near, the one that names the earlier line: the first of two that were swapped.
            if best.is_none_or(|(lines, leaves)| passed + missing <= lines + leaves) {
                best = Some((passed, *missing));
            }
        }
        best
    }

    /// The first later leaf that is one of these lines.
    fn far(&mut self, ahead: &[Hash], leaf: u64) -> Option<(u64, u64)> {
        let mut wanted: Lookup<Option<u64>> = Lookup::new();
        for (passed, hash) in (0_u64..).zip(ahead) {
            wanted.want(*hash).get_or_insert(passed);
        }
        self.leaves.each(leaf, &mut |leaf, hash| match wanted.find(hash) {
            Some(Some(passed)) => ControlFlow::Break((*passed, leaf)),
            _ => ControlFlow::Continue(()),
        })
    }
}
