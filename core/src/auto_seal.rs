//! Auto-unseal: a key service elsewhere keeps the unseal key encrypted, and the server asks it at each start. There are no key
//! shares then; recovery shares prove who may do what shares are asked for.
//! Never in it: a key service.

use std::pin::Pin;

use onrecord_seal::{EnvelopeError, SealConfig, SecretBytes, UnsealError};
use onrecord_storage::{BarrierError, Batch, Storage, StoreError};
use sha2::{Digest as _, Sha256};

use crate::engine::unsealed::Unsealed;
use crate::place;
use crate::stored::{Record as _, record};

/// In the clear: what it holds is encrypted by the key service. No view of the barrier reaches it.
const KEY: &str = "seal/stored-key";
/// Where the digest of the recovery key is, behind the barrier.
pub(crate) const RECOVERY_KEY: &str = "recovery-key";

/// What a call of a key service becomes.
pub type AutoSealFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AutoSealError>> + Send + 'a>>;

/// A key service that encrypts the unseal key.
pub trait AutoSeal: Send + Sync {
    /// The kind of seal, as `sys/seal-status` shows it.
    fn kind(&self) -> &'static str;

    /// Encrypts a key.
    fn encrypt<'a>(&'a self, key: &'a SecretBytes) -> AutoSealFuture<'a, String>;

    /// Decrypts what [`AutoSeal::encrypt`] made.
    fn decrypt<'a>(&'a self, ciphertext: &'a str) -> AutoSealFuture<'a, SecretBytes>;
}

/// Why a key service does not answer as it should. The text has no key in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AutoSealError(pub String);

/// What is stored of an auto-unseal.
pub(crate) struct StoredSeal {
    pub(crate) kind: String,
    pub(crate) ciphertext: String,
    pub(crate) recovery_shares: u32,
    pub(crate) recovery_threshold: u32,
}

record! { StoredSeal() {
    "kind" => kind,
    "ciphertext" => ciphertext,
    "recovery_shares" => recovery_shares,
    "recovery_threshold" => recovery_threshold,
} }

impl StoredSeal {
    pub(crate) fn new(kind: &str, ciphertext: String, recovery: SealConfig) -> Self {
        Self {
            kind: kind.to_owned(),
            ciphertext,
            recovery_shares: recovery.shares().into(),
            recovery_threshold: recovery.threshold().into(),
        }
    }

    pub(crate) fn store(&self, batch: &mut Batch) {
        batch.put(KEY, self.encode());
    }

    /// Reads it; none if the server is unsealed by key shares. One that cannot be read is an error text.
    pub(crate) async fn load(storage: &Storage) -> Result<Option<Result<Self, &'static str>>, StoreError> {
        let Some(stored) = storage.read(KEY).await? else { return Ok(None) };
        Ok(Some(Self::decode(&stored, ()).ok_or("the stored key of the auto-unseal is damaged")))
    }
}

/// What is stored of a recovery key: enough to know it again.
pub(crate) fn recovery_digest(recovery_key: &SecretBytes) -> Vec<u8> {
    const_hex::encode(Sha256::digest(recovery_key.expose())).into_bytes()
}

/// How many shares are needed for what is asked of their holders: key shares, or those of the recovery key. None if that cannot be
/// read.
pub(crate) async fn threshold(unsealed: &Unsealed) -> Result<Option<u8>, BarrierError> {
    let barrier = &unsealed.barrier;
    if unsealed.settings.auto_seal.is_none() {
        return Ok(barrier.seal_config().await?.map(SealConfig::threshold));
    }
    let stored = StoredSeal::load(barrier.storage()).await?;
    Ok(stored.and_then(Result::ok).and_then(|stored| u8::try_from(stored.recovery_threshold).ok()))
}

/// Whether a key that shares make is the one that they are needed for: the unseal key, or the recovery key.
pub(crate) async fn check_key(unsealed: &Unsealed, key: &SecretBytes) -> Result<(), BarrierError> {
    if unsealed.settings.auto_seal.is_none() {
        return unsealed.barrier.check_unseal_key(key).await;
    }
    let view = unsealed.barrier.view(place::CORE).map_err(|error| BarrierError::Store(error.into()))?;
    let stored = view.get(RECOVERY_KEY).await?.ok_or_else(|| view.missing(RECOVERY_KEY))?;
    if stored.expose() == recovery_digest(key).as_slice() {
        return Ok(());
    }
    Err(BarrierError::Unseal(UnsealError::Open(EnvelopeError::Authentication)))
}
