//! The leaves of a tree by their numbers, once the tree was checked: they are read again, and are those that were checked.
//! Never in it: which hashes are right where tile and bundle differ (`tree_check`).

use std::ops::ControlFlow;

use onrecord_entry::{SeqRange, SeqSet};
use onrecord_evidence::{Digest, Hash, TILE_WIDTH, TileId, TileKind, hash_leaves, read_bundle, read_tile};
use sha2::{Digest as _, Sha256};

use super::line_hashes::LineDigest;
use super::snapshot::Snapshot;
use super::tree_check::MISSING_MAX;

/// What the check of the tree found, for each group of 256 leaves that it read: a folder may have other tiles a moment later.
#[derive(Debug, Default)]
pub(crate) struct Groups(Vec<Group>);

#[derive(Debug)]
enum Group {
    /// The digest of its entries, whose leaves are those of its tile.
    Entries(Digest),
    /// The digest of the hashes of its leaves, which its tile or its bundle has.
    Leaves(Digest),
    Unknown,
}

impl Groups {
    /// The next group, whose tile and bundle are alike.
    pub(crate) fn push_entries(&mut self, entries: &[Digest]) {
        self.0.push(Group::Entries(digest_of_entries(entries)));
    }

    /// The next group, of which only the leaves are known, or nothing.
    pub(crate) fn push_leaves(&mut self, leaves: Option<&[Hash]>) {
        self.0.push(leaves.map_or(Group::Unknown, |leaves| Group::Leaves(digest_of_leaves(leaves))));
    }

    fn get(&self, index: u64) -> &Group {
        usize::try_from(index).ok().and_then(|index| self.0.get(index)).unwrap_or(&Group::Unknown)
    }
}

fn digest_of_entries(entries: &[Digest]) -> Digest {
    Sha256::digest(entries.as_flattened()).into()
}

fn digest_of_leaves(leaves: &[Hash]) -> Digest {
    leaves.iter().fold(Sha256::new(), |all, leaf| all.chain_update(leaf.0)).finalize().into()
}

/// A group that was read, as far as it is known.
#[derive(Default)]
struct Loaded {
    entries: Option<Vec<Digest>>,
    leaves: Option<Vec<Hash>>,
}

pub(crate) struct Leaves<'t> {
    tree: &'t Snapshot<'t>,
    /// Without them the leaves are not checked.
    groups: Option<&'t Groups>,
    /// Later leaves are not read: so many tiles are missing that nothing can be said about them.
    end: u64,
    group: Option<(u64, Loaded)>,
    /// How many times a group was not what it was when the tree was checked, and the first of them.
    changed: u64,
    first_changed: Option<u64>,
}

impl<'t> Leaves<'t> {
    pub(crate) const fn new(tree: &'t Snapshot<'t>, groups: &'t Groups, end: u64) -> Self {
        let mut leaves = Self::unchecked(tree, end);
        leaves.groups = Some(groups);
        leaves
    }

    /// Leaves as they are stored.
    pub(crate) const fn unchecked(tree: &'t Snapshot<'t>, end: u64) -> Self {
        Self { tree, groups: None, end, group: None, changed: 0, first_changed: None }
    }

    /// How many there are that can be read.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// The leaves that cannot be read.
    pub(crate) fn unknown(&self) -> SeqSet {
        let groups = self.groups.map(|groups| groups.0.as_slice()).unwrap_or_default();
        let unknown = (0..).zip(groups).filter(|(_, group)| matches!(group, Group::Unknown));
        let ranges = unknown.map(|(index, _)| SeqRange {
            from: index * TILE_WIDTH,
            to: index * TILE_WIDTH + (TILE_WIDTH - 1),
        });
        ranges.chain([SeqRange { from: self.end, to: u64::MAX }]).collect()
    }

    /// What was replaced after the tree was checked: how many times that was seen, and what is said of the first.
    pub(crate) fn changed(&self) -> Option<(u64, String)> {
        let id = TileId { level: 0, index: self.first_changed?, width: TILE_WIDTH };
        let (tile, bundle) = (id.path(TileKind::Hashes), id.path(TileKind::Entries));
        let text = format!("{tile} or {bundle} was replaced while the tree was read");
        Some((self.changed, text))
    }

    /// Whether a line is this leaf.
    pub(crate) fn is(&mut self, leaf: u64, line: LineDigest) -> bool {
        let Some((group, place)) = self.group(leaf) else { return false };
        if let Some(entries) = &group.entries {
            return entries.get(place).is_some_and(|entry| line.is(entry));
        }
        group.leaves.as_ref().is_some_and(|leaves| leaves.get(place) == Some(&line.leaf()))
    }

    /// The hash of a leaf; `None` if it is unknown, or the tree has no such leaf.
    pub(crate) fn get(&mut self, leaf: u64) -> Option<Hash> {
        let (group, place) = self.group(leaf)?;
        if group.leaves.is_none() {
            group.leaves = Some(hash_leaves(group.entries.as_ref()?));
        }
        group.leaves.as_ref()?.get(place).copied()
    }

    /// The group of a leaf, and the place of the leaf in it.
    fn group(&mut self, leaf: u64) -> Option<(&mut Loaded, usize)> {
        if leaf >= self.end {
            return None;
        }
        let index = leaf / TILE_WIDTH;
        if self.group.as_ref().is_none_or(|(known, _)| *known != index) {
            self.group = Some((index, self.read(index)));
        }
        let (_, group) = self.group.as_mut()?;
        Some((group, usize::try_from(leaf % TILE_WIDTH).ok()?))
    }

    /// Calls a function with each known leaf from one on, until it breaks.
    pub(crate) fn each<T>(
        &mut self,
        from: u64,
        see: &mut dyn FnMut(u64, &Hash) -> ControlFlow<T>,
    ) -> Option<T> {
        let mut missing = 0;
        for leaf in from..self.end {
            match self.get(leaf) {
                Some(hash) => {
                    if let ControlFlow::Break(value) = see(leaf, &hash) {
                        return Some(value);
                    }
                }
                None if missing == MISSING_MAX * TILE_WIDTH => return None,
                None => missing += 1,
            }
        }
        None
    }

    fn read(&mut self, index: u64) -> Loaded {
        let Some(id) = TileId::of_hash(0, index * TILE_WIDTH, self.tree.checkpoint.size) else {
            return Loaded::default();
        };
        let entries = || read_bundle(self.tree, id).ok().map(|bundle| bundle.entries);
        let tile = || read_tile(self.tree, id).ok().map(|tile| tile.hashes);
        let below = || Some(hash_leaves(&entries()?));
        let found = match self.groups.map(|groups| groups.get(index)) {
            Some(Group::Unknown) => return Loaded::default(),
            Some(Group::Entries(digest)) => {
                let entries = entries().filter(|entries| digest_of_entries(entries) == *digest);
                Loaded { entries, leaves: None }
            }
            Some(Group::Leaves(digest)) => {
                let is_right = |leaves: &Vec<Hash>| digest_of_leaves(leaves) == *digest;
                let leaves = tile().filter(is_right).or_else(|| below().filter(is_right));
                Loaded { entries: None, leaves }
            }
            None => Loaded { entries: None, leaves: tile().or_else(below) },
        };
        if self.groups.is_some() && found.entries.is_none() && found.leaves.is_none() {
            self.changed += 1;
            self.first_changed.get_or_insert(index);
        }
        found
    }
}
