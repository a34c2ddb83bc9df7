//! The lease store: which secrets and tokens were handed out, by whose token, and until when.
//! Never in it: how an engine takes back what it leased, endpoints (`engine::leases`, `engine::sys::leases`).
//!
//! A token's lease is its entry in the token store: here is only the name of it, so that leases can be listed and revoked by
//! their paths. A secret's lease is a record. Beside it are its place among the leases of its token, and its place in the
//! order of expiry; all are in the batch of what is leased. So each look-up, renewal and revocation touches a few keys
//! however many leases there are, and nothing of them is kept in memory.

pub(crate) mod counts;
pub(crate) mod keys;
mod record;

use std::sync::Arc;

use onrecord_seal::SecretBytes;
use onrecord_storage::{Barrier, Batch, KeyError, KeyLock, Seen, StoreError, View};
use onrecord_value::Time;

use self::counts::LeaseCounts;
pub use self::record::{IssuedLease, Lease};
use crate::place;
use crate::stored::Record as _;

/// After how many failures a revocation is not tried again by itself.
pub(crate) const FAILURES_MAX: u64 = 6;

/// The lease store; clones are handles to one store.
#[derive(Clone)]
pub struct Leases {
    view: View,
    tokens: View,
    /// How many leases there are, where that is limited.
    pub(crate) counts: Arc<LeaseCounts>,
}

impl Leases {
    pub(crate) fn open(barrier: &Barrier, counts: Arc<LeaseCounts>) -> Result<Self, KeyError> {
        Ok(Self { view: barrier.view(place::LEASE)?, tokens: barrier.view(place::TOKEN)?, counts })
    }

    /// The lease of a secret as it is stored.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Lease>, StoreError> {
        let stored = self.view.get(&keys::lease(id)).await?;
        self.decoded(id, stored.as_ref().map(SecretBytes::expose))
    }

    /// The lease as the batches on their way will leave it, and what a batch that depends on it requires.
    pub(crate) async fn latest(&self, id: &str) -> Result<(Option<Lease>, Seen), StoreError> {
        let (stored, seen) = self.view.latest(&keys::lease(id)).await?;
        Ok((self.decoded(id, stored.as_ref().map(SecretBytes::expose))?, seen))
    }

    /// Orders those who change a lease. A task that takes back what is leased holds it until the lease is gone.
    pub(crate) async fn lock(&self, id: &str) -> Result<KeyLock<'_>, StoreError> {
        self.view.lock(&keys::lease(id)).await
    }

    fn decoded(&self, id: &str, stored: Option<&[u8]>) -> Result<Option<Lease>, StoreError> {
        // The name of a token's lease has no value.
        let Some(stored) = stored.filter(|stored| !stored.is_empty()) else { return Ok(None) };
        let lease = Lease::decode(stored, (id.to_owned(),));
        lease.map(Some).ok_or_else(|| self.view.unreadable(&keys::lease(id)))
    }

    /// Adds a new lease to the batch of what is leased. Its token must still be there.
    pub(crate) fn add(&self, batch: &mut Batch, lease: &Lease) -> Result<(), StoreError> {
        self.view.require_absent(batch, &keys::lease(&lease.id))?;
        self.put(batch, lease)?;
        if !lease.token.is_empty() {
            self.tokens.require_present(batch, &keys::token_entry(&lease.token))?;
            self.view.put(batch, &keys::of_token(&lease.token, lease.tag()), lease.id.as_bytes())?;
        }
        self.view.put(batch, &keys::due(lease.expires, lease.tag()), lease.id.as_bytes())
    }

    fn put(&self, batch: &mut Batch, lease: &Lease) -> Result<(), StoreError> {
        self.view.put(batch, &keys::lease(&lease.id), &lease.encode())
    }

    /// Puts a changed lease in the place of what was seen of it. `due` is when it is looked at next; none: never again.
    pub(crate) fn replacing(
        &self,
        old: &Lease,
        seen: Seen,
        new: &Lease,
        due: Option<Time>,
    ) -> Result<Batch, StoreError> {
        let mut batch = Batch::new();
        batch.require(seen);
        self.put(&mut batch, new)?;
        self.view.delete(&mut batch, &keys::due(old.due(), old.tag()))?;
        match due {
            Some(due) => self.view.put(&mut batch, &keys::due(due, new.tag()), new.id.as_bytes())?,
            None => self.view.put(&mut batch, &keys::irrevocable(new.tag()), new.id.as_bytes())?,
        }
        Ok(batch)
    }

    /// Removes a lease, as it was seen.
    pub(crate) fn removing(&self, lease: &Lease, seen: Seen) -> Result<Batch, StoreError> {
        let mut batch = Batch::new();
        batch.require(seen);
        self.view.delete(&mut batch, &keys::lease(&lease.id))?;
        self.view.delete(&mut batch, &keys::due(lease.due(), lease.tag()))?;
        if !lease.token.is_empty() {
            self.view.delete(&mut batch, &keys::of_token(&lease.token, lease.tag()))?;
        }
        if lease.is_irrevocable() {
            self.view.delete(&mut batch, &keys::irrevocable(lease.tag()))?;
        }
        Ok(batch)
    }

    pub(crate) fn commit(&self, batch: Batch) -> onrecord_storage::Commit {
        self.view.commit(batch)
    }

    /// What is directly below a path: ids, and folders with a slash.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<String>, StoreError> {
        self.view.list(&keys::leases_below(path)).await
    }

    /// Some ids anywhere below a path, after the id `after` (empty: from the first), sorted; none if there are no more.
    pub(crate) async fn ids_below(&self, path: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let after = if after.is_empty() { String::new() } else { keys::lease(after) };
        let found = self.view.keys(&keys::leases_below(path), &after, keys::PAGE).await?;
        Ok(found.iter().map(|key| keys::id_of(key).to_owned()).collect())
    }

    /// The ids of some leases that were to be looked at by a time: the earliest first.
    pub(crate) async fn due(&self, now: Time) -> Result<Vec<String>, StoreError> {
        let mut due = Vec::new();
        for key in self.view.keys(keys::DUE, "", keys::PAGE).await? {
            if keys::due_after(&key, now) {
                break;
            }
            due.extend(self.text(&key).await?);
        }
        Ok(due)
    }

    /// The names of some tokens that are gone and have leased something.
    pub(crate) async fn ended_tokens(&self) -> Result<Vec<String>, StoreError> {
        self.view.list_page(keys::ENDED, "", keys::PAGE).await
    }

    /// Some of what a token has leased, after the place `after` (empty: from the first): ids, and the last place.
    pub(crate) async fn of_token(
        &self,
        name: &str,
        after: &str,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        let mut ids = Vec::new();
        let mut keys = self.view.keys(&keys::folder_of_token(name), after, keys::PAGE).await?;
        for key in &keys {
            ids.extend(self.text(key).await?);
        }
        Ok((ids, keys.pop()))
    }

    /// Forgets a token that is gone, now that it has nothing leased any more.
    pub(crate) async fn forget_token(&self, name: &str) -> Result<(), onrecord_storage::BarrierError> {
        let mut batch = Batch::new();
        self.view.delete(&mut batch, &keys::ended(name))?;
        Ok(self.view.commit(batch).await?)
    }

    /// The ids of at most `limit` leases whose revocation is not tried again by itself.
    pub(crate) async fn irrevocable(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut ids = Vec::new();
        for key in self.view.keys(keys::IRREVOCABLE, "", limit).await? {
            ids.extend(self.text(&key).await?);
        }
        Ok(ids)
    }

    async fn text(&self, key: &str) -> Result<Option<String>, StoreError> {
        let Some(stored) = self.view.get(key).await? else { return Ok(None) };
        let text = String::from_utf8(stored.expose().to_vec());
        text.map(Some).map_err(|_| self.view.unreadable(key))
    }

    /// Counts the leases below the limits again, from what is stored.
    pub(crate) async fn count_again(&self) -> Result<(), StoreError> {
        for path in self.counts.paths() {
            let mut after = String::new();
            loop {
                let page = self.ids_below(&path, &after).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(last);
                for id in &page {
                    self.counts.found(&path, id);
                }
            }
        }
        Ok(())
    }
}
