//! Keys in memory, so that an operation need not read and decode its key. A key leaves it when it changes.
//! Never in it: reading keys from storage.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::key::Key;

/// How many keys are kept if the engine's configuration does not say.
const KEPT: usize = 10_000;
/// How many bytes the kept keys may take in storage.
const KEPT_BYTES: usize = 32 << 20;

#[derive(Default)]
pub(super) struct KeyCache(RwLock<State>);

#[derive(Default)]
struct State {
    keys: HashMap<String, Arc<Key>>,
    bytes: usize,
    /// The number of changes so far.
    changes: u64,
    /// How many keys are kept; 0 leaves it to [`KEPT`].
    limit: usize,
}

/// When a key was looked for in vain. What is read from storage after that may be kept if no key has changed since: the
/// bytes could be older than the change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(u64);

impl KeyCache {
    /// The key of a name, or what it takes to keep it.
    pub(super) fn look_up(&self, name: &str) -> Result<Arc<Key>, Ticket> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.keys.get(name).cloned().ok_or(Ticket(state.changes))
    }

    /// Keeps a key.
    pub(super) fn insert(&self, key: &Arc<Key>, ticket: Ticket) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if state.changes != ticket.0 || key.stored_bytes > KEPT_BYTES / 8 {
            return;
        }
        let limit = if state.limit == 0 { KEPT } else { state.limit };
        state.remove(&key.name);
        while state.keys.len() >= limit || state.bytes + key.stored_bytes > KEPT_BYTES {
            let Some(name) = state.keys.keys().next().cloned() else { return };
            state.remove(&name);
        }
        state.bytes += key.stored_bytes;
        state.keys.insert(key.name.clone(), Arc::clone(key));
    }

    /// Takes a key out of memory: it has changed. What was read before is not kept from now on.
    pub(super) fn remove(&self, name: &str) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.changes = state.changes.wrapping_add(1);
        state.remove(name);
    }

    /// Sets how many keys are kept, and takes all out of memory.
    pub(super) fn limit(&self, limit: usize) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changes = state.changes.wrapping_add(1);
        *state = State { changes, limit, ..State::default() };
    }
}

impl State {
    fn remove(&mut self, name: &str) {
        if let Some(key) = self.keys.remove(name) {
            self.bytes -= key.stored_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use onrecord_seal::OsEntropy;
    use onrecord_value::Time;

    use super::super::key::Settings;
    use super::super::key_type::KeyType;
    use super::super::material::Material;
    use super::*;

    fn key(name: &str, stored_bytes: usize) -> Arc<Key> {
        let material = Arc::new(Material::generate(KeyType::DEFAULT, 32, &OsEntropy::new()).unwrap());
        let key = Key::new(name, KeyType::DEFAULT, Settings::default(), Time::from_unix(0, 0), material);
        Arc::new(Key { stored_bytes, ..key })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let cache = KeyCache::default();
        let before = cache.look_up("a").err().unwrap();
        cache.remove("a");
        cache.insert(&key("a", 1), before);
        let after = cache.look_up("a").err().unwrap();
        cache.insert(&key("a", 1), after);
        assert!(cache.look_up("a").is_ok());
        cache.remove("a");
        assert!(cache.look_up("a").is_err());
    }

    #[test]
    fn no_more_keys_and_bytes_are_kept_than_the_limits_allow() {
        let cache = KeyCache::default();
        cache.limit(3);
        let kept = |names: std::ops::Range<u32>| {
            names.filter(|name| cache.look_up(&name.to_string()).is_ok()).count()
        };
        for name in 0..9 {
            let ticket = cache.look_up("").err().unwrap();
            cache.insert(&key(&name.to_string(), 1), ticket);
        }
        assert_eq!(kept(0..9), 3);
        cache.limit(0);
        for name in 0..12 {
            let ticket = cache.look_up("").err().unwrap();
            cache.insert(&key(&name.to_string(), KEPT_BYTES / 8), ticket);
        }
        assert_eq!(kept(0..12), 8);
        let ticket = cache.look_up("").err().unwrap();
        cache.insert(&key("large", KEPT_BYTES), ticket);
        assert!(cache.look_up("large").is_err());
    }
}
