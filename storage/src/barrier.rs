//! Storage behind the keyring: what it hands to the store is encrypted, and without keys it hands out
//! nothing. Never in it: shares being collected, or who may unseal.

mod rekey;

use std::sync::{Arc, PoisonError, RwLock};

use onrecord_seal::shamir::{self, ShamirError};
use onrecord_seal::{
    Entropy, KeyStatus, Keyring, KeyringError, SealConfig, SecretBytes, UnsealError, keyring,
};

use crate::batch::{Batch, Precondition, Seen};
use crate::commit::Commit;
use crate::error::{CommitError, REMEDY, StoreError, TablesError};
use crate::read::Read;
use crate::store::Storage;
use crate::table_digests::TABLES;

pub use rekey::{Rekey, RekeyError};

/// Keys of the barrier's own; no view reaches them.
pub(crate) const OWN: &str = "barrier/";
/// Share count and threshold, in the clear.
const CONFIG: &str = "barrier/seal-config";
/// The root key under the unseal key.
pub(crate) const ROOT_KEY: &str = "barrier/root-key";
/// The keyring under the root key.
const KEYRING: &str = "barrier/keyring";

/// Encryptions under one term after which [`Barrier::maintain`] rotates unless it is told otherwise: far below the 2³² at which random
/// nonces of 96 bits stop being safe (NIST SP 800-38D, 8.3).
pub const ROTATE_AT: u64 = 1 << 31;
/// When [`Barrier::maintain`] rotates by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationLimits {
    /// Whether it does.
    pub enabled: bool,
    /// After how many encryptions under one term.
    pub max_operations: u64,
    /// How many seconds after a term was installed; 0: however old it is.
    pub interval: u64,
}

impl Default for RotationLimits {
    fn default() -> Self {
        Self { enabled: true, max_operations: ROTATE_AT, interval: 0 }
    }
}

impl RotationLimits {
    fn are_reached(&self, status: KeyStatus, now: i64) -> bool {
        let age = u64::try_from(now.saturating_sub(status.installed)).unwrap_or(0);
        let is_old = self.interval > 0 && age >= self.interval;
        self.enabled && (status.encryptions >= self.max_operations || is_old)
    }
}

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
    keyring: RwLock<Option<Unsealed>>,
}

#[derive(Clone)]
struct Unsealed {
    keyring: Arc<Keyring>,
    /// What is stored of it. A newer keyring takes the place of exactly this one: of two that were made of the same
    /// one, the second would take the first's term, and with it all that was sealed under it, out of the store.
    record: Arc<[u8]>,
    /// Encryptions of the active term as they were last stored.
    stored_count: u64,
}

/// Whether an unsealing found digests of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// They were stored.
    Found,
    /// There were none: the store is of a version that did not keep any. [`Barrier::make_digests`] is to follow.
    Missing,
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
    pub async fn seal_config(&self) -> Result<Option<SealConfig>, BarrierError> {
        let Some(stored) = self.storage().read(CONFIG).await? else {
            return match self.storage().read(KEYRING).await? {
                Some(_) => Err(BarrierError::Missing(CONFIG)),
                None => Ok(None),
            };
        };
        SealConfig::decode(&stored).map(Some).ok_or(BarrierError::Config)
    }

    /// Makes all keys, opens the barrier with them, and returns the key shares with the batch that stores
    /// the keys. Add the first contents to that batch by views, then commit it; if that fails, or the barrier
    /// is not to be open yet, [`Barrier::seal`]. `now` in seconds since 1970 UTC.
    pub async fn initialize(
        &self,
        config: SealConfig,
        now: i64,
    ) -> Result<(Vec<SecretBytes>, Batch), BarrierError> {
        if self.storage().read(CONFIG).await?.is_some() {
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
        if let Some(key) = keys.tables_key() {
            self.storage().count_digests(key).map_err(StoreError::from)?;
        }
        self.set(Some(Unsealed { keyring: Arc::new(keys), record, stored_count: 0 }));
        Ok((shares, batch))
    }

    /// Opens the barrier with an unseal key, as put together from shares.
    ///
    /// # Errors
    /// [`BarrierError::Unseal`] for a wrong key, with the API's text.
    pub async fn unseal(&self, unseal_key: &SecretBytes) -> Result<Digests, BarrierError> {
        self.seal_config().await?.ok_or(BarrierError::NotInitialized)?;
        let root_record = self.storage().read(ROOT_KEY).await?.ok_or(BarrierError::Missing(ROOT_KEY))?;
        let root = Keyring::decrypt_root(unseal_key, ROOT_KEY, root_record).map_err(BarrierError::Unseal)?;
        let unsealed = self.load(|stored| Keyring::decrypt(root, KEYRING, stored)).await?;
        let key = unsealed.keyring.tables_key().cloned();
        if let Some(key) = &key {
            self.storage().load_digests(key).await?;
        }
        self.set(Some(unsealed));
        Ok(if key.is_some() { Digests::Found } else { Digests::Missing })
    }

    /// Counts what a version without digests has stored, and stores their key together with `batch`: what that version had
    /// not stored yet. If that fails, the barrier is sealed.
    pub async fn make_digests(&self, batch: Batch) -> Result<(), BarrierError> {
        let made = self.store_tables_key(batch).await;
        if made.is_err() {
            self.storage().drop_digests();
            self.seal();
        }
        made
    }

    async fn store_tables_key(&self, batch: Batch) -> Result<(), BarrierError> {
        let unsealed = self.unsealed()?;
        let keyring = unsealed.keyring.with_tables_key(&*self.inner.entropy)?;
        if let Some(key) = keyring.tables_key() {
            self.storage().count_digests(key).map_err(StoreError::from)?;
        }
        self.store_keyring(&unsealed, Arc::new(keyring), batch).await.map(drop)
    }

    /// Compares everything that is stored with its digests. Returns the tables that are too large for that. Blocks the
    /// thread; commits wait meanwhile.
    pub fn check_tables(&self) -> Result<Vec<String>, TablesError> {
        self.storage().check_tables()
    }

    /// Forgets the keys. Calls already under way finish with theirs; the keys are wiped when the last ends.
    pub fn seal(&self) {
        self.set(None);
    }

    /// Whether there are no keys.
    pub fn sealed(&self) -> bool {
        self.unsealed().is_err()
    }

    /// [`StoreError::Sealed`] if there are no keys.
    pub fn check_unsealed(&self) -> Result<(), StoreError> {
        self.unsealed().map(drop)
    }

    /// HMAC-SHA-256 of a name as 64 hex digits: what a token or an accessor is stored under, since keys are
    /// clear. The key of it is stored with the keyring, and never changes.
    pub fn hash_name(&self, name: &str) -> Result<String, StoreError> {
        Ok(self.unsealed()?.keyring.hash_name(name))
    }

    /// As [`Barrier::hash_name`], of the parts of a name put together, in bytes.
    pub fn mac_name(&self, parts: &[&[u8]]) -> Result<[u8; 32], StoreError> {
        Ok(self.unsealed()?.keyring.mac_name(parts))
    }

    /// Encrypts bytes that leave the store. They open for the same purpose alone, and only as they are.
    pub fn seal_outside(&self, purpose: &str, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.encrypt(&outside(purpose), bytes)
    }

    /// Opens what [`Barrier::seal_outside`] encrypted for a purpose, under whichever term; `None` if it is anything else.
    pub fn open_outside(&self, purpose: &str, record: Vec<u8>) -> Result<Option<SecretBytes>, StoreError> {
        Ok(self.unsealed()?.keyring.open(&outside(purpose), record).ok())
    }

    /// The active term and what is known about it.
    pub fn key_status(&self) -> Result<KeyStatus, StoreError> {
        Ok(self.unsealed()?.keyring.status())
    }

    /// Installs a new term; what is stored under older ones still opens. `now` in seconds since 1970 UTC.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if another rotation, or [`Barrier::maintain`], is under way.
    pub async fn rotate(&self, now: i64) -> Result<KeyStatus, BarrierError> {
        let unsealed = self.unsealed()?;
        let rotated = unsealed.keyring.rotate(now, &*self.inner.entropy)?;
        self.store_keyring(&unsealed, Arc::new(rotated), Batch::new()).await
    }

    /// Takes over the stored value of a key of the barrier's own, which another process may have changed: the keyring, the
    /// digests of the tables.
    pub async fn invalidate(&self, key: &str) -> Result<(), BarrierError> {
        if key == TABLES {
            return Ok(self.storage().reload_digests().await?);
        }
        if key != KEYRING {
            return Ok(());
        }
        let unsealed = self.unsealed()?;
        let newer = self.load(|stored| unsealed.keyring.decrypt_newer(KEYRING, stored)).await?;
        self.replace(&unsealed, newer);
        Ok(())
    }

    /// Housekeeping, to be called every minute or so: rotates when the active term has reached a limit, and stores the count
    /// of what it has sealed now and then.
    pub async fn maintain(&self, now: i64, limits: RotationLimits) -> Result<(), BarrierError> {
        let unsealed = self.unsealed()?;
        let status = unsealed.keyring.status();
        let count = status.encryptions;
        if limits.are_reached(status, now) {
            self.rotate(now).await?;
        } else if count.saturating_sub(unsealed.stored_count) >= STORE_COUNT_EVERY {
            self.store_keyring(&unsealed, Arc::clone(&unsealed.keyring), Batch::new()).await?;
        }
        Ok(())
    }

    /// Puts a batch in line: see [`Storage::commit`].
    pub fn commit(&self, batch: Batch) -> Commit {
        self.storage().commit(batch)
    }

    pub(crate) fn get(&self, key: String) -> Read<'_, Result<Option<SecretBytes>, StoreError>> {
        match self.unsealed() {
            Ok(unsealed) => self.storage().read(&key).map(move |record| {
                let Some(record) = record? else { return Ok(None) };
                unsealed.decrypt(&key, record).map(Some)
            }),
            Err(error) => Read::Ready(Err(error)),
        }
    }

    pub(crate) fn seen<'a>(
        &'a self,
        seen: impl FnOnce(&'a Storage) -> Read<'a, Result<Seen, StoreError>>,
    ) -> Read<'a, Result<(Option<SecretBytes>, Seen), StoreError>> {
        match self.unsealed() {
            Ok(unsealed) => seen(self.storage()).map(move |seen| {
                let seen = seen?;
                let open = |record: &[u8]| unsealed.decrypt(&seen.key, record.to_vec());
                let value = seen.stored.as_deref().map(open).transpose()?;
                Ok((value, seen))
            }),
            Err(error) => Read::Ready(Err(error)),
        }
    }

    pub(crate) fn encrypt(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.unsealed()?.keyring.seal(key, value, &*self.inner.entropy).map_err(StoreError::Envelope)
    }

    /// Opens the stored value of a key.
    pub(crate) fn open(&self, key: &str, record: &[u8]) -> Result<SecretBytes, StoreError> {
        self.unsealed()?.decrypt(key, record.to_vec())
    }

    /// Stores a keyring that was made of `unsealed`'s, together with `batch`, and uses it from then on.
    async fn store_keyring(
        &self,
        unsealed: &Unsealed,
        keyring: Arc<Keyring>,
        mut batch: Batch,
    ) -> Result<KeyStatus, BarrierError> {
        let status = keyring.status();
        let record: Arc<[u8]> = keyring.encrypt(KEYRING, &*self.inner.entropy)?.into();
        batch.require(Precondition::Is(KEYRING.to_owned(), Arc::clone(&unsealed.record)));
        batch.put(KEYRING, Arc::clone(&record));
        self.commit(batch).await?;
        self.replace(unsealed, Unsealed { keyring, record, stored_count: status.encryptions });
        Ok(status)
    }

    async fn load(
        &self,
        decrypt: impl FnOnce(Vec<u8>) -> Result<Keyring, KeyringError>,
    ) -> Result<Unsealed, BarrierError> {
        let stored = self.storage().read(KEYRING).await?.ok_or(BarrierError::Missing(KEYRING))?;
        let record = Arc::from(stored.as_slice());
        let keyring = Arc::new(decrypt(stored)?);
        let stored_count = keyring.status().encryptions;
        Ok(Unsealed { keyring, record, stored_count })
    }

    /// Uses a newer keyring in the place of another, unless the barrier was sealed or has a newer one meanwhile: the next
    /// unseal finds, or has found, what is stored.
    fn replace(&self, old: &Unsealed, new: Unsealed) {
        let mut current = self.inner.keyring.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_mut().filter(|keys| keys.record == old.record) {
            *current = new;
        }
    }

    fn unsealed(&self) -> Result<Unsealed, StoreError> {
        let current = self.inner.keyring.read().unwrap_or_else(PoisonError::into_inner);
        current.clone().ok_or(StoreError::Sealed)
    }

    fn set(&self, unsealed: Option<Unsealed>) {
        *self.inner.keyring.write().unwrap_or_else(PoisonError::into_inner) = unsealed;
    }
}

/// What bytes outside of the store are bound to: the name of no stored value.
fn outside(purpose: &str) -> String {
    [OWN, "outside/", purpose].concat()
}

impl Unsealed {
    fn decrypt(&self, key: &str, record: Vec<u8>) -> Result<SecretBytes, StoreError> {
        self.keyring.open(key, record).map_err(|error| StoreError::Damaged { key: key.to_owned(), error })
    }
}

/// Why a ceremony of the barrier failed; the texts for clients are the API's.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// There are keys already.
    #[error("Vault is already initialized")]
    AlreadyInitialized,
    /// There are no keys yet.
    #[error("Vault is not initialized")]
    NotInitialized,
    /// The unseal key is wrong.
    #[error("{0}")]
    Unseal(#[source] UnsealError),
    /// The stored share count and threshold are damaged.
    #[error("the storage is damaged: the stored value of {CONFIG:?} cannot be read; {REMEDY}")]
    Config,
    /// The keyring could not be made, stored or opened.
    #[error("{0}")]
    Keyring(#[from] KeyringError),
    /// The key could not be split.
    #[error("{0}")]
    Shamir(#[from] ShamirError),
    /// One of the barrier's own records is not there, but others are.
    #[error("the storage is damaged: the stored value of {0:?} is missing; {REMEDY}")]
    Missing(&'static str),
    /// What is stored is not what was stored last.
    #[error("{0}")]
    Tables(#[from] TablesError),
    /// Reading failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Storing failed.
    #[error("{0}")]
    Commit(#[from] CommitError),
}
