//! `sys/config/cors`: which origins a browser may let ask this server.
//! Never in it: the headers that say so (the transport's).

use onrecord_value::object;
use onrecord_value::printable::find_invisible;

use crate::cors::Cors;
use crate::engine::space::failed;
use crate::engine::sys::{Sys, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::outcome::{Outcome, Refusal};

/// How many origins and how many headers can be named.
const NAMED_MAX: usize = 256;
/// How many bytes each of them may have.
const NAME_BYTES_MAX: usize = 1024;

pub(super) const PATHS: &[Path<Sys>] =
    &[sudo("config/cors", "Read, set and remove the origins that a browser may let ask this server.")
        .description("Takes `allowed_origins` and `allowed_headers`.")
        .injected()
        .read(|_, unsealed, _| Handled::ready(read(unsealed)))
        .write(|_, unsealed, call| Handled::pending(write(unsealed, call)))
        .delete(|_, unsealed, _| Handled::pending(set(unsealed, Cors::default())))];

fn read(unsealed: &Unsealed) -> Outcome {
    let cors = unsealed.operations.cors.current();
    let mut shown = object! { "enabled" => cors.enabled };
    if cors.enabled {
        shown.extend(object! {
            "allowed_headers" => cors.allowed_headers.as_slice(),
            "allowed_origins" => cors.allowed_origins.as_slice(),
        });
    }
    Outcome::data(shown)
}

async fn write(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let allowed_origins = names(call, "allowed_origins")?;
    if allowed_origins.is_empty() {
        return Err(Refusal::invalid(
            "at least one origin or the wildcard must be provided: allowed_origins",
        ));
    }
    if allowed_origins.len() > 1 && allowed_origins.iter().any(|origin| origin == "*") {
        return Err(Refusal::invalid(
            "to allow all origins the '*' must be the only value for allowed_origins",
        ));
    }
    set(unsealed, Cors { enabled: true, allowed_origins, allowed_headers: names(call, "allowed_headers")? })
        .await
}

fn names(call: &Call<'_>, field: &str) -> Result<Vec<String>, Refusal> {
    let names = fields::texts(call.data, field)?.unwrap_or_default();
    let is_bad =
        |name: &String| name.len() > NAME_BYTES_MAX || name.is_empty() || find_invisible(name).is_some();
    if names.len() > NAMED_MAX || names.iter().any(is_bad) {
        return Err(Refusal::invalid(format!(
            "{field} takes at most {NAMED_MAX} texts of 1 to {NAME_BYTES_MAX} printable bytes"
        )));
    }
    Ok(names)
}

async fn set(unsealed: &Unsealed, cors: Cors) -> Result<(), Refusal> {
    unsealed.operations.cors.set(cors).await.map_err(|error| failed(&error))
}
