//! `identity/group`. Never in it: aliases.

use std::sync::Arc;

use onrecord_value::{Object, Value, object};

use super::input::{self, By};
use super::view;
use crate::engine::{Call, Unsealed, fields};
use crate::identity::{Changes, GROUPS_MAX, Group, State, random_name, too_many};
use crate::outcome::{Outcome, Refusal};

/// What a request says of a group.
struct GroupRequest {
    is_external: Option<bool>,
    metadata: Option<Object>,
    policies: Option<Vec<String>>,
    entities: Option<Vec<String>>,
    groups: Option<Vec<String>>,
}

impl GroupRequest {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let is_external = match fields::text(call.data, "type")?.as_deref() {
            None | Some("") => None,
            Some("internal") => Some(false),
            Some("external") => Some(true),
            Some(other) => {
                let text = format!("invalid group type {other:?}: it is internal or external");
                return Err(Refusal::bad_request(text));
            }
        };
        Ok(Self {
            is_external,
            metadata: input::metadata(call.data, "metadata")?,
            policies: input::policies(call.data)?,
            entities: input::ids(call.data, "member_entity_ids")?,
            groups: input::ids(call.data, "member_group_ids")?,
        })
    }

    /// The group with what the request says. What it does not say stays.
    fn apply(self, group: &mut Group, state: &State, is_new: bool) -> Result<(), Refusal> {
        match self.is_external {
            Some(is_external) if is_new => group.is_external = is_external,
            Some(is_external) if is_external != group.is_external => {
                return Err(Refusal::bad_request("group type cannot be changed"));
            }
            Some(_) | None => {}
        }
        if group.is_external && self.entities.as_ref().is_some_and(|ids| !ids.is_empty()) {
            return Err(Refusal::bad_request(
                "member entities can't be set manually for external groups: logins set them",
            ));
        }
        if let Some(ids) = self.entities {
            if let Some(id) = ids.iter().find(|id| !state.entities.contains_key(*id)) {
                return Err(Refusal::bad_request(format!("invalid entity id {id:?}: member_entity_ids")));
            }
            group.member_entities = ids;
        }
        if let Some(ids) = self.groups {
            if let Some(id) = ids.iter().find(|id| state.group(id).is_none()) {
                return Err(Refusal::bad_request(format!("invalid group id {id:?}: member_group_ids")));
            }
            if state.reaches(&group.id, &ids) {
                return Err(Refusal::bad_request(
                    "failed to update group: it would be a member of itself, by member_group_ids",
                ));
            }
            group.member_groups = ids;
        }
        if let Some(metadata) = self.metadata {
            group.metadata = metadata;
        }
        if let Some(policies) = self.policies {
            group.policies = policies;
        }
        Ok(())
    }
}

/// What a request to write one may have.
const FIELDS: &[&str] =
    &["id", "member_entity_ids", "member_group_ids", "metadata", "name", "policies", "type"];

/// Creates a group, or updates one.
pub(super) async fn write(unsealed: &Unsealed, call: &Call<'_>, by: By) -> Result<Outcome, Refusal> {
    let (asked_id, name) = (by.id(call)?, by.name(call)?);
    let request = GroupRequest::read(call)?;
    let new_id = unsealed.identity.id()?;
    let change = |state: &State, changes: &mut Changes| {
        let named = name.as_deref().and_then(|name| state.group_named(name));
        let old = match &asked_id {
            Some(id) => {
                let old = state
                    .group(id)
                    .ok_or_else(|| Refusal::bad_request(format!("invalid group ID {id:?}")))?;
                if named.is_some_and(|named| named.id != old.id) {
                    return Err(Refusal::bad_request("group name is already in use"));
                }
                Some(old)
            }
            None => named,
        };
        let mut group = match old {
            Some(old) => Group { version: old.version + 1, updated: call.now, ..Group::clone(old) },
            None if state.groups.len() >= GROUPS_MAX => return Err(too_many("groups", GROUPS_MAX)),
            None => bare(new_id, call),
        };
        if let Some(name) = name.filter(|_| by != By::Name || old.is_none()) {
            group.name = name.into_owned();
        }
        request.apply(&mut group, state, old.is_none())?;
        let data = object! { "id" => group.id.as_str(), "name" => group.name.as_str() };
        let outcome = if old.is_some() { Outcome::empty() } else { Outcome::data(data) };
        changes.put_group(Arc::new(group));
        Ok(outcome)
    };
    let done = unsealed.identity.change(change).await?;
    Ok(done.with_warning(fields::unrecognized(call.data, FIELDS)))
}

/// A new internal group, without anything.
pub(super) fn bare(id: String, call: &Call<'_>) -> Group {
    Group {
        name: random_name("group", &id),
        id,
        is_external: false,
        metadata: Object::new(),
        policies: Vec::new(),
        member_entities: Vec::new(),
        member_groups: Vec::new(),
        alias: None,
        version: 1,
        created: call.now,
        updated: call.now,
    }
}

fn find<'a>(state: &'a State, call: &Call<'_>, by: By) -> Option<&'a Arc<Group>> {
    match by {
        By::Name => state.group_named(call.captured.trim_matches('/')),
        By::Id | By::Field => state.group(call.captured),
    }
}

pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>, by: By) -> Outcome {
    let state = unsealed.identity.state();
    match find(&state, call, by) {
        Some(group) => Outcome::data(view::group(unsealed, &state, group)),
        None => Outcome::absent(),
    }
}

/// Deletes a group, also from the groups that have it. One that does not exist is no error.
pub(super) async fn delete(unsealed: &Unsealed, call: &Call<'_>, by: By) -> Result<(), Refusal> {
    let change = |state: &State, changes: &mut Changes| {
        let Some(group) = find(state, call, by) else { return Ok(()) };
        for parent in state.parents(&group.id) {
            let mut parent = Group { version: parent.version + 1, updated: call.now, ..Group::clone(parent) };
            parent.member_groups.retain(|id| *id != group.id);
            changes.put_group(Arc::new(parent));
        }
        changes.remove_group(&group.id);
        Ok(())
    };
    unsealed.identity.change(change).await
}

pub(super) fn list(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let state = unsealed.identity.state();
    let keys: Vec<String> = state.groups.keys().cloned().collect();
    call.permit.hold_names(&keys)?;
    let info = |group: &Arc<Group>| {
        let info = object! {
            "name" => group.name.as_str(),
            "num_member_entities" => group.member_entities.len() as u64,
            "num_parent_groups" => state.parents(&group.id).count() as u64,
        };
        (group.id.clone(), Value::Object(info))
    };
    view::list(call, keys, state.groups.values().map(info).collect())
}

pub(super) fn list_names(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let state = unsealed.identity.state();
    let mut names: Vec<String> = state.groups.values().map(|group| group.name.clone()).collect();
    call.permit.hold_names(&names)?;
    names.sort_unstable();
    Ok(Outcome::keys(names))
}
