//! `identity/lookup`: the entity or the group that one of its ids or names belongs to. Never in it: a change.

use std::borrow::Cow;

use super::{input, view};
use crate::engine::{Call, Unsealed};
use crate::outcome::{Outcome, Refusal};

/// What a request looks for.
enum Criterion<'a> {
    Id(Cow<'a, str>),
    Name(Cow<'a, str>),
    AliasId(Cow<'a, str>),
    /// The accessor of the mount, and the name there.
    Alias(Cow<'a, str>, Cow<'a, str>),
}

fn criterion<'a>(call: &Call<'a>) -> Result<Criterion<'a>, Refusal> {
    let field = |name| input::filled(call.data, name);
    let (id, name, alias_id) = (field("id")?, field("name")?, field("alias_id")?);
    let (alias, accessor) = (field("alias_name")?, field("alias_mount_accessor")?);
    let alias = match (alias, accessor) {
        (Some(name), Some(accessor)) => Some(Criterion::Alias(accessor, name)),
        (None, None) => None,
        _ => return Err(Refusal::bad_request("alias_name and alias_mount_accessor go together: give both")),
    };
    let given = [id.map(Criterion::Id), name.map(Criterion::Name), alias_id.map(Criterion::AliasId), alias];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(criterion), None) => Ok(criterion),
        (None, _) => Err(Refusal::bad_request(
            "query parameter not supplied: give id, name, alias_id, or alias_name with alias_mount_accessor",
        )),
        (Some(_), Some(_)) => Err(Refusal::bad_request(
            "only one is looked for: give id, name, alias_id, or alias_name with alias_mount_accessor",
        )),
    }
}

pub(super) fn entity(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let criterion = criterion(call)?;
    let state = unsealed.identity.state();
    let found = match criterion {
        Criterion::Id(id) => state.entity(&id),
        Criterion::Name(name) => state.entity_named(&name),
        Criterion::AliasId(id) => state.entity_of_alias(&id),
        Criterion::Alias(accessor, name) => state.entity_at(&accessor, &name),
    };
    Ok(found.map_or_else(Outcome::empty, |entity| Outcome::data(view::entity(unsealed, &state, entity))))
}

pub(super) fn group(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let criterion = criterion(call)?;
    let state = unsealed.identity.state();
    let found = match criterion {
        Criterion::Id(id) => state.group(&id),
        Criterion::Name(name) => state.group_named(&name),
        Criterion::AliasId(id) => state.group_of_alias(&id),
        Criterion::Alias(accessor, name) => state.group_at(&accessor, &name),
    };
    Ok(found.map_or_else(Outcome::empty, |group| Outcome::data(view::group(unsealed, &state, group))))
}
