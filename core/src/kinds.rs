//! The table of the kinds of engine that this server has: one row each, one file each.
//! Never in it: what a kind is (`kind`), or what an engine does (`engine`).

use crate::engine::kind::{EngineKind, Kinds};
use crate::engine::{cubbyhole, kv1, kv2, sys, token, transit};

/// The built-in kinds. Of several versions the first is the default.
static BUILTIN: [&EngineKind; 6] =
    [&sys::KIND, &cubbyhole::KIND, &token::KIND, &kv1::KIND, &kv2::KIND, &transit::KIND];

/// The built-in table.
pub fn builtin() -> Kinds {
    Kinds::new(&BUILTIN)
}
