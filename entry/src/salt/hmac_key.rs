//! HMAC-SHA-256 (RFC 2104) of short texts under one key: the two blocks of the key are hashed beforehand, so a text takes
//! two blocks more, and nothing but these is copied.
//! Never in it: the key, or a text after its hash is made.

use sha2::block_api::compress256;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::BLOCK;

/// The state of SHA-256 before its first block (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Where the last block of a message says how long it is.
const LENGTH: usize = BLOCK - 8;

/// A key, as the states of SHA-256 after its two padded blocks.
#[derive(ZeroizeOnDrop)]
pub(super) struct HmacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl HmacKey {
    /// Takes a key of one block.
    pub(super) fn new(key: &[u8; BLOCK]) -> Self {
        let state_after = |pad: u8| {
            let mut block = key.map(|byte| byte ^ pad);
            let mut state = START;
            compress256(&mut state, &[block]);
            block.zeroize();
            state
        };
        Self { inner: state_after(0x36), outer: state_after(0x5c) }
    }

    /// The HMAC of a text that fits one block, with the mark of its end and its length; none of a longer one.
    pub(super) fn digest(&self, text: &[u8]) -> Option<[u8; 32]> {
        if text.len() >= LENGTH {
            // Checked before the text is copied: the copy would not be wiped on this way out.
            return None;
        }
        let mut block = [0; BLOCK];
        let (start, rest) = block.split_at_mut_checked(text.len())?;
        start.copy_from_slice(text);
        *rest.first_mut()? = 0x80;
        let mut state = self.inner;
        finish(&mut state, &mut block, text.len());
        // Wipes the text.
        block = [0; BLOCK];
        let digest = bytes(state);
        block.first_chunk_mut::<32>()?.copy_from_slice(&digest);
        *block.get_mut(digest.len())? = 0x80;
        state = self.outer;
        finish(&mut state, &mut block, digest.len());
        Some(bytes(state))
    }
}

/// Hashes the last block of a message that has one block before it.
fn finish(state: &mut [u32; 8], block: &mut [u8; BLOCK], length: usize) {
    if let Some(bits) = block.last_chunk_mut() {
        *bits = ((BLOCK as u64 + length as u64) * 8).to_be_bytes();
    }
    compress256(state, std::slice::from_ref(block));
}

fn bytes(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    use super::HmacKey;

    #[test]
    fn the_hash_of_a_text_of_any_length_is_that_of_hmac() {
        for key in [[0; 64], [0x5a; 64], std::array::from_fn(|at| u8::try_from(at * 3).unwrap())] {
            let keyed = Hmac::<Sha256>::new(&key.into());
            for length in 0..=70 {
                let text: Vec<u8> = (0..length).collect();
                let mut mac = keyed.clone();
                mac.update(&text);
                let expected: [u8; 32] = mac.finalize().into_bytes().into();
                let expected = (length < 56).then_some(expected);
                assert_eq!(HmacKey::new(&key).digest(&text), expected, "{length}");
            }
        }
    }
}
