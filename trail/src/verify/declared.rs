//! Lines of which the tree itself says that it could not take them: a gap entry, which is a leaf, says how many, and where.
//! Never in it: gaps of the log.

use std::collections::HashSet;
use std::ops::ControlFlow;

use memchr::memmem;
use onrecord_entry::decode;
use onrecord_entry::gap::GAP_PATH;

use super::line_hashes::LineDigest;
use super::lookup::Lookup;
use super::walk::{Walk, Where};
use crate::input::Input;
use crate::lines::Lines;

/// The most of them that are kept.
const DECLARED_MAX: usize = 1 << 18;

/// The size of the tree when it could not take lines, and how many.
#[derive(Debug, Default)]
pub(crate) struct Declared(HashSet<(u64, u64)>);

impl Declared {
    /// Reads the entries of the sources, if there are lines that they could declare. Lines that are not in the tree declare
    /// nothing: a forger may have written them, or exchanged the file since it was compared.
    pub(crate) fn read(walk: &mut Walk<'_>, inputs: &[Option<&Input>]) -> Self {
        let mut declared = Self::default();
        let undeclared = |at: Where, (from, to): (u64, u64)| at == Where::Inside && from == to;
        if !walk.differences.iter().any(|one| undeclared(one.at, one.leaves)) {
            return declared;
        }
        let (mut found, mut count) = (Lookup::new(), 0);
        for input in inputs.iter().filter_map(|input| input.as_ref()?.again()) {
            read_source(input, &mut found, &mut count);
        }
        if !found.is_empty() {
            walk.leaves.each(0, &mut |_, hash| {
                declared.0.extend(found.find(hash).and_then(|said| *said));
                ControlFlow::<()>::Continue(())
            });
        }
        declared
    }

    /// Whether so many lines before this leaf are declared.
    pub(crate) fn has(&self, leaf: u64, lines: u64) -> bool {
        self.0.contains(&(leaf, lines))
    }
}

/// Adds what the entries of a source say, by the leaves that they would be.
fn read_source(input: Input, found: &mut Lookup<Option<(u64, u64)>>, count: &mut usize) {
    let finder = memmem::Finder::new(GAP_PATH);
    let Ok(opened) = input.open() else { return };
    let mut lines = Lines::new(opened.reader);
    while let Ok(Some(line)) = lines.next() {
        if line.too_long || finder.find(line.text).is_none() || *count >= DECLARED_MAX {
            continue;
        }
        let Ok(decoded) = decode(line.text) else { continue };
        let entry = decoded.entry();
        let is_gap = entry.request.path == GAP_PATH.into();
        if let Some(tree) = entry.gap.and_then(|gap| gap.tree).filter(|_| is_gap) {
            *found.want(LineDigest::of(&line).leaf()) = Some((tree.size, tree.lines));
            *count += 1;
        }
    }
}
