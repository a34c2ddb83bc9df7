//! The endpoints below `identity/`: entities, groups and their aliases.
//! Never in it: how they are stored, or what follows for tokens (`crate::identity`).

mod aliases;
mod entities;
mod group_aliases;
mod groups;
mod input;
mod lookup;
mod merge;
mod view;

use std::sync::Arc;

use self::input::By;
use crate::engine::{Builtin, Engine, EngineKind, Handled, Mounting, Path, Space, Tune};
use crate::outcome::Refusal;

pub(crate) struct Identity;

pub(crate) static KIND: EngineKind = EngineKind::new::<Identity>(
    "identity",
    Mounting::Builtin(Builtin {
        path: "identity/",
        description: "identity store",
        folder: None,
        local: false,
        seal_wrap: false,
        tune: || Tune {
            passthrough_request_headers: Some(vec!["Authorization".to_owned()]),
            ..Tune::default()
        },
    }),
    "Who clients are: entities, groups, and their names at login methods",
);

const ENTITY: &str = "Takes `name`, `id`, `metadata`, `policies` and `disabled`.";
const ALIAS: &str =
    "Takes `name`, `mount_accessor`, `canonical_id` (the entity), `id` and `custom_metadata`.";
const GROUP: &str = "Takes `name`, `id`, `type` (internal, external), `metadata`, `policies`, `member_entity_ids` and \
                     `member_group_ids`.";
const GROUP_ALIAS: &str = "Takes `name`, `mount_accessor`, `canonical_id` (the group) and `id`.";
const LOOKUP: &str =
    "Takes `id`, `name`, `alias_id`, or `alias_name` with `alias_mount_accessor`. Nothing found is 204.";

impl Engine for Identity {
    const PATHS: &'static [Path<Self>] = &[
        Path::new("entity", "Create or update an entity.")
            .description(ENTITY)
            .write(|_, unsealed, call| Handled::pending(entities::write(unsealed, call, By::Field))),
        Path::new("entity/id/?", "List the entities by their ids.")
            .list(|_, unsealed, call| Handled::ready(entities::list(unsealed, call))),
        Path::new("entity/id/{id}", "Read, update and delete the entity with an id.")
            .description(ENTITY)
            .read(|_, unsealed, call| Handled::ready(entities::read(unsealed, call, By::Id)))
            .write(|_, unsealed, call| Handled::pending(entities::write(unsealed, call, By::Id)))
            .delete(|_, unsealed, call| Handled::pending(entities::delete(unsealed, call, By::Id))),
        Path::new("entity/name/?", "List the entities by their names.")
            .list(|_, unsealed, call| Handled::ready(entities::list_names(unsealed, call))),
        Path::new("entity/name/{*name}", "Read, create, update and delete the entity with a name.")
            .description(ENTITY)
            .caseless()
            .read(|_, unsealed, call| Handled::ready(entities::read(unsealed, call, By::Name)))
            .write(|_, unsealed, call| Handled::pending(entities::write(unsealed, call, By::Name)))
            .delete(|_, unsealed, call| Handled::pending(entities::delete(unsealed, call, By::Name))),
        Path::new("entity/batch-delete", "Delete several entities.")
            .description("Takes `entity_ids`.")
            .write(|_, unsealed, call| Handled::pending(entities::delete_batch(unsealed, call))),
        Path::new("entity/merge", "Merge entities into another.")
            .description(
                "Takes `from_entity_ids`, `to_entity_id`, and `conflicting_alias_ids_to_keep` where several have an alias \
                 at one mount.",
            )
            .write(|_, unsealed, call| Handled::pending(merge::merge(unsealed, call))),
        Path::new("entity-alias", "Create or update the alias of an entity.")
            .description(ALIAS)
            .write(|_, unsealed, call| Handled::pending(aliases::write(unsealed, call))),
        Path::new("entity-alias/id/?", "List the aliases of entities.")
            .list(|_, unsealed, call| Handled::ready(aliases::list(unsealed, call))),
        Path::new("entity-alias/id/{id}", "Read, update and delete the alias of an entity.")
            .description(ALIAS)
            .read(|_, unsealed, call| Handled::ready(aliases::read(unsealed, call)))
            .write(|_, unsealed, call| Handled::pending(aliases::write(unsealed, call)))
            .delete(|_, unsealed, call| Handled::pending(aliases::delete(unsealed, call))),
        Path::new("group", "Create or update a group.")
            .description(GROUP)
            .write(|_, unsealed, call| Handled::pending(groups::write(unsealed, call, By::Field))),
        Path::new("group/id/?", "List the groups by their ids.")
            .list(|_, unsealed, call| Handled::ready(groups::list(unsealed, call))),
        Path::new("group/id/{id}", "Read, update and delete the group with an id.")
            .description(GROUP)
            .read(|_, unsealed, call| Handled::ready(groups::read(unsealed, call, By::Id)))
            .write(|_, unsealed, call| Handled::pending(groups::write(unsealed, call, By::Id)))
            .delete(|_, unsealed, call| Handled::pending(groups::delete(unsealed, call, By::Id))),
        Path::new("group/name/?", "List the groups by their names.")
            .list(|_, unsealed, call| Handled::ready(groups::list_names(unsealed, call))),
        Path::new("group/name/{*name}", "Read, create, update and delete the group with a name.")
            .description(GROUP)
            .caseless()
            .read(|_, unsealed, call| Handled::ready(groups::read(unsealed, call, By::Name)))
            .write(|_, unsealed, call| Handled::pending(groups::write(unsealed, call, By::Name)))
            .delete(|_, unsealed, call| Handled::pending(groups::delete(unsealed, call, By::Name))),
        Path::new("group-alias", "Create or update the alias of an external group.")
            .description(GROUP_ALIAS)
            .write(|_, unsealed, call| Handled::pending(group_aliases::write(unsealed, call))),
        Path::new("group-alias/id/?", "List the aliases of groups.")
            .list(|_, unsealed, call| Handled::ready(group_aliases::list(unsealed, call))),
        Path::new("group-alias/id/{id}", "Read, update and delete the alias of a group.")
            .description(GROUP_ALIAS)
            .read(|_, unsealed, call| Handled::ready(group_aliases::read(unsealed, call)))
            .write(|_, unsealed, call| Handled::pending(group_aliases::write(unsealed, call)))
            .delete(|_, unsealed, call| Handled::pending(group_aliases::delete(unsealed, call))),
        Path::new("lookup/entity", "Find an entity.")
            .description(LOOKUP)
            .write(|_, unsealed, call| Handled::ready(lookup::entity(unsealed, call))),
        Path::new("lookup/group", "Find a group.")
            .description(LOOKUP)
            .write(|_, unsealed, call| Handled::ready(lookup::group(unsealed, call))),
        refused("oidc/{*path}", "The OIDC provider. Not supported."),
        refused("mfa/{*path}", "Multi-factor authentication. Not supported."),
    ];

    async fn open(_: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

/// Paths of compatible servers that this one does not have.
const fn refused(pattern: &'static str, synopsis: &'static str) -> Path<Identity> {
    Path::<Identity>::new(pattern, synopsis)
        .read(|_, _, call| Handled::ready(not_supported(call.path)))
        .list(|_, _, call| Handled::ready(not_supported(call.path)))
        .write(|_, _, call| Handled::ready(not_supported(call.path)))
        .delete(|_, _, call| Handled::ready(not_supported(call.path)))
}

fn not_supported(path: &str) -> Refusal {
    let what = if path.starts_with("oidc/") {
        "it issues no identity tokens and is no OIDC provider"
    } else {
        "it has no multi-factor authentication"
    };
    Refusal::bad_request(format!("identity/{path} is not supported by OnRecord: {what}"))
}
