//! `identity/group-alias`: the names of external groups at login methods. Never in it: who is in such a group.

use std::sync::Arc;

use onrecord_value::{Value, object};

use super::{aliases, groups, input, view};
use crate::engine::{Call, Unsealed, fields};
use crate::identity::{Alias, Changes, GROUPS_MAX, Group, State, too_many};
use crate::outcome::{Outcome, Refusal};

/// What a request to write one may have.
const FIELDS: &[&str] = &["canonical_id", "id", "mount_accessor", "name"];

/// Creates the alias of a group, or updates it. Without `canonical_id` a new one has a new group.
pub(super) async fn write(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let id = match call.captured {
        "" => input::filled(call.data, "id")?,
        captured => Some(captured.into()),
    };
    let (name, accessor) = (input::filled(call.data, "name")?, input::filled(call.data, "mount_accessor")?);
    let canonical_id = input::filled(call.data, "canonical_id")?;
    name.as_deref().map_or(Ok(()), |name| input::check(name, "name"))?;
    accessor.as_deref().map_or(Ok(()), |accessor| input::check_accessor(unsealed, accessor))?;
    let new = (unsealed.identity.id()?, unsealed.identity.id()?);
    let change = |state: &State, changes: &mut Changes| {
        let owner = match (&id, &accessor, &name) {
            (Some(id), ..) => {
                let owner = state.group_of_alias(id);
                Some(owner.ok_or_else(|| Refusal::bad_request(format!("invalid group alias ID {id:?}")))?)
            }
            (None, Some(accessor), Some(name)) => state.group_at(accessor, name),
            (None, ..) => None,
        };
        let known = owner.and_then(|owner| owner.alias.as_ref());
        let missing = |field: &str| Refusal::bad_request(format!("missing alias {field}"));
        let or_known = |given: Option<&str>, of: fn(&Alias) -> &String| {
            given.map(str::to_owned).or_else(|| known.map(|alias| of(alias).clone()))
        };
        let name = or_known(name.as_deref(), |alias| &alias.name).ok_or_else(|| missing("name"))?;
        let accessor = or_known(accessor.as_deref(), |alias| &alias.mount_accessor);
        let accessor = accessor.ok_or_else(|| missing("mount_accessor"))?;
        let taken = state.group_at(&accessor, &name).and_then(|group| group.alias.as_ref());
        if taken.is_some_and(|taken| known.is_none_or(|known| known.id != taken.id)) {
            return Err(Refusal::bad_request("another alias has this name at this mount"));
        }
        let group =
            match (&canonical_id, owner) {
                (Some(id), _) => {
                    let group = state.group(id);
                    Some(group.ok_or_else(|| {
                        Refusal::bad_request(format!("invalid group ID {id:?}: canonical_id"))
                    })?)
                }
                (None, owner) => owner,
            };
        let mut group = match group {
            Some(group) if !group.is_external => {
                return Err(Refusal::bad_request("alias can't be set on an internal group"));
            }
            Some(group) => Group { version: group.version + 1, updated: call.now, ..Group::clone(group) },
            None if state.groups.len() >= GROUPS_MAX => return Err(too_many("groups", GROUPS_MAX)),
            None => Group { is_external: true, ..groups::bare(new.1, call) },
        };
        if let Some(before) = owner.filter(|before| before.id != group.id) {
            let version = before.version + 1;
            let before = Group { alias: None, version, updated: call.now, ..Group::clone(before) };
            changes.put_group(Arc::new(before));
        }
        let mut alias = known.cloned().unwrap_or_else(|| aliases::bare(new.0, call));
        (alias.name, alias.mount_accessor, alias.updated) = (name, accessor, call.now);
        let data = object! { "canonical_id" => group.id.as_str(), "id" => alias.id.as_str() };
        group.alias = Some(alias);
        changes.put_group(Arc::new(group));
        Ok(Outcome::data(data))
    };
    let done = unsealed.identity.change(change).await?;
    Ok(done.with_warning(fields::unrecognized(call.data, FIELDS)))
}

pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>) -> Outcome {
    let state = unsealed.identity.state();
    let group = state.group_of_alias(call.captured);
    match group.and_then(|group| Some((group, group.alias.as_ref()?))) {
        Some((group, alias)) => Outcome::data(view::alias(unsealed, alias, &group.id)),
        None => Outcome::absent(),
    }
}

pub(super) async fn delete(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let change = |state: &State, changes: &mut Changes| {
        if let Some(group) = state.group_of_alias(call.captured) {
            let version = group.version + 1;
            let group = Group { alias: None, version, updated: call.now, ..Group::clone(group) };
            changes.put_group(Arc::new(group));
        }
        Ok(())
    };
    unsealed.identity.change(change).await
}

pub(super) fn list(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let state = unsealed.identity.state();
    let all = || state.groups.values().filter_map(|group| Some((group, group.alias.as_ref()?)));
    let mut keys: Vec<String> = all().map(|(_, alias)| alias.id.clone()).collect();
    call.permit.hold_names(&keys)?;
    keys.sort_unstable();
    let info = |(group, alias): (&Arc<Group>, &Alias)| {
        let mut info = view::alias_info(unsealed, alias);
        info.remove("id");
        info.insert("canonical_id", group.id.as_str());
        (alias.id.clone(), Value::Object(info))
    };
    view::list(call, keys, all().map(info).collect())
}
