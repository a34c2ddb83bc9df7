//! Salts in use and retired, previews and drills, through the whole pipeline of a server with files as devices.

use std::path::Path;
use std::time::Duration;

use onrecord_audit::Rules;
use onrecord_audit::entry::salt_export::SaltExport;
use onrecord_core::Settings;
use onrecord_seal::OsEntropy;
use onrecord_seal::age::{self, Identity};
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{Reply, TestServer, ask, core_on, entries};

const NEEDLE: &str = "n33dle-in-the-haystack";

async fn enable(world: &TestServer, path: &str, file: &Path, more: Value) {
    let mut options = json!({"file_path": file});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let said = world
        .root("PUT", &format!("sys/audit/{path}"), Some(json!({"type": "file", "options": options})))
        .await;
    assert_eq!(said.status, 204, "{}", said.text);
}

async fn hash_by_id(world: &TestServer, id: &str) -> String {
    let said =
        world.root("POST", &format!("sys/audit-salts/{id}/hash"), Some(json!({"input": NEEDLE}))).await;
    assert_eq!(said.status, 200, "{}", said.text);
    said.body["data"]["hash"].as_str().unwrap().to_owned()
}

async fn salts(world: &TestServer) -> Vec<(String, Value)> {
    let said = world.root("GET", "sys/audit-salts", None).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let mut salts: Vec<_> = said.body["data"].as_object().unwrap().clone().into_iter().collect();
    salts.sort_by_key(|(_, salt)| salt["from"].as_str().unwrap().to_owned());
    salts
}

/// A write in whose entry the needle stands, hashed.
async fn write(world: &TestServer, name: &str) {
    let said = world.root("POST", &format!("cubbyhole/{name}"), Some(json!({"password": NEEDLE}))).await;
    assert_eq!(said.status, 204, "{}", said.text);
}

/// The entries of a log in which a text stands: path and salt id of each.
fn found(file: &Path, text: &str) -> Vec<(String, String)> {
    let log = std::fs::read_to_string(file).unwrap();
    log.lines()
        .filter(|line| line.contains(text))
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        // The requests for hashes have the needle hashed in their data, too.
        .filter(|entry| entry["type"] == "request" && entry["request"]["mount_type"] == "cubbyhole")
        .map(|entry| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&entry["request"]["path"]), text(&entry["record"]["salt"]))
        })
        .collect()
}

fn only(name: &str, salt: &str) -> Vec<(String, String)> {
    vec![(format!("cubbyhole/{name}"), salt.to_owned())]
}

#[tokio::test]
async fn r_salt_archive_the_log_of_a_disabled_device_can_still_be_searched() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.log");
    let world = TestServer::new().await;
    enable(&world, "old", &file, json!({})).await;
    write(&world, "one").await;
    let said = world.root("DELETE", "sys/audit/old", None).await;
    assert_eq!(said.status, 204);
    let said = world.root("POST", "sys/audit-hash/old", Some(json!({"input": NEEDLE}))).await;
    assert_eq!((said.status, said.error()), (400, "unknown audit backend \"old/\""));
    let salts = salts(&world).await;
    let [(id, salt)] = salts.as_slice() else { panic!("{salts:?}") };
    assert_eq!(
        (&salt["path"], &salt["type"], &salt["live"]),
        (&json!("old/"), &json!("file"), &json!(false))
    );
    assert!(salt["from"].as_str().unwrap() < salt["to"].as_str().unwrap());
    assert_eq!(found(&file, &hash_by_id(&world, id).await), only("one", id));
}

#[tokio::test]
async fn r_salt_archive_every_salt_of_a_device_is_kept_and_survives_a_restart() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.log");
    let storage = Storage::start(Memory::new()).unwrap();
    let world = TestServer::on(storage.clone(), Settings::default()).await;
    enable(&world, "file", &file, json!({})).await;
    write(&world, "first").await;
    for name in ["second", "third"] {
        let said = world.root("POST", "sys/audit-rotate-salt/file/", None).await;
        assert_eq!(said.status, 400, "a write to a path that ends in a slash");
        let said = world.root("POST", "sys/audit-rotate-salt/file", None).await;
        assert_eq!(said.status, 200, "{}", said.text);
        assert_eq!(salts(&world).await.last().unwrap().0, said.body["data"]["salt"]);
        write(&world, name).await;
    }
    let before = salts(&world).await;
    world.core.seal(Duration::from_secs(30)).await;
    let core = core_on(storage, Settings::default());
    core.unseal(&world.key).await.unwrap();
    let world = TestServer { core, ..world };
    write(&world, "fourth").await;
    let after = salts(&world).await;
    assert_eq!(after, before);
    assert_eq!(after.iter().map(|(_, salt)| salt["live"] == true).collect::<Vec<_>>(), [false, false, true]);
    // One ends where the next begins.
    assert!(after.windows(2).all(|pair| pair[0].1["to"] == pair[1].1["from"]));
    for ((id, _), name) in after.iter().zip(["first", "second"]) {
        assert_eq!(found(&file, &hash_by_id(&world, id).await), only(name, id));
    }
    let id = &after[2].0;
    let live = hash_by_id(&world, id).await;
    let both = [only("third", id), only("fourth", id)].concat();
    assert_eq!(found(&file, &live), both);
    let said = world.root("POST", "sys/audit-hash/file", Some(json!({"input": NEEDLE}))).await;
    assert_eq!(said.body["data"]["hash"], live.as_str());
    // The lines of all salts name the device by its first, so that they stay one device's.
    let log = std::fs::read_to_string(&file).unwrap();
    for line in log.lines().skip(1) {
        let record = &serde_json::from_str::<Value>(line).unwrap()["record"];
        let first = record.get("device").unwrap_or(&record["salt"]);
        assert_eq!(first, after[0].0.as_str());
    }
    // Nothing is missing between the salts: the counters of the log ascend without a hole.
    let log = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let boot = lines[1]["record"]["boot"].clone();
    let seqs: Vec<u64> = lines[1..]
        .iter()
        .filter(|line| line["record"]["boot"] == boot)
        .map(|line| line["record"]["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
}

#[tokio::test]
async fn an_unknown_salt_hashes_nothing_and_the_list_needs_sudo() {
    let world = TestServer::new().await;
    for id in ["0000000000000000", "zz", "00000000000000AB"] {
        let said =
            world.root("POST", &format!("sys/audit-salts/{id}/hash"), Some(json!({"input": "x"}))).await;
        assert_eq!((said.status, said.error()), (400, format!("unknown audit salt \"{id}\"").as_str()));
    }
    let said = world.root("POST", "sys/audit-salts/0000000000000000/hash", Some(json!({}))).await;
    assert_eq!(said.error(), "the \"input\" parameter is empty");
    let said = world.root("POST", "sys/audit-rotate-salt/nothing", None).await;
    assert_eq!((said.status, said.error()), (400, "unknown audit backend \"nothing/\""));
}

#[tokio::test]
async fn an_export_has_every_salt_sealed_to_its_recipient_and_is_on_record_without_one() {
    let folder = TempDir::new().unwrap();
    let (old, file, raw) =
        (folder.path().join("old.log"), folder.path().join("a.log"), folder.path().join("raw.log"));
    let world = TestServer::new().await;
    enable(&world, "old", &old, json!({})).await;
    enable(&world, "file", &file, json!({})).await;
    enable(&world, "raw", &raw, json!({"log_raw": "true"})).await;
    assert_eq!(world.root("DELETE", "sys/audit/old", None).await.status, 204);
    assert_eq!(world.root("POST", "sys/audit-rotate-salt/file", None).await.status, 200);
    let identity = Identity::generate(&OsEntropy::new()).unwrap();
    let body = json!({"recipient": identity.recipient().to_string()});
    let said = world.root("POST", "sys/audit-salts/export", Some(body)).await;
    assert_eq!((said.status, &said.body["data"]["salts"]), (200, &json!(4)), "{}", said.text);
    let sealed = said.body["data"]["file"].as_str().unwrap();
    let opened = age::open(&identity, sealed).unwrap();
    let export = SaltExport::parse(opened.expose()).unwrap();
    let listed = salts(&world).await;
    let ids: Vec<String> = export.salts.iter().map(|salt| salt.id.to_string()).collect();
    assert_eq!(ids, listed.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    for (salt, (id, known)) in export.salts.iter().zip(&listed) {
        assert_eq!(salt.salt().hash(NEEDLE.as_bytes()), hash_by_id(&world, id).await);
        assert_eq!((&json!(salt.path), salt.to.is_none()), (&known["path"], known["live"] == true));
    }
    let opened: Value = serde_json::from_slice(opened.expose()).unwrap();
    for log in [&old, &file, &raw].map(|log| std::fs::read_to_string(log).unwrap()) {
        for salt in opened["salts"].as_array().unwrap() {
            assert!(!log.contains(salt["salt"].as_str().unwrap()));
        }
    }
    let log = std::fs::read_to_string(&file).unwrap();
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let exports = entries.iter().filter(|entry| entry["request"]["path"] == "sys/audit-salts/export");
    assert_eq!(
        exports.map(|entry| entry["type"].as_str().unwrap()).collect::<Vec<_>>(),
        ["request", "response"]
    );
}

#[tokio::test]
async fn salts_leave_the_server_sealed_to_a_valid_key_alone() {
    let world = TestServer::new().await;
    let export = async |body| {
        let said = world.root("POST", "sys/audit-salts/export", Some(body)).await;
        (said.status, said.error().to_owned())
    };
    let (status, error) = export(json!({})).await;
    assert_eq!(status, 400);
    assert!(error.contains("\"recipient\" is missing") && error.contains("audit salts -export"), "{error}");
    let (status, error) = export(json!({"recipient": "age1qqq"})).await;
    assert_eq!(
        (status, error.as_str()),
        (400, "\"recipient\": it is not an age public key (age1 and 58 letters and digits)")
    );
    let said = world
        .root(
            "POST",
            "sys/policies/acl/salts",
            Some(json!({"policy":
        "path \"sys/audit-salts/export\" { capabilities = [\"create\", \"update\"] }"})),
        )
        .await;
    assert_eq!(said.status, 204);
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["salts"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    let recipient = Identity::generate(&OsEntropy::new()).unwrap().recipient().to_string();
    let asked = ask("POST", "sys/audit-salts/export").token(token).json(&json!({"recipient": recipient}));
    let said = world.send(asked).await;
    assert_eq!(said.status, 403, "a policy without sudo");
}

fn lines(said: &Reply, path: &str) -> (Value, Value) {
    let of = |kind: &str| {
        let line = said.body["data"]["devices"][path][kind].as_str().unwrap();
        serde_json::from_str(line.trim_start_matches("@cee: ")).unwrap()
    };
    (of("request"), of("response"))
}

#[tokio::test]
async fn a_preview_shows_the_line_that_the_request_writes_and_does_nothing() {
    let folder = TempDir::new().unwrap();
    let (file, raw) = (folder.path().join("a.log"), folder.path().join("raw.log"));
    let world = TestServer::new().await;
    enable(&world, "file", &file, json!({})).await;
    enable(&world, "raw", &raw, json!({"log_raw": "true", "prefix": "@cee: "})).await;
    enable(&world, "none", Path::new("discard"), json!({})).await;
    let body = json!({"method": "post", "path": "/v1/cubbyhole/x", "data": {"password": NEEDLE, "n": 1}});
    let said = world.root("POST", "sys/audit-preview", Some(body)).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let data = &said.body["data"];
    assert_eq!(
        (&data["allowed"], &data["operation"], &data["recorded"]),
        (&json!(true), &json!("create"), &json!(true))
    );
    assert!(data["unknown"].as_array().unwrap().contains(&json!("response.status_code")));
    assert_eq!(data["devices"]["none/"], json!({"discards": true}));
    let (shown, answer) = lines(&said, "file/");
    assert!(
        answer["response"].get("status_code").is_none() && answer["response"]["mount_point"] == "cubbyhole/"
    );
    // It was not done, and only the preview's own entries are on record, with its data hashed.
    assert_eq!(world.root("GET", "cubbyhole/x", None).await.status, 404);
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(!log.contains(NEEDLE));
    assert!(log.lines().all(|line| !line.contains("\"path\":\"cubbyhole/x\"") || line.contains("\"read\"")));
    let said_raw = data["devices"]["raw/"]["request"].as_str().unwrap();
    assert!(said_raw.starts_with("@cee: {") && said_raw.contains(NEEDLE));
    // Done, it writes what was shown, but for ids, times and counters.
    write(&world, "x").await;
    let log = std::fs::read_to_string(&file).unwrap();
    let mut written: Value = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|entry| entry["request"]["operation"] == "create" && entry["request"]["path"] == "cubbyhole/x")
        .unwrap();
    let mut shown = shown;
    for entry in [&mut written, &mut shown] {
        entry["time"].take();
        entry["request"]["id"].take();
        entry["record"]["seq"].take();
        entry["request"]["data"].as_object_mut().unwrap().remove("n");
    }
    assert_eq!(written, shown);
}

#[tokio::test]
async fn a_preview_of_a_refused_request_knows_its_answer() {
    let world = TestServer::new().await;
    let device = world.device("file/", false).await;
    let body = json!({"method": "GET", "path": "nowhere/x", "data": {"q": "ä &"}});
    let said = world.root("POST", "sys/audit-preview", Some(body)).await;
    assert_eq!(said.body["data"]["status_code"], 404);
    let (request, response) = lines(&said, "file/");
    assert!(request["request"]["data"]["q"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert_eq!(response["response"]["status_code"], 404);
    let said =
        world.root("POST", "sys/audit-preview", Some(json!({"method": "GET", "path": "sys/health"}))).await;
    assert_eq!(said.body["data"]["recorded"], false);
    let said =
        world.root("POST", "sys/audit-preview", Some(json!({"method": "PUT", "path": "sys/seal"}))).await;
    assert!(said.body["data"]["devices"]["file/"].get("response").is_none());
    assert!(said.body["data"]["note"].as_str().unwrap().contains("no response entry"));
    for body in [json!({"method": "FLY", "path": "x"}), json!({"method": "GET"})] {
        assert_eq!(world.root("POST", "sys/audit-preview", Some(body)).await.status, 400);
    }
    let large = json!({"method": "POST", "path": "x", "data": {"x": "y".repeat(1 << 20)}});
    assert_eq!(world.root("POST", "sys/audit-preview", Some(large)).await.status, 400);
    assert_eq!(entries(&device).len(), 2 * 6, "each preview's own entries, and no other");
}

#[tokio::test]
async fn a_drill_needs_the_configuration_and_is_on_record_before_it_begins() {
    let world = TestServer::new().await;
    world.device("file/", false).await;
    let said = world.root("POST", "sys/audit-drill/file", Some(json!({"kind": "refuse"}))).await;
    assert_eq!(said.status, 400);
    assert!(said.error().contains("drills = true"), "{}", said.text);

    let rules = Rules { drills: true, ..Rules::default() };
    let world = TestServer::with(Settings {
        audit: onrecord_core::AuditSettings { rules, ..Default::default() },
        ..Settings::default()
    })
    .await;
    let device = world.device("file/", false).await;
    for (body, text) in [
        (json!({"kind": "burn"}), "\"kind\" must be"),
        (json!({"kind": "hang", "for": "2h"}), "at most 60 minutes"),
        (json!({"kind": "hang", "for": "0s"}), "more than nothing"),
        (json!({"kind": "slow", "delay": "-1s"}), "more than nothing"),
    ] {
        let said = world.root("POST", "sys/audit-drill/file", Some(body)).await;
        assert!(said.status == 400 && said.error().contains(text), "{}", said.text);
    }
    let said = world.root("POST", "sys/audit-drill/other", Some(json!({"kind": "hang"}))).await;
    assert_eq!(said.error(), "unknown audit backend \"other/\"");
    let before = entries(&device).len();
    let said = world.root("POST", "sys/audit-drill/file", Some(json!({"kind": "refuse", "for": "1h"}))).await;
    assert_eq!(said.status, 200, "{}", said.text);
    assert_eq!(entries(&device).len(), before + 2, "both entries of it, on the only device");
    assert!(world.core.unsealed().unwrap().broker.status()[0].drill.is_some());
    // The only device refuses: nothing is done.
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 500);
    world.core.unsealed().unwrap().broker.end_drills(None);
    let said = world.root("POST", "sys/audit-drill/file", Some(json!({"kind": "stop"}))).await;
    assert_eq!(said.body["data"]["stopped"], false);
}

#[tokio::test]
async fn a_drill_on_the_only_device_ends_by_itself_and_at_the_seal() {
    let rules = Rules { drills: true, ..Rules::default() };
    let world = TestServer::with(Settings {
        audit: onrecord_core::AuditSettings { rules, ..Default::default() },
        ..Settings::default()
    })
    .await;
    world.device("file/", false).await;
    let body = json!({"kind": "hang", "for": "50ms"});
    assert_eq!(world.root("POST", "sys/audit-drill/file", Some(body)).await.status, 200);
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 200, "it waits, and goes on");
    let body = json!({"kind": "hang", "for": "1h"});
    assert_eq!(world.root("POST", "sys/audit-drill/file", Some(body)).await.status, 200);
    let waiting = tokio::spawn(world.start(ask("GET", "sys/audit").token(&world.root)));
    world.core.seal(Duration::from_mins(1)).await;
    drop(waiting.await.unwrap());
    assert!(world.core.unsealed().is_none());
}

#[tokio::test]
async fn the_keyring_is_rotated_and_tells_its_term() {
    let world = TestServer::new().await;
    let status = world.root("GET", "sys/key-status", None).await;
    assert_eq!(
        (status.status, &status.body["data"]["term"], &status.body["term"]),
        (200, &json!(1), &json!(1))
    );
    for (term, path) in [(2, "sys/rotate"), (3, "sys/rotate/keyring")] {
        assert_eq!(world.root("POST", path, None).await.status, 204);
        let status = world.root("GET", "sys/key-status", None).await;
        assert_eq!(status.body["data"]["term"], term);
        assert!(status.body["data"]["install_time"].as_str().unwrap().ends_with('Z'));
        assert!(status.body["data"]["encryptions"].is_u64());
    }
}
