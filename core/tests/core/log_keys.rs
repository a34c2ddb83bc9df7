//! The key with which the checkpoints of audit logs are signed: it outlives restarts and restorations, gives way to another on
//! request, and is known to the server alone. Its verifier keys are for everybody.
//! Never in it: trees and checkpoints; see the crates `onrecord-audit` and `onrecord-evidence`.

use std::path::Path;
use std::time::Duration;

use onrecord_core::{AuditSettings, Settings};
use onrecord_evidence::{Checkpoint, Note, VerifierKey};
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::kit::{Reply, TestServer, ask, core_on, entries};

async fn enable(world: &TestServer, path: &str, file: &Path, more: Value) -> Reply {
    let mut options = json!({"file_path": file});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.root("PUT", &format!("sys/audit/{path}"), Some(json!({"type": "file", "options": options}))).await
}

/// What anybody gets.
async fn keys(world: &TestServer) -> Value {
    let said = world.send(ask("GET", "sys/audit-log/keys")).await;
    assert_eq!(said.status, 200, "{}", said.text);
    said.body["data"].clone()
}

async fn rotate(world: &TestServer) -> Value {
    let said = world.root("POST", "sys/audit-log/rotate", None).await;
    assert_eq!(said.status, 200, "{}", said.text);
    said.body["data"].clone()
}

fn verifier(text: &Value) -> VerifierKey {
    VerifierKey::parse(text.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_keys_are_given_to_anybody_on_record_and_not_while_the_server_is_sealed() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let listed = keys(&world).await;
    assert_eq!(entries(&device).len(), 2, "a request and its response");
    let name = listed["origin"].as_str().unwrap();
    assert!(name.starts_with("onrecord-cluster-"), "{listed}");
    let [key] = listed["server_keys"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    let verifier = verifier(&key["verifier_key"]);
    assert_eq!(verifier.name(), name);
    assert_eq!(key["key_id"], format!("{:08x}", verifier.id()));
    assert_eq!((&key["retired"], &listed["rotations"]), (&Value::Null, &json!([])));
    world.core.seal(Duration::from_secs(10)).await;
    assert_eq!(world.send(ask("GET", "sys/audit-log/keys")).await.status, 503);
}

#[tokio::test]
async fn each_device_has_an_origin_and_so_verifier_keys_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let audit = AuditSettings { origin: Some("example.com/logs".into()), ..AuditSettings::default() };
    let world = TestServer::with(Settings { audit, ..Settings::default() }).await;
    for (path, more) in [("one", json!({})), ("deep/two", json!({})), ("off", json!({"evidence": "off"}))] {
        let file = folder.path().join(format!("{}.log", path.replace('/', "-")));
        let said = enable(&world, path, &file, more).await;
        assert_eq!(said.status, 204, "{}", said.text);
    }
    let listed = keys(&world).await;
    let origins: Vec<_> =
        listed["keys"].as_array().unwrap().iter().map(|key| (&key["device"], &key["origin"])).collect();
    assert_eq!(
        origins,
        [
            (&json!("deep/two/"), &json!("example.com/logs/deep/two")),
            (&json!("one/"), &json!("example.com/logs/one")),
        ]
    );
    let [two, one] = [0, 1].map(|at| verifier(&listed["keys"][at]["verifier_key"]));
    assert_eq!((two.name(), one.name()), ("example.com/logs/deep/two", "example.com/logs/one"));
    assert_eq!(two.key(), one.key());
    assert_ne!(two.id(), one.id());

    // Of a log whose device is gone.
    let one_alone = world.send(ask("GET", "sys/audit-log/keys").query("origin=example.com/logs/gone")).await;
    let [gone] = one_alone.body["data"]["keys"].as_array().unwrap().as_slice() else {
        panic!("{}", one_alone.text)
    };
    assert_eq!(
        (verifier(&gone["verifier_key"]).name(), &gone["device"]),
        ("example.com/logs/gone", &Value::Null)
    );
    let refused = world.send(ask("GET", "sys/audit-log/keys").query("origin=a%20b")).await;
    assert!(
        refused.status == 400 && refused.error().contains("first line of a checkpoint"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_rotation_is_on_record_and_the_old_key_vouches_for_the_new_one() {
    let world = TestServer::new().await;
    let device = world.device("test/", true).await;
    let first = keys(&world).await["server_keys"][0].clone();
    let before = entries(&device).len();
    let rotated = rotate(&world).await;
    let on_record = &entries(&device)[before..];
    assert_eq!(on_record.len(), 2);
    assert_eq!(on_record[0]["request"]["path"], "sys/audit-log/rotate");
    assert_eq!(on_record[1]["response"]["data"]["note"], rotated["note"], "a raw device has the note itself");
    assert_eq!(rotated["old"], first["verifier_key"]);

    let listed = keys(&world).await;
    let [new, old] = listed["server_keys"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&new["verifier_key"], &new["retired"]), (&rotated["new"], &Value::Null));
    assert_eq!((&old["verifier_key"], &old["retired"]), (&first["verifier_key"], &new["created"]));
    assert_eq!(listed["rotations"], json!([{"note": rotated["note"], "time": new["created"]}]));
    let note = Note::parse(rotated["note"].as_str().unwrap()).unwrap();
    note.verify(&[verifier(&rotated["old"])]).unwrap();
    note.verify(&[verifier(&rotated["new"])]).unwrap_err();
    for key in ["old", "new"] {
        let line = format!("{key} {}", rotated[key].as_str().unwrap());
        assert!(note.text.lines().any(|other| other == line), "{}", note.text);
    }
}

#[tokio::test]
async fn a_rotation_needs_sudo() {
    let world = TestServer::new().await;
    let rules = json!({"policy": "path \"sys/audit-log/*\" { capabilities = [\"create\", \"update\"] }"});
    assert_eq!(world.root("PUT", "sys/policies/acl/weak", Some(rules)).await.status, 204);
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["weak"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    for request in [ask("POST", "sys/audit-log/rotate").token(token), ask("POST", "sys/audit-log/rotate")] {
        assert_eq!(world.send(request).await.status, 403);
    }
    assert_eq!(keys(&world).await["server_keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_keys_outlive_a_restart() {
    let storage = Storage::start(Memory::new()).unwrap();
    let world = TestServer::on(storage.clone(), Settings::default()).await;
    rotate(&world).await;
    let before = keys(&world).await;
    world.core.seal(Duration::from_secs(30)).await;
    let core = core_on(storage, Settings::default());
    core.unseal(&world.key).await.unwrap();
    let world = TestServer { core, ..world };
    assert_eq!(keys(&world).await, before);
    // It is the new key that vouches for the next one.
    let rotated = rotate(&world).await;
    assert_eq!(rotated["old"], before["server_keys"][0]["verifier_key"]);
    assert_eq!(keys(&world).await["rotations"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_storage_that_has_lost_the_seed_or_the_list_of_keys_is_not_unsealed() {
    for lost in ["log-key/seed", "log-key/keys"] {
        let world = TestServer::new().await;
        let view = world.core.unsealed().unwrap().barrier.view("audit/").unwrap();
        let mut batch = onrecord_storage::Batch::new();
        view.delete(&mut batch, lost).unwrap();
        view.commit(batch).await.unwrap();
        world.core.seal(Duration::from_secs(10)).await;
        let error = world.core.unseal(&world.key).await.unwrap_err().to_string();
        assert!(error.starts_with("failed to load the key of audit logs: "), "{error}");
    }
}

#[tokio::test]
async fn a_checkpoint_is_read_and_made_by_those_who_may_see_devices() {
    let folder = tempfile::tempdir().unwrap();
    let world = TestServer::new().await;
    assert_eq!(enable(&world, "file", &folder.path().join("a.log"), json!({})).await.status, 204);
    assert_eq!(
        enable(&world, "off", &folder.path().join("b.log"), json!({"evidence": "off"})).await.status,
        204
    );
    let made = world.root("POST", "sys/audit-log/checkpoint/file", None).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let (note, key) = (&made.body["data"]["note"], keys(&world).await["keys"][0].clone());
    let note = Note::parse(note.as_str().unwrap()).unwrap();
    let checkpoint = Checkpoint::verify(&note, &[verifier(&key["verifier_key"])]).unwrap();
    assert_eq!(key["device"], "file/");
    assert_eq!(
        (&json!(checkpoint.size), &json!(checkpoint.origin), &json!(checkpoint.root.to_base64())),
        (&made.body["data"]["size"], &made.body["data"]["origin"], &made.body["data"]["root"])
    );
    let read =
        world.send(ask("GET", "sys/audit-log/checkpoint/file").query("now=true").token(&world.root)).await;
    assert!(read.body["data"]["size"].as_u64().unwrap() > checkpoint.size, "{}", read.text);
    for (path, wanted) in [("gone", "no device with a tree"), ("off", "no device with a tree")] {
        let refused = world.root("GET", &format!("sys/audit-log/checkpoint/{path}"), None).await;
        assert!(refused.status == 400 && refused.error().contains(wanted), "{}", refused.text);
    }
    assert_eq!(world.send(ask("GET", "sys/audit-log/checkpoint/file")).await.status, 403);
}

#[tokio::test]
async fn the_state_of_a_tree_is_in_status_and_metrics_and_health_says_only_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let world = TestServer::new().await;
    assert_eq!(enable(&world, "file", &folder.path().join("a.log"), json!({})).await.status, 204);
    assert_eq!(world.root("POST", "sys/audit-log/checkpoint/file", None).await.status, 200);
    let status = world.root("GET", "sys/audit-status", None).await;
    let evidence = &status.body["data"]["devices"]["file/"]["evidence"];
    assert!(evidence["size"].as_u64().unwrap() > 0, "{evidence}");
    assert_eq!(
        (&evidence["lost"], &evidence["error"], &evidence["contradiction"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    world.core.witnesses().failed("file/", "w", "set back".into(), true, world.core.now());
    let status = world.root("GET", "sys/audit-status", None).await;
    let witness = &status.body["data"]["devices"]["file/"]["evidence"]["witnesses"]["w"];
    assert_eq!((&witness["contradiction"], &witness["error"]), (&json!(true), &json!("set back")));
    let metrics = world.start(ask("GET", "sys/metrics").query("format=prometheus").token(&world.root)).await;
    let metrics = String::from_utf8(metrics.into_body().to_vec()).unwrap();
    for line in [
        "onrecord_audit_device_evidence_error{path=\"file/\",type=\"file\"} 0",
        "onrecord_audit_device_evidence_contradiction{path=\"file/\",type=\"file\"} 0",
        "onrecord_audit_device_witness_contradiction{path=\"file/\",type=\"file\",witness=\"w\"} 1",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line}");
    }
    let health = world.send(ask("GET", "sys/health")).await;
    assert_eq!((health.status, &health.body["audit_evidence"]), (200, &json!({"file/": "contradiction"})));
}

#[tokio::test]
async fn a_device_that_is_disabled_and_enabled_again_goes_on_with_its_tree_also_under_a_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.log");
    let storage = Storage::start(Memory::new()).unwrap();
    let world = TestServer::on(storage.clone(), Settings::default()).await;
    let size = async |world: &TestServer| {
        let made = world.root("POST", "sys/audit-log/checkpoint/file", None).await;
        assert_eq!(made.status, 200, "{}", made.text);
        made.body["data"]["size"].as_u64().unwrap()
    };
    let lines = || std::fs::read_to_string(&file).unwrap().lines().count() as u64;
    assert_eq!(enable(&world, "file", &file, json!({})).await.status, 204);
    let first = size(&world).await;
    assert!(first > 0);
    assert_eq!(world.root("DELETE", "sys/audit/file", None).await.status, 204);
    rotate(&world).await;
    assert_eq!(enable(&world, "file", &file, json!({})).await.status, 204);
    let second = size(&world).await;
    assert!(second > first && second <= lines(), "{first} {second} {}", lines());
    rotate(&world).await;
    world.core.seal(Duration::from_secs(30)).await;
    let core = core_on(storage, Settings::default());
    core.unseal(&world.key).await.unwrap();
    let world = TestServer { core, ..world };
    assert!(size(&world).await > second);
    let status = world.root("GET", "sys/audit-status", None).await;
    let evidence = &status.body["data"]["devices"]["file/"]["evidence"];
    assert_eq!(evidence["contradiction"], Value::Null, "{evidence}");
    let kept: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept.len(), 2, "the file and its tree: {kept:?}");
}

/// A server with a file device that has written some lines, at rest.
async fn sealed_server(file: &Path) -> (TestServer, Storage) {
    let storage = Storage::start(Memory::new()).unwrap();
    let world = TestServer::on(storage.clone(), Settings::default()).await;
    assert_eq!(enable(&world, "file", file, json!({})).await.status, 204);
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
    world.core.seal(Duration::from_secs(30)).await;
    (world, storage)
}

/// The next start of such a server, and what it says of the tree: the contradiction, and the entries.
async fn next_start(world: TestServer, storage: Storage, file: &Path) -> (Value, Vec<Value>) {
    let core = core_on(storage, Settings::default());
    core.unseal(&world.key).await.unwrap();
    let world = TestServer { core, ..world };
    let mut said = Value::Null;
    // The entry of the tree follows its opening.
    for _ in 0..2 {
        said = world.root("POST", "sys/audit-log/checkpoint/file", None).await.body["data"].clone();
    }
    assert!(said["size"].is_u64(), "{said}");
    let status = world.root("GET", "sys/audit-status", None).await;
    let contradiction = status.body["data"]["devices"]["file/"]["evidence"]["contradiction"].clone();
    world.core.seal(Duration::from_secs(30)).await;
    let text = std::fs::read_to_string(file).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (contradiction, entries.filter(|entry| !entry["gap"]["tree"].is_null()).collect())
}

#[tokio::test]
async fn a_log_that_was_begun_again_while_the_server_was_sealed_is_said_though_nothing_of_the_old_one_is_left()
 {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.log");
    let (world, storage) = sealed_server(&file).await;
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_dir_all(folder.path().join("a.log.tlog")).unwrap();
    let (contradiction, entries) = next_start(world, storage, &file).await;
    assert!(contradiction.to_string().contains("the tree was missing"), "{contradiction}");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0]["gap"]["tree"]["size"].as_u64().unwrap() > 0, "{}", entries[0]);
}

#[tokio::test]
async fn a_line_that_was_added_while_the_server_was_sealed_is_said_and_not_covered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.log");
    let (world, storage) = sealed_server(&file).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let forged = text.lines().next().unwrap().replace("sys/", "forged/");
    std::fs::write(&file, format!("{text}{forged}\n")).unwrap();
    let (contradiction, entries) = next_start(world, storage, &file).await;
    assert_eq!(contradiction, Value::Null);
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(
        (&entry["gap"]["tree"]["lines"], &entry["gap"]["reason"]),
        (&json!(1), &json!("lines that were written while the server was stopped are not in the tree"))
    );
}

#[tokio::test]
async fn an_untouched_log_goes_on_and_one_of_a_killed_server_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.log");
    let (world, storage) = sealed_server(&file).await;
    let core = core_on(storage.clone(), Settings::default());
    core.unseal(&world.key).await.unwrap();
    let world = TestServer { core, ..world };
    assert_eq!(world.root("POST", "sys/audit-log/checkpoint/file", None).await.status, 200);
    world.core.keep_record().await;
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
    // The next start knows nothing of the end of this one.
    world.core.unsealed().unwrap().broker.release("file/");
    let (contradiction, entries) = next_start(world, storage, &file).await;
    assert_eq!((contradiction, entries), (Value::Null, Vec::new()));
}
