//! The endpoints below `auth/token/`. Never in it: how tokens are stored, or whether the caller may ask (decided before).

mod create;
mod lifetime;
mod lookup;
mod renew;
mod revoke;

use std::borrow::Cow;

use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal};
use crate::routes::Endpoint;
use crate::token::Caller;
use crate::tokens::{ActiveToken, TokenError};
use crate::unsealed::Unsealed;

/// Does what is asked of the token engine.
pub async fn handle(open: &Unsealed, call: &Call<'_>) -> Outcome {
    let Some(route) = call.route else { return Refusal::unsupported_path().into() };
    match route.endpoint {
        Endpoint::TokenCreate => create::create(open, call, false).await.into(),
        Endpoint::TokenCreateOrphan => create::create(open, call, true).await.into(),
        Endpoint::TokenCreateRole => create::of_role(call).into(),
        Endpoint::TokenLookup => lookup::lookup(open, call).await.into(),
        Endpoint::TokenLookupSelf => lookup::own(open, call).into(),
        Endpoint::TokenLookupAccessor => lookup::by_accessor(open, call).await.into(),
        Endpoint::TokenAccessors => lookup::accessors(open, call).await,
        Endpoint::TokenRenew => renew::renew(open, call).await.into(),
        Endpoint::TokenRenewSelf => renew::own(open, call).await.into(),
        Endpoint::TokenRenewAccessor => renew::by_accessor(open, call).await.into(),
        Endpoint::TokenRevoke => revoke::revoke(open, call).await.into(),
        Endpoint::TokenRevokeSelf => revoke::own(open, call).await.into(),
        Endpoint::TokenRevokeAccessor => revoke::by_accessor(open, call).await.into(),
        Endpoint::TokenRevokeOrphan => revoke::orphan(open, call).await.into(),
        Endpoint::TokenTidy => revoke::tidy(open, call).await.into(),
        _ => Refusal::unsupported_path().into(),
    }
}

/// Who asks. All these routes need a token.
fn caller<'a>(call: &Call<'a>) -> Result<&'a Caller, Refusal> {
    call.caller.ok_or_else(Refusal::no_valid_token)
}

/// A token or an accessor that the request names: in its path, or in a field.
fn named<'a>(call: &Call<'a>, field: &str) -> Result<Cow<'a, str>, Refusal> {
    if !call.captured.is_empty() {
        return Ok(Cow::Borrowed(call.captured));
    }
    Ok(fields::text(call.data, field)?.unwrap_or_default())
}

/// The text of the token the request names.
fn named_token<'a>(call: &Call<'a>) -> Result<Cow<'a, str>, Refusal> {
    let text = named(call, "token")?;
    if text.is_empty() { Err(Refusal::invalid("missing token ID")) } else { Ok(text) }
}

/// The live token whose accessor the request names.
async fn accessed(open: &Unsealed, call: &Call<'_>) -> Result<ActiveToken, Refusal> {
    let accessor = named(call, "accessor")?;
    if accessor.is_empty() {
        return Err(Refusal::invalid("missing accessor"));
    }
    let found = open.tokens.find_accessor(&accessor, call.now).await?;
    found.ok_or_else(|| Refusal { text: Some("invalid accessor".to_owned()), ..Refusal::denied() })
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
