//! Storage behind the keyring: what it hands to the store is encrypted, and without keys it hands out
//! nothing. Never in it: shares being collected, or who may unseal.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use onrecord_seal::shamir::{self, ShamirError};
use onrecord_seal::{
    Entropy, EnvelopeError, KeyStatus, Keyring, KeyringError, SealConfig, SecretBytes, UnsealError, keyring,
};

use crate::batch::{Batch, Precondition, Seen};
use crate::commit::Commit;
use crate::error::{CommitError, StoreError};
use crate::key::{self, KeyError};
use crate::store::Storage;
use crate::view::View;

/// Keys of the barrier's own; no view reaches them.
const OWN: &str = "barrier/";
/// Share count and threshold, in the clear.
const CONFIG: &str = "barrier/seal-config";
/// The root key under the unseal key.
const ROOT_KEY: &str = "barrier/root-key";
/// The keyring under the root key.
const KEYRING: &str = "barrier/keyring";

/// Encryptions under one term after which [`Barrier::maintain`] rotates: far below the 2³² at which random
/// nonces of 96 bits stop being safe (NIST SP 800-38D, 8.3).
pub const ROTATE_AT: u64 = 1 << 31;
/// [`Barrier::maintain`] stores the count when it has grown by this much.
const STORE_COUNT_EVERY: u64 = 1 << 16;

/// A store that is either sealed, without keys, or unsealed. Cheap to clone; all clones are one barrier.
#[derive(Clone)]
pub struct Barrier {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    entropy: Arc<dyn Entropy>,
    keyring: RwLock<Option<Open>>,
}

#[derive(Clone)]
struct Open {
    keyring: Arc<Keyring>,
    /// What is stored of it. A newer keyring takes the place of exactly this one: of two that were made of the same
    /// one, the second would take the first's term, and with it all that was sealed under it, out of the store.
    record: Arc<[u8]>,
    /// Encryptions of the active term as they were last stored.
    stored_count: u64,
}

impl Barrier {
    /// A sealed barrier over a store.
    pub fn new(storage: Storage, entropy: Arc<dyn Entropy>) -> Self {
        Self { inner: Arc::new(Inner { storage, entropy, keyring: RwLock::new(None) }) }
    }

    /// The store below.
    pub fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    /// The share count and threshold; `None`: not initialised.
    pub fn seal_config(&self) -> Result<Option<SealConfig>, BarrierError> {
        let Some(stored) = self.storage().read(CONFIG)? else { return Ok(None) };
        SealConfig::decode(&stored).map(Some).ok_or(BarrierError::Config)
    }

    /// Makes all keys, opens the barrier with them, and returns the key shares with the batch that stores
    /// the keys. Add the first contents to that batch by views, then commit it; if that fails, or nothing
    /// shall be open yet, [`Barrier::seal`]. `now` in seconds since 1970 UTC.
    pub fn initialize(
        &self,
        config: SealConfig,
        now: i64,
    ) -> Result<(Vec<SecretBytes>, Batch), BarrierError> {
        if self.storage().read(CONFIG)?.is_some() {
            return Err(BarrierError::AlreadyInitialized);
        }
        let entropy = &*self.inner.entropy;
        let unseal_key = keyring::random_key(entropy).map_err(KeyringError::Entropy)?;
        let keys = Keyring::generate(now, entropy)?;
        let shares = shamir::split(&unseal_key, config.shares(), config.threshold(), entropy)?;
        let mut batch = Batch::new();
        for key in [CONFIG, ROOT_KEY, KEYRING] {
            batch.require(Precondition::Absent(key.to_owned()));
        }
        batch.put(CONFIG, config.encode());
        batch.put(ROOT_KEY, keys.encrypt_root(&unseal_key, ROOT_KEY, entropy)?);
        let record: Arc<[u8]> = keys.encrypt(KEYRING, entropy)?.into();
        batch.put(KEYRING, Arc::clone(&record));
        self.set(Some(Open { keyring: Arc::new(keys), record, stored_count: 0 }));
        Ok((shares, batch))
    }

    /// Opens the barrier with an unseal key, as put together from shares.
    ///
    /// # Errors
    /// [`BarrierError::Unseal`] for a wrong key, with the API's text.
    pub fn unseal(&self, unseal_key: &SecretBytes) -> Result<(), BarrierError> {
        let root_record = self.storage().read(ROOT_KEY)?.ok_or(BarrierError::NotInitialized)?;
        let root = Keyring::decrypt_root(unseal_key, ROOT_KEY, root_record).map_err(BarrierError::Unseal)?;
        let stored = self.storage().read(KEYRING)?.ok_or(BarrierError::NotInitialized)?;
        let record = Arc::from(stored.as_slice());
        let keyring = Arc::new(Keyring::decrypt(root, KEYRING, stored)?);
        let stored_count = keyring.status().encryptions;
        self.set(Some(Open { keyring, record, stored_count }));
        Ok(())
    }

    /// Forgets the keys. Calls already under way finish with theirs; the keys are wiped when the last ends.
    pub fn seal(&self) {
        self.set(None);
    }

    /// Whether there are no keys.
    pub fn sealed(&self) -> bool {
        self.open().is_err()
    }

    /// [`StoreError::Sealed`] if there are no keys.
    pub fn check_unsealed(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }

    /// The keys below `prefix`, which ends in `/` and is none of the barrier's own.
    pub fn view(&self, prefix: &str) -> Result<View, KeyError> {
        if prefix.is_empty() || prefix.starts_with(OWN) {
            return Err(KeyError::Reserved);
        }
        key::check_folder(prefix)?;
        Ok(View::new(self.clone(), prefix))
    }

    /// HMAC-SHA-256 of a name as 64 hex digits: what a token or an accessor is stored under, since keys are
    /// clear. The key of it is stored with the keyring, and never changes.
    pub fn hash_name(&self, name: &str) -> Result<String, StoreError> {
        Ok(self.open()?.keyring.hash_name(name))
    }

    /// The active term and what is known about it.
    pub fn key_status(&self) -> Result<KeyStatus, StoreError> {
        Ok(self.open()?.keyring.status())
    }

    /// Installs a new term; what is stored under older ones still opens. `now` in seconds since 1970 UTC.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if another rotation, or [`Barrier::maintain`], is under way.
    pub async fn rotate(&self, now: i64) -> Result<KeyStatus, BarrierError> {
        let open = self.open()?;
        let rotated = open.keyring.rotate(now, &*self.inner.entropy)?;
        self.store_keyring(&open, Arc::new(rotated)).await
    }

    /// Housekeeping, to be called every minute or so: rotates when the active term has sealed
    /// [`ROTATE_AT`] records, and stores the count of them now and then.
    pub async fn maintain(&self, now: i64) -> Result<(), BarrierError> {
        let open = self.open()?;
        let count = open.keyring.status().encryptions;
        if count >= ROTATE_AT {
            self.rotate(now).await?;
        } else if count.saturating_sub(open.stored_count) >= STORE_COUNT_EVERY {
            self.store_keyring(&open, Arc::clone(&open.keyring)).await?;
        }
        Ok(())
    }

    /// Puts a batch in line: see [`Storage::commit`].
    pub fn commit(&self, batch: Batch) -> Commit {
        self.storage().commit(batch)
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<SecretBytes>, StoreError> {
        let open = self.open()?;
        let Some(record) = self.storage().read(key)? else { return Ok(None) };
        open.decrypt(key, record).map(Some)
    }

    pub(crate) fn latest(&self, key: &str) -> Result<(Option<SecretBytes>, Seen), StoreError> {
        let open = self.open()?;
        let seen = self.storage().latest(key)?;
        let value = seen.stored().map(|record| open.decrypt(key, record.to_vec())).transpose()?;
        Ok((value, seen))
    }

    pub(crate) fn encrypt(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.open()?.keyring.seal(key, value, &*self.inner.entropy).map_err(StoreError::Envelope)
    }

    /// Stores a keyring that was made of `open`'s, and uses it from then on.
    async fn store_keyring(&self, open: &Open, keyring: Arc<Keyring>) -> Result<KeyStatus, BarrierError> {
        let status = keyring.status();
        let record: Arc<[u8]> = keyring.encrypt(KEYRING, &*self.inner.entropy)?.into();
        let mut batch = Batch::new();
        batch.require(Precondition::Is(KEYRING.to_owned(), Arc::clone(&open.record)));
        batch.put(KEYRING, Arc::clone(&record));
        self.commit(batch).await?;
        let mut current = self.inner.keyring.write().unwrap_or_else(PoisonError::into_inner);
        // Sealed meanwhile: the next unseal finds, or has found, the new one in the store.
        if let Some(now_open) = current.as_mut().filter(|now_open| now_open.record == open.record) {
            *now_open = Open { keyring, record, stored_count: status.encryptions };
        }
        Ok(status)
    }

    fn open(&self) -> Result<Open, StoreError> {
        let current = self.inner.keyring.read().unwrap_or_else(PoisonError::into_inner);
        current.clone().ok_or(StoreError::Sealed)
    }

    fn set(&self, open: Option<Open>) {
        *self.inner.keyring.write().unwrap_or_else(PoisonError::into_inner) = open;
    }
}

impl Open {
    fn decrypt(&self, key: &str, record: Vec<u8>) -> Result<SecretBytes, StoreError> {
        self.keyring
            .open(key, record)
            .map_err(|error: EnvelopeError| StoreError::Damaged { key: key.to_owned(), error })
    }
}

/// Why a ceremony of the barrier failed; the texts for clients are the API's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BarrierError {
    /// There are keys already.
    AlreadyInitialized,
    /// There are no keys yet.
    NotInitialized,
    /// The unseal key is wrong.
    Unseal(UnsealError),
    /// The stored share count and threshold are damaged.
    Config,
    /// The keyring could not be made, stored or opened.
    Keyring(KeyringError),
    /// The key could not be split.
    Shamir(ShamirError),
    /// Reading failed.
    Store(StoreError),
    /// Storing failed.
    Commit(CommitError),
}

impl From<KeyringError> for BarrierError {
    fn from(error: KeyringError) -> Self {
        Self::Keyring(error)
    }
}

impl From<ShamirError> for BarrierError {
    fn from(error: ShamirError) -> Self {
        Self::Shamir(error)
    }
}

impl From<StoreError> for BarrierError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CommitError> for BarrierError {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}

impl fmt::Display for BarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyInitialized => f.write_str("Vault is already initialized"),
            Self::NotInitialized => f.write_str("Vault is not initialized"),
            Self::Unseal(error) => error.fmt(f),
            Self::Config => f.write_str("the stored seal configuration is damaged"),
            Self::Keyring(error) => error.fmt(f),
            Self::Shamir(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Commit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BarrierError {}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Barrier")
    }
}
