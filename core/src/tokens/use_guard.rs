//! A request's hold on its token: one use, reserved, then spent or given back; and the end of a used-up token.
//! Never in it: how the holder is judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onrecord_value::Time;

use super::cached_token::{CachedToken, Taken};
use super::storage::settled;
use super::{ActiveToken, TokenError, Tokens};
use crate::token::Entry;
use crate::tokens::Ending;

/// One use of a token, reserved for one request. Dropped unspent, it is given back.
pub struct UseGuard {
    tokens: Tokens,
    cached: Arc<CachedToken>,
    spent: AtomicBool,
    left: bool,
}

impl UseGuard {
    /// Reserves a use of a token, if it lives and has one left.
    pub(super) fn take(tokens: &Tokens, cached: Arc<CachedToken>, now: Time) -> Option<(Self, Taken)> {
        let taken = cached.take(&tokens.0.policies, now)?;
        Some((Self { tokens: tokens.clone(), cached, spent: AtomicBool::new(false), left: false }, taken))
    }

    pub(super) fn cached(&self) -> &Arc<CachedToken> {
        &self.cached
    }

    /// Whether the token, or one it descends from, was revoked.
    pub(crate) fn is_revoked(&self) -> bool {
        self.cached.is_revoked()
    }

    /// Spends the use, durably if the token's uses are limited. A use that could not be written down is gone all the
    /// same: the next one writes it too.
    pub(crate) async fn spend(&self) -> Result<(), TokenError> {
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
            let commit = self.tokens.0.storage.replace(&entry)?;
            state.entry = entry;
            commit
        };
        settled(commit.await)
    }

    /// Ends the hold; the last one on a used-up token deletes it. A failure to delete changes nothing for anybody: the
    /// token is dead, and tidying removes it.
    pub(crate) fn finish(mut self) -> Ending {
        if !self.leave() {
            return Ending(None);
        }
        let (tokens, cached) = (self.tokens.clone(), Arc::clone(&self.cached));
        Ending(Some(Box::pin(async move {
            if let Err(error) = tokens.revoke(&ActiveToken(cached)).await {
                tracing::warn!(%error, "a used-up token could not be deleted");
            }
        })))
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

impl Drop for UseGuard {
    fn drop(&mut self) {
        self.leave();
    }
}
