//! The right edge of a growing tree: for each level of tiles the hashes of the last tile, which is not full yet. It is all
//! that is needed to append and to compute the root: at most 8 KiB a level, of which there are 8.
//! Never in it: what lies left of the edge; entries; a store.

use crate::hash::{Hash, hash_children, hash_pairs};
use crate::tile::{TILE_WIDTH, Tile, TileId};

/// A tree that leaves are appended to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// By the level of tiles: fewer than 256 hashes each.
    edge: Vec<Vec<Hash>>,
}

impl Tree {
    /// A tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, edge: Vec::new() }
    }

    /// A tree of which the tiles at the right edge are known, the lowest level first. `None` if their widths do not make
    /// `size` leaves.
    pub fn from_edge(size: u64, mut edge: Vec<Vec<Hash>>) -> Option<Self> {
        while edge.last().is_some_and(Vec::is_empty) {
            edge.pop();
        }
        let counted = edge.iter().rev().try_fold(0_u64, |above, hashes| {
            let width = u64::try_from(hashes.len()).ok().filter(|width| *width < TILE_WIDTH)?;
            above.checked_mul(TILE_WIDTH)?.checked_add(width)
        })?;
        (counted == size).then_some(Self { size, edge })
    }

    /// How many leaves it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf, and hands out each tile that it makes full: at most one a level.
    pub fn push(&mut self, leaf: Hash, full: &mut impl Extend<Tile>) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.edge.len() == at {
                self.edge.push(Vec::new());
            }
            let Some(hashes) = self.edge.get_mut(at) else { return };
            hashes.push(hash);
            if (hashes.len() as u64) < TILE_WIDTH {
                return;
            }
            let hashes = std::mem::take(hashes);
            hash = perfect_root(&hashes);
            let id =
                TileId { level, index: (self.size >> (8 * (u32::from(level) + 1))) - 1, width: TILE_WIDTH };
            full.extend([Tile { id, hashes }]);
        }
    }

    /// The tiles at the right edge, without empty ones: those that are not full yet.
    pub fn partial_tiles(&self) -> impl Iterator<Item = Tile> {
        (0_u8..).zip(&self.edge).filter(|(_, hashes)| !hashes.is_empty()).map(|(level, hashes)| {
            let id = TileId {
                level,
                index: self.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0),
                width: hashes.len() as u64,
            };
            Tile { id, hashes: hashes.clone() }
        })
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for hashes in &self.edge {
            // The perfect trees that the hashes of a level make, from the smallest on: it is the rightmost.
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let width = 1 << rest.len().trailing_zeros();
                let (left, right) = rest.split_at(rest.len() - width);
                let hash = perfect_root(right);
                root = Some(root.map_or(hash, |root| hash_children(&hash, &root)));
                rest = left;
            }
        }
        root.unwrap_or_else(Hash::empty)
    }
}

/// The root over hashes of equal height, of which there are a power of two.
pub(crate) fn perfect_root(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two(), "another number has no such root");
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = hash_pairs(&row);
    }
    row.first().copied().unwrap_or_else(Hash::empty)
}
