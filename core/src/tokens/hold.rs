//! A request's hold on its token: one use, reserved, then spent or given back; and the end of a used-up token.
//! Never in it: how the holder is judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onrecord_value::Time;

use super::live::{Live, Taken};
use super::{Found, TokenError, Tokens};
use crate::token::Entry;

/// One use of a token, reserved for one request. Dropped unspent, it is given back.
pub struct Hold {
    tokens: Tokens,
    live: Arc<Live>,
    spent: AtomicBool,
}

impl Hold {
    /// Reserves a use of a token, if it lives and has one left.
    pub(super) fn take(tokens: &Tokens, live: Arc<Live>, now: Time) -> Option<(Self, Taken)> {
        let taken = live.take(&tokens.0.policies, now)?;
        Some((Self { tokens: tokens.clone(), live, spent: AtomicBool::new(false) }, taken))
    }

    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Spends the use, durably if the token's uses are limited. Whoever comes first to the gate writes down the uses
    /// of all who wait behind it.
    pub(crate) async fn spend(&self) -> Result<(), TokenError> {
        if self.spent.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let mine = {
            let mut state = self.live.state();
            state.uses.reserved -= 1;
            if state.entry.num_uses == 0 {
                return Ok(());
            }
            // From here on the use is gone, even if it cannot be written down: the next one writes it too.
            state.uses.spent += 1;
            state.uses.spent
        };
        let _gate = self.live.gate.lock().await;
        let (entry, spent) = {
            let state = self.live.state();
            if state.uses.stored >= mine {
                return Ok(());
            }
            let num_uses = state.entry.num_uses.saturating_sub(state.uses.spent - state.uses.stored);
            let entry = Entry { num_uses, exhausted: num_uses == 0, ..Entry::clone(&state.entry) };
            (Arc::new(entry), state.uses.spent)
        };
        self.tokens.0.shelf.replace(&[&entry]).await?;
        let mut state = self.live.state();
        state.entry = entry;
        state.uses.stored = spent;
        Ok(())
    }

    /// Ends the hold; the last one on a used-up token deletes it. A failure to delete changes nothing for anybody: the
    /// token is dead, and tidying removes it.
    pub(crate) async fn finish(self) {
        let last = {
            let state = self.live.state();
            state.entry.exhausted && state.uses.holders == 1
        };
        if last {
            let (tokens, found) = (self.tokens.clone(), Found(Arc::clone(&self.live)));
            drop(self);
            let deleted = tokens.revoke(&found).await;
            if let Err(error) = deleted {
                tracing::warn!(%error, "a used-up token could not be deleted");
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.live.state();
        state.uses.holders -= 1;
        if !*self.spent.get_mut() {
            state.uses.reserved -= 1;
        }
    }
}
