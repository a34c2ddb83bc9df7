//! The endpoints below `auth/token/`. Never in it: how tokens are stored, or whether the caller may ask (decided before).

mod create;
pub(crate) mod lifetime;
mod role;
mod roles;

use std::borrow::Cow;
use std::sync::Arc;

use onrecord_value::{GoDuration, Object, Time, Value, object};

use self::lifetime::{Bounds, Granted, TtlRequest};
use crate::engine::{
    Builtin, Call, Engine, EngineKind, Handled, Mounting, Path, Space, Tune, Unsealed, fields,
};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::token::{Entry, Issued, TokenKind};
use crate::tokens::{ActiveToken, Caller, TokenError};

pub(crate) use create::{check_batch, sanitised};

pub(crate) struct Token {
    space: Arc<Space>,
}

/// Tokens as a login method: the one that is always there.
pub(crate) static KIND: EngineKind = EngineKind::new::<Token>(
    "token",
    Mounting::Builtin(Builtin {
        path: "auth/token/",
        description: "token based credentials",
        folder: None,
        local: false,
        seal_wrap: false,
        tune: || Tune { token_type: "default-service".to_owned(), ..Tune::default() },
    }),
    "Tokens: create, look up, renew, revoke",
);

const FIELDS_OF_CREATE: &str = "Takes `policies`, `ttl`, `explicit_max_ttl`, `period`, `num_uses`, `renewable`, \
    `display_name`, `meta`, `no_parent`, `no_default_policy`, `type` and `id`.";
const FIELDS_OF_ROLES: &str = "Takes `allowed_policies`, `disallowed_policies`, both with `_glob` too, \
    `allowed_entity_aliases`, `orphan`, `renewable`, `path_suffix`, `token_bound_cidrs`, `token_explicit_max_ttl`, \
    `token_no_default_policy`, `token_num_uses`, `token_period` and `token_type`. What is not sent stays as it is.";

impl Engine for Token {
    const PATHS: &'static [Path<Self>] = &[
        Path::new("create", "Create a token.").description(FIELDS_OF_CREATE).write(|_, unsealed, call| {
            Handled::pending(create::create(unsealed, call, create::Route::Child))
        }),
        Path::new("create-orphan", "Create a token without a parent.").description(FIELDS_OF_CREATE).write(
            |_, unsealed, call| Handled::pending(create::create(unsealed, call, create::Route::Orphan)),
        ),
        Path::new("create/{role}", "Create a token by a role.")
            .description(FIELDS_OF_CREATE)
            .write(|token, unsealed, call| Handled::pending(create::create_by_role(token, unsealed, call))),
        Path::new("roles/?", "List the token roles.")
            .list(|token, _, call| Handled::pending(roles::list(token, call))),
        Path::new("roles/{role}", "Read, write and delete a token role.")
            .description(FIELDS_OF_ROLES)
            .read(|token, _, call| Handled::pending(roles::read(token, call)))
            .write(|token, _, call| Handled::pending(roles::write(token, call)))
            .delete(|token, _, call| Handled::pending(roles::delete(token, call)))
            .exists(roles::exists),
        Path::new("lookup", "Look a token up.")
            .description("Takes `token`.")
            .read(|_, unsealed, call| Handled::pending(lookup(unsealed, call)))
            .write(|_, unsealed, call| Handled::pending(lookup(unsealed, call))),
        Path::new("lookup/{token}", "Look a token up.")
            .sensitive()
            .read(|_, unsealed, call| Handled::pending(lookup(unsealed, call)))
            .write(|_, unsealed, call| Handled::pending(lookup(unsealed, call))),
        Path::new("lookup-self", "Look the caller's token up.")
            .read(|_, unsealed, call| Handled::ready(lookup_own(unsealed, call)))
            .write(|_, unsealed, call| Handled::ready(lookup_own(unsealed, call))),
        Path::new("lookup-accessor", "Look the token of an accessor up.")
            .description("Takes `accessor`.")
            .write(|_, unsealed, call| Handled::pending(lookup_by_accessor(unsealed, call))),
        Path::new("lookup-accessor/{accessor}", "Look the token of an accessor up.")
            .sensitive()
            .write(|_, unsealed, call| Handled::pending(lookup_by_accessor(unsealed, call))),
        Path::new("renew", "Renew a token.")
            .description("Takes `token` and `increment`.")
            .write(|_, unsealed, call| Handled::pending(renew(unsealed, call))),
        Path::new("renew/{token}", "Renew a token.")
            .description("Takes `increment`.")
            .sensitive()
            .write(|_, unsealed, call| Handled::pending(renew(unsealed, call))),
        Path::new("renew-self", "Renew the caller's token.")
            .description("Takes `increment`.")
            .write(|_, unsealed, call| Handled::pending(renew_own(unsealed, call))),
        Path::new("renew-accessor", "Renew the token of an accessor.")
            .description("Takes `accessor` and `increment`.")
            .write(|_, unsealed, call| Handled::pending(renew_by_accessor(unsealed, call))),
        Path::new("renew-accessor/{accessor}", "Renew the token of an accessor.")
            .description("Takes `increment`.")
            .sensitive()
            .write(|_, unsealed, call| Handled::pending(renew_by_accessor(unsealed, call))),
        Path::new("revoke", "Revoke a token and its descendants.")
            .description("Takes `token`.")
            .write(|_, unsealed, call| Handled::pending(revoke(unsealed, call))),
        Path::new("revoke/{token}", "Revoke a token and its descendants.")
            .sensitive()
            .write(|_, unsealed, call| Handled::pending(revoke(unsealed, call))),
        Path::new("revoke-self", "Revoke the caller's token and its descendants.")
            .write(|_, unsealed, call| Handled::pending(revoke_own(unsealed, call))),
        Path::new("revoke-accessor", "Revoke the token of an accessor and its descendants.")
            .description("Takes `accessor`.")
            .write(|_, unsealed, call| Handled::pending(revoke_by_accessor(unsealed, call))),
        Path::new("revoke-accessor/{accessor}", "Revoke the token of an accessor and its descendants.")
            .sensitive()
            .write(|_, unsealed, call| Handled::pending(revoke_by_accessor(unsealed, call))),
        Path::new("revoke-orphan", "Revoke a token and make its children orphans.")
            .description("Takes `token`.")
            .sudo()
            .write(|_, unsealed, call| Handled::pending(revoke_orphan(unsealed, call))),
        Path::new("revoke-orphan/{token}", "Revoke a token and make its children orphans.")
            .sudo()
            .sensitive()
            .write(|_, unsealed, call| Handled::pending(revoke_orphan(unsealed, call))),
        Path::new("accessors/?", "List the accessors of all tokens.")
            .sudo()
            .list(|_, unsealed, call| Handled::pending(accessors(unsealed, call))),
        Path::new("tidy", "Remove tokens that have ended.")
            .write(|_, unsealed, call| Handled::pending(tidy(unsealed, call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

/// The caller. All these routes need a token.
fn caller<'a>(call: &Call<'a>) -> Result<&'a Caller, Refusal> {
    call.caller.ok_or_else(Refusal::no_valid_token)
}

/// A token or an accessor that the request names, in its path or in a field: refused with `missing` if it is empty.
fn named<'a>(call: &Call<'a>, field: &str, missing: &str) -> Result<Cow<'a, str>, Refusal> {
    let named = match call.captured {
        "" => fields::text(call.data, field)?.unwrap_or_default(),
        captured => Cow::Borrowed(captured),
    };
    if named.is_empty() { Err(Refusal::invalid(missing)) } else { Ok(named) }
}

async fn found(unsealed: &Unsealed, call: &Call<'_>) -> Result<Option<ActiveToken>, Refusal> {
    Ok(unsealed.tokens.find(&named(call, "token", "missing token ID")?, call.now).await?)
}

async fn accessed(unsealed: &Unsealed, call: &Call<'_>) -> Result<ActiveToken, Refusal> {
    let accessor = named(call, "accessor", "missing accessor")?;
    let found = unsealed.tokens.find_accessor(&accessor, call.now).await?;
    found.ok_or_else(|| Refusal::invalid("1 error occurred:\n\t* invalid accessor\n\n"))
}

async fn lookup(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let bad = || Refusal { text: Some("bad token".to_owned()), ..Refusal::denied() };
    let entry = found(unsealed, call).await?.ok_or_else(bad)?.entry();
    Ok(reply(unsealed, call, &entry, entry.id.expose(), "token"))
}

/// The caller's own, even if this request spends its last use.
fn lookup_own(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let entry = unsealed.tokens.current(caller(call)?).entry();
    Ok(reply(unsealed, call, &entry, entry.id.expose(), "token"))
}

/// By its accessor: everything but its text.
async fn lookup_by_accessor(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let entry = accessed(unsealed, call).await?.entry();
    Ok(reply(unsealed, call, &entry, "", "accessor"))
}

async fn accessors(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let mut accessors = unsealed.tokens.accessors(call.now).await?;
    call.permit.hold_names(&accessors)?;
    accessors.sort_unstable();
    Ok(Outcome::keys(accessors))
}

fn reply(unsealed: &Unsealed, call: &Call<'_>, entry: &Entry, text: &str, known: &str) -> Reply {
    let mut facts = facts(entry, text, call.now);
    if let (_, Some(identity)) = unsealed.identity.caller(&entry.entity_id, &entry.policies) {
        facts.insert("entity_id", identity.entity_id());
        facts.insert("identity_policies", identity.policies.as_slice());
    }
    fields::answer(facts, call.data, &[known])
}

fn facts(entry: &Entry, text: &str, now: Time) -> Object {
    let mut facts = object! {
        "accessor" => entry.accessor.as_str(),
        "creation_time" => entry.issued.unix_seconds(),
        "creation_ttl" => entry.creation_ttl,
        "display_name" => entry.display_name.as_str(),
        "entity_id" => entry.entity_id.as_str(),
        "expire_time" => entry.expires,
        "explicit_max_ttl" => entry.explicit_max_ttl,
        "id" => text,
        "meta" => entry.meta.clone(),
        "num_uses" => entry.num_uses,
        "orphan" => entry.parent.is_none(),
        "path" => entry.path.as_str(),
        "policies" => entry.policies.as_slice(),
        "ttl" => entry.ttl(now),
        "type" => entry.kind.as_str(),
    };
    if !entry.bound_cidrs.is_empty() {
        facts.insert("bound_cidrs", entry.bound_cidrs.texts().collect::<Value>());
    }
    if !entry.role.is_empty() {
        facts.insert("role", entry.role.as_str());
    }
    if entry.expires.is_some() {
        facts.insert("issue_time", entry.issued);
        facts.insert("renewable", entry.renewable);
    }
    if let Some(renewed) = entry.renewed {
        facts.insert("last_renewal", renewed);
        facts.insert("last_renewal_time", renewed.unix_seconds());
    }
    if entry.period > 0 {
        facts.insert("period", entry.period);
    }
    facts
}

async fn renew(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(unsealed, call).await?.ok_or_else(|| Refusal::invalid("token not found"))?;
    extend(unsealed, call, &found, true).await
}

async fn renew_own(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    extend(unsealed, call, &unsealed.tokens.current(caller(call)?), true).await
}

/// By its accessor: the answer has not its text.
async fn renew_by_accessor(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    extend(unsealed, call, &accessed(unsealed, call).await?, false).await
}

async fn extend(
    unsealed: &Unsealed,
    call: &Call<'_>,
    found: &ActiveToken,
    text_known: bool,
) -> Result<Reply, Refusal> {
    if found.entry().kind == TokenKind::Batch {
        return Err(Refusal::invalid("batch tokens cannot be renewed"));
    }
    let increment = fields::span(call.data, "increment")?.unwrap_or(GoDuration::ZERO);
    if increment.is_negative() {
        return Err(Refusal::invalid("increment must not be negative"));
    }
    let increment = u64::try_from(increment.secs()).unwrap_or(0);
    let bounds = bounds_of(unsealed, call, &found.entry());
    let mut capped = None;
    let plan = |entry: &Entry| {
        granted(entry, increment, call, bounds).map(|granted| {
            capped = granted.capped.filter(|_| increment > 0);
            granted.ttl
        })
    };
    let entry = unsealed.tokens.renew(found, call.now, plan).await?.map_err(Refusal::invalid)?;
    let capped = capped.map(|capped| lifetime::warning("increment", capped));
    let unknown = fields::unrecognized(call.data, &["accessor", "increment", "token"]);
    let warnings = capped.into_iter().chain(unknown).collect();
    let lease_seconds = entry.ttl(call.now);
    let auth = Some(Issued { entry, lease_seconds, new: false, text_known });
    Ok(Reply { auth, warnings, ..Reply::default() })
}

/// The bounds of a token: those of the mount that issued it.
fn bounds_of(unsealed: &Unsealed, call: &Call<'_>, entry: &Entry) -> Bounds {
    let issuer = unsealed.mounts.find(&entry.path);
    Bounds::of(unsealed, issuer.as_ref().map_or(&call.mount.tune, |mount| &mount.tune))
}

/// The seconds a renewal grants, or why there are none.
fn granted(entry: &Entry, increment: u64, call: &Call<'_>, bounds: Bounds) -> Result<Granted, &'static str> {
    if entry.expires.is_none() {
        return Err("invalid lease ID");
    }
    if !entry.renewable {
        return Err("lease is not renewable");
    }
    let request = TtlRequest {
        ttl: if increment > 0 { increment } else { entry.creation_ttl },
        period: entry.period,
        explicit_max_ttl: entry.explicit_max_ttl,
        age: call.now.since(entry.issued).as_secs(),
    };
    lifetime::grant(request, bounds).ok_or("past the max TTL, cannot renew")
}

/// Revokes a token and its descendants. A token that does not exist is not an error.
async fn revoke(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    match found(unsealed, call).await? {
        Some(found) => end(unsealed, &found).await,
        None => Ok(()),
    }
}

async fn revoke_own(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    end(unsealed, &unsealed.tokens.current(caller(call)?)).await
}

async fn end(unsealed: &Unsealed, found: &ActiveToken) -> Result<(), Refusal> {
    check_stored(found)?;
    Ok(unsealed.tokens.revoke(found).await?)
}

/// A batch token is not stored: it ends with its parent, or with its time.
fn check_stored(found: &ActiveToken) -> Result<(), Refusal> {
    match found.entry().kind {
        TokenKind::Service => Ok(()),
        TokenKind::Batch => Err(Refusal::invalid("batch tokens cannot be revoked")),
    }
}

async fn revoke_by_accessor(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    Ok(unsealed.tokens.revoke(&accessed(unsealed, call).await?).await?)
}

/// A token alone: its children become orphans.
async fn revoke_orphan(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let found = found(unsealed, call).await?.ok_or_else(|| Refusal::invalid("token to revoke not found"))?;
    check_stored(&found)?;
    Ok(unsealed.tokens.revoke_orphan(&found).await?)
}

async fn tidy(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let tidied = unsealed.tokens.tidy(call.now).await?;
    tracing::info!(tokens = tidied.tokens, leftovers = tidied.leftovers, "tidied the token store");
    Ok(())
}

/// What a client is told when the token store could not do it.
impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Duplicate
            | TokenError::TooDeep
            | TokenError::TooLong(_)
            | TokenError::ReservedPolicy => Self::invalid(error.to_string()),
            TokenError::Gone => Self::no_valid_token(),
            TokenError::LeaseQuota(path) => Self::over_lease_quota(&path),
            error => {
                tracing::error!(%error, "the token store failed");
                Self::internal()
            }
        }
    }
}
