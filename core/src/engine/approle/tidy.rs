//! Tidying: removes secret ids that have expired, and those whose role is gone.
//! Never in it: what a login may use, which does not depend on it.

use std::collections::BTreeSet;

use super::role::Role;
use super::secret_id::SecretId;
use super::{AppRole, names};
use crate::engine::{Call, Unsealed};
use crate::outcome::Refusal;

impl AppRole {
    pub(super) async fn tidy(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
        let mut roles = BTreeSet::new();
        for name in self.space.list(names::ROLES).await? {
            let stored = self.space.get(&names::role(&name)).await?;
            roles.extend(stored.as_ref().map(Role::decode).transpose()?.map(|role| role.rules.uuid));
        }
        let (mut expired, mut left) = (0_usize, 0_usize);
        for folder in self.space.list(names::SECRET_IDS).await? {
            let uuid = folder.trim_end_matches('/');
            if !roles.contains(uuid) && !self.is_of_a_role(uuid).await? {
                left += 1;
                self.remove_secret_ids(uuid, call.permit).await?;
                continue;
            }
            let folder = names::secret_ids(uuid);
            for name in self.space.list(&folder).await? {
                let key = [&*folder, &*name].concat();
                let stored = self.space.get(&key).await?.as_ref().map(SecretId::decode).transpose()?;
                if stored.is_some_and(|secret_id| secret_id.facts.is_expired(call.now)) {
                    expired += 1;
                    self.remove(unsealed, &key, uuid, call.permit).await?;
                }
            }
        }
        tracing::info!(expired, roles = left, "tidied the secret ids of a mount");
        Ok(())
    }

    /// Whether a role has been made since the roles were listed.
    async fn is_of_a_role(&self, uuid: &str) -> Result<bool, Refusal> {
        for name in self.space.list(names::ROLES).await? {
            let stored = self.space.get(&names::role(&name)).await?;
            if stored.as_ref().map(Role::decode).transpose()?.is_some_and(|role| role.rules.uuid == uuid) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
