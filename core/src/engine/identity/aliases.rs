//! `identity/entity-alias`: the names of entities at login methods. Never in it: those that a login makes.

use std::sync::Arc;

use onrecord_value::{Object, Value, object};

use super::{entities, input, view};
use crate::engine::{Call, Unsealed, fields};
use crate::identity::{Alias, Changes, ENTITIES_MAX, Entity, State, too_many};
use crate::outcome::{Outcome, Refusal};

/// How many aliases an entity can have: they are one record.
const ALIASES_MAX: usize = 256;

/// What a request says of an alias.
struct AliasRequest {
    id: Option<String>,
    name: Option<String>,
    mount_accessor: Option<String>,
    canonical_id: Option<String>,
    custom_metadata: Option<Object>,
}

impl AliasRequest {
    fn read(unsealed: &Unsealed, call: &Call<'_>) -> Result<Self, Refusal> {
        let text = |field| input::filled(call.data, field).map(|text| text.map(std::borrow::Cow::into_owned));
        let canonical_id = text("canonical_id")?;
        let request = Self {
            id: if call.captured.is_empty() { text("id")? } else { Some(call.captured.to_owned()) },
            name: text("name")?,
            mount_accessor: text("mount_accessor")?,
            canonical_id: if canonical_id.is_some() { canonical_id } else { text("entity_id")? },
            custom_metadata: input::metadata(call.data, "custom_metadata")?,
        };
        request.name.as_deref().map_or(Ok(()), |name| input::check(name, "name"))?;
        request
            .mount_accessor
            .as_deref()
            .map_or(Ok(()), |accessor| input::check_accessor(unsealed, accessor))?;
        Ok(request)
    }
}

/// What a request to write one may have.
const FIELDS: &[&str] = &["canonical_id", "custom_metadata", "entity_id", "id", "mount_accessor", "name"];

/// Creates an alias, or updates one, also moving it to another entity. Without `canonical_id` a new one has a new entity.
pub(super) async fn write(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let request = AliasRequest::read(unsealed, call)?;
    let ids = (unsealed.identity.id()?, unsealed.identity.id()?);
    let done = unsealed.identity.change(|state, changes| decide(state, changes, request, ids, call)).await?;
    Ok(done.with_warning(fields::unrecognized(call.data, FIELDS)))
}

fn decide(
    state: &State,
    changes: &mut Changes,
    request: AliasRequest,
    (alias_id, entity_id): (String, String),
    call: &Call<'_>,
) -> Result<Outcome, Refusal> {
    let old = match &request.id {
        Some(id) => {
            let owner = state.entity_of_alias(id);
            let owner = owner.ok_or_else(|| Refusal::bad_request(format!("alias {id:?} not found")))?;
            owner.aliases.iter().find(|alias| alias.id == *id).map(|alias| (owner, alias))
        }
        None => match (&request.mount_accessor, &request.name) {
            (Some(accessor), Some(name)) => {
                let owner = state.entity_at(accessor, name);
                owner.and_then(|owner| Some((owner, owner.alias_at(accessor)?)))
            }
            _ => None,
        },
    };
    let known = old.map(|(_, alias)| alias);
    let missing = |field: &str| Refusal::bad_request(format!("missing alias {field}"));
    let name =
        request.name.or_else(|| known.map(|alias| alias.name.clone())).ok_or_else(|| missing("name"))?;
    let accessor = request.mount_accessor.or_else(|| known.map(|alias| alias.mount_accessor.clone()));
    let accessor = accessor.ok_or_else(|| missing("mount_accessor"))?;
    let owner = match (&request.canonical_id, old) {
        (Some(id), _) => {
            let owner = state.entities.get(id);
            Some(
                owner
                    .ok_or_else(|| Refusal::bad_request(format!("entity {id:?} not found: canonical_id")))?,
            )
        }
        (None, Some((owner, _))) => Some(owner),
        (None, None) => None,
    };
    let is_other = |alias: &Alias| known.is_none_or(|known| known.id != alias.id);
    let taken = state.entity_at(&accessor, &name).and_then(|owner| owner.alias_at(&accessor));
    if taken.is_some_and(is_other) {
        return Err(Refusal::bad_request("another alias has this name at this mount"));
    }
    if owner.is_some_and(|owner| owner.alias_at(&accessor).is_some_and(is_other)) {
        return Err(Refusal::bad_request(
            "the entity has another alias at this mount: an entity has one at each",
        ));
    }
    let mut owner = match owner {
        Some(owner) => Entity::clone(owner),
        None if state.entities.len() >= ENTITIES_MAX => return Err(too_many("entities", ENTITIES_MAX)),
        None => entities::bare(entity_id, call),
    };
    let mut alias = known.cloned().unwrap_or_else(|| bare(alias_id, call));
    (alias.name, alias.mount_accessor, alias.updated) = (name, accessor, call.now);
    alias.custom_metadata = request.custom_metadata.unwrap_or(alias.custom_metadata);
    if let Some((before, _)) = old.filter(|(before, _)| before.id != owner.id) {
        let mut before = Entity { updated: call.now, ..Entity::clone(before) };
        before.aliases.retain(|other| other.id != alias.id);
        changes.put_entity(Arc::new(before));
    }
    owner.aliases.retain(|other| other.id != alias.id);
    if owner.aliases.len() >= ALIASES_MAX {
        return Err(Refusal::invalid(format!("the entity has {ALIASES_MAX} aliases, and can have no more")));
    }
    let data = object! { "canonical_id" => owner.id.as_str(), "id" => alias.id.as_str() };
    owner.aliases.push(alias);
    owner.updated = call.now;
    changes.put_entity(Arc::new(owner));
    Ok(Outcome::data(data))
}

/// A new alias, without anything.
pub(super) fn bare(id: String, call: &Call<'_>) -> Alias {
    Alias {
        id,
        name: String::new(),
        mount_accessor: String::new(),
        metadata: Object::new(),
        custom_metadata: Object::new(),
        merged_from: Vec::new(),
        created: call.now,
        updated: call.now,
    }
}

pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>) -> Outcome {
    let state = unsealed.identity.state();
    let owner = state.entity_of_alias(call.captured);
    let found =
        owner.and_then(|owner| owner.aliases.iter().find(|alias| alias.id == call.captured).zip(Some(owner)));
    match found {
        Some((alias, owner)) => Outcome::data(view::alias(unsealed, alias, &owner.id)),
        None => Outcome::absent(),
    }
}

pub(super) async fn delete(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let change = |state: &State, changes: &mut Changes| {
        if let Some(owner) = state.entity_of_alias(call.captured) {
            let mut owner = Entity { updated: call.now, ..Entity::clone(owner) };
            owner.aliases.retain(|alias| alias.id != call.captured);
            changes.put_entity(Arc::new(owner));
        }
        Ok(())
    };
    unsealed.identity.change(change).await
}

pub(super) fn list(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let state = unsealed.identity.state();
    let all =
        || state.entities.values().flat_map(|entity| entity.aliases.iter().map(move |alias| (entity, alias)));
    let mut keys: Vec<String> = all().map(|(_, alias)| alias.id.clone()).collect();
    call.permit.hold_names(&keys)?;
    keys.sort_unstable();
    let info = |(entity, alias): (&Arc<Entity>, &Alias)| {
        let mut info = view::alias_info(unsealed, alias);
        info.remove("id");
        info.insert("canonical_id", entity.id.as_str());
        (alias.id.clone(), Value::Object(info))
    };
    view::list(call, keys, all().map(info).collect())
}
