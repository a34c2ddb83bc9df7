//! What a token's entity adds to it at a request: policies, the facts that templates of policies name, and what entries say
//! of it. Never in it: whether it is still true (its keeper compares the generations).

use std::sync::Arc;

use onrecord_entry::auth::CacheKey;
use onrecord_policy::IdentityField;

use super::records::{Entity, Group};
use crate::policies::ROOT;

/// The entity of a token, for one request.
pub struct CallerIdentity {
    entity: Arc<Entity>,
    groups: Vec<Arc<Group>>,
    /// Stands for the client on record: the id of the entity.
    pub(crate) client_id: Arc<str>,
    /// The policies of the entity and of its groups, sorted.
    pub(crate) policies: Vec<String>,
    /// Those and the token's own, sorted.
    pub(crate) all_policies: Vec<String>,
    /// Stands for all of these facts, and for those of the token, in entries.
    pub(crate) cache_key: CacheKey,
}

impl CallerIdentity {
    /// Of an entity in these groups, for a token with policies of its `own`.
    pub(super) fn new(entity: Arc<Entity>, groups: Vec<Arc<Group>>, own: &[String]) -> Self {
        let policies = entity.policies.iter().chain(groups.iter().flat_map(|group| &group.policies));
        // No group makes anybody root.
        let policies = sorted(policies.filter(|name| *name != ROOT));
        let all_policies = sorted(own.iter().chain(&policies));
        let client_id = Arc::from(entity.id.as_str());
        Self { entity, groups, client_id, policies, all_policies, cache_key: CacheKey::new() }
    }

    /// The id of the entity.
    pub(crate) fn entity_id(&self) -> &str {
        &self.entity.id
    }

    /// What a template of a policy stands for.
    pub(crate) fn value(&self, field: &IdentityField) -> Option<String> {
        let entity = &*self.entity;
        let text = |text: &str| Some(text.to_owned());
        match field {
            IdentityField::EntityId => text(&entity.id),
            IdentityField::EntityName => text(&entity.name),
            IdentityField::EntityMetadata(key) => text(entity.metadata.str(key)?),
            IdentityField::AliasId(accessor) => text(&entity.alias_at(accessor)?.id),
            IdentityField::AliasName(accessor) => text(&entity.alias_at(accessor)?.name),
            IdentityField::AliasMetadata(accessor, key) => {
                text(entity.alias_at(accessor)?.metadata.str(key)?)
            }
            IdentityField::AliasCustomMetadata(accessor, key) => {
                text(entity.alias_at(accessor)?.custom_metadata.str(key)?)
            }
            IdentityField::GroupNameOfId(id) => text(&self.groups.iter().find(|group| group.id == *id)?.name),
            IdentityField::GroupIdOfName(name) => {
                text(&self.groups.iter().find(|group| group.name == *name)?.id)
            }
        }
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}
