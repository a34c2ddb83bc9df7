//! The end of tokens: revocation with or without the descendants, and tidying.
//! Never in it: who may revoke.
//!
//! A family is removed generation by generation, each in batches that are durable before the next is looked for. From
//! the first batch on all of it is dead, since no token lives without its parent; and no child can join a generation
//! whose removal is committed, since a child's batch requires its parent. So a crash in between loses nothing but room,
//! which tidying gives back.

use std::sync::Arc;

use onrecord_value::Time;

use super::cached_token::CachedToken;
use super::storage::settled;
use super::{ActiveToken, Standing, TokenError, Tokens, pause};
use crate::token::{Entry, Issued, TokenKind};

const TOGETHER: usize = 256;

/// What tidying removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tidied {
    /// Tokens that were dead already.
    pub tokens: usize,
    /// Accessors, family links and cubbyholes of tokens that are gone.
    pub leftovers: usize,
}

impl Tokens {
    /// Revokes a token and all its descendants, with their cubbyholes.
    pub async fn revoke(&self, found: &ActiveToken) -> Result<(), TokenError> {
        self.remove_family(found.name().to_owned()).await.map(drop)
    }

    /// Revokes the token that is stored under a name, with all its descendants, if the path of its lease is this one; whether
    /// it is still alive or not.
    pub(crate) async fn revoke_stored(&self, name: &str, lease_path: &str) -> Result<(), TokenError> {
        match self.0.storage.entry(name).await? {
            Some(entry) if entry.lease_path() == lease_path => {
                self.remove_family(name.to_owned()).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Takes back a token whose issue could not be put on record. It is dead at once, also if storage fails.
    pub async fn withdraw(&self, issued: &Issued) -> Result<(), TokenError> {
        // A batch token is nowhere but in the answer that does not leave.
        if !issued.new || issued.entry.kind == TokenKind::Batch {
            return Ok(());
        }
        self.withdraw_entry(&issued.entry).await
    }

    /// As [`Tokens::withdraw`], for a token that is not in an `auth` block.
    pub(crate) async fn withdraw_entry(&self, entry: &Entry) -> Result<(), TokenError> {
        if let Ok(Some(cached)) = self.0.find(&entry.name).await {
            cached.end();
        }
        self.remove_family(entry.name.clone()).await.map(drop)
    }

    /// Revokes a token alone: its children become orphans.
    pub async fn revoke_orphan(&self, found: &ActiveToken) -> Result<(), TokenError> {
        let name = found.name();
        for child in self.0.storage.children(name).await? {
            if let Some(cached) = self.0.find(&child).await? {
                self.set_free(&cached, name).await?;
            }
        }
        self.remove(&[name.to_owned()]).await
    }

    async fn set_free(&self, cached: &CachedToken, parent: &str) -> Result<(), TokenError> {
        let commit = {
            let mut state = cached.state();
            if state.entry.parent.as_deref() != Some(parent) {
                return Ok(());
            }
            let entry = Arc::new(Entry { parent: None, ..Entry::clone(&state.entry) });
            let commit = self.0.storage.replace(&entry, Some(parent))?;
            state.entry = entry;
            commit
        };
        match settled(commit.await) {
            // It was revoked in the meantime, which is as good.
            Err(TokenError::Gone) => Ok(()),
            Err(error) => {
                let mut state = cached.state();
                state.entry =
                    Arc::new(Entry { parent: Some(parent.to_owned()), ..Entry::clone(&state.entry) });
                Err(error)
            }
            Ok(()) => {
                // Only now: until it is durable, the child falls with its parent.
                cached.state().parent = None;
                Ok(())
            }
        }
    }

    /// Removes a token and its descendants, the older before the younger. How many there were.
    async fn remove_family(&self, name: String) -> Result<usize, TokenError> {
        let (mut generation, mut removed) = (vec![name], 0);
        while !generation.is_empty() {
            for together in generation.chunks(TOGETHER) {
                self.remove(together).await?;
            }
            removed += generation.len();
            let mut next = Vec::new();
            for name in &generation {
                next.extend(self.0.storage.children(name).await?);
            }
            generation = next;
        }
        Ok(removed)
    }

    async fn remove(&self, names: &[String]) -> Result<(), TokenError> {
        self.0.storage.remove(names).await?;
        self.0.cache.remove(names);
        Ok(())
    }

    /// Removes what is dead already: expired and used-up tokens, tokens without parents, and what is left of tokens that
    /// are gone. Takes nothing from anybody, so it needs no entry on record.
    pub async fn tidy(&self, now: Time) -> Result<Tidied, TokenError> {
        let (mut tidied, mut after) = (Tidied::default(), String::new());
        loop {
            let page = self.0.storage.names(&after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            for name in page {
                if let Standing::Dead = self.0.standing(&name, now).await? {
                    tidied.tokens += self.remove_family(name).await?;
                }
            }
            pause().await;
        }
        tidied.leftovers = self.0.storage.sweep().await?;
        Ok(tidied)
    }
}
