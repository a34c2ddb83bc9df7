//! Hashes of a Merkle tree (RFC 6962 §2.1): SHA-256, with one byte before the input that tells leaves from inner nodes.
//! Never in it: trees.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_digest::{Message, sha256_each};
use sha2::{Digest as _, Sha256};

/// A hash of the tree: of a leaf, of an inner node, or of the whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

/// An entry of the tree: the SHA-256 of a line. The leaf's hash is made from it by [`hash_leaf`].
pub type Digest = [u8; 32];

/// A text that is not the Base64 of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: it is 44 characters of Base64, for 32 bytes")]
pub struct HashError;

impl Hash {
    /// The root of a tree without leaves.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The standard Base64 of the 32 bytes.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`to_base64`](Self::to_base64) writes.
    pub fn from_base64(text: &str) -> Result<Self, HashError> {
        let bytes = STANDARD.decode(text).map_err(|_| HashError)?;
        Ok(Self(bytes.try_into().map_err(|_| HashError)?))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_base64())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The entry of a line: its SHA-256. The line is given without the device's prefix and without its newline.
pub fn line_digest(line: &[u8]) -> Digest {
    Sha256::digest(line).into()
}

/// The entry of each of several lines: what [`line_digest`] says of them, in half the time.
pub fn line_digests<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Vec<Digest> {
    sha256_each(lines.into_iter().map(Message::text))
}

/// The hash of a leaf with this content.
pub fn hash_leaf(content: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(content).finalize().into())
}

/// The hashes of the leaves with these entries.
pub fn hash_leaves<'e>(entries: impl IntoIterator<Item = &'e Digest>) -> Vec<Hash> {
    let leaves = entries.into_iter().map(|entry| Message::leaf(0, entry));
    sha256_each(leaves).into_iter().map(Hash).collect()
}

/// The hashes of the nodes above each two of these, of which there are an even number.
pub(crate) fn hash_pairs(children: &[Hash]) -> Vec<Hash> {
    let (pairs, _) = children.as_chunks();
    let nodes = pairs.iter().map(|[left, right]| Message::node(1, &left.0, &right.0));
    sha256_each(nodes).into_iter().map(Hash).collect()
}

/// The hash of the node above two others.
pub fn hash_children(left: &Hash, right: &Hash) -> Hash {
    // One block of input and no allocation: this is what a large tree is made of.
    let mut node = [1; 65];
    let (_, children) = node.split_at_mut(1);
    let (first, second) = children.split_at_mut(32);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    Hash(Sha256::digest(node).into())
}
