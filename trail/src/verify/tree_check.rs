//! One pass over a tree: every entry against its leaf, every tile against the tile above it, the root against the checkpoint,
//! and the roots that the tree had at earlier sizes.
//! Never in it: lines, signatures.

use onrecord_evidence::{
    Hash, LoadError, TILE_WIDTH, Tile, TileId, TileKind, Tree, hash_leaves, read_bundle, read_tile,
};

use super::kept::KeptRoots;
use super::leaves::Groups;
use super::snapshot::Snapshot;
use crate::report::Sample;

/// After so many groups of leaves without tile and bundle the rest is not read: a checkpoint may claim any size.
pub(crate) const MISSING_MAX: u64 = 1024;

pub(crate) struct TreeCheck {
    /// What contradicts itself or is missing.
    pub(crate) contradictions: Sample<String>,
    /// What the leaves are.
    pub(crate) groups: Groups,
    /// The root that follows from the leaves; `None` if some are unknown.
    pub(crate) root: Option<Hash>,
    /// Leaves from here on were not read.
    pub(crate) end: u64,
}

struct Checker<'c, 's> {
    tree: &'c Snapshot<'s>,
    examples: usize,
    result: TreeCheck,
    /// What the leaves so far make.
    growing: Tree,
    /// Whether all leaves so far are known.
    known: bool,
}

/// Checks a tree, and shows each of its leaves that is known.
pub(crate) fn check_tree(
    tree: &Snapshot<'_>,
    kept: &mut KeptRoots,
    examples: usize,
    see: &mut dyn FnMut(u64, &Hash),
) -> TreeCheck {
    let size = tree.checkpoint.size;
    let result =
        TreeCheck { contradictions: Sample::default(), groups: Groups::default(), root: None, end: size };
    let mut checker = Checker { tree, examples, result, growing: Tree::new(), known: true };
    let mut missing = 0;
    kept.compare(0, &checker.growing);
    for index in 0..size.div_ceil(TILE_WIDTH) {
        let Some(id) = TileId::of_hash(0, index * TILE_WIDTH, size) else { break };
        let group = checker.group(id);
        match group {
            Some(hashes) => {
                for (leaf, hash) in (index * TILE_WIDTH..).zip(&hashes) {
                    see(leaf, hash);
                    checker.push(*hash, kept);
                }
            }
            None => {
                checker.known = false;
                missing += 1;
                if missing == MISSING_MAX {
                    checker.result.end = (index + 1) * TILE_WIDTH;
                    checker.contradiction(format!(
                        "more than {MISSING_MAX} tiles are missing: the rest is not read"
                    ));
                    break;
                }
            }
        }
    }
    checker.edge();
    kept.finish(size);
    checker.result
}

impl Checker<'_, '_> {
    fn contradiction(&mut self, text: String) {
        self.result.contradictions.add(self.examples, || text);
    }

    /// The hashes of a group of leaves, from its tile and its bundle. What they are is kept.
    fn group(&mut self, id: TileId) -> Option<Vec<Hash>> {
        let tile = read_tile(self.tree, id).map(|tile| tile.hashes);
        let bundle = read_bundle(self.tree, id).map(|bundle| bundle.entries);
        let below = bundle.map(|entries| (hash_leaves(&entries), entries));
        if let (Ok(hashes), Ok((leaves, entries))) = (&tile, &below)
            && hashes == leaves
        {
            self.result.groups.push_entries(entries);
            return tile.ok();
        }
        let leaves = self.contradicting_group(id, tile, below.map(|(leaves, _)| leaves));
        self.result.groups.push_leaves(leaves.as_deref());
        leaves
    }

    /// The hashes of a group whose tile and bundle are not alike, or not both there.
    fn contradicting_group(
        &mut self,
        id: TileId,
        tile: Result<Vec<Hash>, LoadError>,
        bundle: Result<Vec<Hash>, LoadError>,
    ) -> Option<Vec<Hash>> {
        match (tile, bundle) {
            (Ok(tile), Ok(bundle)) => {
                let place = tile.iter().zip(&bundle).take_while(|(one, other)| one == other).count();
                let (hashes, entries) = (id.path(TileKind::Hashes), id.path(TileKind::Entries));
                if self.is_vouched_for(id, &tile) && !self.is_vouched_for(id, &bundle) {
                    self.contradiction(format!(
                        "{entries}: entry {place} is not that of its hash in {hashes}"
                    ));
                    return Some(tile);
                }
                self.contradiction(format!("{hashes}: hash {place} is not that of its entry in {entries}"));
                Some(bundle)
            }
            (Ok(tile), Err(error)) => {
                self.contradiction(error.to_string());
                Some(tile)
            }
            (Err(error), Ok(bundle)) => {
                self.contradiction(error.to_string());
                Some(bundle)
            }
            (Err(error), Err(other)) => {
                self.contradiction(error.to_string());
                self.contradiction(other.to_string());
                None
            }
        }
    }

    /// Whether what stands above a group of leaves says that these are its hashes.
    fn is_vouched_for(&self, id: TileId, hashes: &[Hash]) -> bool {
        let grown = |mut tree: Tree| {
            for hash in hashes {
                tree.push(*hash, &mut Vec::<Tile>::new());
            }
            tree.root()
        };
        let size = self.tree.checkpoint.size;
        match TileId::of_hash(1, id.index, size) {
            Some(above) => read_tile(self.tree, above).is_ok_and(|above| {
                let place = usize::try_from(id.index % TILE_WIDTH).unwrap_or(usize::MAX);
                above.hashes.get(place) == Some(&grown(Tree::new()))
            }),
            // The last group is not full: the root stands above it.
            None => self.known && grown(self.growing.clone()) == self.tree.checkpoint.root,
        }
    }

    fn push(&mut self, leaf: Hash, kept: &mut KeptRoots) {
        if !self.known {
            return;
        }
        let mut full = Vec::new();
        self.growing.push(leaf, &mut full);
        for tile in full.iter().filter(|tile| tile.id.level > 0) {
            self.compare(tile);
        }
        kept.compare(self.growing.size(), &self.growing);
    }

    /// Compares a tile that follows from the leaves with the stored one.
    fn compare(&mut self, tile: &Tile) {
        let path = tile.id.path(TileKind::Hashes);
        match read_tile(self.tree, tile.id) {
            Ok(stored) if stored == *tile => {}
            Ok(stored) => {
                let place =
                    stored.hashes.iter().zip(&tile.hashes).take_while(|(one, other)| one == other).count();
                self.contradiction(format!("{path}: hash {place} is not that of the tile below it"));
            }
            Err(error) => self.contradiction(error.to_string()),
        }
    }

    /// The tiles at the right edge, and the root.
    fn edge(&mut self) {
        if !self.known || self.growing.size() != self.tree.checkpoint.size {
            return;
        }
        let edge: Vec<Tile> = self.growing.partial_tiles().filter(|tile| tile.id.level > 0).collect();
        for tile in &edge {
            self.compare(tile);
        }
        self.result.root = Some(self.growing.root());
    }
}
