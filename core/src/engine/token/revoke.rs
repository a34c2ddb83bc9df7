//! Revoking tokens, and tidying the store. Never in it: storage.

use super::{accessed, caller, found};
use crate::engine::Call;
use crate::engine::unsealed::Unsealed;
use crate::outcome::{Refusal, Reply};

/// A token and its descendants; no error if there is no such token.
pub(super) async fn revoke(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    if let Some(found) = found(unsealed, call).await? {
        unsealed.tokens.revoke(&found).await?;
    }
    Ok(Reply::default())
}

/// The caller's own token and its descendants.
pub(super) async fn own(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    unsealed.tokens.revoke(&unsealed.tokens.current(caller(call)?)).await?;
    Ok(Reply::default())
}

/// The token with an accessor, and its descendants.
pub(super) async fn by_accessor(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    unsealed.tokens.revoke(&accessed(unsealed, call).await?).await?;
    Ok(Reply::default())
}

/// A token alone: its children become orphans.
pub(super) async fn orphan(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(unsealed, call).await?.ok_or_else(|| Refusal::invalid("token to revoke not found"))?;
    unsealed.tokens.revoke_orphan(&found).await?;
    Ok(Reply::default())
}

/// Removes what is dead already.
pub(super) async fn tidy(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let tidied = unsealed.tokens.tidy(call.now).await?;
    tracing::info!(tokens = tidied.tokens, leftovers = tidied.leftovers, "tidied the token store");
    Ok(Reply::default())
}
