//! The life of the server itself: init, unseal, audit devices, mounts, ceremonies, seal.

use rustify::enums::RequestMethod::PUT;
use serde_json::{Value, json};
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::sys;

use crate::step;
use crate::walk::{Done, Failure, Walk, decoded, holds, same, text, variable};

async fn unseal(walk: &Walk) -> Done {
    sys::unseal(&walk.client, Some(walk.keys[0].clone()), None, None).await?;
    same(sys::unseal(&walk.client, Some(walk.keys[1].clone()), None, None).await?.sealed, false)
}

pub async fn start(walk: &mut Walk) {
    step!(walk, "init/status", { same(&walk.read("sys/init").await?["initialized"], &json!(false))? });
    step!(walk, "init/init", {
        let made = sys::start_initialization(&walk.client, 3, 2, None).await?;
        walk.keys = made.keys;
        walk.act_as(&made.root_token);
    });
    step!(walk, "init/again", {
        sys::start_initialization(&walk.client, 1, 1, None).await?;
    });
    step!(walk, "seal/sealed-read", {
        walk.read("kv1/a").await?;
    });
    step!(walk, "unseal/malformed-share", {
        sys::unseal(&walk.client, Some(walk.secret("share")), None, None).await?;
    });
    step!(walk, "unseal/shares", { unseal(walk).await? });
    step!(walk, "seal/status", { same(&walk.read("sys/seal-status").await?["sealed"], &json!(false))? });
    step!(walk, "health/read", { same(sys::health(&walk.client).await?.sealed, false)? });
    step!(walk, "leader/read", { holds(walk.read("sys/leader").await?["ha_enabled"].is_boolean(), "a state")? });
}

async fn enable(walk: &Walk, name: &str, file: &str, raw: &str) -> Done {
    let device = json!({"type": "file", "options": {"file_path": file, "log_raw": raw}});
    walk.put(&format!("sys/audit/{name}"), device).await
}

pub async fn devices(walk: &mut Walk) {
    step!(walk, "audit/enable", { enable(walk, "main", &variable("WALK_LOG"), "false").await? });
    step!(walk, "audit/enable-raw", { enable(walk, "raw", &variable("WALK_RAW_LOG"), "true").await? });
    step!(walk, "audit/list", { same(&walk.read("sys/audit").await?["data"]["raw/"]["type"], &json!("file"))? });
    step!(walk, "audit/hash", {
        let hashed = walk.write("sys/audit-hash/main", json!({"input": walk.secret("hashed")})).await?;
        holds(text(&hashed["data"]["hash"])?.starts_with("hmac-sha256:"), hashed)?;
    });
    step!(walk, "audit/refused-place", { enable(walk, "bad", "/etc/passwd", "false").await? });
    step!(walk, "audit/disable", {
        enable(walk, "third", &variable("WALK_THIRD_LOG"), "false").await?;
        walk.remove("sys/audit/third").await?;
    });
    let audited = "sys/config/auditing/request-headers";
    step!(walk, "headers/set", { walk.put(&format!("{audited}/X-Walk"), json!({"hmac": true})).await? });
    step!(walk, "headers/read", {
        same(&walk.read(&format!("{audited}/X-Walk")).await?["data"]["X-Walk"]["hmac"], &json!(true))?;
    });
    step!(walk, "headers/list", {
        same(&walk.read(audited).await?["data"]["headers"]["x-walk"]["hmac"], &json!(true))?;
    });
    step!(walk, "headers/remove", {
        walk.put(&format!("{audited}/X-Other"), json!({"hmac": false})).await?;
        walk.remove(&format!("{audited}/X-Other")).await?;
    });
}

async fn mount(walk: &Walk, path: &str, kind: &str, version: &str) -> Done {
    let mut options = EnableEngineRequest::builder();
    options.options([("version".to_owned(), version.to_owned())]);
    Ok(sys::mount::enable(&walk.client, path, kind, Some(&mut options)).await?)
}

pub async fn mounts(walk: &mut Walk) {
    step!(walk, "mounts/enable-kv1", { mount(walk, "kv1", "kv", "1").await? });
    step!(walk, "mounts/enable-kv2", { mount(walk, "kv2", "kv", "2").await? });
    step!(walk, "mounts/list", { same(&sys::mount::list(&walk.client).await?["kv2/"].mount_type, "kv")? });
    step!(walk, "mounts/tune", {
        walk.put("sys/mounts/kv1/tune", json!({"default_lease_ttl": "2h", "description": "walked"})).await?;
    });
    step!(walk, "mounts/read-tune", {
        let found = sys::mount::get_configuration_of_a_secret_engine(&walk.client, "kv1").await?;
        same(found.config.default_lease_ttl, 7200)?;
    });
    step!(walk, "mounts/unknown-type", { sys::mount::enable(&walk.client, "none", "no-such-engine", None).await? });
    step!(walk, "mounts/disable", {
        sys::mount::enable(&walk.client, "spare", "kv", None).await?;
        sys::mount::disable(&walk.client, "spare").await?;
    });
    step!(walk, "remount/move", {
        mount(walk, "here", "kv", "1").await?;
        walk.put("here/a", json!({"value": walk.secret("moved")})).await?;
        let moving = walk.write("sys/remount", json!({"from": "here", "to": "there"})).await?;
        let id = text(&moving["data"]["migration_id"])?;
        for _ in 0..100 {
            let state = sys::remount::remount_status(&walk.client, &id).await?;
            if state.migration_info.status != "in-progress" {
                break;
            }
        }
        same(&walk.read("there/a").await?["data"]["value"], &json!(walk.secret("moved")))?;
    });
}

/// Sends two shares.
async fn with_shares(walk: &Walk, path: &str, nonce: &Value) -> Result<Value, Failure> {
    walk.ask(PUT, path, Some(json!({"key": walk.keys[0], "nonce": nonce}))).await?;
    let done = walk.ask(PUT, path, Some(json!({"key": walk.keys[1], "nonce": nonce}))).await?;
    same(&done["complete"], &json!(true))?;
    Ok(done)
}

pub async fn ceremonies(walk: &mut Walk) {
    step!(walk, "tools/random", {
        let random = walk.write("sys/tools/random/16", json!({})).await?;
        same(text(&random["data"]["random_bytes"])?.len(), 24)?;
    });
    step!(walk, "tools/hash", {
        let sum = walk.write("sys/tools/hash/sha2-256", json!({"input": walk.encoded("tool")})).await?;
        same(text(&sum["data"]["sum"])?.len(), 64)?;
    });
    step!(walk, "rotate/rotate", { walk.order(PUT, "sys/rotate", None).await? });
    step!(walk, "rotate/key-status", {
        holds(walk.read("sys/key-status").await?["data"]["term"].as_u64() >= Some(2), "a later term")?;
    });

    let shares = json!({"secret_shares": 3, "secret_threshold": 2});
    step!(walk, "rekey/init", {
        let state = walk.ask(PUT, "sys/rekey/init", Some(shares.clone())).await?;
        same(&state["started"], &json!(true))?;
    });
    step!(walk, "rekey/cancel", {
        walk.remove("sys/rekey/init").await?;
        same(&walk.read("sys/rekey/init").await?["started"], &json!(false))?;
    });
    step!(walk, "rekey/complete", {
        let state = walk.ask(PUT, "sys/rekey/init", Some(shares.clone())).await?;
        let done = with_shares(walk, "sys/rekey/update", &state["nonce"]).await?;
        let keys: Result<_, _> = done["keys"].as_array().into_iter().flatten().map(text).collect();
        walk.keys = keys?;
    });

    let attempt = "sys/generate-root/attempt";
    step!(walk, "generate-root/init", {
        same(&walk.ask(PUT, attempt, Some(json!({}))).await?["started"], &json!(true))?;
    });
    step!(walk, "generate-root/cancel", {
        walk.remove(attempt).await?;
        same(&walk.read(attempt).await?["started"], &json!(false))?;
    });
    step!(walk, "generate-root/complete", {
        let state = walk.ask(PUT, attempt, Some(json!({}))).await?;
        let done = with_shares(walk, "sys/generate-root/update", &state["nonce"]).await?;
        let (given, otp) = (decoded(&text(&done["encoded_root_token"])?), text(&state["otp"])?);
        let token: Vec<u8> = given.iter().zip(otp.bytes()).map(|(given, otp)| given ^ otp).collect();
        walk.act_as(&String::from_utf8_lossy(&token));
        same(vaultrs::token::lookup_self(&walk.client).await?.policies, ["root"])?;
    });

    step!(walk, "seal/seal", { sys::seal(&walk.client).await? });
    step!(walk, "seal/sealed-again", {
        walk.read("kv1/open/x").await?;
    });
    step!(walk, "seal/unseal-again", { unseal(walk).await? });
    step!(walk, "seal/kept", {
        same(&walk.read("kv1/open/x").await?["data"]["value"], &json!(walk.secret("allowed")))?;
    });
}
