//! The one way by which a write of another process reaches what is kept in memory of stored values. Each cache has one
//! owner, and each owner one entry point. Never in it: how the server learns of such a write.

use std::error::Error;

use crate::engine::unsealed::Unsealed;
use crate::place;
use crate::quotas;

/// Why what is kept in memory could not be brought up to date: its owner's error. It may be older than what is stored.
#[derive(Debug, thiserror::Error)]
#[error("what is kept in memory of the stored value at {key:?} could not be read again: {source}")]
pub struct InvalidationError {
    /// The whole storage key.
    pub key: String,
    source: Box<dyn Error + Send + Sync>,
}

impl Unsealed {
    /// Brings up to date what is kept in memory of the value at a whole storage key. To be called after another process
    /// has written it; on return every request sees the new value. What has no owner here is not kept: a cubbyhole is read
    /// each time, the cluster's name never changes.
    pub async fn invalidate(&self, key: &str) -> Result<(), InvalidationError> {
        let done = self.route_invalidation(key).await;
        done.map_err(|source| InvalidationError { key: key.to_owned(), source })
    }

    async fn route_invalidation(&self, key: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        if let Some(key) = key.strip_prefix(place::CORE) {
            match key {
                "mounts" => self.mounts.invalidate().await?,
                quotas::KEY => self.quotas.invalidate().await?,
                "audited-headers" => self.audited_headers.invalidate().await?,
                crate::cors::KEY => self.operations.cors.invalidate().await?,
                _ => {}
            }
        } else if let Some(key) = key.strip_prefix(place::AUDIT) {
            if !self.log_keys.invalidate(key).await? {
                self.devices.invalidate(&self.broker, key).await?;
            }
        } else if let Some(name) = key.strip_prefix(place::POLICY) {
            self.policies.invalidate(name).await?;
        } else if let Some(key) = key.strip_prefix(place::IDENTITY) {
            self.identity.invalidate(key).await?;
        } else if let Some(key) = key.strip_prefix(place::TOKEN) {
            self.tokens.invalidate(key).await?;
        } else if let Some((uuid, key)) = key.strip_prefix(place::MOUNTS).and_then(|key| key.split_once('/'))
        {
            self.mounts.invalidate_engine(uuid, key).await?;
        } else {
            self.barrier.invalidate(key).await?;
        }
        Ok(())
    }
}
