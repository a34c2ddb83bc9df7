//! The life of a server: ceremonies, sealing, and what survives it; audit devices enabled, disabled, lost and found.

use std::path::Path;
use std::time::Duration;

use onrecord_audit::device::faulty::Fault;
use onrecord_core::InitOptions;
use onrecord_core::{AuditSettings, EnableRequest, Settings};
use onrecord_storage::Storage;
use onrecord_storage::lossy::{self, LossyDisk};
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::kit::{TestServer, ask, core_on, eventually, outline, while_answered};

const TIMEOUT: Duration = Duration::from_secs(10);

fn file(path: &Path) -> Value {
    json!({"type": "file", "options": {"file_path": path}})
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn audited(audit: AuditSettings) -> Settings {
    Settings { audit, ..Settings::default() }
}

/// Type and path of each entry, but of the checkpoints of other devices: when those come is not said.
fn of(path: &Path) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let entries = lines(path);
    let own = entries.iter().filter(|entry| entry["request"]["path"] != "sys/audit/checkpoint");
    own.map(|e| format!("{} {}", word(&e["type"]), word(&e["request"]["path"]))).collect()
}

impl TestServer {
    async fn reopen(&self) {
        self.core.seal(TIMEOUT).await;
        assert!(self.core.unsealed().is_none());
        self.core.unseal(&self.key).await.unwrap();
    }
}

#[tokio::test]
async fn ceremonies_say_what_the_api_says() {
    let storage = Storage::start(Memory::new()).unwrap();
    let core = core_on(storage, Settings::default());
    let world = TestServer { core, root: String::new(), key: String::new() };
    let unauthenticated = async |method, path: &str, body: Value| {
        let said = world.send(ask(method, path).json(&body)).await;
        (said.status, if said.error().is_empty() { said.body } else { said.error().into() })
    };
    let put = async |path: &str, body: Value| unauthenticated("PUT", path, body).await;
    let get = async |path: &str| unauthenticated("GET", path, Value::Null).await;
    assert_eq!(get("sys/init").await, (200, json!({"initialized": false})));
    assert_eq!(get("sys/health").await.0, 501);
    assert_eq!(get("kv/x").await, (503, "Vault is sealed".into()));
    assert_eq!(
        put("sys/unseal", json!({"key": "ab".repeat(32)})).await,
        (400, "Vault is not initialized".into())
    );
    for (body, text) in [
        (json!({}), "invalid seal configuration: shares must be at least one"),
        (json!({"secret_shares": 1}), "invalid seal configuration: threshold must be at least one"),
        (
            json!({"secret_shares": 2, "secret_threshold": 3}),
            "invalid seal configuration: threshold cannot be larger than shares",
        ),
        (
            json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["x"]}),
            "encrypting keys or tokens to PGP keys is not supported by this server",
        ),
    ] {
        assert_eq!(put("sys/init", body).await, (400, text.into()));
    }
    let made = put("sys/init", json!({"secret_shares": 3, "secret_threshold": 2})).await.1;
    assert_eq!(made["keys"].as_array().unwrap().len(), 3);
    assert_eq!(get("sys/init").await, (200, json!({"initialized": true})));
    let again = put("sys/init", json!({"secret_shares": 1, "secret_threshold": 1})).await;
    assert_eq!(again, (400, "Vault is already initialized".into()));
    assert_eq!(get("sys/health").await.0, 503);
    let seal = get("sys/seal-status").await.1;
    assert_eq!(
        (&seal["sealed"], &seal["t"], &seal["n"], &seal["progress"]),
        (&json!(true), &json!(2), &json!(3), &json!(0))
    );
    assert_eq!(seal["storage_type"], "inmem");
    assert_eq!(
        put("sys/unseal", json!({})).await,
        (400, "'key' must be specified in request body as JSON, or 'reset' set to true".into())
    );
    assert_eq!(
        put("sys/unseal", json!({"key": "00"})).await,
        (400, "'key' must be a valid hex or base64 string".into())
    );
    let first = put("sys/unseal", json!({"key": made["keys"][0]})).await.1;
    assert_eq!((&first["sealed"], &first["progress"]), (&json!(true), &json!(1)));
    assert_eq!(first["nonce"].as_str().unwrap().len(), 36);
    let reset = put("sys/unseal", json!({"reset": true})).await.1;
    assert_eq!((&reset["progress"], &reset["nonce"]), (&json!(0), &json!("")));
    put("sys/unseal", json!({"key": made["keys"][0]})).await;
    let open = put("sys/unseal", json!({"key": made["keys_base64"][2]})).await;
    assert_eq!((open.0, &open.1["sealed"]), (200, &json!(false)));
    assert_eq!(open.1["cluster_id"].as_str().unwrap().len(), 36);
    assert_eq!(put("sys/unseal", json!({"reset": true})).await, (400, "vault is unsealed".into()));
    assert_eq!(put("sys/unseal", json!({"key": "ab".repeat(16)})).await.0, 200, "any key when open");
    let health = get("sys/health").await;
    assert_eq!((health.0, &health.1["audit_devices"], &health.1["standby"]), (200, &json!(0), &json!(false)));
    assert_eq!(world.send(ask("HEAD", "sys/health")).await.text, "");
    assert_eq!(world.send(ask("GET", "sys/health").query("activecode=299")).await.status, 299);
    assert_eq!(world.send(ask("GET", "sys/health").query("activecode=x")).await.status, 400);
    assert_eq!(get("sys/leader").await, (200, json!({"ha_enabled": false})));
    for (method, path) in [("LIST", "sys/health"), ("DELETE", "sys/init"), ("GET", "sys/unseal")] {
        assert_eq!(unauthenticated(method, path, Value::Null).await, (405, json!({"errors": []})));
    }
}

#[tokio::test]
async fn a_wrong_key_opens_nothing_and_the_round_starts_again() {
    let world = TestServer::new().await;
    world.core.seal(TIMEOUT).await;
    let wrong = world.core.unseal(&"cd".repeat(32)).await.unwrap_err();
    assert_eq!((wrong.status(), wrong.to_string().contains("message authentication failed")), (400, true));
    let short = world.core.unseal(&"A".repeat(44)).await.unwrap_err().to_string();
    assert_eq!(short, "invalid key: failed to setup unseal key: crypto/aes: invalid key size 22");
    world.core.unseal(&world.key).await.unwrap();
}

#[tokio::test]
async fn the_whole_life_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let world = TestServer::new().await;
    assert_eq!(world.root("PUT", "sys/audit/file", Some(file(&log))).await.status, 204);
    assert_eq!(
        of(&log),
        ["request sys/audit/test", "response sys/audit/file"],
        "the probe, then the enabling"
    );
    world.root("PUT", "sys/config/auditing/request-headers/X-Seen", Some(json!({"hmac": false}))).await;
    world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv", "options": {"version": "2"}}))).await;
    world
        .root(
            "PUT",
            "sys/policies/acl/p",
            Some(json!({"policy": "path \"kv/*\" { capabilities = [\"read\"] }"})),
        )
        .await;
    world.root("POST", "kv/data/a", Some(json!({"data": {"k": "v"}}))).await;
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["p"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let hash = async || {
        let said = world.root("PUT", "sys/audit-hash/file", Some(json!({"input": "hunter2"}))).await;
        said.body["data"]["hash"].as_str().unwrap().to_owned()
    };
    let (before, cluster) = (hash().await, world.core.seal_status().await.unwrap().cluster);
    world.reopen().await;
    assert_eq!(hash().await, before);
    assert_eq!(world.core.seal_status().await.unwrap().cluster, cluster);
    let listed = world.root("GET", "sys/audit", None).await;
    assert_eq!(listed.body["file/"]["options"], json!({"file_path": log}));
    let read = world.send(ask("GET", "kv/data/a").token(&token).header("X-Seen", "yes")).await;
    assert_eq!(read.body["data"]["data"], json!({"k": "v"}));
    let last = lines(&log).pop().unwrap();
    assert_eq!(last["request"]["headers"], json!({"x-seen": ["yes"]}));
    assert_eq!(last["request"]["path"], "kv/data/a");
    assert!(!of(&log)[2..].contains(&"request sys/audit/test".to_owned()), "no probe at unseal");
}

#[tokio::test]
async fn disabling_leaves_its_request_entry_there_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.log"), folder.path().join("two.log"));
    let world = TestServer::new().await;
    world.root("PUT", "sys/audit/one", Some(file(&one))).await;
    world.root("PUT", "sys/audit/two", Some(file(&two))).await;
    assert_eq!(world.root("DELETE", "sys/audit/one", None).await.status, 204);
    world.core.seal(TIMEOUT).await;
    // What waits for a device that is disabled is still written, in the background; then its log says that it ends.
    eventually(|| of(&one).last().unwrap() == "request sys/audit/gap").await;
    assert_eq!(of(&one)[of(&one).len() - 2..], ["request sys/audit/one", "request sys/audit/gap"]);
    assert_eq!(of(&two)[of(&two).len() - 2..], ["request sys/audit/one", "response sys/audit/one"]);
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("DELETE", "sys/audit/one", None).await.status, 204, "also when it is gone");
    let unknown = world.root("PUT", "sys/audit-hash/one", Some(json!({"input": "x"}))).await;
    assert_eq!((unknown.status, unknown.error()), (400, "unknown audit backend \"one/\""));
    // Its salt is kept all the same (I8).
    let unsealed = world.core.unsealed().unwrap();
    let view = unsealed.barrier.view("audit/").unwrap();
    assert_eq!((view.list("retired/").await.unwrap().len(), view.list("salt/").await.unwrap().len()), (1, 2));
}

#[tokio::test]
async fn what_is_wrong_with_a_device_is_said_in_the_documented_words() {
    let folder = tempfile::tempdir().unwrap();
    let world = TestServer::new().await;
    let at = |name: &str| folder.path().join(name);
    assert_eq!(world.root("PUT", "sys/audit/a/b", Some(file(&at("a.log")))).await.status, 204);
    std::fs::write(at("a-file"), "x").unwrap();
    let cases = [
        ("a", file(&at("x.log")), "path already in use".to_owned()),
        ("a/b/c", file(&at("x.log")), "path already in use".to_owned()),
        ("x", json!({"type": "nope"}), "unknown backend type: \"nope\"".to_owned()),
        ("x", json!({}), "unknown backend type: \"\"".to_owned()),
        ("x", json!({"type": "file"}), "file_path is required".to_owned()),
        (
            "x",
            json!({"type": "file", "options": {"file_path": "x.log", "log_raw": "maybe"}}),
            "strconv.ParseBool: parsing \"maybe\": invalid syntax".to_owned(),
        ),
        (
            "x",
            json!({"type": "file", "options": {"file_path": "x.log", "mode": "abc"}}),
            "strconv.ParseUint: parsing \"abc\": invalid syntax".to_owned(),
        ),
    ];
    for (path, body, text) in cases {
        let said = world.root("PUT", &format!("sys/audit/{path}"), Some(body)).await;
        assert_eq!((said.status, said.error()), (400, text.as_str()));
    }
    let below = world.root("PUT", "sys/audit/x", Some(file(&at("a-file/x.log")))).await;
    assert!(below.error().contains("not a directory"), "{}", below.text);
    let cron = world.root("PUT", "sys/audit/x", Some(file(Path::new("/etc/cron.d/x.log")))).await;
    assert_eq!(cron.status, 400);
    // After all that nothing but the first is there, now or after a restart.
    world.reopen().await;
    let listed = world.root("GET", "sys/audit", None).await;
    assert_eq!(listed.body["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["a/b/"]);
}

#[tokio::test]
async fn a_lost_device_degrades_the_server_and_the_last_one_keeps_it_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, lost) = (folder.path().join("kept"), folder.path().join("lost"));
    let world = TestServer::new().await;
    world.root("PUT", "sys/audit/kept", Some(file(&kept.join("a.log")))).await;
    world.root("PUT", "sys/audit/lost", Some(file(&lost.join("a.log")))).await;
    let break_it = async |at: &Path| {
        // The device may still be at its tree for a moment.
        eventually(|| std::fs::remove_dir_all(at).is_ok()).await;
        std::fs::write(at, "no folder").unwrap();
    };
    world.core.seal(TIMEOUT).await;
    break_it(&lost).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("GET", "sys/audit", None).await.body["data"].as_object().unwrap().len(), 2);
    world.core.seal(TIMEOUT).await;
    break_it(&kept).await;
    let failed = world.core.unseal(&world.key).await.unwrap_err();
    let text = failed.to_string();
    assert_eq!(failed.status(), 500);
    assert!(text.starts_with("failed to setup audit table: "), "{text}");
    for part in ["kept/: ", "lost/: ", kept.to_str().unwrap(), "not a directory"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(world.core.unsealed().is_none());
    assert_eq!(world.send(ask("GET", "kv/x")).await.status, 503);
    std::fs::remove_file(&kept).unwrap();
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 200);
}

#[tokio::test]
async fn a_server_that_must_have_a_device_does_nothing_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.log"), folder.path().join("two.log"));
    let world =
        TestServer::with(audited(AuditSettings { fail_closed: true, ..AuditSettings::default() })).await;
    for (method, path) in [("GET", "sys/mounts"), ("POST", "cubbyhole/x"), ("DELETE", "sys/audit/x")] {
        assert_eq!(world.root(method, path, None).await.status, 500, "{path}");
    }
    assert_eq!(world.send(ask("GET", "sys/seal-status")).await.status, 200);
    assert_eq!(world.send(ask("GET", "sys/health")).await.status, 503, "the rule cannot be met");
    let wrong = world.root("PUT", "sys/audit/one", Some(json!({"type": "file"}))).await;
    assert_eq!((wrong.status, wrong.error()), (400, "file_path is required"));
    assert_eq!(
        world.send(ask("PUT", "sys/audit/one").json(&file(&one))).await.status,
        403,
        "not without a token"
    );
    assert_eq!(world.root("PUT", "sys/audit/one", Some(file(&one))).await.status, 204);
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
    let last = world.root("DELETE", "sys/audit/one", None).await;
    assert_eq!(
        (last.status, last.error()),
        (400, "cannot disable the last audit device: the configuration demands one")
    );
    world.root("PUT", "sys/audit/two", Some(file(&two))).await;
    assert_eq!(world.root("DELETE", "sys/audit/one", None).await.status, 204);
}

#[tokio::test]
async fn devices_of_the_configuration_are_there_from_the_first_request() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("dev.log");
    let declared = |path: &Path| EnableRequest {
        kind: "file".into(),
        path: "dev".into(),
        description: String::new(),
        local: false,
        options: [("file_path".into(), path.to_str().unwrap().into())].into(),
    };
    let settings = |devices| audited(AuditSettings { declared_devices: devices, ..AuditSettings::default() });
    let storage = Storage::start(Memory::new()).unwrap();
    let world = TestServer::on(storage.clone(), settings(vec![declared(&log)])).await;
    world.root("GET", "sys/mounts", None).await;
    assert_eq!(of(&log), ["request sys/audit/test", "request sys/mounts", "response sys/mounts"]);
    let refused = world.root("DELETE", "sys/audit/dev", None).await;
    assert_eq!((refused.status, refused.error()), (400, "cannot disable configuration-managed audit device"));
    world.core.seal(TIMEOUT).await;
    let again = async |devices| {
        let world = TestServer {
            core: core_on(storage.clone(), settings(devices)),
            root: world.root.clone(),
            key: world.key.clone(),
        };
        world.core.unseal(&world.key).await.map(|()| world)
    };
    let other = folder.path().join("other.log");
    let changed = again(vec![declared(&other)]).await.ok().unwrap();
    assert_eq!(of(&other), ["request sys/audit/test"]);
    changed.core.seal(TIMEOUT).await;
    let same = again(vec![declared(&log)]).await.ok().unwrap();
    same.core.seal(TIMEOUT).await;
    let without = again(Vec::new()).await.ok().unwrap();
    assert_eq!(without.root("GET", "sys/audit", None).await.body["data"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_waits_for_journeys_and_leaves_its_request_entry() {
    let world = TestServer::new().await;
    world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await;
    let device = world.device("test/", false).await;
    device.set(Fault::Hang);
    let write = tokio::spawn(world.start(ask("POST", "kv/a").token(&world.root).json(&json!({"a": "b"}))));
    let hanging = device.clone();
    tokio::task::spawn_blocking(move || hanging.wait_until_hanging()).await.unwrap();
    let seal = tokio::spawn(world.start(ask("PUT", "sys/seal").token(&world.root)));
    device.set(Fault::None);
    assert_eq!(write.await.unwrap().status(), 204);
    assert_eq!(seal.await.unwrap().status(), 204);
    assert!(world.core.unsealed().is_none());
    let mut outline = outline(&device);
    outline.sort();
    assert_eq!(outline, ["request create kv/a", "request update sys/seal", "response create kv/a"]);
    assert_eq!(world.root("GET", "kv/a", None).await.status, 503);
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("GET", "kv/a", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsealing_during_a_sealing_is_refused_and_works_after_it() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    device.set(Fault::Hang);
    let read = tokio::spawn(world.start(ask("GET", "sys/mounts").token(&world.root)));
    let hanging = device.clone();
    tokio::task::spawn_blocking(move || hanging.wait_until_hanging()).await.unwrap();
    let core = world.core.clone();
    let seal = tokio::spawn(async move { core.seal(Duration::from_mins(1)).await });
    eventually(|| world.core.unsealed().is_none()).await;
    assert_eq!(world.core.unseal(&world.key).await.err().map(|error| error.status()), Some(503));
    device.set(Fault::None);
    assert_eq!(read.await.unwrap().status(), 200);
    seal.await.unwrap();
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
}

#[tokio::test]
async fn an_initialisation_of_an_open_server_leaves_it_open() {
    let world = TestServer::new().await;
    let again = world.core.init(InitOptions { shares: 1, threshold: 1, root_token: None }).await;
    assert_eq!(again.err().map(|error| error.status()), Some(400));
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
}

#[tokio::test]
async fn a_seal_that_is_denied_seals_nothing_and_has_both_entries() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    assert_eq!(world.send(ask("PUT", "sys/seal").token("s.no")).await.status, 403);
    assert_eq!(outline(&device), ["request update sys/seal", "response update sys/seal"]);
    assert!(world.core.unsealed().is_some());
    assert_eq!(world.root("GET", "sys/seal", None).await.status, 405);
}

#[tokio::test]
async fn a_storage_that_has_failed_seals_the_server() {
    let disk = LossyDisk::new();
    let storage = Storage::start(onrecord_storage::embedded::Embedded::on(&disk).unwrap()).unwrap();
    let world = TestServer::on(storage, Settings::default()).await;
    world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await;
    let write = async || world.root("POST", "kv/a", Some(json!({"a": "b"}))).await.status;
    disk.fail(lossy::Fault::Sync);
    assert_eq!(write().await, 500);
    // One failure is no end: the store is reopened, and goes on.
    assert_eq!(while_answered(500, &write).await, 204);
    disk.fail(lossy::Fault::Dead);
    assert_eq!(while_answered(500, &write).await, 503);
    assert!(world.core.unsealed().is_none());
}

#[tokio::test]
async fn a_chosen_root_token_is_the_root_token() {
    let core = core_on(Storage::start(Memory::new()).unwrap(), Settings::default());
    let root_token = Some(onrecord_seal::Secret::new("dev-root".to_owned()));
    let made = core.init(InitOptions { shares: 1, threshold: 1, root_token }).await.unwrap();
    assert_eq!(made.root_token.id.expose(), "dev-root");
}
