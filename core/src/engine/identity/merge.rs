//! `identity/entity/merge`: several entities become one, which has the aliases, policies and groups of all of them, and
//! whose tokens theirs are from then on. Never in it: any other change of an entity.

use std::sync::Arc;

use super::{entities, input};
use crate::engine::{Call, Unsealed};
use crate::identity::{Alias, Changes, Entity, Group, State};
use crate::outcome::Refusal;

/// How many entities can be merged at once: the record of the one that is left names all of them.
const FROM_MAX: usize = 1000;

/// How many an entity can have taken in, all in all.
const MERGED_MAX: usize = 10_000;

pub(super) async fn merge(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let from = input::ids(call.data, "from_entity_ids")?.filter(|ids| !ids.is_empty());
    let from = from.ok_or_else(|| {
        Refusal::bad_request("missing entity ids to merge from: from_entity_ids is a list of them")
    })?;
    if from.len() > FROM_MAX {
        return Err(Refusal::invalid(format!(
            "from_entity_ids has {} ids; it may have {FROM_MAX}",
            from.len()
        )));
    }
    let to = input::filled(call.data, "to_entity_id")?;
    let to = to.ok_or_else(|| Refusal::bad_request("missing entity id to merge to: to_entity_id"))?;
    let keep = input::ids(call.data, "conflicting_alias_ids_to_keep")?.unwrap_or_default();
    let change = |state: &State, changes: &mut Changes| {
        let missing = |id: &str| Refusal::bad_request(format!("entity {id:?} not found"));
        let to = state.entities.get(&*to).ok_or_else(|| missing(&to))?;
        let mut merged = Entity::clone(to);
        let mut removed = Vec::with_capacity(from.len());
        for id in &from {
            let entity = state.entities.get(id).ok_or_else(|| missing(id))?;
            if entity.id == to.id {
                return Err(Refusal::bad_request("to_entity_id should not be present in from_entity_ids"));
            }
            take_over(&mut merged, entity, &keep)?;
            removed.push(entity.id.clone());
        }
        if merged.merged.len() > MERGED_MAX {
            return Err(Refusal::invalid(format!(
                "an entity can have taken in {MERGED_MAX} others, and no more"
            )));
        }
        merged.policies.sort_unstable();
        merged.policies.dedup();
        merged.updated = call.now;
        entities::remove(state, &removed, call, changes);
        join_groups(state, &removed, &merged.id, call, changes);
        changes.put_entity(Arc::new(merged));
        Ok(())
    };
    unsealed.identity.change(change).await
}

/// Gives an entity all that another has. It can have one alias at each mount.
fn take_over(merged: &mut Entity, entity: &Entity, keep: &[String]) -> Result<(), Refusal> {
    for alias in &entity.aliases {
        let moved = Alias {
            merged_from: alias.merged_from.iter().cloned().chain([entity.id.clone()]).collect(),
            ..alias.clone()
        };
        let is_same = |other: &Alias| other.mount_accessor == alias.mount_accessor;
        let Some(at) = merged.aliases.iter().position(is_same) else {
            merged.aliases.push(moved);
            continue;
        };
        let Some(other) = merged.aliases.get_mut(at) else { continue };
        match (keep.contains(&alias.id), keep.contains(&other.id)) {
            (true, false) => *other = moved,
            (false, true) => {}
            _ => {
                return Err(Refusal::bad_request(format!(
                    "aliases {:?} and {:?} are at one mount: name the one that shall stay in conflicting_alias_ids_to_keep",
                    alias.id, other.id
                )));
            }
        }
    }
    merged.policies.extend(entity.policies.iter().cloned());
    merged.merged.extend(entity.merged.iter().cloned().chain([entity.id.clone()]));
    Ok(())
}

/// Makes the entity that is left a member of the groups that the others were in.
fn join_groups(state: &State, removed: &[String], to: &str, call: &Call<'_>, changes: &mut Changes) {
    let mut groups: Vec<&Arc<Group>> = removed.iter().flat_map(|id| state.direct_groups(id)).collect();
    groups.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    groups.dedup_by(|one, other| one.id == other.id);
    for group in groups {
        let mut group = Group { version: group.version + 1, updated: call.now, ..Group::clone(group) };
        group.member_entities.retain(|id| !removed.contains(id) && id != to);
        group.member_entities.push(to.to_owned());
        group.member_entities.sort_unstable();
        changes.put_group(Arc::new(group));
    }
}
