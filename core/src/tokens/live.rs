//! A token in memory: one shared object for each, which every request and every descendant of it holds.
//! Never in it: storage. Who changes it has committed the change before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onrecord_policy::Acl;
use onrecord_value::Time;

use crate::policies::Policies;
use crate::token::Entry;

/// One token in memory.
pub(super) struct Live {
    name: String,
    /// Set once it is revoked, durably. Never cleared.
    dead: AtomicBool,
    touched: AtomicBool,
    /// Held by whoever reads, changes, commits and publishes the entry.
    pub(super) gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What changes in the life of a token.
pub(super) struct State {
    pub(super) entry: Arc<Entry>,
    pub(super) parent: Option<Arc<Live>>,
    acl: (u64, Arc<Acl>),
    pub(super) uses: Uses,
}

/// The uses of a token that are not in its stored entry yet, and who is on it.
#[derive(Default)]
pub(super) struct Uses {
    /// Reserved by requests, neither spent nor given back.
    pub(super) reserved: u64,
    /// Spent since it was read, durably or not.
    pub(super) spent: u64,
    /// Of these, how many are in the stored entry.
    pub(super) stored: u64,
    /// Requests on their way with this token.
    pub(super) holders: u64,
}

/// What a request takes from a token.
pub(super) struct Taken {
    pub(super) entry: Arc<Entry>,
    pub(super) acl: Arc<Acl>,
    /// Uses left before this one; `None` is unlimited.
    pub(super) remaining: Option<u64>,
}

impl Live {
    pub(super) fn new(entry: Entry, parent: Option<Arc<Self>>, generation: u64, acl: Arc<Acl>) -> Self {
        Self {
            name: entry.name.clone(),
            dead: AtomicBool::new(false),
            touched: AtomicBool::new(true),
            gate: tokio::sync::Mutex::new(()),
            state: Mutex::new(State {
                entry: Arc::new(entry),
                parent,
                acl: (generation, acl),
                uses: Uses::default(),
            }),
        }
    }

    /// What it is stored under.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is stored of it now.
    pub(super) fn entry(&self) -> Arc<Entry> {
        Arc::clone(&self.state().entry)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody asked for it.
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

    /// Whether it and all its ancestors live at `now`. A used-up token is dead for everybody who asks; the request that
    /// spent the last use does not ask.
    pub(super) fn lives(&self, now: Time) -> bool {
        let (entry, parent) = {
            let state = self.state();
            (Arc::clone(&state.entry), state.parent.clone())
        };
        !entry.exhausted && self.stands(&entry, now) && Self::family_lives(parent, now)
    }

    /// An ancestor that is used up no longer acts, but its family stands until it is deleted.
    fn family_lives(mut parent: Option<Arc<Self>>, now: Time) -> bool {
        while let Some(live) = parent {
            let state = live.state();
            if !live.stands(&state.entry, now) {
                return false;
            }
            let next = state.parent.clone();
            drop(state);
            parent = next;
        }
        true
    }

    fn stands(&self, entry: &Entry, now: Time) -> bool {
        !self.dead.load(Ordering::Acquire) && !entry.expired(now)
    }

    /// Reserves a use for a request, if the token lives and has one left.
    pub(super) fn take(&self, policies: &Policies, now: Time) -> Option<Taken> {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.entry.exhausted || !self.stands(&state.entry, now) {
            return None;
        }
        let remaining = match state.entry.num_uses {
            0 => None,
            stored => {
                let taken = state.uses.reserved + state.uses.spent.saturating_sub(state.uses.stored);
                Some(stored.checked_sub(taken).filter(|left| *left > 0)?)
            }
        };
        if !Self::family_lives(state.parent.clone(), now) {
            return None;
        }
        if state.acl.0 != policies.generation() {
            state.acl = policies.acl(&state.entry.policies);
        }
        state.uses.reserved += 1;
        state.uses.holders += 1;
        Some(Taken { entry: Arc::clone(&state.entry), acl: Arc::clone(&state.acl.1), remaining })
    }
}
