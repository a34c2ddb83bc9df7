//! Lines that a start of the server added to the tree, because a kill had come between file and tree, or no tree was kept: the tree
//! vouches for what that start found in the file.
//! Never in it: which lines are not in the tree.

use super::report::VouchedLater;
use super::tree_events::EventKind;
use super::walk::{Run, Walk};
use crate::report::Sample;

/// All of them: the count is of lines. `names` are those of the sources.
pub(crate) fn vouched_later(walk: &Walk<'_>, names: &[String], examples: usize) -> Sample<VouchedLater> {
    let mut runs: Vec<Run> = walk.runs.clone();
    runs.sort_unstable_by_key(|run| run.from);
    let mut found = Sample::default();
    for (_, event) in walk.events.iter().filter(|(_, event)| event.kind == EventKind::AddedLater) {
        let (from, to) = (event.size, event.size.saturating_add(event.lines));
        let first = runs.partition_point(|run| run.to <= from);
        for run in runs.iter().skip(first).take_while(|run| run.from < to) {
            let (first, end) = (run.from.max(from), run.to.min(to));
            let lines = end - first;
            found.count += lines;
            if found.first.len() < examples {
                found.first.push(VouchedLater {
                    source: names.get(run.source).cloned().unwrap_or_default(),
                    line: run.line + (first - run.from),
                    lines,
                    leaf: first,
                    time: event.time.clone(),
                });
            }
        }
    }
    found
}
