//! A tree with its entries as it is kept in a store: what was appended waits in memory until it is flushed, tile by tile.
//! Never in it: checkpoints; when to flush.

use std::collections::VecDeque;
use std::io;

use crate::hash::{Digest, Hash, hash_leaf, hash_leaves};
use crate::store::{Store, StoreReader};
use crate::tile::{Bundle, BundleError, TILE_WIDTH, Tile, TileId, TileKind};
use crate::tree::Tree;

/// A tree that is written to a store.
#[derive(Clone, Debug, Default)]
pub struct TreeLog {
    tree: Tree,
    /// The entries of the last bundle, which is not full yet.
    entries: Vec<Digest>,
    /// Full tiles and bundles that the store does not have yet.
    tiles: VecDeque<Tile>,
    bundles: VecDeque<(u64, Bundle)>,
    /// Which size the store has. Its partial tiles are removed when others take their place.
    flushed: u64,
}

/// Why a tree cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store cannot be read.
    #[error("{path}: {error}")]
    Io {
        /// The name of the resource.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The store does not have it.
    #[error("{path} is missing")]
    Missing {
        /// The name of the resource.
        path: String,
    },
    /// It is not what it should be.
    #[error("{path}: {error}")]
    Invalid {
        /// The name of the resource.
        path: String,
        /// What is wrong.
        #[source]
        error: BundleError,
    },
    /// The hashes do not belong to the entries.
    #[error("{path}: hash {place} is not that of its entry")]
    Contradiction {
        /// The name of the tile.
        path: String,
        /// The place of the hash in it, from 0.
        place: u64,
    },
}

impl TreeLog {
    /// A tree without entries.
    pub const fn new() -> Self {
        Self {
            tree: Tree::new(),
            entries: Vec::new(),
            tiles: VecDeque::new(),
            bundles: VecDeque::new(),
            flushed: 0,
        }
    }

    /// Reads back the right edge of a tree of `size` entries. What lies left of it is not read.
    pub fn load(store: &impl StoreReader, size: u64) -> Result<Self, LoadError> {
        let mut edge = Vec::new();
        for level in 0_u8..8 {
            let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
            if hashes == 0 {
                break;
            }
            let partial = TileId::of_hash(level, hashes - 1, size).filter(|id| id.width < TILE_WIDTH);
            edge.push(match partial {
                Some(id) => read_tile(store, id)?.hashes,
                None => Vec::new(),
            });
        }
        let entries = match TileId::of_hash(0, size.saturating_sub(1), size) {
            Some(id) if id.width < TILE_WIDTH => read_bundle(store, id)?.entries,
            _ => Vec::new(),
        };
        let leaves = edge.first().map_or(&[][..], Vec::as_slice);
        for (place, (leaf, entry)) in (0_u64..).zip(leaves.iter().zip(&entries)) {
            if *leaf != hash_leaf(entry) {
                let path = TileId { level: 0, index: size / TILE_WIDTH, width: size % TILE_WIDTH }
                    .path(TileKind::Hashes);
                return Err(LoadError::Contradiction { path, place });
            }
        }
        let tree = Tree::from_edge(size, edge).ok_or(LoadError::Missing { path: "tile".to_owned() })?;
        Ok(Self { tree, entries, tiles: VecDeque::new(), bundles: VecDeque::new(), flushed: size })
    }

    /// How many entries it has, those that wait included.
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// How many entries are not in the store yet.
    pub const fn unflushed(&self) -> u64 {
        self.tree.size() - self.flushed
    }

    /// The root over all entries, those that wait included.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The entry that was appended last, if it is not below a full tile.
    pub fn last_entry(&self) -> Option<&Digest> {
        self.entries.last()
    }

    /// Appends an entry.
    pub fn append(&mut self, entry: Digest) {
        self.append_all(&[entry]);
    }

    /// Appends entries: what [`append`](Self::append) does with one after another, faster.
    pub fn append_all(&mut self, entries: &[Digest]) {
        for (entry, leaf) in entries.iter().zip(hash_leaves(entries)) {
            self.tree.push(leaf, &mut self.tiles);
            self.entries.push(*entry);
            if self.entries.len() as u64 == TILE_WIDTH {
                let bundle = Bundle { entries: std::mem::take(&mut self.entries) };
                self.bundles.push_back((self.tree.size() / TILE_WIDTH - 1, bundle));
            }
        }
    }

    /// Writes all that waits, and says the root. After an error what was not written still waits.
    pub fn flush(&mut self, store: &mut impl Store) -> io::Result<Hash> {
        // Bundles before tiles, and both before the partial ones: a reader of the checkpoint before finds all of its own.
        while let Some((index, bundle)) = self.bundles.front() {
            let id = TileId { level: 0, index: *index, width: TILE_WIDTH };
            store.add(&id.path(TileKind::Entries), &bundle.to_bytes())?;
            self.bundles.pop_front();
        }
        while let Some(tile) = self.tiles.front() {
            store.add(&tile.id.path(TileKind::Hashes), &tile.to_bytes())?;
            self.tiles.pop_front();
        }
        let size = self.size();
        if size != self.flushed {
            if !self.entries.is_empty() {
                let id = TileId { level: 0, index: size / TILE_WIDTH, width: size % TILE_WIDTH };
                let bundle = Bundle { entries: self.entries.clone() };
                store.add(&id.path(TileKind::Entries), &bundle.to_bytes())?;
            }
            for tile in self.tree.partial_tiles() {
                store.add(&tile.id.path(TileKind::Hashes), &tile.to_bytes())?;
            }
            self.flushed = size;
        }
        Ok(self.root())
    }
}

/// Removes the partial tiles and bundles of a tree of `old` entries that one of `new` entries does not have: their full ones
/// or wider ones are in the store.
pub fn remove_outdated(store: &mut impl Store, old: u64, new: u64) -> io::Result<()> {
    for level in 0_u8..8 {
        let partial = |size: u64| {
            let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
            let id = hashes.checked_sub(1).and_then(|last| TileId::of_hash(level, last, size));
            id.filter(|id| id.width < TILE_WIDTH)
        };
        let Some(outdated) = partial(old).filter(|id| partial(new) != Some(*id)) else { continue };
        store.remove(&outdated.path(TileKind::Hashes))?;
        if level == 0 {
            store.remove(&outdated.path(TileKind::Entries))?;
        }
    }
    Ok(())
}

/// Reads a tile; where it has become full since, the full one.
pub fn read_tile(store: &(impl StoreReader + ?Sized), id: TileId) -> Result<Tile, LoadError> {
    let (path, bytes) = read(store, id, TileKind::Hashes)?;
    Tile::from_bytes(id, &bytes).map_err(|error| LoadError::Invalid { path, error })
}

/// Reads a bundle; where it has become full since, the full one.
pub fn read_bundle(store: &(impl StoreReader + ?Sized), id: TileId) -> Result<Bundle, LoadError> {
    let (path, bytes) = read(store, id, TileKind::Entries)?;
    Bundle::from_bytes(id.width, &bytes).map_err(|error| LoadError::Invalid { path, error })
}

fn read(
    store: &(impl StoreReader + ?Sized),
    id: TileId,
    kind: TileKind,
) -> Result<(String, Vec<u8>), LoadError> {
    for id in [id, id.full()] {
        let path = id.path(kind);
        match store.read(&path) {
            Ok(Some(bytes)) => return Ok((path, bytes)),
            Ok(None) => {}
            Err(error) => return Err(LoadError::Io { path, error }),
        }
    }
    Err(LoadError::Missing { path: id.path(kind) })
}
