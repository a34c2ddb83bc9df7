//! A token in memory: one shared object for each, which every request and every descendant of it holds.
//! Never in it: storage. Who changes it has committed the change before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use onrecord_policy::Acl;
use onrecord_value::Time;
use sha2::{Digest as _, Sha256};

use crate::identity::{CallerIdentity, Identity};
use crate::policies::Policies;
use crate::token::Entry;

/// One token in memory.
pub struct CachedToken {
    name: String,
    pub(super) client_id: Arc<str>,
    /// Set once it is revoked, durably. Never cleared.
    dead: AtomicBool,
    touched: AtomicBool,
    /// Held while a change is put in line for storage, so that storage sees the changes in their order here.
    state: Mutex<TokenState>,
}

pub(super) struct TokenState {
    pub(super) entry: Arc<Entry>,
    pub(super) parent: Option<Arc<CachedToken>>,
    pub(super) access: Access,
    pub(super) uses: Uses,
}

/// What a token may do, and who its entity is; and of which generations of policies and identity that is true.
#[derive(Default)]
pub(super) struct Access {
    policies_generation: u64,
    identity_generation: u64,
    /// The entry that `identity` goes with.
    of: Option<Arc<Entry>>,
    pub(super) acl: Arc<Acl>,
    pub(super) identity: Option<Arc<CallerIdentity>>,
}

impl Access {
    /// Brings it up to date. False if the token has an entity that is disabled or gone.
    pub(super) fn refresh(&mut self, entry: &Arc<Entry>, policies: &Policies, identity: &Identity) -> bool {
        let is_current = self.policies_generation == policies.generation();
        if entry.entity_id.is_empty() {
            if !is_current {
                (self.policies_generation, self.acl) = policies.acl(&entry.policies);
            }
            return true;
        }
        let is_same = |of: &Arc<Entry>| Arc::ptr_eq(of, entry);
        if !is_current
            || self.identity_generation != identity.generation()
            || !self.of.as_ref().is_some_and(is_same)
        {
            (self.identity_generation, self.identity) = identity.caller(&entry.entity_id, &entry.policies);
            (self.policies_generation, self.acl) = match &self.identity {
                Some(caller) => policies.acl_of(&caller.all_policies, &|field| caller.value(field)),
                None => (policies.generation(), Arc::default()),
            };
            self.of = Some(Arc::clone(entry));
        }
        self.identity.is_some()
    }
}

#[derive(Default)]
pub(super) struct Uses {
    /// Uses that requests have reserved, neither spent nor given back. Never more than the entry has.
    pub(super) reserved: u64,
    pub(super) holders: u64,
}

impl CachedToken {
    pub(super) fn new(entry: Entry, parent: Option<Arc<Self>>) -> Self {
        Self {
            name: entry.name.clone(),
            client_id: client_id(&entry.policies),
            dead: AtomicBool::new(false),
            touched: AtomicBool::new(true),
            state: Mutex::new(TokenState {
                entry: Arc::new(entry),
                parent,
                access: Access::default(),
                uses: Uses::default(),
            }),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is stored of it now.
    pub fn entry(&self) -> Arc<Entry> {
        Arc::clone(&self.state().entry)
    }

    /// Takes over an entry that another process stored, unless the entry was changed here since it was `before`.
    pub(super) fn replace(&self, before: &Arc<Entry>, entry: Entry) -> bool {
        let mut state = self.state();
        if !Arc::ptr_eq(&state.entry, before) {
            return false;
        }
        if entry.parent.is_none() {
            state.parent = None;
        }
        state.entry = Arc::new(entry);
        true
    }

    pub(super) fn state(&self) -> MutexGuard<'_, TokenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn touch(&self) {
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
    }

    /// Whether somebody asked for it since this was last called.
    pub(super) fn touched(&self) -> bool {
        self.touched.swap(false, Ordering::Relaxed)
    }

    /// Ends it, and with it all its descendants, for everybody.
    pub(super) fn end(&self) {
        self.dead.store(true, Ordering::Release);
    }

    /// Whether it or an ancestor was ended. Time and uses do not count.
    pub(super) fn is_revoked(&self) -> bool {
        let ended = |cached: &Self| cached.dead.load(Ordering::Acquire);
        ended(self) || lineage(self.state().parent.clone()).any(|cached| ended(&cached))
    }

    /// Whether it and all its ancestors live at `now`. A used-up token is dead for everybody who asks; the request that
    /// spent the last use does not ask.
    pub(super) fn is_active(&self, now: Time) -> bool {
        let (entry, parent) = {
            let state = self.state();
            (Arc::clone(&state.entry), state.parent.clone())
        };
        !entry.exhausted && self.is_valid(&entry, now) && Self::ancestors_are_valid(parent, now)
    }

    /// An ancestor that is used up no longer acts, but its family stands until it is deleted.
    pub(super) fn ancestors_are_valid(parent: Option<Arc<Self>>, now: Time) -> bool {
        lineage(parent).all(|cached| cached.is_valid(&cached.state().entry, now))
    }

    /// When it, or the first of its ancestors to do so, has expired; `None` if none has at `now`.
    pub(super) fn expired_at(self: &Arc<Self>, now: Time) -> Option<Time> {
        let family = lineage(Some(Arc::clone(self)));
        family.filter_map(|cached| cached.state().entry.expires).filter(|expires| *expires <= now).min()
    }

    pub(super) fn is_valid(&self, entry: &Entry, now: Time) -> bool {
        !self.dead.load(Ordering::Acquire) && !entry.expired(now)
    }
}

/// A token and its ancestors, from the youngest.
fn lineage(youngest: Option<Arc<CachedToken>>) -> impl Iterator<Item = Arc<CachedToken>> {
    std::iter::successors(youngest, |cached| cached.state().parent.clone())
}

/// The client id of tokens without identity: SHA-256 of the sorted names of the policies joined by 0x7F, then 0x00 and
/// the id of the namespace, in base64.
fn client_id(policies: &[String]) -> Arc<str> {
    let mut text = policies.join("\u{7f}");
    text.push_str("\0root");
    Arc::from(BASE64.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::client_id;

    #[test]
    fn client_ids_are_those_of_the_recordings() {
        assert_eq!(&*client_id(&["root".to_owned()]), "0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=");
        let two = ["default".to_owned(), "reader".to_owned()];
        assert_eq!(&*client_id(&two), "EUnubWptqIjVjj3Z8qVZGR6ZaMw5stIGSQncu2GnNM4=");
    }
}
