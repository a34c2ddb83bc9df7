//! The removal of what is left in storage of tokens that are gone.
//! Never in it: which tokens are dead.

use onrecord_storage::Batch;

use super::storage::{PAGE, TokenStorage, settled};
use super::{TokenError, pause};
use crate::leases::keys;

impl TokenStorage {
    /// Removes accessors, links and cubbyholes of tokens that are gone; how many keys. What it finds was put there in
    /// one batch with its token, so a token that is not there now is gone for good.
    pub(super) async fn sweep(&self) -> Result<usize, TokenError> {
        let mut swept = 0;
        for folder in ["accessor/", "child/"] {
            let mut after = String::new();
            loop {
                let page = self.tokens.keys(folder, &after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(last);
                let mut batch = Batch::new();
                for key in &page {
                    if !self.belongs(key).await? {
                        self.tokens.delete(&mut batch, key)?;
                        swept += 1;
                    }
                }
                settled(self.tokens.commit(batch).await)?;
                pause().await;
            }
        }
        swept += self.sweep_leases().await?;
        for name in self.cubbyholes.list("").await? {
            let name = name.trim_end_matches('/');
            if !self.holds(name).await? {
                swept += self.empty(name).await?;
            }
        }
        Ok(swept)
    }

    /// Removes the names of leases of tokens that are gone; how many.
    async fn sweep_leases(&self) -> Result<usize, TokenError> {
        let (mut swept, mut after) = (0, String::new());
        let folder = keys::lease("");
        loop {
            let page = self.leases.keys(&folder, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after.clone_from(last);
            let mut batch = Batch::new();
            for key in &page {
                if let Some((_, name)) = keys::token_of(key)
                    && !self.holds(name).await?
                {
                    self.leases.delete(&mut batch, key)?;
                    swept += 1;
                }
            }
            settled(self.leases.commit(batch).await)?;
            pause().await;
        }
    }

    async fn belongs(&self, key: &str) -> Result<bool, TokenError> {
        if let Some(link) = key.strip_prefix("child/") {
            return self.holds(link.rsplit('/').next().unwrap_or(link)).await;
        }
        match self.tokens.get(key).await? {
            Some(name) => {
                self.holds(std::str::from_utf8(name.expose()).map_err(|_| self.unreadable(key))?).await
            }
            None => Ok(true),
        }
    }
}
