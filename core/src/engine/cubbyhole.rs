//! A token's private store: nobody else can reach it, and it ends with the token.
//! Never in it: the removal with the token, which is the token store's (it deletes the folder in the batch that
//! revokes the token).

use std::sync::Arc;

use onrecord_storage::Read;

use crate::engine::{Builtin, Call, Engine, EngineKind, Handled, Mounting, Path, Space, Tune, kv1};
use crate::outcome::{Outcome, Refusal};
use crate::place;
use crate::token::TokenKind;

/// The engine, over all that is below [`place::CUBBYHOLE`].
pub(crate) struct Cubbyhole {
    space: Arc<Space>,
}

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
        .read(|cubbyhole, _, call| match own(call) {
            Ok(path) => Handled::read(
                kv1::read(&cubbyhole.space, &path, call.permit)
                    .map(|data| data.map(|data| data.map_or_else(Outcome::absent, Outcome::data))),
            ),
            Err(refusal) => Handled::ready(refusal),
        })
        .list(|cubbyhole, _, call| match own(call) {
            Ok(path) => Handled::read(kv1::list(&cubbyhole.space, &path, call.permit)),
            Err(refusal) => Handled::ready(refusal),
        })
        .write(|cubbyhole, _, call| {
            Handled::pending(async move { kv1::write(&cubbyhole.space, &own(call)?, call).await })
        })
        .delete(|cubbyhole, _, call| {
            Handled::pending(async move { kv1::delete(&cubbyhole.space, &own(call)?, call.permit).await })
        })
        .exists(|cubbyhole, call| match own(call) {
            Ok(path) => kv1::exists(&cubbyhole.space, &path),
            Err(_) => Read::Ready(None),
        })
}

impl Engine for Cubbyhole {
    const PATHS: &'static [Path<Self>] = &[
        key("", "List the keys of the caller's token."),
        key("{*path}", "Read, write, list and delete the map at a key of the caller's token.")
            .description("No other token can reach it, and it ends with the token."),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

/// The path in the folder of the caller's token.
fn own(call: &Call<'_>) -> Result<String, Refusal> {
    let caller = call.caller.ok_or_else(Refusal::denied)?;
    if caller.entry.kind == TokenKind::Batch {
        return Err(Refusal::invalid("cubbyhole operations are only supported by \"service\" type tokens"));
    }
    Ok(format!("{}/{}", caller.entry.name, call.path))
}
