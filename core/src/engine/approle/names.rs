//! The keys under which roles and secret ids are stored.
//! Never in it: what is stored there.

use crate::engine::space::refused;
use crate::engine::{Call, Unsealed};
use crate::outcome::Refusal;

/// The folder of all roles.
pub(super) const ROLES: &str = "role/";
/// The folder of all secret ids: a folder for each role.
pub(super) const SECRET_IDS: &str = "secret-id/";

/// The name that a path captures. Names have no case.
pub(super) fn role_of(call: &Call<'_>) -> String {
    call.captured.to_lowercase()
}

pub(super) fn role(name: &str) -> String {
    [ROLES, name].concat()
}

/// Leads from a role id to the name of its role.
pub(super) fn role_id(unsealed: &Unsealed, role_id: &str) -> Result<String, Refusal> {
    Ok(format!("role-id/{}", hash(unsealed, "role id", role_id)?))
}

/// The folder of the secret ids of a role.
pub(super) fn secret_ids(uuid: &str) -> String {
    format!("{SECRET_IDS}{uuid}/")
}

/// The folder of the accessors of a role.
pub(super) fn accessors(uuid: &str) -> String {
    format!("accessor/{uuid}/")
}

/// Under what a secret id is stored in the folder of its role.
pub(super) fn hashed_secret_id(unsealed: &Unsealed, secret_id: &str) -> Result<String, Refusal> {
    hash(unsealed, "secret id", secret_id)
}

/// Leads from an accessor to the hash of its secret id.
pub(super) fn accessor(unsealed: &Unsealed, uuid: &str, accessor: &str) -> Result<String, Refusal> {
    Ok(accessors(uuid) + &hash(unsealed, "accessor", accessor)?)
}

/// An HMAC; of the same text, another one for each kind of credential.
fn hash(unsealed: &Unsealed, kind: &str, text: &str) -> Result<String, Refusal> {
    unsealed.barrier.hash_name(&format!("approle {kind}\n{text}")).map_err(refused)
}
