//! Revoking tokens, and tidying the store. Never in it: storage.

use super::{accessed, caller, found};
use crate::engine::Call;
use crate::engine::unsealed::Unsealed;
use crate::outcome::{Refusal, Reply};

/// A token and its descendants; no error if there is no such token.
pub(super) async fn revoke(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    if let Some(found) = found(open, call).await? {
        open.tokens.revoke(&found).await?;
    }
    Ok(Reply::default())
}

/// The caller's own token and its descendants.
pub(super) async fn own(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    open.tokens.revoke(&open.tokens.current(caller(call)?)).await?;
    Ok(Reply::default())
}

/// The token with an accessor, and its descendants.
pub(super) async fn by_accessor(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    open.tokens.revoke(&accessed(open, call).await?).await?;
    Ok(Reply::default())
}

/// A token alone: its children become orphans.
pub(super) async fn orphan(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(open, call).await?.ok_or_else(|| Refusal::invalid("token to revoke not found"))?;
    open.tokens.revoke_orphan(&found).await?;
    Ok(Reply::default())
}

/// Removes what is dead already.
pub(super) async fn tidy(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let tidied = open.tokens.tidy(call.now).await?;
    tracing::info!(tokens = tidied.tokens, leftovers = tidied.leftovers, "tidied the token store");
    Ok(Reply::default())
}
