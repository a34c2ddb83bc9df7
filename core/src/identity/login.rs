//! A login finds the entity of its account, or makes it, and brings the groups up to date that the login method names.
//! Never in it: the token.

use std::sync::Arc;

use onrecord_value::Time;

use super::records::{Alias, Entity, Group};
use super::state::State;
use super::{Changes, ENTITIES_MAX, Identity};
use crate::outcome::Refusal;
use crate::token::LoginAlias;

/// How many members an external group can have: they are one record.
const MEMBERS_MAX: usize = 50_000;

/// The entity of a login.
pub(crate) struct LoggedIn {
    pub(crate) entity_id: String,
    /// Whether this login made it.
    pub(crate) created: bool,
}

impl Identity {
    /// The entity of an account at a mount. All that has to change is durable on return. A disabled entity lets nobody in.
    pub(crate) async fn log_in(
        &self,
        mount_accessor: &str,
        alias: &LoginAlias,
        now: Time,
    ) -> Result<LoggedIn, Refusal> {
        if let Some(logged_in) = self.unchanged(mount_accessor, alias) {
            return Ok(logged_in);
        }
        let ids = (self.id()?, self.id()?);
        self.change(|state, changes| {
            let old = state.entity_at(mount_accessor, &alias.name);
            if old.is_some_and(|old| old.disabled) {
                return Err(Refusal::no_valid_token());
            }
            let entity = match old {
                Some(old) => known(old, mount_accessor, alias, now),
                None if state.entities.len() >= ENTITIES_MAX => {
                    return Err(super::too_many("entities", ENTITIES_MAX));
                }
                None => Some(Arc::new(new(ids, mount_accessor, alias, now))),
            };
            let logged_in = LoggedIn {
                entity_id: entity.as_ref().or(old).map(|entity| entity.id.clone()).unwrap_or_default(),
                created: old.is_none(),
            };
            if let Some(entity) = entity {
                changes.put_entity(entity);
            }
            set_groups(state, &logged_in.entity_id, mount_accessor, alias, now, changes)?;
            Ok(logged_in)
        })
        .await
    }
}

impl Identity {
    /// The entity of a login that changes nothing: it waits for no change of others.
    fn unchanged(&self, mount_accessor: &str, alias: &LoginAlias) -> Option<LoggedIn> {
        let state = self.state();
        let entity = state.entity_at(mount_accessor, &alias.name).filter(|entity| !entity.disabled)?;
        let is_same = entity.alias_at(mount_accessor).is_some_and(|known| known.metadata == alias.metadata);
        let is_unchanged = is_same && state.group_alias_count() == 0;
        is_unchanged.then(|| LoggedIn { entity_id: entity.id.clone(), created: false })
    }
}

fn new((id, alias_id): (String, String), mount_accessor: &str, alias: &LoginAlias, now: Time) -> Entity {
    let made = Alias {
        id: alias_id,
        name: alias.name.clone(),
        mount_accessor: mount_accessor.to_owned(),
        metadata: alias.metadata.clone(),
        custom_metadata: onrecord_value::Object::new(),
        merged_from: Vec::new(),
        created: now,
        updated: now,
    };
    Entity {
        name: super::random_name("entity", &id),
        id,
        metadata: onrecord_value::Object::new(),
        policies: Vec::new(),
        disabled: false,
        aliases: vec![made],
        merged: Vec::new(),
        created: now,
        updated: now,
    }
}

/// The entity with what the login method says of the account now; `None` if it says the same as before.
fn known(old: &Arc<Entity>, mount_accessor: &str, alias: &LoginAlias, now: Time) -> Option<Arc<Entity>> {
    let mut entity = Entity::clone(old);
    let found = entity.aliases.iter_mut().find(|known| known.mount_accessor == mount_accessor)?;
    if found.metadata == alias.metadata {
        return None;
    }
    found.metadata.clone_from(&alias.metadata);
    found.updated = now;
    Some(Arc::new(entity))
}

/// Makes the entity a member of the external groups of this mount that the login method names, and of no others of it.
fn set_groups(
    state: &State,
    entity: &str,
    mount_accessor: &str,
    alias: &LoginAlias,
    now: Time,
    changes: &mut Changes,
) -> Result<(), Refusal> {
    if state.group_alias_count() == 0 {
        return Ok(());
    }
    let named: Vec<&Arc<Group>> =
        alias.groups.iter().filter_map(|name| state.group_at(mount_accessor, name)).collect();
    let is_of_mount = |group: &&Arc<Group>| {
        group.is_external && group.alias.as_ref().is_some_and(|alias| alias.mount_accessor == mount_accessor)
    };
    for group in &named {
        let Err(at) = group.member_entities.binary_search_by(|id| id.as_str().cmp(entity)) else { continue };
        if group.member_entities.len() >= MEMBERS_MAX {
            let text = format!("the group {:?} has {MEMBERS_MAX} members, and can have no more", group.name);
            return Err(Refusal::invalid(text));
        }
        let mut changed = Group::clone(group);
        changed.member_entities.insert(at, entity.to_owned());
        changes.put_group(touched(changed, now));
    }
    for group in state.direct_groups(entity).filter(is_of_mount) {
        if !named.iter().any(|named| named.id == group.id) {
            let mut changed = Group::clone(group);
            changed.member_entities.retain(|id| id != entity);
            changes.put_group(touched(changed, now));
        }
    }
    Ok(())
}

fn touched(group: Group, now: Time) -> Arc<Group> {
    Arc::new(Group { version: group.version + 1, updated: now, ..group })
}
