//! The table of the kinds of engine that this server has: one row each, one file each.
//! Never in it: what a kind is (`kind`), or what an engine does (`engine`).

use crate::engine::kind::{EngineKind, Kinds};
use crate::engine::{
    approle, cert, cubbyhole, identity, jwt, kv1, kv2, pki, sys, token, totp, transit, userpass,
};

/// The built-in kinds. Of several versions the first is the default.
static BUILTIN: [&EngineKind; 13] = [
    &sys::KIND,
    &cubbyhole::KIND,
    &token::KIND,
    &kv1::KIND,
    &kv2::KIND,
    &transit::KIND,
    &pki::KIND,
    &totp::KIND,
    &userpass::KIND,
    &approle::KIND,
    &cert::KIND,
    &jwt::KIND,
    &identity::KIND,
];

/// The built-in table.
pub fn builtin() -> Kinds {
    Kinds::new(&BUILTIN)
}
