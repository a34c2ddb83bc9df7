//! `sys/audit-log/`: the keys that verify the checkpoints of audit logs, their rotation, and the newest checkpoint of a log.
//! Never in it: keys (`log_keys`), trees and checkpoints (`onrecord-audit`).

use std::sync::Arc;
use std::time::Duration;

use onrecord_evidence::{Algorithm, VerifierKey, valid_key_name};
use onrecord_value::quote::quote;
use onrecord_value::{Object, Value, object};

use crate::blocking_task::BlockingTask;
use crate::devices;
use crate::engine::sys::{Sys, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::log_keys::{LogKey, LogKeysError};
use crate::outcome::{Outcome, Refusal, Reply};

/// The longest origin that a request may name, in bytes.
const ORIGIN_MAX: usize = 1024;

pub(super) const PATHS: &[Path<Sys>] = &[
    Path::new("audit-log/keys", "List the keys that verify the checkpoints of audit logs.")
        .description(
            "Takes `origin`, the first line of a checkpoint: the keys of that log alone, also of a device that is disabled.",
        )
        .needs_no_token()
        .read(|_, unsealed, call| Handled::ready(keys(unsealed, call))),
    sudo("audit-log/rotate", "Sign the checkpoints of audit logs with a new key.")
        .write(|_, unsealed, _| Handled::pending(rotate(unsealed))),
    sudo("audit-log/checkpoint/{*path}", "Read the newest checkpoint of the log of an audit device, and make one.")
        .description("Takes `now`: whether one is made first that covers all that was written. A write makes one.")
        .read(|_, unsealed, call| Handled::pending(read_checkpoint(unsealed, call)))
        .write(|_, unsealed, call| Handled::pending(checkpoint(unsealed, call, true))),
];

/// How long a checkpoint is waited for.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(5);

fn keys(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let log_keys = &unsealed.log_keys;
    let all = log_keys.all();
    let wanted = fields::text(call.data, "origin")?;
    let logs = match wanted.as_deref() {
        Some(origin) if valid_key_name(origin) && origin.len() <= ORIGIN_MAX => {
            vec![(None, origin.to_owned())]
        }
        Some(_) => {
            return Err(Refusal::invalid(
                "\"origin\" must be the first line of a checkpoint: at most 1024 bytes, without spaces, control characters \
                 and \"+\"",
            ));
        }
        None => {
            let logs = devices::logs(&unsealed.broker).into_iter();
            logs.map(|log| (Some(log.path), log.evidence.origin().to_owned())).collect()
        }
    };
    let listed = logs
        .iter()
        .flat_map(|(device, origin)| all.iter().map(move |key| shown(device.as_deref(), origin, key)));
    let rotations = all.iter().rev().filter_map(|key| {
        Some(object! {
            "note" => key.note.as_deref()?,
            "time" => key.created,
        })
    });
    let data = object! {
        "keys" => listed.map(Value::from).collect::<Value>(),
        "origin" => log_keys.server(),
        "rotations" => rotations.map(Value::from).collect::<Value>(),
        "server_keys" => all.iter().map(|key| Value::from(shown(None, log_keys.server(), key))).collect::<Value>(),
    };
    Ok(fields::answer(data, call.data, &["origin"]))
}

/// A key under the name of a log.
fn shown(device: Option<&str>, origin: &str, key: &LogKey) -> Object {
    let verifier = VerifierKey::new(origin, Algorithm::Ed25519, key.public);
    object! {
        "created" => key.created,
        "device" => device,
        "key_id" => format!("{:08x}", verifier.id()),
        "origin" => origin,
        "retired" => key.retired,
        "verifier_key" => verifier.to_string(),
    }
}

async fn rotate(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let rotated =
        unsealed.log_keys.rotate(unsealed.machine_clock.now()).await.map_err(|error| refused(&error))?;
    Ok(Outcome::data(object! {
        "new" => rotated.new.to_string(),
        "note" => rotated.note,
        "old" => rotated.old.to_string(),
    }))
}

async fn read_checkpoint(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let now = fields::flag(call.data, "now")?.unwrap_or(false);
    checkpoint(unsealed, call, now).await
}

async fn checkpoint(unsealed: &Unsealed, call: &Call<'_>, now: bool) -> Result<Reply, Refusal> {
    let path = format!("{}/", call.captured.trim_matches('/'));
    let none = |what: &str| Refusal::bad_request(format!("audit device {}: {what}", quote(&path)));
    let newest = if now {
        // It blocks, and for this request alone.
        let (broker, path) = (Arc::clone(&unsealed.broker), path.clone());
        let make = move || broker.checkpoint(&path, CHECKPOINT_TIMEOUT);
        let making = BlockingTask::begin("onrecord-checkpoint", make).map_err(|_| Refusal::internal())?;
        let made = making.done().await.ok_or_else(Refusal::internal)?;
        made.map_err(|error| none(&error.to_string()))?
    } else {
        let log = devices::logs(&unsealed.broker).into_iter().find(|log| log.path == path);
        let log = log.ok_or_else(|| none("no device with a tree is enabled at this path"))?;
        log.evidence.newest().ok_or_else(|| none("its log has no checkpoint yet"))?
    };
    let data = object! {
        "device" => path.as_str(),
        "note" => newest.note,
        "origin" => newest.checkpoint.origin,
        "root" => newest.checkpoint.root.to_base64(),
        "size" => newest.checkpoint.size,
        "time" => newest.at,
    };
    Ok(fields::answer(data, call.data, &["now"]))
}

fn refused(error: &LogKeysError) -> Refusal {
    tracing::error!(%error, "the key of audit logs could not be rotated");
    Refusal::internal()
}
