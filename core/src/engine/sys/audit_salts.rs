//! The salts of audit devices: listed, asked for a hash, exported, replaced.
//! Never in it: where salts are kept (`devices`), or a salt's text on its way out; an export is sealed.

use onrecord_entry::SaltId;
use onrecord_seal::age::Recipient;
use onrecord_value::{Object, object, quote};

use super::audit::{hashed, input, refused, unknown};
use crate::devices::KeptSalt;
use crate::engine::sys::{Sys, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::outcome::{Outcome, Refusal, Reply};

pub(super) const PATHS: &[Path<Sys>] = &[
    sudo("audit-salts", "List the salts of audit devices, in use and retired.")
        .read(|_, unsealed, _| Handled::pending(list_salts(unsealed))),
    sudo("audit-salts/export", "Export all salts, in use and retired, sealed to a public key.")
        .description(
            "Takes `recipient`, an age public key (`age1…`). Answers `file`, which the tool `age` opens with its private key, \
             and `salts`, how many there are.",
        )
        .write(|_, unsealed, call| Handled::pending(export_salts(unsealed, call))),
    Path::new("audit-salts/{id}/hash", "Hash a text under a salt.")
        .description("Takes `input`.")
        .write(|_, unsealed, call| Handled::pending(hash_by_salt(unsealed, call))),
    sudo("audit-rotate-salt/{*path}", "Give an audit device a new salt.")
        .write(|_, unsealed, call| Handled::pending(rotate_salt(unsealed, call))),
];

const NO_RECIPIENT: &str = "\"recipient\" is missing: salts leave the server sealed to a public key alone. Give an age public key \
    (age1…), or use the command \"audit salts -export\", which makes one";

async fn list_salts(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let salts = unsealed.devices.salts().await.map_err(refused)?;
    Ok(Outcome::data(salts.iter().map(|salt| (salt.id.to_string(), shown_salt(salt))).collect()))
}

fn shown_salt(salt: &KeptSalt) -> Object {
    object! {
        "from" => salt.from,
        "live" => salt.to.is_none(),
        "path" => salt.path.as_str(),
        "to" => salt.to,
        "type" => salt.kind.as_str(),
    }
}

async fn hash_by_salt(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let input = input(call)?;
    let unknown = || Refusal::bad_request(format!("unknown audit salt {}", quote::quote(call.captured)));
    let id = SaltId::parse(call.captured).ok_or_else(unknown)?;
    let hash = unsealed.devices.hash_by_id(id, &input).await.map_err(refused)?;
    hash.map(|hash| hashed(call, hash)).ok_or_else(unknown)
}

async fn rotate_salt(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let path = call.captured.trim_matches('/');
    let now = unsealed.machine_clock.now();
    let rotated = unsealed.devices.rotate_salt(&unsealed.broker, path, now).await.map_err(refused)?;
    let rotated = rotated.ok_or_else(|| unknown(path))?;
    Ok(Outcome::data(object! {
        "path" => rotated.path,
        "retired" => rotated.retired.to_string(),
        "salt" => rotated.salt.to_string(),
    }))
}

async fn export_salts(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let recipient = fields::text(call.data, "recipient")?.filter(|recipient| !recipient.is_empty());
    let recipient = recipient.ok_or_else(|| Refusal::bad_request(NO_RECIPIENT))?;
    let recipient = Recipient::parse(recipient.trim())
        .map_err(|error| Refusal::bad_request(format!("\"recipient\": {error}")))?;
    let server = unsealed.log_keys.server().to_owned();
    let now = unsealed.machine_clock.now();
    let sealed = unsealed.devices.export_salts(server, &recipient, now).await.map_err(refused)?;
    tracing::info!(salts = sealed.count, "the salts of all audit devices were exported, sealed");
    let data = object! {
        "file" => sealed.file,
        "salts" => sealed.count as u64,
    };
    Ok(fields::answer(data, call.data, &["recipient"]))
}
