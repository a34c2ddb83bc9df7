//! New key shares: made first, and stored in one batch when their holders are about to get them. Until then the old ones open
//! the barrier, and from then on the new ones alone.
//! Never in it: shares being collected, or who may ask for new ones.

use std::fmt;
use std::sync::Arc;

use onrecord_seal::{Keyring, KeyringError, SealConfig, SecretBytes, keyring, shamir};

use super::{Barrier, BarrierError, CONFIG, ROOT_KEY};
use crate::batch::{Batch, Precondition};

/// New key shares that are not in force yet.
pub struct Rekey {
    shares: Vec<SecretBytes>,
    unseal_key: SecretBytes,
    config: SealConfig,
    /// The root key under the unseal key.
    root_record: Vec<u8>,
    batch: Batch,
}

impl Rekey {
    /// The new key shares.
    pub fn shares(&self) -> &[SecretBytes] {
        &self.shares
    }

    /// How many there are, and how many of them unseal.
    pub const fn config(&self) -> SealConfig {
        self.config
    }

    /// Whether a key, as put together from shares, is the one that the new shares make.
    pub fn is_made_by(&self, key: &SecretBytes) -> bool {
        self.unseal_key == *key
    }
}

impl fmt::Debug for Rekey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rekey with {} shares", self.config.shares())
    }
}

impl Barrier {
    /// Whether an unseal key, as put together from shares, opens this store.
    ///
    /// # Errors
    /// [`BarrierError::Unseal`] for a wrong key, with the API's text.
    pub async fn check_unseal_key(&self, unseal_key: &SecretBytes) -> Result<(), BarrierError> {
        let record = self.storage().read(ROOT_KEY).await?.ok_or(BarrierError::Missing(ROOT_KEY))?;
        Keyring::decrypt_root(unseal_key, ROOT_KEY, record).map(drop).map_err(BarrierError::Unseal)
    }

    /// Makes new key shares. Nothing is stored yet.
    pub async fn prepare_rekey(&self, config: SealConfig) -> Result<Rekey, BarrierError> {
        let unsealed = self.unsealed()?;
        let entropy = &*self.inner.entropy;
        let unseal_key = keyring::random_key(entropy).map_err(KeyringError::Entropy)?;
        let shares = shamir::split(&unseal_key, config.shares(), config.threshold(), entropy)?;
        let mut batch = Batch::new();
        // Of two changes that begin with the same keys the second is refused.
        for key in [CONFIG, ROOT_KEY] {
            let stored = self.storage().read(key).await?.ok_or(BarrierError::Missing(key))?;
            batch.require(Precondition::Is(key.to_owned(), Arc::from(stored)));
        }
        let root_record = unsealed.keyring.encrypt_root(&unseal_key, ROOT_KEY, entropy)?;
        batch.put(CONFIG, config.encode());
        batch.put(ROOT_KEY, root_record.clone());
        Ok(Rekey { shares, unseal_key, config, root_record, batch })
    }

    /// Puts new key shares in force: once this returns, no other ones open the barrier.
    pub async fn rekey(&self, rekey: Rekey) -> Result<(), RekeyError> {
        let Err(error) = self.commit(rekey.batch).await else { return Ok(()) };
        // A disk can do its work and report that it failed: what is stored counts.
        match self.storage().read(ROOT_KEY).await {
            Ok(Some(stored)) if stored == rekey.root_record => Ok(()),
            Ok(Some(_)) => Err(RekeyError::NotStored(error.into())),
            Ok(None) => Err(RekeyError::Unknown(BarrierError::Missing(ROOT_KEY))),
            Err(_) => Err(RekeyError::Unknown(error.into())),
        }
    }
}

/// New key shares were not put in force, or may not have been.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// The old ones are in force. So it is if others were put in force since these were made.
    #[error("{0}")]
    NotStored(BarrierError),
    /// It cannot be read which of them are in force: either of them may open the barrier.
    #[error("{0}")]
    Unknown(BarrierError),
}
