//! Where tokens lie in storage, and the batches that put, change and remove them.
//! Never in it: what is kept in memory.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use onrecord_seal::SecretBytes;
use onrecord_storage::{Barrier, Batch, Commit, CommitError, KeyError, StoreError, View};

use super::{TokenError, names, pause};
use crate::leases::counts::{self, LeaseCounts};
use crate::leases::keys;
use crate::place;
use crate::token::Entry;

/// The most keys of a cubbyhole that are deleted in one batch with its token; the rest follow in further batches.
const BELOW: usize = 4096;
pub(super) const PAGE: usize = 256;

pub(super) const ENTRIES: &str = "id/";

pub(super) struct TokenStorage {
    pub(super) tokens: View,
    pub(super) cubbyholes: View,
    /// The names of the tokens' leases, and what tokens have leased.
    pub(super) leases: View,
    /// How many leases there are, where that is limited.
    counts: Arc<LeaseCounts>,
    /// Whether a token was removed that had leased something, since that was last asked.
    has_ended: AtomicBool,
    /// The tokens that are being removed.
    removing: Mutex<HashSet<String>>,
}

/// The removal of a token that counts, where several remove it at once: it begins before the token is read, and lasts until it
/// is gone.
struct Removal<'a> {
    removing: &'a Mutex<HashSet<String>>,
    name: String,
}

impl<'a> Removal<'a> {
    /// None if another removal of the token is under way.
    fn begin(removing: &'a Mutex<HashSet<String>>, name: &str) -> Option<Self> {
        let name = name.to_owned();
        let is_first = removing.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        is_first.then_some(Self { removing, name })
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        self.removing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl TokenStorage {
    pub(super) fn new(barrier: &Barrier, counts: Arc<LeaseCounts>) -> Result<Self, KeyError> {
        let (tokens, cubbyholes) = (barrier.view(place::TOKEN)?, barrier.view(place::CUBBYHOLE)?);
        let leases = barrier.view(place::LEASE)?;
        Ok(Self {
            tokens,
            cubbyholes,
            leases,
            counts,
            has_ended: AtomicBool::new(false),
            removing: Mutex::default(),
        })
    }

    /// Takes a place for a token among those of its path.
    pub(super) fn reserve(&self, entry: &Entry) -> Result<counts::Place, TokenError> {
        let path = entry.lease_path();
        self.counts.reserve(path).map_err(|_| TokenError::LeaseQuota(path.to_owned()))
    }

    /// Whether a token was removed that had leased something, since this was last asked.
    pub(super) fn take_has_ended(&self) -> bool {
        // A look that costs nothing: every request has one.
        self.has_ended.load(Ordering::Relaxed) && self.has_ended.swap(false, Ordering::AcqRel)
    }

    pub(super) fn barrier(&self) -> &Barrier {
        self.tokens.barrier()
    }

    /// The name of a token with this text: that of one whose text the server has made, if it can be such a one.
    pub(super) fn name(&self, text: &str) -> Result<String, TokenError> {
        match names::of_text(self.barrier(), text)? {
            Some(name) => Ok(name),
            None => self.hashed(text),
        }
    }

    /// The name of a token that was given this text, where it looks like one that the server has made.
    pub(super) fn name_if_chosen(&self, text: &str) -> Result<Option<String>, TokenError> {
        let is_made = names::of_text(self.barrier(), text)?.is_some();
        is_made.then(|| self.hashed(text)).transpose()
    }

    /// The name of the token with this accessor, if the server has made its text.
    pub(super) fn name_of_accessor(&self, accessor: &str) -> Result<Option<String>, TokenError> {
        names::of_accessor(self.barrier(), accessor)
    }

    fn hashed(&self, text: &str) -> Result<String, TokenError> {
        Ok(self.barrier().hash_name(text)?)
    }

    /// Encrypts facts that leave the store.
    pub(super) fn seal_outside(&self, purpose: &str, facts: &[u8]) -> Result<Vec<u8>, TokenError> {
        Ok(self.barrier().seal_outside(purpose, facts)?)
    }

    /// Opens what was encrypted for a purpose; `None` if it was not, or was changed since.
    pub(super) fn open_outside(
        &self,
        purpose: &str,
        record: Vec<u8>,
    ) -> Result<Option<SecretBytes>, TokenError> {
        Ok(self.barrier().open_outside(purpose, record)?)
    }

    pub(super) async fn entry(&self, name: &str) -> Result<Option<Entry>, TokenError> {
        self.decoded(name, self.tokens.get(&id(name)).await)
    }

    /// The entry as the changes on their way will leave it.
    pub(super) async fn latest(&self, name: &str) -> Result<Option<Entry>, TokenError> {
        self.decoded(name, self.tokens.latest(&id(name)).await.map(|(stored, _)| stored))
    }

    pub(super) async fn holds(&self, name: &str) -> Result<bool, TokenError> {
        Ok(self.tokens.get(&id(name)).await?.is_some())
    }

    /// The name that the index of accessors has.
    pub(super) async fn by_accessor(&self, accessor: &str) -> Result<Option<String>, TokenError> {
        let key = self.place_of_accessor(accessor)?;
        let stored = self.tokens.get(&key).await?;
        stored
            .map(|name| String::from_utf8(name.expose().to_vec()).map_err(|_| self.unreadable(&key)))
            .transpose()
    }

    /// The names of some tokens after the name `after` (empty: from the first), sorted; none if there are no more.
    pub(super) async fn names(&self, after: &str) -> Result<Vec<String>, TokenError> {
        Ok(self.tokens.list_page("id/", after, PAGE).await?)
    }

    pub(super) async fn children(&self, name: &str) -> Result<Vec<String>, TokenError> {
        Ok(self.tokens.list(&format!("child/{name}/")).await?)
    }

    /// Stores a new token, with a first value of its cubbyhole if there is one.
    pub(super) async fn insert(&self, entry: &Entry, first: Option<(&str, &[u8])>) -> Result<(), TokenError> {
        let mut batch = Batch::new();
        self.lay(&mut batch, entry)?;
        if let Some((key, value)) = first {
            self.cubbyholes.put(&mut batch, &format!("{}/{key}", entry.name), value)?;
        }
        let is_parent = |key: &str| entry.parent.as_ref().is_some_and(|parent| key.ends_with(parent));
        match self.tokens.commit(batch).await {
            Err(CommitError::Conflict(conflict)) if !is_parent(&conflict.key) => Err(TokenError::Duplicate),
            result => settled(result),
        }
    }

    pub(super) fn lay(&self, batch: &mut Batch, entry: &Entry) -> Result<(), TokenError> {
        self.tokens.require_absent(batch, &id(&entry.name))?;
        self.tokens.put(batch, &id(&entry.name), entry.to_stored().expose())?;
        if let Some(accessor) = self.accessor(entry)? {
            // The text was chosen: it must not be that of a token that the server has made either.
            self.tokens.require_absent(batch, &id(&self.name(entry.id.expose())?))?;
            self.tokens.put(batch, &accessor, entry.name.as_bytes())?;
        }
        if let Some(id) = entry.lease_id() {
            self.leases.put(batch, &keys::lease(&id), &[])?;
        }
        if let Some(parent) = &entry.parent {
            self.tokens.require_present(batch, &id(parent))?;
            self.tokens.put(batch, &child(parent, &entry.name), &[])?;
        }
        Ok(())
    }

    /// Puts a changed entry in line, in place of the old one, and the end of its link to a parent that it has `left`.
    /// Its place in the order is taken by this call.
    pub(super) fn replace(&self, entry: &Entry, left: Option<&str>) -> Result<Commit, TokenError> {
        let mut batch = Batch::new();
        self.tokens.require_present(&mut batch, &id(&entry.name))?;
        self.tokens.put(&mut batch, &id(&entry.name), entry.to_stored().expose())?;
        if let Some(parent) = left {
            self.tokens.delete(&mut batch, &child(parent, &entry.name))?;
        }
        Ok(self.tokens.commit(batch))
    }

    pub(super) async fn remove(&self, names: &[String]) -> Result<(), TokenError> {
        let (mut batch, mut removals, mut has_ended) = (Batch::new(), Vec::new(), false);
        for name in names {
            let removal = Removal::begin(&self.removing, name);
            match self.entry(name).await {
                Ok(Some(entry)) => {
                    if let Some(accessor) = self.accessor(&entry)? {
                        self.tokens.delete(&mut batch, &accessor)?;
                    }
                    if let Some(id) = entry.lease_id() {
                        self.leases.delete(&mut batch, &keys::lease(&id))?;
                        removals.push((removal, id));
                    }
                    if let Some(parent) = &entry.parent {
                        self.tokens.delete(&mut batch, &child(parent, name))?;
                    }
                }
                // What cannot be read can still be removed; sweeping finds the rest.
                Ok(None) | Err(TokenError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
            self.tokens.delete(&mut batch, &id(name))?;
            // What it has leased ends with it: that is noted in the same batch, and done soon.
            has_ended |= self.note_end(&mut batch, name).await?;
            self.cubbyholes.delete_below(&mut batch, &format!("{name}/"), BELOW).await?;
        }
        settled(self.tokens.commit(batch).await)?;
        for (_, id) in removals.iter().filter(|(removal, _)| removal.is_some()) {
            self.counts.removed(id);
        }
        drop(removals);
        // What was leased between the look and the commit. Nothing is leased to a token that is gone.
        let mut batch = Batch::new();
        for name in names {
            has_ended |= self.note_end(&mut batch, name).await?;
        }
        if has_ended {
            settled(self.leases.commit(batch).await)?;
            self.has_ended.store(true, Ordering::Release);
        }
        for name in names {
            self.empty(name).await?;
        }
        Ok(())
    }

    /// Notes in a batch that a token has ended which has leased something; whether it has.
    async fn note_end(&self, batch: &mut Batch, name: &str) -> Result<bool, TokenError> {
        if self.leases.keys(&keys::folder_of_token(name), "", 1).await?.is_empty() {
            return Ok(false);
        }
        self.leases.put(batch, &keys::ended(name), &[])?;
        Ok(true)
    }

    pub(super) async fn empty(&self, name: &str) -> Result<usize, TokenError> {
        let mut deleted = 0;
        loop {
            let mut batch = Batch::new();
            match self.cubbyholes.delete_below(&mut batch, &format!("{name}/"), BELOW).await? {
                0 => return Ok(deleted),
                count => deleted += count,
            }
            settled(self.cubbyholes.commit(batch).await)?;
        }
    }

    /// That all tokens have the names of their leases.
    pub(super) fn mark_indexed(&self, batch: &mut Batch) -> Result<(), TokenError> {
        Ok(self.leases.put(batch, keys::INDEXED, &[])?)
    }

    /// Stores the names of the leases of tokens that a version before this one has stored; how many.
    pub(super) async fn index_leases(&self) -> Result<usize, TokenError> {
        if self.leases.get(keys::INDEXED).await?.is_some() {
            return Ok(0);
        }
        let (mut indexed, mut after) = (0, String::new());
        loop {
            let page = self.names(&after).await?;
            let mut batch = Batch::new();
            let Some(last) = page.last() else {
                self.mark_indexed(&mut batch)?;
                settled(self.leases.commit(batch).await)?;
                return Ok(indexed);
            };
            after.clone_from(last);
            for name in &page {
                match self.entry(name).await {
                    Ok(entry) => {
                        if let Some(id) = entry.and_then(|entry| entry.lease_id()) {
                            self.leases.put(&mut batch, &keys::lease(&id), &[])?;
                            indexed += 1;
                        }
                    }
                    Err(error @ TokenError::Damaged(_)) => {
                        tracing::warn!(%error, "a stored token is damaged");
                    }
                    Err(error) => return Err(error),
                }
            }
            settled(self.leases.commit(batch).await)?;
            pause().await;
        }
    }

    fn decoded(
        &self,
        name: &str,
        stored: Result<Option<SecretBytes>, StoreError>,
    ) -> Result<Option<Entry>, TokenError> {
        match stored {
            Ok(Some(stored)) => {
                let entry = Entry::from_stored(name, stored.expose());
                entry.map(Some).ok_or_else(|| self.unreadable(&id(name)))
            }
            Ok(None) => Ok(None),
            Err(error @ StoreError::Damaged { .. }) => Err(TokenError::Damaged(error)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn unreadable(&self, key: &str) -> TokenError {
        TokenError::Damaged(self.tokens.unreadable(key))
    }

    /// The key that leads from its accessor to a token, unless the accessor does so by itself.
    fn accessor(&self, entry: &Entry) -> Result<Option<String>, TokenError> {
        let is_enough = self.name_of_accessor(&entry.accessor)?.is_some_and(|name| name == entry.name);
        if is_enough { Ok(None) } else { self.place_of_accessor(&entry.accessor).map(Some) }
    }

    fn place_of_accessor(&self, accessor: &str) -> Result<String, TokenError> {
        Ok(format!("accessor/{}", self.hashed(accessor)?))
    }
}

/// What a commit means for tokens: a change of one that is not there any more comes too late.
pub(super) fn settled(result: Result<(), CommitError>) -> Result<(), TokenError> {
    match result {
        Ok(()) => Ok(()),
        Err(CommitError::Conflict(_)) => Err(TokenError::Gone),
        Err(error) => Err(TokenError::Commit(error)),
    }
}

fn id(name: &str) -> String {
    [ENTRIES, name].concat()
}

fn child(parent: &str, name: &str) -> String {
    format!("child/{parent}/{name}")
}
