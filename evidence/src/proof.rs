//! Proofs of RFC 6962 §2.1.1 and §2.1.2: that a leaf is in a tree, and that a tree is the beginning of a larger one.
//! Never in it: how a proof is written down, signatures.

use crate::hash::{Hash, hash_children};
use crate::log::{LoadError, read_tile};
use crate::store::StoreReader;
use crate::tile::{TILE_WIDTH, TileId};
use crate::tree::perfect_root;

/// Why a proof does not hold, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The tree has no such leaf, or the older tree is larger.
    #[error("{wanted} is beyond the tree of {size} leaves")]
    Beyond {
        /// The leaf, or the size of the older tree.
        wanted: u64,
        /// The size of the tree.
        size: u64,
    },
    /// It has more or fewer hashes than such a proof has.
    #[error("the proof has a wrong number of hashes: {0}")]
    Length(usize),
    /// The root that follows from the proof is another one.
    #[error("the proof leads to another root")]
    Root,
    /// A tile that the proof needs cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// The proof that leaf `index` is in the tree of `size` leaves: from the sibling of the leaf up to the child of the root.
pub fn inclusion_proof(
    store: &(impl StoreReader + ?Sized),
    size: u64,
    index: u64,
) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::Beyond { wanted: index, size });
    }
    let tiles = Tiles { store, size };
    let (mut from, mut to, mut path) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(tiles.root(middle, to)?);
            to = middle;
        } else {
            path.push(tiles.root(from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `size` leaves.
pub fn consistency_proof(
    store: &(impl StoreReader + ?Sized),
    old: u64,
    size: u64,
) -> Result<Vec<Hash>, ProofError> {
    if old > size {
        return Err(ProofError::Beyond { wanted: old, size });
    }
    let tiles = Tiles { store, size };
    if old == 0 || old == size {
        return Ok(Vec::new());
    }
    let (mut from, mut to, mut path) = (0, size, Vec::new());
    // Where the older tree ends within the part that is left.
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(tiles.root(middle, to)?);
            to = middle;
        } else {
            path.push(tiles.root(from, middle)?);
            from = middle;
        }
    }
    // Who checks the proof knows the root of the older tree.
    if from > 0 {
        path.push(tiles.root(from, to)?);
    }
    path.reverse();
    Ok(path)
}

/// The root of the tree of `size` leaves, from its tiles.
pub fn tree_root(store: &(impl StoreReader + ?Sized), size: u64) -> Result<Hash, ProofError> {
    if size == 0 { Ok(Hash::empty()) } else { Tiles { store, size }.root(0, size) }
}

/// Checks that a leaf with this hash is in the tree with this root.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Beyond { wanted: index, size });
    }
    // The nodes beside the way from the leaf up: the way is that of `index`, and at the right edge levels without sibling
    // are skipped.
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    let mut proof_hashes = proof.iter();
    while last > 0 {
        if place % 2 == 1 || place < last {
            let sibling = proof_hashes.next().ok_or(ProofError::Length(proof.len()))?;
            hash = if place % 2 == 1 { hash_children(sibling, &hash) } else { hash_children(&hash, sibling) };
        }
        place /= 2;
        last /= 2;
    }
    if proof_hashes.next().is_some() {
        return Err(ProofError::Length(proof.len()));
    }
    if hash == root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree with the older root is the beginning of that with the newer one.
pub fn verify_consistency(
    old: u64,
    old_root: Hash,
    size: u64,
    root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > size {
        return Err(ProofError::Beyond { wanted: old, size });
    }
    if old == 0 || old == size {
        if !proof.is_empty() {
            return Err(ProofError::Length(proof.len()));
        }
        let expected = if old == 0 { Hash::empty() } else { root };
        return if old_root == expected { Ok(()) } else { Err(ProofError::Root) };
    }
    // The largest perfect tree that ends where the older tree ends: both roots grow from its root.
    let (mut place, mut last) = (old - 1, size - 1);
    let levels = (!place).trailing_zeros();
    place = place.checked_shr(levels).unwrap_or(0);
    last = last.checked_shr(levels).unwrap_or(0);
    let mut hashes = proof.iter();
    let mut next = || hashes.next().copied().ok_or(ProofError::Length(proof.len()));
    // A tree that is perfect itself is not repeated in the proof.
    let start = if place == 0 { old_root } else { next()? };
    let (mut older, mut newer) = (start, start);
    while last > 0 {
        if place % 2 == 1 {
            let left = next()?;
            older = hash_children(&left, &older);
            newer = hash_children(&left, &newer);
        } else if place < last {
            newer = hash_children(&newer, &next()?);
        }
        place /= 2;
        last /= 2;
    }
    if hashes.next().is_some() {
        return Err(ProofError::Length(proof.len()));
    }
    if older == old_root && newer == root { Ok(()) } else { Err(ProofError::Root) }
}

/// The largest power of two below `leaves`, which are at least two: where a tree is split into its two children.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

struct Tiles<'s, S: ?Sized> {
    store: &'s S,
    size: u64,
}

impl<S: StoreReader + ?Sized> Tiles<'_, S> {
    /// The root over the leaves from `from` to before `to`, where `from` is a multiple of the largest perfect tree in it.
    fn root(&self, from: u64, to: u64) -> Result<Hash, ProofError> {
        let leaves = to - from;
        if leaves.is_power_of_two() {
            return self.perfect(leaves.ilog2(), from / leaves);
        }
        let middle = from + split(leaves);
        Ok(hash_children(&self.root(from, middle)?, &self.root(middle, to)?))
    }

    /// The root of the perfect tree of this height: the `place`th of its height.
    fn perfect(&self, height: u32, place: u64) -> Result<Hash, ProofError> {
        let beyond = ProofError::Beyond { wanted: place, size: self.size };
        let (level, within) = (height / 8, height % 8);
        let first = place << within;
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        let Some(id) = TileId::of_hash(level, first, self.size) else { return Err(beyond) };
        let tile = read_tile(self.store, id)?;
        let start = usize::try_from(first % TILE_WIDTH).unwrap_or(usize::MAX);
        let hashes = tile.hashes.get(start..).and_then(|rest| rest.get(..1 << within));
        hashes.map(perfect_root).ok_or(beyond)
    }
}
