//! Lines of which the tree itself says that it could not take them: a gap entry, which is a leaf, says how many, and where.
//! Never in it: gaps of the log.

use std::collections::HashSet;

use memchr::memmem;
use onrecord_entry::decode;
use onrecord_entry::gap::GAP_PATH;

use super::walk::{Walk, Where};
use crate::input::Input;
use crate::lines::Lines;

/// The most of them that are kept.
const DECLARED_MAX: usize = 1 << 20;

/// The size of the tree when it could not take lines, and how many.
#[derive(Debug, Default)]
pub(crate) struct Declared(HashSet<(u64, u64)>);

impl Declared {
    /// Reads the entries of the sources, if there are lines that they could declare. Lines that are not in the tree declare
    /// nothing: a forger may have written them.
    pub(crate) fn read(walk: &Walk<'_>, inputs: &[Option<&Input>]) -> Self {
        let mut declared = Self::default();
        let undeclared = |at: Where, (from, to): (u64, u64)| at == Where::Inside && from == to;
        if !walk.differences.iter().any(|one| undeclared(one.at, one.leaves)) {
            return declared;
        }
        for (source, input) in (0_usize..).zip(inputs) {
            let Some(input) = input.and_then(Input::again) else { continue };
            let mut differences: Vec<(u64, u64)> = walk
                .differences
                .iter()
                .filter(|one| one.source == source)
                .map(|one| (one.line, one.line + one.count))
                .collect();
            differences.sort_unstable();
            declared.read_source(input, &differences);
        }
        declared
    }

    /// `differences` are the numbers of the lines that are not in the tree.
    fn read_source(&mut self, input: Input, differences: &[(u64, u64)]) {
        let finder = memmem::Finder::new(GAP_PATH);
        let Ok(opened) = input.open() else { return };
        let mut lines = Lines::new(opened.reader);
        let mut number = 0;
        while let Ok(Some(line)) = lines.next() {
            number += 1;
            if line.too_long || finder.find(line.text).is_none() || self.0.len() >= DECLARED_MAX {
                continue;
            }
            let next = differences.partition_point(|(from, _)| *from <= number);
            let before = next.checked_sub(1).and_then(|at| differences.get(at));
            if before.is_some_and(|(_, to)| number < *to) {
                continue;
            }
            let Ok(decoded) = decode(line.text) else { continue };
            let entry = decoded.entry();
            let is_gap = entry.request.path == GAP_PATH.into();
            if let Some(tree) = entry.gap.and_then(|gap| gap.tree).filter(|_| is_gap) {
                self.0.insert((tree.size, tree.lines));
            }
        }
    }

    /// Whether so many lines before this leaf are declared.
    pub(crate) fn has(&self, leaf: u64, lines: u64) -> bool {
        self.0.contains(&(leaf, lines))
    }
}
