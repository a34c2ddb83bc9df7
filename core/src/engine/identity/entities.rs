//! `identity/entity`. Never in it: aliases, merging.

use std::sync::Arc;

use onrecord_value::{Object, Value, object};

use super::input::{self, By};
use super::view;
use crate::engine::{Call, Unsealed, fields};
use crate::identity::{Changes, ENTITIES_MAX, Entity, Group, State, random_name, too_many};
use crate::outcome::{Outcome, Refusal};

/// What a request to write one may have.
const FIELDS: &[&str] = &["disabled", "id", "metadata", "name", "policies"];

/// Creates an entity, or updates one. What a request does not have stays.
pub(super) async fn write(unsealed: &Unsealed, call: &Call<'_>, by: By) -> Result<Outcome, Refusal> {
    let (asked_id, name) = (by.id(call)?, by.name(call)?);
    let metadata = input::metadata(call.data, "metadata")?;
    let policies = input::policies(call.data)?;
    let disabled = fields::flag(call.data, "disabled")?;
    let new_id = unsealed.identity.id()?;
    let change = |state: &State, changes: &mut Changes| {
        let named = name.as_deref().and_then(|name| state.entity_named(name));
        let old = match &asked_id {
            Some(id) => {
                let old = state
                    .entity(id)
                    .ok_or_else(|| Refusal::bad_request(format!("entity {id:?} not found")))?;
                if named.is_some_and(|named| named.id != old.id) {
                    return Err(Refusal::bad_request("entity name is already in use by another entity"));
                }
                Some(old)
            }
            None => named,
        };
        let mut entity = match old {
            Some(old) => Entity::clone(old),
            None if state.entities.len() >= ENTITIES_MAX => return Err(too_many("entities", ENTITIES_MAX)),
            None => bare(new_id, call),
        };
        // A name in the path may be written in another case.
        if let Some(name) = name.filter(|_| by != By::Name || old.is_none()) {
            entity.name = name.into_owned();
        }
        entity.metadata = metadata.unwrap_or(entity.metadata);
        entity.policies = policies.unwrap_or(entity.policies);
        entity.disabled = disabled.unwrap_or(entity.disabled);
        entity.updated = call.now;
        let data =
            object! { "aliases" => Value::Null, "id" => entity.id.as_str(), "name" => entity.name.as_str() };
        let outcome = if old.is_some() { Outcome::empty() } else { Outcome::data(data) };
        changes.put_entity(Arc::new(entity));
        Ok(outcome)
    };
    let done = unsealed.identity.change(change).await?;
    Ok(done.with_warning(fields::unrecognized(call.data, FIELDS)))
}

/// A new entity, without anything.
pub(super) fn bare(id: String, call: &Call<'_>) -> Entity {
    Entity {
        name: random_name("entity", &id),
        id,
        metadata: Object::new(),
        policies: Vec::new(),
        disabled: false,
        aliases: Vec::new(),
        merged: Vec::new(),
        created: call.now,
        updated: call.now,
    }
}

fn find<'a>(state: &'a State, call: &Call<'_>, by: By) -> Option<&'a Arc<Entity>> {
    match by {
        By::Name => state.entity_named(call.captured.trim_matches('/')),
        By::Id | By::Field => state.entity(call.captured),
    }
}

pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>, by: By) -> Outcome {
    let state = unsealed.identity.state();
    match find(&state, call, by) {
        Some(entity) => Outcome::data(view::entity(unsealed, &state, entity)),
        None => Outcome::absent(),
    }
}

/// Deletes an entity with its aliases; its tokens are of no use any more. One that does not exist is no error.
pub(super) async fn delete(unsealed: &Unsealed, call: &Call<'_>, by: By) -> Result<(), Refusal> {
    let change = |state: &State, changes: &mut Changes| {
        let ids: Vec<String> = find(state, call, by).map(|entity| entity.id.clone()).into_iter().collect();
        remove(state, &ids, call, changes);
        Ok(())
    };
    unsealed.identity.change(change).await
}

pub(super) async fn delete_batch(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let ids = input::ids(call.data, "entity_ids")?.filter(|ids| !ids.is_empty());
    let ids = ids
        .ok_or_else(|| Refusal::bad_request("missing entity ids to delete: entity_ids is a list of them"))?;
    let change = |state: &State, changes: &mut Changes| {
        let found: Vec<String> = ids.into_iter().filter(|id| state.entities.contains_key(id)).collect();
        remove(state, &found, call, changes);
        Ok(())
    };
    unsealed.identity.change(change).await
}

/// Removes entities, also from the groups that have them.
pub(super) fn remove(state: &State, ids: &[String], call: &Call<'_>, changes: &mut Changes) {
    let mut groups: Vec<&Arc<Group>> = ids.iter().flat_map(|id| state.direct_groups(id)).collect();
    groups.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    groups.dedup_by(|one, other| one.id == other.id);
    for group in groups {
        let mut group = Group { version: group.version + 1, updated: call.now, ..Group::clone(group) };
        group.member_entities.retain(|id| !ids.contains(id));
        changes.put_group(Arc::new(group));
    }
    for id in ids {
        changes.remove_entity(id);
    }
}

pub(super) fn list(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let state = unsealed.identity.state();
    let keys: Vec<String> = state.entities.keys().cloned().collect();
    call.permit.hold_names(&keys)?;
    let info = |entity: &Arc<Entity>| {
        let aliases = entity.aliases.iter().map(|alias| Value::Object(view::alias_info(unsealed, alias)));
        let info = object! { "aliases" => aliases.collect::<Value>(), "name" => entity.name.as_str() };
        (entity.id.clone(), Value::Object(info))
    };
    let info = state.entities.values().map(info).collect();
    view::list(call, keys, info)
}

pub(super) fn list_names(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let state = unsealed.identity.state();
    let mut names: Vec<String> = state.entities.values().map(|entity| entity.name.clone()).collect();
    call.permit.hold_names(&names)?;
    names.sort_unstable();
    Ok(Outcome::keys(names))
}
