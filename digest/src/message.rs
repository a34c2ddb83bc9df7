//! What is hashed, as blocks of 64 bytes: those that lie where they are, and the last one or two, which are padded.
//! Never in it: rounds.

use sha2::{Digest as _, Sha256};

pub(crate) type Block = [u8; 64];

/// A message to be hashed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    whole: &'m [Block],
    last: [Block; 2],
    /// How many bytes of the last blocks are not padding: fewer than 120.
    rest: usize,
}

impl<'m> Message<'m> {
    /// A text of any length.
    pub fn text(text: &'m [u8]) -> Self {
        let (whole, rest) = text.as_chunks();
        Self::new(whole, &[rest])
    }

    /// One byte, and a hash behind it: a leaf of a tree (RFC 6962 §2.1).
    pub fn leaf(prefix: u8, content: &[u8; 32]) -> Self {
        Self::new(&[], &[&[prefix], content])
    }

    /// One byte, and two hashes behind it: an inner node of a tree (RFC 6962 §2.1).
    pub fn node(prefix: u8, left: &[u8; 32], right: &[u8; 32]) -> Self {
        Self::new(&[], &[&[prefix], left, right])
    }

    fn new(whole: &'m [Block], rest: &[&[u8]]) -> Self {
        let mut message = Self { whole, last: [[0; 64]; 2], rest: 0 };
        for part in rest {
            let end = message.rest + part.len();
            debug_assert!(end < 120, "the padding has room");
            if let Some(place) = message.last.as_flattened_mut().get_mut(message.rest..end) {
                place.copy_from_slice(part);
                message.rest = end;
            }
        }
        message.pad();
        message
    }

    /// Adds a bit, and the length in bits at the end of the last block.
    fn pad(&mut self) {
        let bits = (self.whole.as_flattened().len() as u64 + self.rest as u64).wrapping_mul(8);
        if let Some(place) = self.last.as_flattened_mut().get_mut(self.rest) {
            *place = 0x80;
        }
        let count = self.last_blocks();
        let field = self.last.iter_mut().take(count).next_back().and_then(|block| block.last_chunk_mut());
        if let Some(field) = field {
            *field = bits.to_be_bytes();
        }
    }

    /// 1 or 2: behind the message there must be room for a byte and a length of 8.
    const fn last_blocks(&self) -> usize {
        if self.rest < 56 { 1 } else { 2 }
    }

    /// The blocks from one on that lie together. Empty behind the last one.
    pub(crate) fn blocks(&self, from: usize) -> &[Block] {
        match self.whole.get(from..) {
            Some(whole) if !whole.is_empty() => whole,
            _ => self.last.get(from.saturating_sub(self.whole.len())..self.last_blocks()).unwrap_or_default(),
        }
    }

    /// The hash of this message alone.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        let rest = self.last.as_flattened().get(..self.rest).unwrap_or_default();
        Sha256::new().chain_update(self.whole.as_flattened()).chain_update(rest).finalize().into()
    }
}
