//! What all attempts have in common: a nonce, the shares given so far, and who may end them.
//! Never in it: what is done once there are enough shares.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_seal::{Collector, Entropy, EntropyError, Progress, SecretBytes};

/// A share has at least the bytes of the smallest AES key, and at most those of the largest and its place.
const SHARE: std::ops::RangeInclusive<usize> = 16..=33;

/// An attempt that shares are given to.
pub(crate) struct Attempt {
    nonce: String,
    shares: Collector,
    /// Whether it was begun by a caller whose policies allow that: then no other can end it.
    pub(crate) is_privileged: bool,
}

impl Attempt {
    pub(crate) fn begin(entropy: &dyn Entropy, is_privileged: bool) -> Result<Self, EntropyError> {
        Ok(Self { nonce: entropy.uuid()?, shares: Collector::default(), is_privileged })
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// How many different shares were given.
    pub(crate) fn progress(&self) -> usize {
        self.shares.progress()
    }

    /// Takes a share; see [`Collector::add`].
    pub(crate) fn add(
        &mut self,
        share: SecretBytes,
        threshold: u8,
        entropy: &dyn Entropy,
    ) -> Result<Progress, EntropyError> {
        self.shares.add(share, threshold, entropy)
    }
}

/// A key share as text. Hex is tried first, and taken if it has the length of a share; base64 that happens to be hex is told
/// apart by that.
pub(crate) fn decode_share(key: &str) -> Option<SecretBytes> {
    if let Ok(bytes) = const_hex::decode(key).map(SecretBytes::new)
        && SHARE.contains(&bytes.len())
    {
        return Some(bytes);
    }
    STANDARD.decode(key).ok().map(SecretBytes::new)
}

#[cfg(test)]
mod tests {
    use super::decode_share;

    #[test]
    fn a_key_is_hex_or_base64() {
        let length = |key: &str| decode_share(key).map(|share| share.len());
        assert_eq!(length(&"ab".repeat(32)), Some(32));
        assert_eq!(length(&"A".repeat(44)), Some(22), "hex is tried first");
        assert_eq!(length("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="), Some(32));
        assert_eq!(length("00"), None);
        assert_eq!(length("not a key"), None);
    }
}
