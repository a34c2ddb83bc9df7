//! A write of another process, made below the server, is seen once the server is told of its key: each cache has an entry
//! point.
use crate::kit::{TestServer, ask};
use onrecord_core::Settings;
use onrecord_storage::memory::Memory;
use onrecord_storage::{Batch, Storage, View};
use serde_json::{Value, json};

/// What another process does to the store: it has the keys, and is not the server.
struct Other {
    storage: Storage,
    world: TestServer,
}

impl Other {
    async fn new() -> Self {
        let storage = Storage::start(Memory::new()).unwrap();
        Self { world: TestServer::on(storage.clone(), Settings::default()).await, storage }
    }

    fn view(&self, prefix: &str) -> View {
        self.world.core.unsealed().unwrap().barrier.view(prefix).unwrap()
    }

    /// All that is stored below a prefix, as it is.
    async fn snapshot(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for key in self.storage.keys(prefix, "", usize::MAX).await.unwrap() {
            let value = self.storage.read(&key).await.unwrap().unwrap();
            found.push((key, value));
        }
        found
    }

    /// Puts all below a prefix back to what it was; the keys that differed.
    async fn restore(&self, prefix: &str, before: &[(String, Vec<u8>)]) -> Vec<String> {
        let now = self.snapshot(prefix).await;
        let mut batch = Batch::new();
        let mut changed = Vec::new();
        for (key, _) in now.iter().filter(|entry| !before.contains(entry)) {
            if !before.iter().any(|(other, _)| other == key) {
                batch.delete(key.clone());
                changed.push(key.clone());
            }
        }
        for (key, value) in before.iter().filter(|entry| !now.contains(entry)) {
            batch.put(key.clone(), value.clone());
            changed.push(key.clone());
        }
        self.storage.commit(batch).await.unwrap();
        changed
    }

    async fn tell(&self, keys: &[String]) {
        for key in keys {
            self.world.core.unsealed().unwrap().invalidate(key).await.unwrap();
        }
    }

    async fn root(&self, method: &'static str, path: &str, body: Option<Value>) -> crate::kit::Reply {
        self.world.root(method, path, body).await
    }
}

#[tokio::test]
async fn a_token_revoked_elsewhere_is_refused() {
    let other = Other::new().await;
    let before = other.snapshot("token/").await;
    let made = other.root("POST", "auth/token/create", Some(json!({}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let own = || ask("GET", "auth/token/lookup-self").token(&token);
    assert_eq!(other.world.send(own()).await.status, 200);
    let changed = other.restore("token/", &before).await;
    assert_eq!(other.world.send(own()).await.status, 200, "nothing was told yet");
    other.tell(&changed).await;
    assert_eq!(other.world.send(own()).await.status, 403);
}

#[tokio::test]
async fn a_token_renewed_elsewhere_lives_on_in_the_same_requests() {
    let other = Other::new().await;
    let made = other.root("POST", "auth/token/create", Some(json!({"ttl": "1h"}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let before = other.snapshot("token/").await;
    let renewed = ask("POST", "auth/token/renew-self").token(&token).json(&json!({"increment": "2h"}));
    assert_eq!(other.world.send(renewed).await.status, 200);
    let own = || ask("GET", "auth/token/lookup-self").token(&token);
    assert!(other.world.send(own()).await.body["data"].get("last_renewal").is_some());
    let changed = other.restore("token/", &before).await;
    other.tell(&changed).await;
    let said = other.world.send(own()).await;
    assert_eq!(said.status, 200);
    assert!(said.body["data"].get("last_renewal").is_none(), "{}", said.text);
}

#[tokio::test]
async fn a_policy_changed_elsewhere_is_in_force() {
    let other = Other::new().await;
    let body = json!({"policy": "path \"cubbyhole/*\" { capabilities = [\"read\"] }"});
    assert_eq!(other.root("PUT", "sys/policies/acl/mine", Some(body)).await.status, 204);
    let body = json!({"policies": ["mine"], "no_default_policy": true});
    let made = other.root("POST", "auth/token/create", Some(body)).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let write = || ask("POST", "cubbyhole/a").token(&token).json(&json!({"a": "b"}));
    assert_eq!(other.world.send(write()).await.status, 403);
    let before = other.snapshot("policy/").await;
    let body = json!({"policy": "path \"cubbyhole/*\" { capabilities = [\"create\", \"update\"] }"});
    assert_eq!(other.root("PUT", "sys/policies/acl/mine", Some(body)).await.status, 204);
    assert_eq!(other.world.send(write()).await.status, 204);
    let changed = other.restore("policy/", &before).await;
    assert_eq!(changed, ["policy/mine"]);
    other.tell(&changed).await;
    assert_eq!(other.world.send(write()).await.status, 403);
}

#[tokio::test]
async fn a_mount_made_or_removed_elsewhere_is_routed_to_or_not() {
    let other = Other::new().await;
    let before = other.snapshot("core/").await;
    let kv = || Some(json!({"type": "kv"}));
    assert_eq!(other.root("POST", "sys/mounts/kv", kv()).await.status, 204);
    assert_eq!(other.root("POST", "kv/a", Some(json!({"a": "b"}))).await.status, 204);
    let with = other.snapshot("core/").await;
    let changed = other.restore("core/", &before).await;
    assert_eq!(changed, ["core/mounts"]);
    other.tell(&changed).await;
    assert_eq!(other.root("GET", "kv/a", None).await.status, 404);
    assert!(other.root("GET", "sys/mounts", None).await.body["data"].get("kv/").is_none());
    other.restore("core/", &with).await;
    other.tell(&changed).await;
    assert_eq!(other.root("GET", "kv/a", None).await.body["data"]["a"], "b");
}

#[tokio::test]
async fn the_settings_of_a_versioned_store_changed_elsewhere_hold() {
    let other = Other::new().await;
    let body = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(other.root("POST", "sys/mounts/kv", Some(body)).await.status, 204);
    let before = other.snapshot("mounts/").await;
    assert_eq!(other.root("POST", "kv/config", Some(json!({"max_versions": 3}))).await.status, 204);
    let changed = other.restore("mounts/", &before).await;
    assert_eq!(changed.len(), 1);
    assert_eq!(other.root("GET", "kv/config", None).await.body["data"]["max_versions"], 3);
    other.tell(&changed).await;
    assert_eq!(other.root("GET", "kv/config", None).await.body["data"]["max_versions"], 0);
}

#[tokio::test]
async fn a_transit_key_and_settings_changed_elsewhere_are_the_ones_used() {
    let other = Other::new().await;
    assert_eq!(other.root("POST", "sys/mounts/transit", Some(json!({"type": "transit"}))).await.status, 204);
    let post = async |path: &str| other.root("POST", path, Some(json!({"plaintext": ""}))).await;
    let version = async || post("transit/encrypt/k").await.body["data"]["key_version"].clone();
    assert_eq!(post("transit/keys/k").await.status, 200);
    assert_eq!(version().await, 1);
    let before = other.snapshot("mounts/").await;
    assert_eq!(post("transit/keys/k/rotate").await.status, 200);
    let body = json!({"disable_upsert": true});
    assert_eq!(other.root("POST", "transit/config/keys", Some(body)).await.status, 200);
    assert_eq!(version().await, 2, "it is in memory now");
    let changed = other.restore("mounts/", &before).await;
    assert_eq!((version().await, changed.len()), (json!(2), 2), "nothing was told yet");
    other.tell(&changed).await;
    assert_eq!(version().await, 1);
    assert_eq!(post("transit/encrypt/new").await.status, 200);
}

#[tokio::test]
async fn audited_headers_changed_elsewhere_are_the_ones_recorded() {
    let other = Other::new().await;
    let path = "sys/config/auditing/request-headers/x-one";
    let before = other.snapshot("core/").await;
    assert_eq!(other.root("PUT", path, Some(json!({"hmac": true}))).await.status, 204);
    let changed = other.restore("core/", &before).await;
    assert_eq!(changed, ["core/audited-headers"]);
    assert!(!other.world.core.unsealed().unwrap().audited_headers.current().is_empty());
    other.tell(&changed).await;
    assert!(other.world.core.unsealed().unwrap().audited_headers.current().is_empty());
}

#[tokio::test]
async fn an_audit_device_enabled_disabled_or_resalted_elsewhere_is_so_here() {
    let other = Other::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let body = json!({"type": "file", "options": {"file_path": file}});
    let before = other.snapshot("audit/").await;
    assert_eq!(other.root("PUT", "sys/audit/file", Some(body)).await.status, 204);
    let with = other.snapshot("audit/").await;
    let hash = async || {
        let body = json!({"input": "text"});
        other.root("POST", "sys/audit-hash/file", Some(body)).await.body["hash"].to_string()
    };
    let devices = || other.world.core.unsealed().unwrap().broker.devices();
    let first = hash().await;

    let changed = other.restore("audit/", &before).await;
    other.tell(&changed).await;
    assert_eq!(devices(), 0);
    other.restore("audit/", &with).await;
    other.tell(&changed).await;
    assert_eq!((devices(), hash().await), (1, first.clone()));

    assert_eq!(other.root("POST", "sys/audit-rotate-salt/file", None).await.status, 200);
    assert_ne!(hash().await, first);
    let changed = other.restore("audit/", &with).await;
    other.tell(&changed).await;
    assert_eq!(hash().await, first);
}

#[tokio::test]
async fn a_key_of_audit_logs_rotated_elsewhere_is_listed() {
    let other = Other::new().await;
    let keys = async || {
        let said = other.world.send(ask("GET", "sys/audit-log/keys")).await;
        said.body["data"]["server_keys"].as_array().unwrap().len()
    };
    let before = other.snapshot("audit/").await;
    assert_eq!(other.root("POST", "sys/audit-log/rotate", None).await.status, 200);
    let changed = other.restore("audit/", &before).await;
    assert_eq!(changed, ["audit/log-key/keys", "audit/log-key/seed"]);
    assert_eq!(keys().await, 2, "nothing was told yet");
    other.tell(&changed).await;
    assert_eq!(keys().await, 1);
}

#[tokio::test]
async fn a_key_rotated_elsewhere_opens_what_was_stored_under_it() {
    let other = Other::new().await;
    let before = other.snapshot("barrier/").await;
    let view = other.view("test/");
    assert_eq!(other.root("POST", "sys/rotate", None).await.status, 204);
    let mut batch = Batch::new();
    view.put(&mut batch, "new", b"new").unwrap();
    view.commit(batch).await.unwrap();
    let after = other.snapshot("barrier/").await;
    let keyring = ["barrier/keyring", "barrier/tables"].map(str::to_owned);
    assert_eq!(other.restore("barrier/", &before).await, keyring);
    other.tell(&keyring).await;
    assert!(view.get("new").await.is_err(), "the term is not known");
    other.restore("barrier/", &after).await;
    other.tell(&keyring).await;
    assert_eq!(view.get("new").await.unwrap().unwrap().expose(), b"new");
}
