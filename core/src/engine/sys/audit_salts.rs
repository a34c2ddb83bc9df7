//! `sys/audit-salts` and `sys/audit-rotate-salt`: salts in use and retired, a text hashed under any of them, a new salt
//! for a device that runs. Never in it: where salts lie (`devices::salts`).

use onrecord_entry::SaltId;
use onrecord_value::{Object, object, quote};

use super::audit::{hashed, input, refused, unknown};
use crate::devices::KeptSalt;
use crate::engine::{Call, Unsealed};
use crate::outcome::{Outcome, Refusal, Reply};

pub(super) async fn list(open: &Unsealed) -> Result<Outcome, Refusal> {
    let salts = open.devices.salts().await.map_err(refused)?;
    Ok(Outcome::data(salts.iter().map(|salt| (salt.id.to_string(), shown(salt))).collect()))
}

fn shown(salt: &KeptSalt) -> Object {
    object! {
        "from" => salt.from,
        "live" => salt.to.is_none(),
        "path" => salt.path.as_str(),
        "to" => salt.to,
        "type" => salt.kind.as_str(),
    }
}

pub(super) async fn hash(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let input = input(call)?;
    let unknown = || Refusal::bad_request(format!("unknown audit salt {}", quote::quote(call.captured)));
    let id = SaltId::parse(call.captured).ok_or_else(unknown)?;
    let hash = open.devices.hash_by_id(id, &input).await.map_err(refused)?;
    hash.map(|hash| hashed(call, hash)).ok_or_else(unknown)
}

pub(super) async fn rotate(open: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let path = call.captured.trim_matches('/');
    let rotated = open.devices.rotate_salt(&open.broker, path, call.now).await.map_err(refused)?;
    let rotated = rotated.ok_or_else(|| unknown(path))?;
    Ok(Outcome::data(object! {
        "path" => rotated.path,
        "retired" => rotated.retired.to_string(),
        "salt" => rotated.salt.to_string(),
    }))
}
