//! Changing when a token ends. Never in it: how long it may live.

use std::sync::Arc;

use onrecord_value::Time;

use super::create::later;
use super::storage::settled;
use super::{ActiveToken, TokenError, Tokens};
use crate::token::Entry;

/// What came of a renewal.
pub enum Renewal<R> {
    /// The token as it is stored now.
    Done(Arc<Entry>),
    /// The plan refused, with its reason; nothing was changed.
    Refused(R),
}

impl Tokens {
    /// Gives a live token a new time to live from `now`, in seconds, as `plan` finds from its entry. The plan must not
    /// ask the store.
    pub async fn renew<R>(
        &self,
        found: &ActiveToken,
        now: Time,
        plan: impl FnOnce(&Entry) -> Result<u64, R>,
    ) -> Result<Renewal<R>, TokenError> {
        if !found.is_active(now) {
            return Err(TokenError::Gone);
        }
        let (old, new, commit) = {
            let mut state = found.state();
            let old = Arc::clone(&state.entry);
            let ttl = match plan(&old) {
                Ok(ttl) => ttl,
                Err(reason) => return Ok(Renewal::Refused(reason)),
            };
            let expires = Some(later(now, ttl));
            let new = Arc::new(Entry { expires, renewed: Some(now), ..Entry::clone(&old) });
            let commit = self.0.storage.replace(&new)?;
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
        result.map(|()| Renewal::Done(new))
    }
}
