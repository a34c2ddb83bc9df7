//! Hashes that are searched for among all leaves of a tree, at little more than the cost of reading them.
//! Never in it: where the leaves come from.

use std::collections::HashMap;

use onrecord_evidence::Hash;

/// The filter has one bit for each value of these first bits of a hash.
const FILTER_BITS: u32 = 20;

#[derive(Debug)]
pub(crate) struct Lookup<T> {
    wanted: HashMap<Hash, T>,
    filter: Vec<u64>,
}

impl<T: Default> Lookup<T> {
    pub(crate) fn new() -> Self {
        Self { wanted: HashMap::new(), filter: vec![0; 1 << (FILTER_BITS - 6)] }
    }

    /// The value of a hash that is wanted from now on.
    pub(crate) fn want(&mut self, hash: Hash) -> &mut T {
        let (word, bit) = place(&hash);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
        self.wanted.entry(hash).or_default()
    }

    /// The value of a hash, if it is wanted.
    pub(crate) fn find(&mut self, hash: &Hash) -> Option<&mut T> {
        let (word, bit) = place(hash);
        if self.filter.get(word).is_none_or(|word| word & bit == 0) {
            return None;
        }
        self.wanted.get_mut(hash)
    }

    pub(crate) fn get(&self, hash: &Hash) -> Option<&T> {
        self.wanted.get(hash)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }
}

/// The word of the filter, and the bit in it.
fn place(hash: &Hash) -> (usize, u64) {
    let [first, second, third, ..] = hash.0;
    let bits = u32::from_be_bytes([0, first, second, third]) >> (24 - FILTER_BITS);
    (usize::try_from(bits >> 6).unwrap_or(0), 1 << (bits & 63))
}
