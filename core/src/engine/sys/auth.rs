//! `sys/auth`: list and tune logins. There is one, `token/`, which is always there; others cannot be enabled yet.
//! Never in it: tokens.

use super::mounts::{Class, full_path, listing, look, tune};
use crate::engine::{Call, fields};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::routes::Endpoint;
use crate::unsealed::Unsealed;

/// Answers a request to one of the login routes.
pub(crate) async fn handle(open: &Unsealed, call: &Call<'_>) -> Outcome {
    let result = match (call.route.map(|route| route.endpoint), call.operation) {
        (Some(Endpoint::Auths), Operation::Read) => Ok(Outcome::data(listing(open, Class::Auth))),
        (Some(Endpoint::AuthTune), _) => return tune(open, call, Class::Auth).await,
        (Some(Endpoint::AuthMount), Operation::Read) => look(open, call, Class::Auth),
        (Some(Endpoint::AuthMount), Operation::Create | Operation::Update) => Err(enable(open, call)),
        (Some(Endpoint::AuthMount), Operation::Delete) => disable(open, call),
        _ => Err(Refusal::unsupported_operation()),
    };
    result.unwrap_or_else(Outcome::from)
}

/// No login but `token` exists, and that one is there.
fn enable(open: &Unsealed, call: &Call<'_>) -> Refusal {
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

fn disable(open: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    match open.mounts.at(&full_path(call.captured, Class::Auth)) {
        Some(_) => Err(Refusal::invalid("token credential backend cannot be disabled")),
        None => Ok(Outcome::empty()),
    }
}

/// A login's path as clients know it.
fn within(path: &str) -> &str {
    path.strip_prefix(Class::Auth.prefix()).unwrap_or(path)
}
