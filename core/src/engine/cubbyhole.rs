//! A token's private store: nobody else can reach it, and it ends with the token.
//! Never in it: the removal with the token, which is the token store's (it deletes the folder in the batch that
//! revokes the token).

use std::sync::Arc;

use super::space::Space;
use super::{Call, Engine, Handled, Path, kv1};
use crate::engine::kind::{Builtin, EngineKind, Mounting};
use crate::engine::tune::Tune;
use crate::outcome::{Outcome, Refusal};
use crate::place;

/// The engine, over all that is below [`place::CUBBYHOLE`].
pub(crate) struct Cubbyhole {
    space: Arc<Space>,
}

/// Cubbyholes.
pub(crate) static KIND: EngineKind = EngineKind::new::<Cubbyhole>(
    "cubbyhole",
    Mounting::Builtin(Builtin {
        path: "cubbyhole/",
        description: "per-token private secret storage",
        folder: Some(place::CUBBYHOLE),
        local: true,
        seal_wrap: false,
        tune: Tune::default,
    }),
    "Private store of each token",
);

/// The root can be listed; a key takes everything.
const fn key(pattern: &'static str, synopsis: &'static str) -> Path<Cubbyhole> {
    Path::<Cubbyhole>::new(pattern, synopsis)
        .read(|cubbyhole, _, call| Handled::ready(cubbyhole.read(call)))
        .list(|cubbyhole, _, call| Handled::ready(cubbyhole.list(call)))
        .write(|cubbyhole, _, call| Handled::pending(cubbyhole.write(call)))
        .delete(|cubbyhole, _, call| Handled::pending(cubbyhole.delete(call)))
        .exists(|cubbyhole, call| kv1::exists(&cubbyhole.space, &own(call).ok()?))
}

impl Engine for Cubbyhole {
    const PATHS: &'static [Path<Self>] = &[
        key("", "List the keys of the caller's token."),
        key("{*path}", "Read, write, list and delete the map at a key of the caller's token.")
            .description("No other token can reach it, and it ends with the token."),
    ];

    fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

impl Cubbyhole {
    fn read(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        Ok(kv1::read(&self.space, &own(call)?)?.map_or_else(Outcome::absent, Outcome::data))
    }

    fn list(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        self.space.list(&kv1::folder(&own(call)?)).map(Outcome::keys)
    }

    async fn write(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        kv1::write(&self.space, &own(call)?, call).await
    }

    async fn delete(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        kv1::delete(&self.space, &own(call)?).await
    }
}

/// The path in the folder of the caller's token.
fn own(call: &Call<'_>) -> Result<String, Refusal> {
    let caller = call.caller.ok_or_else(Refusal::denied)?;
    Ok(format!("{}/{}", caller.entry.name, call.path))
}
