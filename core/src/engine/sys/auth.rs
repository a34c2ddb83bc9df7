//! `sys/auth`: list and tune logins. There is one, `token/`, which is always there; others cannot be enabled yet.
//! Never in it: tokens.

use super::mounts::{Class, full_path, listing, look, tune_of};
use crate::engine::{Call, fields};
use crate::open::Open;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};

/// `GET sys/auth`.
pub(crate) fn list(open: &Open) -> Outcome {
    Outcome::data(listing(open, Class::Auth))
}

/// `sys/auth/PATH`: look, enable, disable.
pub(crate) fn mount(open: &Open, call: &Call<'_>) -> Outcome {
    let result = match call.operation {
        Operation::Read => look(open, call, Class::Auth),
        Operation::Create | Operation::Update => Err(enable(open, call)),
        Operation::Delete => disable(open, call),
        _ => Err(Refusal::unsupported_operation()),
    };
    result.unwrap_or_else(Outcome::from)
}

/// `sys/auth/PATH/tune`, `sys/mounts/auth/PATH/tune`.
pub(crate) async fn tune(open: &Open, call: &Call<'_>) -> Outcome {
    tune_of(open, call, Class::Auth).await
}

/// No login but `token` exists, and that one is there.
fn enable(open: &Open, call: &Call<'_>) -> Refusal {
    let path = full_path(call.captured, Class::Auth);
    let kind = match fields::text(call.data, "type") {
        Ok(kind) => kind.unwrap_or_default(),
        Err(refusal) => return refusal,
    };
    if let Some(mount) = open.mounts.at(&path) {
        return Refusal::invalid(format!("path is already in use at {}", within(&mount.path)));
    }
    match &*kind {
        "" => Refusal::invalid("the type of the auth method is missing"),
        "token" => Refusal::invalid("token credential backend cannot be instantiated"),
        other => Refusal::invalid(format!("plugin not found in the catalog: {other}")),
    }
}

fn disable(open: &Open, call: &Call<'_>) -> Result<Outcome, Refusal> {
    match open.mounts.at(&full_path(call.captured, Class::Auth)) {
        Some(_) => Err(Refusal::invalid("token credential backend cannot be disabled")),
        None => Ok(Outcome::empty()),
    }
}

/// A login's path as clients know it.
fn within(path: &str) -> &str {
    path.strip_prefix(Class::Auth.prefix()).unwrap_or(path)
}
