//! The token store: the only reader and writer of tokens, their accessors and their family links.
//! Never in it: endpoints and their texts (`engine::token`), or what a policy says.
//!
//! A batch token is not stored: its facts are in its text (`batch`). All others are: a token is stored under a name that an HMAC
//! of its text leads to, because key names are clear: `token/id/NAME` (`names`). Beside it, in the same batch, are the name of
//! its lease, `token/child/PARENT/NAME` unless it is an orphan, and `token/accessor/HMAC-OF-ACCESSOR` (which says NAME) if its
//! text was chosen.
//! What is in use is kept in memory (`cached_token`), each token as one shared object, so that its revocation is one store
//! to one flag. The rules that make a stale answer impossible (I11):
//! * an object enters the map only if no token of its family left the map since its bytes were asked for (`cache`);
//! * a change is committed first, then made in the object; a revoked token is taken from the map after its commit;
//! * a token lives only as long as all its ancestors do, whether or not they are still stored.

mod batch;
mod cache;
mod cached_token;
mod create;
mod error;
mod look_up;
mod names;
mod reservation;
mod revoke;
mod storage;
mod sweep;

use std::sync::Arc;
use std::task::Poll;

use onrecord_policy::Acl;
use onrecord_seal::Secret;
use onrecord_storage::{Barrier, KeyError};
use onrecord_value::Time;

pub use error::TokenError;
pub use reservation::{Caller, Deletion, Reservation};
pub use revoke::Tidied;

use crate::expiry_clock::StoredMark;
use crate::host::Host;
use crate::identity::Identity;
use crate::leases::counts::LeaseCounts;
use crate::policies::Policies;
use crate::request::Request;
use crate::token::Entry;
use cache::TokenCache;
pub use cached_token::CachedToken;
use create::later;
use look_up::Standing;
use storage::{TokenStorage, settled};

/// How many generations a family of tokens may have. It bounds the work of asking whether a token lives.
pub const MAX_DEPTH: u32 = 128;

/// The token store; clones are handles to one store.
#[derive(Clone)]
pub struct Tokens(Arc<TokenStore>);

struct TokenStore {
    storage: TokenStorage,
    policies: Policies,
    identity: Identity,
    host: Host,
    cache: TokenCache,
    /// Where a time that a token has expired by is stored.
    mark: Option<Arc<StoredMark>>,
}

/// A token that was looked up and lives.
pub type ActiveToken = Arc<CachedToken>;

impl Tokens {
    /// The store behind a barrier. Reads nothing yet.
    pub fn open(
        barrier: &Barrier,
        policies: &Policies,
        identity: &Identity,
        host: &Host,
    ) -> Result<Self, KeyError> {
        Self::with_mark(barrier, policies, identity, host, None, Arc::default())
    }

    /// As [`Tokens::open`]. That a token has expired is durable before anybody is told.
    pub(crate) fn open_marking(
        barrier: &Barrier,
        policies: &Policies,
        identity: &Identity,
        host: &Host,
        mark: Arc<StoredMark>,
        counts: Arc<LeaseCounts>,
    ) -> Result<Self, KeyError> {
        Self::with_mark(barrier, policies, identity, host, Some(mark), counts)
    }

    fn with_mark(
        barrier: &Barrier,
        policies: &Policies,
        identity: &Identity,
        host: &Host,
        mark: Option<Arc<StoredMark>>,
        counts: Arc<LeaseCounts>,
    ) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(TokenStore {
            storage: TokenStorage::new(barrier, counts)?,
            policies: policies.clone(),
            identity: identity.clone(),
            host: host.clone(),
            cache: TokenCache::default(),
            mark,
        })))
    }

    /// Resolves the token of a request and reserves one use of it. From an address that the token is not bound to, it is
    /// refused as if it were unknown.
    pub async fn reserve(&self, request: &Request) -> Reservation {
        match self.resolve(request.token.as_ref(), request.received).await {
            Reservation::Valid(caller) if is_elsewhere(&caller.entry, request) => Reservation::Refused,
            reservation => reservation,
        }
    }

    /// Resolves a token as it was sent and reserves one use of it.
    pub async fn resolve(&self, token: Option<&Secret<String>>, now: Time) -> Reservation {
        let Some(token) = token else { return Reservation::Refused };
        match self.0.find_text(token.expose()).await {
            Ok(Some(cached)) => match Caller::reserve(self, Arc::clone(&cached), now) {
                Some(caller) => Reservation::Valid(caller),
                None => {
                    self.0.keep_expired(&cached, now).await;
                    Reservation::Refused
                }
            },
            Ok(None) => Reservation::Refused,
            Err(_) => Reservation::Unavailable,
        }
    }

    /// What is stored of a caller's token now: its uses may have been spent since the request arrived.
    pub fn current(&self, caller: &Caller) -> ActiveToken {
        Arc::clone(&caller.cached)
    }

    /// What a token may do now. Nothing, if its entity is disabled or gone.
    pub(crate) fn acl(&self, found: &ActiveToken) -> Arc<Acl> {
        let mut state = found.state();
        let state = &mut *state;
        if state.access.refresh(&state.entry, &self.0.policies, &self.0.identity) {
            Arc::clone(&state.access.acl)
        } else {
            Arc::default()
        }
    }

    /// The name that a token with this text is stored under.
    pub fn name_of(&self, text: &str) -> Result<String, TokenError> {
        self.0.storage.name(text)
    }

    /// The live token with this text.
    pub async fn find(&self, text: &str, now: Time) -> Result<Option<ActiveToken>, TokenError> {
        let found = self.0.find_text(text).await?;
        self.active(found, now).await
    }

    /// The live token with this accessor.
    pub async fn find_accessor(&self, accessor: &str, now: Time) -> Result<Option<ActiveToken>, TokenError> {
        if let Some(name) = self.0.storage.name_of_accessor(accessor)?
            && let Some(cached) = self.0.find(&name).await?
        {
            return self.active(Some(cached), now).await;
        }
        match self.0.storage.by_accessor(accessor).await? {
            Some(name) => self.named(&name, now).await,
            None => Ok(None),
        }
    }

    /// The live token that is stored under a name.
    pub(crate) async fn find_stored(&self, name: &str, now: Time) -> Result<Option<ActiveToken>, TokenError> {
        self.named(name, now).await
    }

    /// Stores the names of the leases of tokens that a version before this one has stored.
    pub(crate) async fn index_leases(&self) -> Result<(), TokenError> {
        let indexed = self.0.storage.index_leases().await?;
        if indexed > 0 {
            tracing::info!(
                tokens = indexed,
                "the leases of tokens of an older version can be listed from now on"
            );
        }
        Ok(())
    }

    /// Whether a token was removed that had leased something, since this was last asked.
    pub(crate) fn take_has_ended(&self) -> bool {
        self.0.storage.take_has_ended()
    }

    async fn named(&self, name: &str, now: Time) -> Result<Option<ActiveToken>, TokenError> {
        let found = self.0.find(name).await?;
        self.active(found, now).await
    }

    async fn active(
        &self,
        found: Option<Arc<CachedToken>>,
        now: Time,
    ) -> Result<Option<ActiveToken>, TokenError> {
        let Some(cached) = found else { return Ok(None) };
        if cached.is_active(now) {
            return Ok(Some(cached));
        }
        self.0.keep_expired(&cached, now).await;
        Ok(None)
    }

    /// Gives a live token a new time to live from `now`, in seconds, as `plan` finds from its entry; or
    /// says why the plan refused, and changes nothing. The plan must not ask the store.
    pub async fn renew<R>(
        &self,
        found: &ActiveToken,
        now: Time,
        plan: impl FnOnce(&Entry) -> Result<u64, R>,
    ) -> Result<Result<Arc<Entry>, R>, TokenError> {
        if !found.is_active(now) {
            return Err(TokenError::Gone);
        }
        let (old, new, commit) = {
            let mut state = found.state();
            let old = Arc::clone(&state.entry);
            let ttl = match plan(&old) {
                Ok(ttl) => ttl,
                Err(reason) => return Ok(Err(reason)),
            };
            let expires = Some(later(now, ttl));
            let new = Arc::new(Entry { expires, renewed: Some(now), ..Entry::clone(&old) });
            let commit = self.0.storage.replace(&new, None)?;
            state.entry = Arc::clone(&new);
            (old, new, commit)
        };
        let result = settled(commit.await);
        if result.is_err() {
            let mut state = found.state();
            // Unless somebody renewed it since.
            if state.entry.expires == new.expires && state.entry.renewed == new.renewed {
                let entry =
                    Entry { expires: old.expires, renewed: old.renewed, ..Entry::clone(&state.entry) };
                state.entry = Arc::new(entry);
            }
        }
        result.map(|()| Ok(new))
    }

    /// Takes over what is stored of a token, which another process may have changed or revoked. `key` is below the store's
    /// own prefix.
    pub async fn invalidate(&self, key: &str) -> Result<(), TokenError> {
        let Some(name) = key.strip_prefix(storage::ENTRIES) else { return Ok(()) };
        // What is being read just now may be older.
        self.0.cache.refuse_older(name);
        let Some(cached) = self.0.cache.get(name) else { return Ok(()) };
        loop {
            let before = cached.entry();
            let Some(entry) = self.0.storage.latest(name).await? else {
                self.0.cache.remove(&[name.to_owned()]);
                return Ok(());
            };
            if cached.replace(&before, entry) {
                return Ok(());
            }
        }
    }

    /// The accessors of all live tokens, in no particular order. Reads all tokens.
    pub async fn accessors(&self, now: Time) -> Result<Vec<String>, TokenError> {
        let (mut accessors, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.0.storage.names(&after).await?;
            let Some(last) = page.last() else { return Ok(accessors) };
            after.clone_from(last);
            for name in &page {
                match self.0.standing(name, now).await? {
                    Standing::Alive(entry) => accessors.push(entry.accessor.clone()),
                    // A list without it would say that there is no such token.
                    Standing::Damaged(error) => return Err(error),
                    Standing::Dead | Standing::Unsettled => {}
                }
            }
            pause().await;
        }
    }
}

/// Whether a request comes from an address that the token may not be used from.
fn is_elsewhere(entry: &Entry, request: &Request) -> bool {
    if entry.bound_cidrs.is_empty() {
        return false;
    }
    let address = request.peer.as_ref().and_then(|peer| peer.client_address().parse().ok());
    !entry.bound_cidrs.allow(address)
}

async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
