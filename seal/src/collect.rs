//! The shares given so far while sealed. Never in it: what is done with the key they make.

use crate::entropy::{Entropy, EntropyError};
use crate::secret::SecretBytes;
use crate::shamir::{self, ShamirError};

/// Collects shares until there are enough. A round has a nonce, made with its first share; it ends, and all
/// its shares are wiped, when the key is made (even if it opens nothing), or with a reset.
#[derive(Debug, Default)]
pub struct Collector {
    shares: Vec<SecretBytes>,
    nonce: String,
}

/// The state of the round after a share.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress {
    /// More shares are needed.
    More,
    /// This was the last one needed; the round is over. `Err` if the shares do not fit together.
    Complete(Result<SecretBytes, ShamirError>),
}

impl Collector {
    /// Adds a share. A share that was given before changes nothing. With a threshold of 1 the share is the key.
    pub fn add(
        &mut self,
        share: SecretBytes,
        threshold: u8,
        entropy: &dyn Entropy,
    ) -> Result<Progress, EntropyError> {
        if self.shares.is_empty() {
            self.nonce = entropy.uuid()?;
        }
        if !self.shares.contains(&share) {
            self.shares.push(share);
        }
        if self.shares.len() < usize::from(threshold) {
            return Ok(Progress::More);
        }
        let shares = std::mem::take(&mut self.shares);
        self.nonce.clear();
        Ok(Progress::Complete(shamir::combine(&shares, threshold)))
    }

    /// How many different shares were given.
    pub fn progress(&self) -> usize {
        self.shares.len()
    }

    /// The round's nonce; empty between rounds.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Ends the round and wipes its shares.
    pub fn reset(&mut self) {
        self.shares.clear();
        self.nonce.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::OsEntropy;

    #[test]
    fn a_share_given_twice_counts_once_and_a_full_round_ends() {
        let entropy = OsEntropy::new();
        let key = SecretBytes::new(vec![7; 32]);
        let shares = shamir::split(&key, 3, 2, &entropy).unwrap();
        let mut collector = Collector::default();
        assert_eq!(collector.nonce(), "");
        for _ in 0..2 {
            let again = shares[0].duplicate();
            assert!(matches!(collector.add(again, 2, &entropy).unwrap(), Progress::More));
            assert_eq!(collector.progress(), 1);
            assert_eq!(collector.nonce().len(), 36);
        }
        let Progress::Complete(made) = collector.add(shares[2].duplicate(), 2, &entropy).unwrap() else {
            panic!("two of two are enough");
        };
        assert_eq!(made.unwrap(), key);
        assert_eq!((collector.progress(), collector.nonce()), (0, ""));
    }

    #[test]
    fn a_reset_forgets() {
        let entropy = OsEntropy::new();
        let mut collector = Collector::default();
        collector.add(SecretBytes::new(vec![1; 33]), 2, &entropy).unwrap();
        collector.reset();
        assert_eq!((collector.progress(), collector.nonce()), (0, ""));
    }
}
