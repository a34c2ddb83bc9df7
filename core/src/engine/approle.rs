//! Login with a role id and a secret id, for machines.
//! Never in it: roles (`role`), secret ids (`secret_id`), the login itself (`login`).
//!
//! What is stored: `role/NAME` with its role id; `role-id/HMAC` names the role; `secret-id/ROLE-UUID/HMAC` is a secret id with
//! its accessor, and `accessor/ROLE-UUID/HMAC` leads to it. Key names are clear, so what gives rights stands in them under an
//! HMAC. A role that is made again has another UUID: the secret ids of the old one are not its own.

mod login;
mod names;
mod role;
mod roles;
mod secret_id;
mod secret_ids;
mod tidy;

use std::sync::Arc;

use onrecord_storage::Read;

use crate::engine::{Call, Engine, EngineKind, Existing, Handled, Mounting, Path, Space};
use crate::outcome::Refusal;

pub(crate) struct AppRole {
    space: Arc<Space>,
    /// Held by a change of a role until it is durable: two roles must not take one role id.
    roles: tokio::sync::Mutex<()>,
}

pub(crate) static KIND: EngineKind = EngineKind::new::<AppRole>(
    "approle",
    Mounting::Login,
    "Login with a role id and a secret id, for machines",
);

const CREDENTIALS: &[&str] = &["role_id", "secret_id", "secret_id_accessor"];

const fn path(pattern: &'static str, synopsis: &'static str) -> Path<AppRole> {
    Path::<AppRole>::new(pattern, synopsis).caseless().sensitive_fields(CREDENTIALS)
}

/// One field of a role.
const fn field(pattern: &'static str, synopsis: &'static str) -> Path<AppRole> {
    Path::<AppRole>::new(pattern, synopsis)
        .caseless()
        .read(|approle, _, call| Handled::pending(approle.read_field(call)))
        .write(|approle, _, call| Handled::pending(approle.write_field(call)))
        .delete(|approle, _, call| Handled::pending(approle.reset_field(call)))
}

impl Engine for AppRole {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("role/?", "List the roles.")
            .list(|approle, _, call| Handled::read(approle.list(call))),
        path("role/{role_name}", "Read, write and delete a role.")
            .description(
                "A write takes `bind_secret_id`, `secret_id_bound_cidrs`, `secret_id_num_uses`, `secret_id_ttl`, \
                 `local_secret_ids`, `role_id`, and `token_policies`, `token_ttl` and the other parameters of its tokens.",
            )
            .read(|approle, _, call| Handled::read(approle.read(call)))
            .write(|approle, unsealed, call| Handled::pending(approle.write(unsealed, call)))
            .delete(|approle, unsealed, call| Handled::pending(approle.delete(unsealed, call)))
            .exists(Self::exists),
        path("role/{role_name}/role-id", "Read and set the role id of a role.")
            .description("Takes `role_id`.")
            .read(|approle, _, call| Handled::pending(approle.read_role_id(call)))
            .write(|approle, unsealed, call| Handled::pending(approle.write_role_id(unsealed, call))),
        path("role/{role_name}/secret-id/?", "Make a secret id; list the accessors of secret ids.")
            .description("A write takes `metadata`, `cidr_list`, `token_bound_cidrs`, `num_uses` and `ttl`.")
            .list(|approle, _, call| Handled::pending(approle.list_accessors(call)))
            .write(|approle, unsealed, call| Handled::pending(approle.make_secret_id(unsealed, call, false))),
        path("role/{role_name}/custom-secret-id", "Take a secret id that the client chose.")
            .description(
                "Takes `secret_id`, `metadata`, `cidr_list`, `token_bound_cidrs`, `num_uses` and `ttl`.",
            )
            .write(|approle, unsealed, call| Handled::pending(approle.make_secret_id(unsealed, call, true))),
        path("role/{role_name}/secret-id/lookup", "Read what is known about a secret id.")
            .description("Takes `secret_id`.")
            .write(|approle, unsealed, call| Handled::pending(approle.lookup(unsealed, call))),
        path("role/{role_name}/secret-id/destroy", "Destroy a secret id.")
            .description("Takes `secret_id`.")
            .write(|approle, unsealed, call| Handled::pending(approle.destroy(unsealed, call)))
            .delete(|approle, unsealed, call| Handled::pending(approle.destroy(unsealed, call))),
        path("role/{role_name}/secret-id-accessor/lookup", "Read what is known about the secret id of an accessor.")
            .description("Takes `secret_id_accessor`.")
            .write(|approle, unsealed, call| Handled::pending(approle.lookup_by_accessor(unsealed, call))),
        path("role/{role_name}/secret-id-accessor/destroy", "Destroy the secret id of an accessor.")
            .description("Takes `secret_id_accessor`.")
            .write(|approle, unsealed, call| Handled::pending(approle.destroy_by_accessor(unsealed, call)))
            .delete(|approle, unsealed, call| Handled::pending(approle.destroy_by_accessor(unsealed, call))),
        field("role/{role_name}/policies", "The policies of the tokens of a role (`token_policies`)."),
        field("role/{role_name}/bind-secret-id", "Whether a login with a role needs a secret id."),
        field("role/{role_name}/secret-id-bound-cidrs", "Where logins with a role may come from."),
        field("role/{role_name}/bound-cidr-list", "Where logins with a role may come from, by its older name."),
        field("role/{role_name}/token-bound-cidrs", "Where the tokens of a role may be used."),
        field("role/{role_name}/secret-id-num-uses", "How often a secret id of a role can be used."),
        field("role/{role_name}/secret-id-ttl", "How long a secret id of a role lives."),
        field("role/{role_name}/token-num-uses", "How often the tokens of a role can be used."),
        field("role/{role_name}/token-ttl", "How long the tokens of a role live until they are renewed."),
        field("role/{role_name}/token-max-ttl", "How long the tokens of a role live at most."),
        field("role/{role_name}/period", "The period of the tokens of a role (`token_period`)."),
        Path::<Self>::new("role/{role_name}/local-secret-ids", "Whether the secret ids of a role are local.")
            .caseless()
            .read(|approle, _, call| Handled::pending(approle.read_field(call))),
        Path::<Self>::new("login", "Log in.")
            .description("Takes `role_id` and `secret_id`.")
            .needs_no_token()
            .sensitive_fields(&["role_id", "secret_id"])
            .write(|approle, unsealed, call| Handled::pending(approle.login(unsealed, call))),
        Path::<Self>::new("tidy/secret-id", "Remove secret ids that have expired.")
            .write(|approle, unsealed, call| Handled::pending(approle.tidy(unsealed, call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space, roles: tokio::sync::Mutex::default() })
    }
}

impl AppRole {
    fn exists(&self, call: &Call<'_>) -> Read<'_, Option<Box<Existing>>> {
        self.space.existing(&names::role(&names::role_of(call)))
    }
}
