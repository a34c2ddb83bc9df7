//! The endpoints below `auth/token/`. Never in it: how tokens are stored, or whether the caller may ask (decided before).

mod create;
pub(crate) mod lifetime;
mod lookup;
mod renew;

use std::borrow::Cow;
use std::sync::Arc;

use crate::engine::{
    Builtin, Call, Engine, EngineKind, Handled, Mounting, Path, Space, Tune, Unsealed, fields,
};
use crate::outcome::Refusal;
use crate::tokens::{ActiveToken, Caller, TokenError};

pub(crate) use create::sanitised;

pub(crate) struct Token;

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
    `display_name`, `meta`, `no_parent`, `no_default_policy` and `id`.";

impl Engine for Token {
    const PATHS: &'static [Path<Self>] = &[
        Path::new("create", "Create a token.")
            .description(FIELDS_OF_CREATE)
            .write(|_, open, call| Handled::pending(create::create(open, call, false))),
        Path::new("create-orphan", "Create a token without a parent.")
            .description(FIELDS_OF_CREATE)
            .write(|_, open, call| Handled::pending(create::create(open, call, true))),
        Path::new("create/{role}", "Create a token by a role. There are no roles.").write(|_, _, call| {
            Handled::ready(Refusal::bad_request(format!("unknown role {}", call.captured)))
        }),
        Path::new("lookup", "Look a token up.")
            .description("Takes `token`.")
            .read(|_, open, call| Handled::pending(lookup::lookup(open, call)))
            .write(|_, open, call| Handled::pending(lookup::lookup(open, call))),
        Path::new("lookup/{token}", "Look a token up.")
            .sensitive()
            .read(|_, open, call| Handled::pending(lookup::lookup(open, call)))
            .write(|_, open, call| Handled::pending(lookup::lookup(open, call))),
        Path::new("lookup-self", "Look the caller's token up.")
            .read(|_, open, call| Handled::ready(lookup::own(open, call)))
            .write(|_, open, call| Handled::ready(lookup::own(open, call))),
        Path::new("lookup-accessor", "Look the token of an accessor up.")
            .description("Takes `accessor`.")
            .write(|_, open, call| Handled::pending(lookup::by_accessor(open, call))),
        Path::new("lookup-accessor/{accessor}", "Look the token of an accessor up.")
            .sensitive()
            .write(|_, open, call| Handled::pending(lookup::by_accessor(open, call))),
        Path::new("renew", "Renew a token.")
            .description("Takes `token` and `increment`.")
            .write(|_, open, call| Handled::pending(renew::renew(open, call))),
        Path::new("renew/{token}", "Renew a token.")
            .description("Takes `increment`.")
            .sensitive()
            .write(|_, open, call| Handled::pending(renew::renew(open, call))),
        Path::new("renew-self", "Renew the caller's token.")
            .description("Takes `increment`.")
            .write(|_, open, call| Handled::pending(renew::own(open, call))),
        Path::new("renew-accessor", "Renew the token of an accessor.")
            .description("Takes `accessor` and `increment`.")
            .write(|_, open, call| Handled::pending(renew::by_accessor(open, call))),
        Path::new("renew-accessor/{accessor}", "Renew the token of an accessor.")
            .description("Takes `increment`.")
            .sensitive()
            .write(|_, open, call| Handled::pending(renew::by_accessor(open, call))),
        Path::new("revoke", "Revoke a token and its descendants.")
            .description("Takes `token`.")
            .write(|_, open, call| Handled::pending(revoke(open, call))),
        Path::new("revoke/{token}", "Revoke a token and its descendants.")
            .sensitive()
            .write(|_, open, call| Handled::pending(revoke(open, call))),
        Path::new("revoke-self", "Revoke the caller's token and its descendants.")
            .write(|_, open, call| Handled::pending(revoke_own(open, call))),
        Path::new("revoke-accessor", "Revoke the token of an accessor and its descendants.")
            .description("Takes `accessor`.")
            .write(|_, open, call| Handled::pending(revoke_by_accessor(open, call))),
        Path::new("revoke-accessor/{accessor}", "Revoke the token of an accessor and its descendants.")
            .sensitive()
            .write(|_, open, call| Handled::pending(revoke_by_accessor(open, call))),
        Path::new("revoke-orphan", "Revoke a token and make its children orphans.")
            .description("Takes `token`.")
            .sudo()
            .write(|_, open, call| Handled::pending(revoke_orphan(open, call))),
        Path::new("revoke-orphan/{token}", "Revoke a token and make its children orphans.")
            .sudo()
            .sensitive()
            .write(|_, open, call| Handled::pending(revoke_orphan(open, call))),
        Path::new("accessors/?", "List the accessors of all tokens.")
            .sudo()
            .list(|_, open, call| Handled::pending(lookup::accessors(open, call))),
        Path::new("tidy", "Remove tokens that have ended.")
            .write(|_, open, call| Handled::pending(tidy(open, call))),
    ];

    async fn open(_: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self)
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

/// The live token whose text the request names.
async fn found(open: &Unsealed, call: &Call<'_>) -> Result<Option<ActiveToken>, Refusal> {
    Ok(open.tokens.find(&named(call, "token", "missing token ID")?, call.now).await?)
}

/// The live token whose accessor the request names.
async fn accessed(open: &Unsealed, call: &Call<'_>) -> Result<ActiveToken, Refusal> {
    let accessor = named(call, "accessor", "missing accessor")?;
    let found = open.tokens.find_accessor(&accessor, call.now).await?;
    found.ok_or_else(|| Refusal { text: Some("invalid accessor".to_owned()), ..Refusal::denied() })
}

/// A token and its descendants; no error if there is no such token.
async fn revoke(open: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    if let Some(found) = found(open, call).await? {
        open.tokens.revoke(&found).await?;
    }
    Ok(())
}

/// The caller's own token and its descendants.
async fn revoke_own(open: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    Ok(open.tokens.revoke(&open.tokens.current(caller(call)?)).await?)
}

/// The token with an accessor, and its descendants.
async fn revoke_by_accessor(open: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    Ok(open.tokens.revoke(&accessed(open, call).await?).await?)
}

/// A token alone: its children become orphans.
async fn revoke_orphan(open: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let found = found(open, call).await?.ok_or_else(|| Refusal::invalid("token to revoke not found"))?;
    Ok(open.tokens.revoke_orphan(&found).await?)
}

/// Removes what is dead already.
async fn tidy(open: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let tidied = open.tokens.tidy(call.now).await?;
    tracing::info!(tokens = tidied.tokens, leftovers = tidied.leftovers, "tidied the token store");
    Ok(())
}

/// What a client is told when the token store could not do it.
impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Duplicate | TokenError::TooDeep => Self::invalid(error.to_string()),
            TokenError::Gone => Self::no_valid_token(),
            error => {
                tracing::error!(%error, "the token store failed");
                Self::internal()
            }
        }
    }
}
