//! The tokens in memory, by the names they are stored under. Never in it: reading them from storage.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, PoisonError, RwLock};

use super::cached_token::CachedToken;
use crate::token::Entry;

const KEPT: usize = 50_000;
const COUNTERS: usize = 256;

pub(super) struct TokenCache {
    state: RwLock<State>,
}

struct State {
    tokens: HashMap<String, Arc<CachedToken>>,
    /// How many tokens left memory, by a part of the hash of their names.
    removals: [u32; COUNTERS],
}

/// When a token was looked for in vain: what is read from storage after that may be put into memory if no token of
/// that name left it since. It could have been changed or revoked meanwhile, and the bytes be old.
pub(super) struct Ticket(u32);

impl Default for TokenCache {
    fn default() -> Self {
        Self { state: RwLock::new(State { tokens: HashMap::new(), removals: [0; COUNTERS] }) }
    }
}

impl TokenCache {
    pub(super) fn get(&self, name: &str) -> Option<Arc<CachedToken>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).tokens.get(name).cloned()
    }

    /// The token of a name, or what it takes to put it into memory.
    pub(super) fn look_up(&self, name: &str) -> Result<Arc<CachedToken>, Ticket> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.tokens.get(name).cloned().ok_or_else(|| Ticket(state.removals_of(name)))
    }

    /// Puts a token and those of its ancestors that were read with it into memory, the youngest first, below an ancestor
    /// that is there already. What others have put there meanwhile stays. `None`: one of them left memory meanwhile, and
    /// all must be read again.
    pub(super) fn insert(
        &self,
        lineage: Vec<(Entry, Ticket)>,
        mut parent: Option<Arc<CachedToken>>,
    ) -> Option<Arc<CachedToken>> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let is_old = |(entry, ticket): &(Entry, Ticket)| state.removals_of(&entry.name) != ticket.0;
        if lineage.iter().any(is_old) {
            return None;
        }
        state.make_room();
        for (entry, _) in lineage.into_iter().rev() {
            if let Some(cached) = state.tokens.get(&entry.name) {
                parent = Some(Arc::clone(cached));
                continue;
            }
            let cached = Arc::new(CachedToken::new(entry, parent.take()));
            state.tokens.insert(cached.name().to_owned(), Arc::clone(&cached));
            parent = Some(cached);
        }
        parent
    }

    /// From now on, bytes of a token that were asked for before are not put into memory.
    pub(super) fn refuse_older(&self, name: &str) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).count_removal(name);
    }

    /// Takes tokens out of memory and ends them, with all their descendants. They are no longer stored.
    pub(super) fn remove(&self, names: &[String]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            state.count_removal(name);
            if let Some(cached) = state.tokens.remove(name) {
                cached.end();
            }
        }
    }
}

impl State {
    fn counter(&self, name: &str) -> usize {
        usize::try_from(self.tokens.hasher().hash_one(name) % COUNTERS as u64).unwrap_or(0)
    }

    fn removals_of(&self, name: &str) -> u32 {
        self.removals.get(self.counter(name)).copied().unwrap_or_default()
    }

    fn count_removal(&mut self, name: &str) {
        let counter = self.counter(name);
        if let Some(count) = self.removals.get_mut(counter) {
            *count = count.wrapping_add(1);
        }
    }

    /// Drops what is not in use and was not asked for since the last time, if there are too many.
    fn make_room(&mut self) {
        if self.tokens.len() < KEPT {
            return;
        }
        let before = self.tokens.len();
        self.tokens.retain(|_, cached| Arc::strong_count(cached) > 1 || cached.touched());
        if self.tokens.len() < before {
            for count in &mut self.removals {
                *count = count.wrapping_add(1);
            }
        }
    }
}
