//! The leaves of a tree by their numbers: the hashes of its lowest tiles, or those of the bundles where a tile is damaged.
//! Never in it: which of the two is right (`tree_check`).

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use onrecord_evidence::{Hash, TILE_WIDTH, TileId, hash_leaf, read_bundle, read_tile};

use super::snapshot::Snapshot;
use super::tree_check::MISSING_MAX;

/// The hashes of groups of 256 leaves whose tile cannot be trusted; `None` where they are unknown.
pub(crate) type Repaired = BTreeMap<u64, Option<Vec<Hash>>>;

pub(crate) struct Leaves<'t> {
    tree: &'t Snapshot<'t>,
    repaired: &'t Repaired,
    /// Later leaves are not read: so many tiles are missing that nothing can be said about them.
    end: u64,
    group: Option<(u64, Option<Vec<Hash>>)>,
}

impl<'t> Leaves<'t> {
    pub(crate) const fn new(tree: &'t Snapshot<'t>, repaired: &'t Repaired, end: u64) -> Self {
        Self { tree, repaired, end, group: None }
    }

    /// How many there are that can be read.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// The hash of a leaf; `None` if it is unknown, or the tree has no such leaf.
    pub(crate) fn get(&mut self, leaf: u64) -> Option<Hash> {
        if leaf >= self.end {
            return None;
        }
        let index = leaf / TILE_WIDTH;
        if self.group.as_ref().is_none_or(|(known, _)| *known != index) {
            self.group = Some((index, self.read(index)));
        }
        let (_, hashes) = self.group.as_ref()?;
        hashes.as_ref()?.get(usize::try_from(leaf % TILE_WIDTH).ok()?).copied()
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

    fn read(&self, index: u64) -> Option<Vec<Hash>> {
        if let Some(known) = self.repaired.get(&index) {
            return known.clone();
        }
        let id = TileId::of_hash(0, index * TILE_WIDTH, self.tree.checkpoint.size)?;
        if let Ok(tile) = read_tile(self.tree, id) {
            return Some(tile.hashes);
        }
        let bundle = read_bundle(self.tree, id).ok()?;
        Some(bundle.entries.iter().map(|entry| hash_leaf(entry)).collect())
    }
}
