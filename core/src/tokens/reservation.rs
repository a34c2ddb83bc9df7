//! A request's token: resolved, with one use of it reserved until the request ends: then it is spent or given back, and a
//! used-up token is deleted. Never in it: how a token is found.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onrecord_policy::Acl;
use onrecord_value::Time;

use super::cached_token::CachedToken;
use super::storage::settled;
use super::{TokenError, Tokens};
use crate::identity::CallerIdentity;
use crate::token::Entry;

/// What became of the token a request came with.
pub enum Reservation {
    /// A live token; one use of it is reserved.
    Valid(Caller),
    /// None was sent, or it is unknown, expired, revoked or used up: the answer is the same, and so is the record.
    Refused,
    /// The store could not be read.
    Unavailable,
}

/// The deletion of a used-up token. On the heap, so that the requests which have none to delete need not carry its size.
pub type Deletion = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Reservation {
    /// The caller, if the token is valid.
    pub fn authenticated(&self) -> Option<&Caller> {
        if let Self::Valid(caller) = self { Some(caller) } else { None }
    }

    /// Whether the token, or one it descends from, was revoked since the request arrived.
    pub fn is_revoked(&self) -> bool {
        self.authenticated().is_some_and(|caller| caller.cached.is_revoked())
    }

    /// Gives the reserved use back: the request had no effect. Dropping it unspent does the same.
    pub fn release(self) {}

    /// Spends the reserved use, durably. Call it before the effect; an error means that there must be none.
    pub async fn spend(&self) -> Result<(), TokenError> {
        match self {
            Self::Valid(caller) => caller.spend().await,
            Self::Refused | Self::Unavailable => Ok(()),
        }
    }

    /// Ends the request's hold. If it was the last of a used-up token, that is to be deleted with all that hangs on it,
    /// before the answer leaves.
    #[must_use = "a used-up token is deleted only when this is awaited"]
    pub fn finish(self) -> Option<Deletion> {
        match self {
            Self::Valid(caller) => caller.finish(),
            Self::Refused | Self::Unavailable => None,
        }
    }
}

/// A request's caller: a live token with one use reserved. Dropped unspent, it gives the use back.
pub struct Caller {
    /// What was stored of the token when the request arrived.
    pub entry: Arc<Entry>,
    /// Its policies, compiled.
    pub acl: Arc<Acl>,
    /// Stands for the client on record: its entity; without one, the same for all tokens with the same policies.
    pub client_id: Arc<str>,
    /// Its entity, if it has one.
    pub identity: Option<Arc<CallerIdentity>>,
    /// Uses left before this request; `None` is unlimited.
    pub remaining_uses: Option<u64>,
    tokens: Tokens,
    pub(super) cached: Arc<CachedToken>,
    spent: AtomicBool,
    left: bool,
}

impl Caller {
    /// Reserves a use of a token for a request, if it lives and has one left.
    pub(super) fn reserve(tokens: &Tokens, cached: Arc<CachedToken>, now: Time) -> Option<Self> {
        let mut guard = cached.state();
        let state = &mut *guard;
        if state.entry.exhausted || !cached.is_valid(&state.entry, now) {
            return None;
        }
        let remaining_uses = match state.entry.num_uses {
            0 => None,
            left => Some(left.checked_sub(state.uses.reserved).filter(|left| *left > 0)?),
        };
        if !CachedToken::ancestors_are_valid(state.parent.clone(), now) {
            return None;
        }
        if !state.access.refresh(&state.entry, &tokens.0.policies, &tokens.0.identity) {
            return None;
        }
        state.uses.reserved += 1;
        state.uses.holders += 1;
        let (entry, acl) = (Arc::clone(&state.entry), Arc::clone(&state.access.acl));
        let identity = state.access.identity.clone();
        drop(guard);
        let client_id = identity.as_ref().map_or(&cached.client_id, |identity| &identity.client_id);
        Some(Self {
            entry,
            acl,
            client_id: Arc::clone(client_id),
            identity,
            remaining_uses,
            tokens: tokens.clone(),
            cached,
            spent: AtomicBool::new(false),
            left: false,
        })
    }

    /// Spends the use, durably if the token's uses are limited. A use that could not be written down is gone all the
    /// same: the next one writes it too.
    async fn spend(&self) -> Result<(), TokenError> {
        if self.spent.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let commit = {
            let mut state = self.cached.state();
            state.uses.reserved -= 1;
            if state.entry.num_uses == 0 {
                return Ok(());
            }
            let num_uses = state.entry.num_uses - 1;
            let entry = Arc::new(Entry { num_uses, exhausted: num_uses == 0, ..Entry::clone(&state.entry) });
            let commit = self.tokens.0.storage.replace(&entry, None)?;
            state.entry = entry;
            commit
        };
        settled(commit.await)
    }

    /// Ends the hold; the last one on a used-up token deletes it. A failure to delete changes nothing for anybody: the
    /// token is dead, and tidying removes it.
    fn finish(mut self) -> Option<Deletion> {
        if !self.leave() {
            return None;
        }
        let (tokens, cached) = (self.tokens.clone(), Arc::clone(&self.cached));
        Some(Box::pin(async move {
            if let Err(error) = tokens.revoke(&cached).await {
                tracing::warn!(%error, "a used-up token could not be deleted");
            }
        }))
    }

    /// Lets go of the token, once. Whether it is used up and this was the last hold on it.
    fn leave(&mut self) -> bool {
        if self.left {
            return false;
        }
        self.left = true;
        let mut state = self.cached.state();
        state.uses.holders -= 1;
        if !*self.spent.get_mut() {
            state.uses.reserved -= 1;
        }
        state.entry.exhausted && state.uses.holders == 0
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.leave();
    }
}
