//! Where random bytes come from: a trait that the host hands in, and the operating system's source.
//! Never in it: generators of our own.

use std::io;
use std::sync::{Mutex, PoisonError};

use zeroize::{Zeroize, Zeroizing};

/// A source of random bytes fit for keys. Handed in from outside, so that tests can replay a run.
pub trait Entropy: Send + Sync {
    /// Fills all of `out`, or fails and leaves `out` unusable.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError>;

    /// A random UUID (RFC 9562 version 4) as its 36 lower-case characters.
    fn uuid(&self) -> Result<String, EntropyError> {
        let mut raw = [0_u8; 16];
        self.fill(&mut raw)?;
        raw[6] = raw[6] & 0x0f | 0x40;
        raw[8] = raw[8] & 0x3f | 0x80;
        let digits = const_hex::encode(raw);
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| digits.get(group).unwrap_or_default());
        Ok(groups.join("-"))
    }
}

/// The source gave no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes{}", .0.map(|number| format!(": {}", io::Error::from_raw_os_error(number))).unwrap_or_default())]
pub struct EntropyError(
    /// The operating system's error number, where it gave one.
    pub Option<i32>,
);

const CHUNK: usize = 1024;

/// The operating system's source (`getrandom`), read in chunks so that a nonce costs no system call.
/// Bytes are wiped from the chunk as they are given away; none is given twice.
#[derive(Default)]
pub struct OsEntropy {
    left: Mutex<Zeroizing<Vec<u8>>>,
}

impl OsEntropy {
    /// A source with an empty chunk; the first `fill` reads.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        if out.len() > CHUNK / 4 {
            return system(out);
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() < out.len() {
            // Apart from what is left: of a failed read nothing may be given away.
            let mut chunk = Zeroizing::new(vec![0; CHUNK]);
            system(&mut chunk)?;
            *left = chunk;
        }
        let start = left.len() - out.len();
        if let Some(fresh) = left.get_mut(start..) {
            out.copy_from_slice(fresh);
            fresh.zeroize();
        }
        left.truncate(start);
        Ok(())
    }
}

fn system(out: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(out).map_err(|error| EntropyError(error.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_twice() {
        let source = OsEntropy::new();
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let mut nonce = [0; 12];
            source.fill(&mut nonce).unwrap();
            assert!(seen.insert(nonce));
        }
        let mut large = [0; 3000];
        source.fill(&mut large).unwrap();
        assert!(large.iter().any(|byte| *byte != 0));
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        struct Ones;
        impl Entropy for Ones {
            fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
                out.fill(0xff);
                Ok(())
            }
        }
        assert_eq!(Ones.uuid().unwrap(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
