//! A token's private store: nobody else can reach it, and it ends with the token.
//! Never in it: the removal with the token, which is the token store's (it deletes the folder in the batch that
//! revokes the token).

use std::sync::Arc;

use super::space::Space;
use super::{Call, kv1};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};

/// The engine.
pub struct Cubbyhole {
    space: Arc<Space>,
}

impl Cubbyhole {
    /// The engine over all that is below [`place::CUBBYHOLE`](crate::unsealed::place::CUBBYHOLE).
    pub const fn new(space: Arc<Space>) -> Self {
        Self { space }
    }

    /// Does what is asked, in the caller's own folder.
    pub async fn handle(&self, call: &Call<'_>) -> Outcome {
        self.dispatch(call).await.unwrap_or_else(Outcome::from)
    }

    /// Whether the key of a write is there already.
    pub async fn exists(&self, call: &Call<'_>) -> Option<bool> {
        kv1::exists(&self.space, &own(call).ok()?).await
    }

    async fn dispatch(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let path = own(call)?;
        match call.operation {
            Operation::Read => {
                Ok(kv1::read(&self.space, &path).await?.map_or_else(Outcome::absent, Outcome::data))
            }
            Operation::List => self.space.list(&kv1::folder(&path)).await.map(Outcome::keys),
            Operation::Create | Operation::Update => kv1::write(&self.space, &path, call).await,
            Operation::Delete => kv1::delete(&self.space, &path).await,
            Operation::Patch | Operation::Help | Operation::Header => Err(Refusal::unsupported_operation()),
        }
    }
}

/// The path in the folder of the caller's token.
fn own(call: &Call<'_>) -> Result<String, Refusal> {
    let caller = call.caller.ok_or_else(Refusal::denied)?;
    Ok(format!("{}/{}", caller.entry.name, call.path))
}
