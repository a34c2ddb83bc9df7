//! Initialisation: keys, their shares, the first root token.
//! Never in it: unsealing. An initialised server is sealed.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onrecord_seal::{SealConfig, Secret, SecretBytes};
use onrecord_storage::{BarrierError, Batch};

use super::{CeremonyError, Core, Inner};
use crate::ceremonies::journal::{Act, Journal};
use crate::engine::mounts::Mounts;
use crate::engine::unsealed::Cluster;
use crate::identity::Identity;
use crate::place;
use crate::policies::Policies;
use crate::token::Entry;
use crate::tokens::Tokens;

/// What is wanted of an initialisation.
pub struct InitOptions {
    /// How many key shares.
    pub shares: i64,
    /// How many of them unseal.
    pub threshold: i64,
    /// The text of the root token; random if none is given. For development.
    pub root_token: Option<Secret<String>>,
}

/// What an initialisation gives out, once.
pub struct Initialised {
    /// The key shares.
    pub keys: Vec<SecretBytes>,
    /// The root token.
    pub root_token: Arc<Entry>,
}

impl Core {
    /// Makes the keys and the root token, and leaves the server sealed.
    pub async fn init(&self, wanted: InitOptions) -> Result<Initialised, CeremonyError> {
        self.init_with(wanted, None).await
    }

    /// The same for a client: what it did is kept for the first audit device, in the batch that initialises the server.
    pub(super) async fn init_with(
        &self,
        wanted: InitOptions,
        act: Option<Act>,
    ) -> Result<Initialised, CeremonyError> {
        let config = SealConfig::new(wanted.shares, wanted.threshold).map_err(CeremonyError::Config)?;
        let _ceremony = Ceremony::begin(&self.inner.ceremony)?;
        // Asked before anything is sealed again: an unsealed server must stay so.
        if self.initialised().await? {
            return Err(CeremonyError::AlreadyInitialised);
        }
        let result = self.initialise(config, wanted.root_token, act).await;
        self.inner.barrier.seal();
        result
    }

    async fn initialise(
        &self,
        config: SealConfig,
        root_token: Option<Secret<String>>,
        act: Option<Act>,
    ) -> Result<Initialised, CeremonyError> {
        let now = self.inner.host.clock.now();
        let (keys, batch) = self.inner.barrier.initialize(config, now.unix_seconds()).await?;
        let root_token = self.finish_init(batch, root_token, act).await?;
        tracing::info!(shares = config.shares(), threshold = config.threshold(), "the server is initialised");
        Ok(Initialised { keys, root_token })
    }

    /// Adds what a new server has to the batch that stores its keys, and commits it.
    pub(super) async fn finish_init(
        &self,
        mut batch: Batch,
        root_token: Option<Secret<String>>,
        act: Option<Act>,
    ) -> Result<Arc<Entry>, CeremonyError> {
        let (barrier, host) = (&self.inner.barrier, &self.inner.host);
        let now = host.clock.now();
        let policies = Policies::load(barrier).await.map_err(load("policies"))?;
        let identity = Identity::load(barrier, host).await.map_err(load("entities and groups"))?;
        let tokens = Tokens::open(barrier, &policies, &identity, host).map_err(load("tokens"))?;
        self.make_mounts(&mut batch)?;
        self.make_cluster(&mut batch)?;
        let root_token = tokens.add_root(&mut batch, root_token, now).map_err(CeremonyError::Token)?;
        if let Some(act) = act {
            let view = barrier.view(place::CORE).map_err(load("the journal of ceremonies"))?;
            Journal::begin(&view, &mut batch, act).map_err(load("the journal of ceremonies"))?;
        }
        barrier.commit(batch).await.map_err(BarrierError::from)?;
        Ok(root_token)
    }

    /// Adds the first mount table to the batch that initialises the server. If it is not there later, it is lost.
    pub(super) fn make_mounts(&self, batch: &mut Batch) -> Result<(), CeremonyError> {
        let Inner { barrier, host, kinds, .. } = &*self.inner;
        Mounts::make(batch, barrier, host, kinds).map_err(load("the mount table"))
    }

    /// Adds the cluster's name to the batch that initialises the server. If it is not there later, it is lost.
    pub(super) fn make_cluster(&self, batch: &mut Batch) -> Result<(), CeremonyError> {
        let Inner { barrier, host, .. } = &*self.inner;
        let cluster = Cluster::random(&*host.entropy)?;
        let view = barrier.view(place::CORE).map_err(load("the cluster's name"))?;
        cluster.store(&view, batch).map_err(load("the cluster's name"))
    }

    /// Whether keys exist.
    pub async fn initialised(&self) -> Result<bool, CeremonyError> {
        Ok(self.inner.barrier.seal_config().await?.is_some())
    }
}

/// The error of a table that cannot be loaded or made.
pub(super) fn load<E: Into<Box<dyn Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> CeremonyError {
    move |error| CeremonyError::Load(what, error.into())
}

pub(super) struct Ceremony<'a>(&'a AtomicBool);

impl<'a> Ceremony<'a> {
    pub(super) fn begin(busy: &'a AtomicBool) -> Result<Self, CeremonyError> {
        if busy.swap(true, Ordering::AcqRel) { Err(CeremonyError::Busy) } else { Ok(Self(busy)) }
    }
}

impl Drop for Ceremony<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
