//! A client's text in every position that the register calls hashed: it stands in no line of a device that hashes, not in
//! the server's own log at its most talkative, and not in the data directory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "a test that fails should panic"
)]

#[path = "core/kit.rs"]
mod kit;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::{Ask, World, ask};
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use serde_json::json;

const CANARY: &str = "cAnArY7f3";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn asks() -> Vec<Ask> {
    let mut broken = ask("POST", "kv/d");
    broken.body = format!("{{\"{CANARY}\": {CANARY}").into_bytes();
    let device =
        |kind: &str, options| ask("POST", "sys/audit/bad").json(&json!({"type": kind, "options": options}));
    vec![
        ask("POST", "kv/a").json(&json!({"a": CANARY, "b": [CANARY], "c": {"d": CANARY}})),
        ask("GET", "kv/a"),
        ask("POST", "kv2/data/a").json(&json!({"data": {"a": CANARY}, "options": {"cas": CANARY}})),
        ask("POST", "kv2/data/a").json(&json!({"data": {"a": CANARY}})),
        ask("GET", "kv2/data/a"),
        ask("DELETE", "kv2/data/a"),
        ask("GET", "kv2/data/a"),
        ask("GET", "kv/b").query(&format!("x={CANARY}&x={CANARY}&list={CANARY}")),
        device(CANARY, json!({"file_path": CANARY})),
        device("file", json!({"file_path": format!("/proc/{CANARY}.log")})),
        device("file", json!({"file_path": "x.log", "log_raw": CANARY})),
        device("file", json!({"file_path": "x.log", "mode": CANARY})),
        device("file", json!([CANARY])),
        device("file", json!({"file_path": "x.log", "prefix": format!("{CANARY}\n")})),
        ask("PUT", "sys/audit-hash/test").json(&json!({"input": CANARY, "other": CANARY})),
        ask("PUT", "sys/audit-hash/other").json(&json!({"input": CANARY})),
        ask("PUT", "sys/policies/acl/p").json(&json!({"policy": CANARY})),
        ask("PUT", "sys/policies/acl/p")
            .json(&json!({"policy": format!("path \"x\" {{ capabilities = [\"{CANARY}\"] }}")})),
        ask("POST", "sys/mounts/m").json(&json!({"type": CANARY, "description": CANARY})),
        ask("POST", "sys/mounts/m").json(&json!({"type": "kv", "description": CANARY})),
        ask("POST", "sys/mounts/m/tune").json(&json!({"max_lease_ttl": CANARY})),
        ask("GET", "sys/mounts"),
        ask("POST", "auth/token/create").json(&json!({"id": CANARY})),
        ask("POST", "auth/token/create").json(&json!({"ttl": CANARY})),
        ask("POST", "auth/token/create").json(&json!({"policies": {"a": CANARY}})),
        ask("POST", "auth/token/lookup").json(&json!({"token": CANARY})),
        ask("POST", &format!("auth/token/lookup/{CANARY}")).json(&json!({})),
        ask("POST", "auth/token/renew").json(&json!({"token": CANARY, "increment": CANARY})),
        ask("GET", "auth/token/lookup-self").token(CANARY),
        ask("POST", "auth/token/revoke").json(&json!({"token": CANARY})),
        ask("GET", "kv/a").token(CANARY),
        ask("POST", "cubbyhole/a").json(&json!({"a": CANARY})),
        ask("PUT", "sys/config/auditing/request-headers/X-Hidden").json(&json!({"hmac": CANARY})),
        ask("GET", "kv/c").header("X-Canary", CANARY).header("X-Hidden", CANARY),
        ask("GET", "kv/c").header("X-Vault-Namespace", CANARY),
        ask("GET", "kv/c").header("X-Vault-Wrap-TTL", CANARY),
        ask("PUT", "sys/unseal").json(&json!({"key": CANARY})),
        ask("PUT", "sys/init").json(&json!({"secret_shares": CANARY, "pgp_keys": [CANARY]})),
        ask("GET", "sys/health").query(&format!("activecode={CANARY}")),
        broken,
    ]
}

#[tokio::test]
async fn a_canary_is_in_nothing_that_the_server_writes() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::start(Embedded::open(folder.path()).unwrap()).unwrap();
    let world = World::on(storage, Settings::default()).await;
    world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await;
    world.root("POST", "sys/mounts/kv2", Some(json!({"type": "kv", "options": {"version": "2"}}))).await;
    world.root("PUT", "sys/config/auditing/request-headers/x-hidden", Some(json!({"hmac": true}))).await;
    let device = world.device("test/", false).await;
    for mut ask in asks() {
        ask.token.get_or_insert_with(|| world.root.clone());
        world.send(ask).await;
    }
    world.core.seal(Duration::from_secs(10)).await;
    let lines = String::from_utf8(device.lines().concat()).unwrap();
    assert!(lines.lines().count() > 60, "{}", lines.lines().count());
    if let Some(line) = lines.lines().find(|line| line.contains(CANARY)) {
        panic!("{line}");
    }
    let own = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(own.contains("the server is unsealed"), "the log is looked at");
    if let Some(line) = own.lines().find(|line| line.contains(CANARY)) {
        panic!("{line}");
    }
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "the data directory");
    }
}
