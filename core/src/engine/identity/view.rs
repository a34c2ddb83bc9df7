//! Entities, groups and aliases as they are answered. Never in it: what is stored.

use onrecord_value::{Object, Value, object};

use super::input::mount_facts;
use crate::engine::{Call, Unsealed};
use crate::identity::{Alias, Entity, Group, State};
use crate::outcome::{Outcome, Refusal};

pub(super) fn entity(unsealed: &Unsealed, state: &State, entity: &Entity) -> Object {
    let ids = |groups: Vec<&str>| Value::from(groups);
    let all = state.all_groups(&entity.id);
    let direct: Vec<&str> = state.direct_groups(&entity.id).map(|group| group.id.as_str()).collect();
    let all: Vec<&str> = all.iter().map(|group| group.id.as_str()).collect();
    let inherited: Vec<&str> = all.iter().copied().filter(|id| !direct.contains(id)).collect();
    object! {
        "aliases" => entity.aliases.iter().map(|one| Value::Object(alias(unsealed, one, &entity.id))).collect::<Value>(),
        "creation_time" => entity.created,
        "direct_group_ids" => ids(direct),
        "disabled" => entity.disabled,
        "group_ids" => ids(all),
        "id" => entity.id.as_str(),
        "inherited_group_ids" => ids(inherited),
        "last_update_time" => entity.updated,
        "merged_entity_ids" => or_null(&entity.merged),
        "metadata" => map(&entity.metadata),
        "name" => entity.name.as_str(),
        "namespace_id" => "root",
        "policies" => entity.policies.as_slice(),
    }
}

/// An alias of an entity or of a group.
pub(super) fn alias(unsealed: &Unsealed, alias: &Alias, canonical_id: &str) -> Object {
    let (mount_path, mount_type) = mount_facts(unsealed, &alias.mount_accessor);
    object! {
        "canonical_id" => canonical_id,
        "creation_time" => alias.created,
        "custom_metadata" => map(&alias.custom_metadata),
        "id" => alias.id.as_str(),
        "last_update_time" => alias.updated,
        "local" => false,
        "merged_from_canonical_ids" => or_null(&alias.merged_from),
        "metadata" => map(&alias.metadata),
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_path" => mount_path,
        "mount_type" => mount_type,
        "name" => alias.name.as_str(),
        "namespace_id" => "root",
    }
}

pub(super) fn group(unsealed: &Unsealed, state: &State, group: &Group) -> Object {
    let parents: Vec<String> = state.parents(&group.id).map(|parent| parent.id.clone()).collect();
    let alias = group.alias.as_ref().map(|one| alias(unsealed, one, &group.id)).unwrap_or_default();
    object! {
        "alias" => alias,
        "creation_time" => group.created,
        "id" => group.id.as_str(),
        "last_update_time" => group.updated,
        "member_entity_ids" => or_null(&group.member_entities),
        "member_group_ids" => or_null(&group.member_groups),
        "metadata" => map(&group.metadata),
        "modify_index" => group.version,
        "name" => group.name.as_str(),
        "namespace_id" => "root",
        "parent_group_ids" => or_null(&parents),
        "policies" => group.policies.as_slice(),
        "type" => if group.is_external { "external" } else { "internal" },
    }
}

/// A list with facts about each key: 404 if it is empty.
pub(super) fn list(call: &Call<'_>, keys: Vec<String>, info: Object) -> Result<Outcome, Refusal> {
    if keys.is_empty() {
        return Ok(Outcome::absent());
    }
    let data = object! { "key_info" => info, "keys" => Value::from(keys) };
    call.permit.hold_decoded(&data)?;
    Ok(Outcome::data(data))
}

/// What a list says of an alias.
pub(super) fn alias_info(unsealed: &Unsealed, alias: &Alias) -> Object {
    let (mount_path, mount_type) = mount_facts(unsealed, &alias.mount_accessor);
    object! {
        "custom_metadata" => map(&alias.custom_metadata),
        "id" => alias.id.as_str(),
        "local" => false,
        "mount_accessor" => alias.mount_accessor.as_str(),
        "mount_path" => mount_path,
        "mount_type" => mount_type,
        "name" => alias.name.as_str(),
    }
}

fn or_null(ids: &[String]) -> Value {
    if ids.is_empty() { Value::Null } else { Value::from(ids) }
}

fn map(metadata: &Object) -> Value {
    if metadata.is_empty() { Value::Null } else { Value::Object(metadata.clone()) }
}
