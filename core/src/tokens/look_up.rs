//! Looking tokens up: by their texts and names, in memory and in storage, with their ancestors.
//! Never in it: what a token may do.

use std::sync::Arc;

use onrecord_value::Time;

use super::cached_token::CachedToken;
use super::{MAX_DEPTH, TokenError, TokenStore, batch};
use crate::token::Entry;

/// What a look at a stored token says that does not bring it into memory.
pub(super) enum Standing {
    Alive(Arc<Entry>),
    /// Dead, and no request is on its way with it.
    Dead,
    /// Not there, or dead with a request still on its way.
    Unsettled,
    /// It cannot be read.
    Damaged(TokenError),
}

impl TokenStore {
    /// The token with this text, whether it is still alive or not.
    pub(super) async fn find_text(&self, text: &str) -> Result<Option<Arc<CachedToken>>, TokenError> {
        let name = self.storage.name(text)?;
        if batch::may_be(text) && self.cache.get(&name).is_none() {
            // Rare, and large: on the heap.
            return Box::pin(self.find_batch(&name, text)).await;
        }
        match self.find(&name).await? {
            Some(cached) => Ok(Some(cached)),
            // Rare, and large: on the heap.
            None => Box::pin(self.find_chosen(text)).await,
        }
    }

    /// The token that was given this text, where it looks like one that the server has made.
    async fn find_chosen(&self, text: &str) -> Result<Option<Arc<CachedToken>>, TokenError> {
        match self.storage.name_if_chosen(text)? {
            Some(name) => self.find(&name).await,
            None => Ok(None),
        }
    }

    /// The token with a text that may be that of a batch token.
    async fn find_batch(&self, name: &str, text: &str) -> Result<Option<Arc<CachedToken>>, TokenError> {
        match self.open_batch(name, text)? {
            Some(entry) => self.load(name, Some(entry)).await,
            None => self.find(name).await,
        }
    }

    /// The token stored under `name`, from memory or storage, whether it is still alive or not.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Arc<CachedToken>>, TokenError> {
        if let Some(cached) = self.cache.get(name) {
            cached.touch();
            return Ok(Some(cached));
        }
        // Rare, and large: on the heap.
        Box::pin(self.load(name, None)).await
    }

    /// If a token has expired, by itself or with an ancestor, stores that its time was reached: the next process must not
    /// find it alive, whatever its clock shows.
    pub(super) async fn keep_expired(&self, cached: &Arc<CachedToken>, now: Time) {
        if let (Some(mark), Some(expired)) = (&self.mark, cached.expired_at(now)) {
            // Rare, and large: on the heap.
            Box::pin(mark.reached(expired)).await;
        }
    }

    /// How a token stands, without bringing it into memory: for those who look at all of them.
    pub(super) async fn standing(&self, name: &str, now: Time) -> Result<Standing, TokenError> {
        if let Some(cached) = self.cache.get(name) {
            return Ok(match cached.is_active(now) {
                true => Standing::Alive(cached.entry()),
                false if cached.state().uses.holders > 0 => Standing::Unsettled,
                false => Standing::Dead,
            });
        }
        let entry = match self.storage.entry(name).await {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(Standing::Unsettled),
            Err(error @ TokenError::Damaged(_)) => {
                tracing::warn!(%error, "a stored token is damaged");
                return Ok(Standing::Damaged(error));
            }
            Err(error) => return Err(error),
        };
        let mut alive = !entry.exhausted && !entry.expired(now);
        let mut ancestor = entry.parent.clone();
        while let (true, Some(name)) = (alive, ancestor.take()) {
            if let Some(cached) = self.cache.get(&name) {
                alive = CachedToken::ancestors_are_valid(Some(cached), now);
            } else if let Some(entry) = self.storage.entry(&name).await? {
                alive = !entry.expired(now);
                ancestor = entry.parent;
            } else {
                alive = false;
            }
        }
        Ok(if alive { Standing::Alive(Arc::new(entry)) } else { Standing::Dead })
    }

    /// Reads a token and its ancestors into memory. A token whose family is not complete is not there. Of a batch token the
    /// facts are given: they are not stored.
    async fn load(&self, name: &str, batch: Option<Entry>) -> Result<Option<Arc<CachedToken>>, TokenError> {
        loop {
            let mut given = batch.clone();
            let (mut lineage, mut wanted) = (Vec::new(), Some(name.to_owned()));
            let mut parent = None;
            while let Some(name) = wanted.take() {
                let ticket = match self.cache.look_up(&name) {
                    Ok(cached) => {
                        parent = Some(cached);
                        break;
                    }
                    Err(ticket) => ticket,
                };
                let entry = match given.take() {
                    Some(entry) => Some(entry),
                    None => self.storage.entry(&name).await?,
                };
                match entry {
                    Some(entry) if lineage.len() <= MAX_DEPTH as usize => {
                        wanted.clone_from(&entry.parent);
                        lineage.push((entry, ticket));
                    }
                    _ => return Ok(None),
                }
            }
            if let Some(cached) = self.cache.insert(lineage, parent) {
                return Ok(Some(cached));
            }
        }
    }
}
