//! Login with a signed JSON Web Token (RFC 7519), checked with keys that an operator has written.
//! Never in it: signatures (`signature`), keys (`keys`), claims (`claims`), what a role wants of them (`role`). No key is
//! fetched from anywhere.

mod claims;
mod config;
mod keys;
mod login;
mod role;
mod signature;

use std::sync::Arc;

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;

use self::role::JwtRole;
use crate::engine::codec::Broken;
use crate::engine::{
    Call, ChangeBatch, Engine, EngineKind, Existing, Handled, Mounting, Path, Space, fields,
};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal, Reply};
use crate::stored::Record;

pub(crate) struct Jwt {
    space: Arc<Space>,
}

pub(crate) static KIND: EngineKind =
    EngineKind::new::<Jwt>("jwt", Mounting::Login, "Login with a signed JSON Web Token");

const ROLES: &str = "role/";
const NO_OIDC: &str = "logins through a browser (OIDC) are not supported by this server: use a role of role_type jwt, and login with a JWT";

impl Engine for Jwt {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("config", "Read and write the keys that tokens are checked with.")
            .description(
                "Takes `jwt_validation_pubkeys` (PEM) or `jwks` (a JSON Web Key Set), `jwt_supported_algs`, `bound_issuer` \
                 and `default_role`. Keys are not fetched: `jwks_url` and `oidc_discovery_url` are refused.",
            )
            .read(|jwt, _, _| Handled::pending(jwt.read_config()))
            .write(|jwt, _, call| Handled::pending(jwt.write_config(call))),
        Path::<Self>::new("role/?", "List the roles.").list(|jwt, _, call| Handled::read(jwt.list(call))),
        Path::<Self>::new("role/{name}", "Read, write and delete a role.")
            .description(
                "A write takes `role_type`, `user_claim`, `bound_audiences`, `bound_subject`, `bound_claims`, \
                 `bound_claims_type`, `groups_claim`, `claim_mappings`, `clock_skew_leeway`, `expiration_leeway`, \
                 `not_before_leeway`, and `token_policies`, `token_ttl` and the other parameters of its tokens.",
            )
            .read(|jwt, _, call| Handled::read(jwt.read(call)))
            .write(|jwt, _, call| Handled::pending(jwt.write(call)))
            .delete(|jwt, _, call| Handled::pending(jwt.delete(call)))
            .exists(Self::exists),
        Path::<Self>::new("login", "Log in with a JWT.")
            .description("Takes `jwt` and `role`.")
            .needs_no_token()
            .sensitive_fields(&["jwt", "role"])
            .write(|jwt, unsealed, call| Handled::pending(jwt.login(unsealed, call))),
        Path::<Self>::new("oidc/auth_url", "Begin a login through a browser. Not supported.")
            .needs_no_token()
            .refuse(NO_OIDC, &[Operation::Update]),
        Path::<Self>::new("oidc/callback", "End a login through a browser. Not supported.")
            .needs_no_token()
            .sensitive_fields(&["code", "nonce", "state"])
            .refuse(NO_OIDC, &[Operation::Read, Operation::Update]),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

fn decode<R: Record<Beside = ()>>(stored: &SecretBytes) -> Result<R, Refusal> {
    Ok(R::decode(stored.expose(), ()).ok_or(Broken)?)
}

fn key_of(name: &str) -> String {
    [ROLES, name].concat()
}

impl Jwt {
    fn exists(&self, call: &Call<'_>) -> Read<'_, Option<Box<Existing>>> {
        self.space.existing(&key_of(call.captured))
    }

    fn list<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list(ROLES).map(|names| {
            let names = names?;
            call.permit.hold_names(&names)?;
            Ok(Outcome::keys(names))
        })
    }

    fn read<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.read(&key_of(call.captured), call.permit).map(|stored| {
            let Some(stored) = stored? else { return Ok(Outcome::absent()) };
            Ok(Outcome::data(decode::<JwtRole>(&stored)?.show()))
        })
    }

    async fn role(&self, name: &str) -> Result<Option<JwtRole>, Refusal> {
        self.space.get(&key_of(name)).await?.as_ref().map(decode).transpose()
    }

    async fn write(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let key = key_of(call.captured);
        let change = self.space.change(&key, call.existing, call.permit, |stored, batch| {
            call.recheck_operation(stored.is_some())?;
            let mut role: JwtRole = stored.map(decode).transpose()?.unwrap_or_default();
            role.apply(call.data)?;
            batch.put(&key, &role.encode())
        });
        change.await?;
        Ok(fields::done(call.data, &JwtRole::known_fields()))
    }

    async fn delete(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let key = key_of(call.captured);
        let change = |stored: Option<&SecretBytes>, batch: &mut ChangeBatch<'_>| {
            stored.map_or(Ok(()), |_| batch.delete(&key))
        };
        self.space.change(&key, None, call.permit, change).await
    }
}
