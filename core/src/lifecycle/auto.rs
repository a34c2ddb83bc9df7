//! Initialisation and unsealing with a key service in the place of key shares.
//! Never in it: the key service, or when it is asked.

use onrecord_seal::{SealConfig, SecretBytes, keyring, shamir};
use onrecord_storage::Batch;
use onrecord_value::object;
use zeroize::Zeroizing;

use super::init::{Ceremony, Initialised, load};
use super::{CeremonyError, Core};
use crate::auto_seal::{AutoSeal, RECOVERY_KEY, StoredSeal, recovery_digest};
use crate::ceremonies::journal::Act;
use crate::place;

impl Core {
    /// The kind of key service, if the server is unsealed by one.
    pub fn auto_seal(&self) -> Option<&'static str> {
        self.inner.settings.auto_seal.as_ref().map(|seal| seal.kind())
    }

    /// Makes the keys and the root token, and has the unseal key encrypted by the key service. The shares are those of a
    /// recovery key, which opens nothing.
    pub(super) async fn init_with_recovery(
        &self,
        shares: i64,
        threshold: i64,
        act: Option<Act>,
    ) -> Result<Initialised, CeremonyError> {
        let Some(seal) = self.inner.settings.auto_seal.clone() else { return Err(CeremonyError::NoAutoSeal) };
        let recovery = SealConfig::new(shares, threshold).map_err(CeremonyError::Config)?;
        let _ceremony = Ceremony::begin(&self.inner.ceremony)?;
        if self.initialised().await? {
            return Err(CeremonyError::AlreadyInitialised);
        }
        let result = self.initialise_with(&*seal, recovery, act).await;
        self.inner.barrier.seal();
        result
    }

    async fn initialise_with(
        &self,
        seal: &dyn AutoSeal,
        recovery: SealConfig,
        act: Option<Act>,
    ) -> Result<Initialised, CeremonyError> {
        let (barrier, host) = (&self.inner.barrier, &self.inner.host);
        let one = SealConfig::new(1, 1).map_err(CeremonyError::Config)?;
        let (keys, mut batch) = barrier.initialize(one, host.clock.now().unix_seconds()).await?;
        let share = keys.first().ok_or(CeremonyError::NotInitialised)?;
        let ciphertext = seal.encrypt(share).await.map_err(CeremonyError::KeyService)?;
        // A token that may encrypt and not decrypt would be noticed at the next start, when nothing can be read any more.
        let again = seal.decrypt(&ciphertext).await.map_err(CeremonyError::KeyService)?;
        if again.expose() != share.expose() {
            return Err(CeremonyError::KeyServiceMistaken);
        }
        StoredSeal::new(seal.kind(), ciphertext, recovery).store(&mut batch);
        let recovery_key = keyring::random_key(&*host.entropy)?;
        self.store_recovery_key(&mut batch, &recovery_key)?;
        let shares = shamir::split(&recovery_key, recovery.shares(), recovery.threshold(), &*host.entropy);
        let shares = shares.map_err(|error| CeremonyError::Load("the recovery key", error.into()))?;
        let root_token = self.finish_init(batch, None, act).await?;
        tracing::info!(
            recovery_shares = recovery.shares(),
            recovery_threshold = recovery.threshold(),
            seal = seal.kind(),
            "the server is initialised"
        );
        Ok(Initialised { keys: shares, root_token })
    }

    fn store_recovery_key(&self, batch: &mut Batch, recovery_key: &SecretBytes) -> Result<(), CeremonyError> {
        let view = self.inner.barrier.view(place::CORE).map_err(load("the recovery key"))?;
        view.put(batch, RECOVERY_KEY, &recovery_digest(recovery_key)).map_err(load("the recovery key"))
    }

    /// Refuses a configuration whose seal is another one than that by which the storage was initialised: the server could
    /// never be unsealed, and nobody would know why.
    pub async fn check_seal(&self) -> Result<(), CeremonyError> {
        if !self.initialised().await? {
            return Ok(());
        }
        match (self.stored_seal().await?, self.auto_seal()) {
            (None, None) => Ok(()),
            (Some(stored), Some(kind)) if stored.kind == kind => Ok(()),
            (Some(stored), _) => Err(CeremonyError::OtherSeal(stored.kind, "configure that seal")),
            (None, Some(_)) => Err(CeremonyError::OtherSeal(
                "shamir".to_owned(),
                "take the seal stanza out: seals are not migrated",
            )),
        }
    }

    /// Has the key service decrypt the unseal key, and unseals with it. False while there is nothing to unseal: the server is
    /// not initialised.
    pub async fn auto_unseal(&self) -> Result<bool, CeremonyError> {
        let Some(seal) = self.inner.settings.auto_seal.clone() else { return Err(CeremonyError::NoAutoSeal) };
        if self.unsealed().is_some() {
            return Ok(true);
        }
        let Some(stored) = self.stored_seal().await? else { return Ok(false) };
        let share = seal.decrypt(&stored.ciphertext).await.map_err(CeremonyError::KeyService)?;
        let share = Zeroizing::new(const_hex::encode(share.expose()));
        // Kept before: it is stored by the unsealing, and the first device tells it.
        let host = &self.inner.host;
        let id = host.entropy.uuid()?;
        self.inner.acts.add(Act::new(&id, "sys/unseal", host.clock.now(), None, object! { "auto" => true }));
        let unsealed = self.unseal(&share).await;
        if unsealed.is_err() {
            self.inner.acts.withdraw(&id);
        }
        unsealed?;
        Ok(self.unsealed().is_some())
    }

    /// What is stored of an auto-unseal.
    pub(super) async fn stored_seal(&self) -> Result<Option<StoredSeal>, CeremonyError> {
        let stored = StoredSeal::load(self.inner.barrier.storage()).await.map_err(load("the seal"))?;
        stored.transpose().map_err(|damaged| CeremonyError::Load("the seal", damaged.into()))
    }
}
