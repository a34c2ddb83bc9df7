//! A key for HMAC-SHA-256, with its state made once. Never in it: what is authenticated.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::SecretBytes;

/// A key that authenticates bytes. Clones share nothing; all end with their holders.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// Prepares a key.
    pub fn new(key: &SecretBytes) -> Option<Self> {
        Hmac::<Sha256>::new_from_slice(key.expose()).ok().map(Self)
    }

    /// The MAC of the parts, one after the other: parts of variable length must say their length.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}
