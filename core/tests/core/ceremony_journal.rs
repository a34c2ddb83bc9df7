//! R-CEREMONY: what no device could record is told to the first one that can.
//! Never in it: what a ceremony does (`ceremonies`).

use std::time::Duration;

use onrecord_audit::device::faulty::FaultControl;
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::ceremonies::texts;
use crate::kit::{TestServer, ask, core_on, entries};

/// Pairs of entries, without the numbers that differ.
fn recorded(device: &FaultControl) -> Vec<(String, Value)> {
    let all = entries(device);
    let pairs = all.chunks(2).map(|pair| {
        assert_eq!(pair[0]["request"]["id"], pair[1]["request"]["id"]);
        assert_eq!((&pair[0]["type"], &pair[1]["type"]), (&json!("request"), &json!("response")));
        let mut data = pair[0]["request"]["data"].clone();
        assert!(data["at"].is_number(), "{data}");
        data.as_object_mut().unwrap().remove("at");
        (pair[0]["request"]["path"].as_str().unwrap().to_owned(), data)
    });
    pairs.collect()
}

#[tokio::test]
async fn r_ceremony_what_no_device_could_record_is_told_to_the_first_one() {
    let core = core_on(Storage::start(Memory::new()).unwrap(), Settings::default());
    let world = TestServer { core, root: String::new(), key: String::new() };
    let put = async |path: &str, body: Value| world.send(ask("PUT", path).json(&body)).await;
    let made = put("sys/init", json!({"secret_shares": 3, "secret_threshold": 2})).await;
    let keys = texts(&made.body["keys"]);
    put("sys/unseal", json!({"key": keys[0]})).await;
    put("sys/unseal", json!({"reset": true})).await;
    put("sys/unseal", json!({"key": "00"})).await;
    put("sys/unseal", json!({"key": keys[1]})).await;
    assert_eq!(put("sys/unseal", json!({"key": keys[2]})).await.body["sealed"], json!(false));
    let begun = put("sys/rekey/init", json!({"secret_shares": 1, "secret_threshold": 1})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    let nonce = begun.body["nonce"].as_str().unwrap();
    for key in &keys[..2] {
        put("sys/rekey/update", json!({"key": key, "nonce": nonce})).await;
    }
    put("sys/generate-root/attempt", json!({})).await;
    assert_eq!(world.send(ask("DELETE", "sys/generate-root/attempt")).await.status, 204);
    world.core.keep_record().await;
    // Nothing of it is lost while there is no device, not even by a restart.
    let device = world.device("test/", false).await;
    world.core.keep_record().await;
    let rekey = json!({"backup": false, "n": 1, "progress": 0, "required": 2, "started": true, "t": 1,
        "verification_required": false});
    let mut second = rekey.clone();
    second["progress"] = json!(1);
    let root = json!({"complete": false, "otp_length": 26, "progress": 0, "required": 1, "started": true});
    let done = json!({"backup": false, "complete": true, "keys": 1, "keys_base64": 1, "n": 1, "t": 1,
        "verification_required": false});
    let expected = [
        ("sys/init", json!({"secret_shares": 3, "secret_threshold": 2})),
        ("sys/unseal", json!({"share": 1})),
        ("sys/unseal", json!({"reset": true})),
        ("sys/unseal", json!({"share": 1})),
        ("sys/unseal", json!({"share": 2})),
        ("sys/rekey/init", rekey),
        ("sys/rekey/update", second),
        ("sys/rekey/update", done),
        ("sys/generate-root/attempt", root),
        ("sys/generate-root/attempt", json!({})),
    ];
    assert_eq!(recorded(&device), expected.map(|(path, data)| (path.to_owned(), data)));
    for entry in entries(&device) {
        assert_eq!(entry["request"]["remote_address"], "127.0.0.1", "{entry}");
    }
    let lines = device.lines().len();
    world.core.keep_record().await;
    assert_eq!(device.lines().len(), lines, "once");
}

#[tokio::test]
async fn r_ceremony_the_journal_outlives_a_seal_and_an_unsealing_is_told_to_the_devices_that_are_there() {
    let storage = Storage::start(Memory::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let core = core_on(storage, Settings::default());
    let mut world = TestServer { core, root: String::new(), key: String::new() };
    let made =
        world.send(ask("PUT", "sys/init").json(&json!({"secret_shares": 1, "secret_threshold": 1}))).await;
    world.root = made.body["root_token"].as_str().unwrap().to_owned();
    let key = texts(&made.body["keys"]).remove(0);
    let unseal = async || world.send(ask("PUT", "sys/unseal").json(&json!({"key": key}))).await.status;
    assert_eq!(unseal().await, 200);
    world.core.seal(Duration::from_secs(10)).await;
    assert_eq!(unseal().await, 200);
    let file = json!({"type": "file", "options": {"file_path": log}});
    assert_eq!(world.root("PUT", "sys/audit/file", Some(file)).await.status, 204);
    world.core.keep_record().await;
    let paths = || {
        let text = std::fs::read_to_string(&log).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| {
                format!("{} {}", line["type"].as_str().unwrap(), line["request"]["path"].as_str().unwrap())
            })
            .collect::<Vec<_>>()
    };
    let pair = |path: &str| [format!("request {path}"), format!("response {path}")];
    let mut expected = vec!["request sys/audit/test".to_owned(), "response sys/audit/file".to_owned()];
    for path in ["sys/init", "sys/unseal", "sys/unseal"] {
        expected.extend(pair(path));
    }
    assert_eq!(paths(), expected);
    world.core.seal(Duration::from_secs(10)).await;
    assert_eq!(unseal().await, 200);
    // Before any request: it is the first thing of this start.
    expected.extend(pair("sys/unseal"));
    assert_eq!(paths(), expected);
}

#[tokio::test]
async fn who_throws_key_shares_away_has_to_wait_and_what_changes_nothing_is_not_kept() {
    let core = core_on(Storage::start(Memory::new()).unwrap(), Settings::default());
    let world = TestServer { core, root: String::new(), key: String::new() };
    let put = async |body: Value| world.send(ask("PUT", "sys/unseal").json(&body)).await;
    let shares = json!({"secret_shares": 3, "secret_threshold": 2});
    let made = world.send(ask("PUT", "sys/init").json(&shares)).await;
    let keys = texts(&made.body["keys"]);
    for _ in 0..300 {
        assert_eq!(put(json!({"reset": true})).await.status, 200, "there is nothing to throw away");
    }
    for _ in 0..5 {
        for _ in 0..100 {
            assert_eq!(put(json!({"key": keys[0]})).await.body["progress"], 1);
        }
        assert_eq!(put(json!({"reset": true})).await.body["progress"], 0);
    }
    for body in [json!({"reset": true}), json!({"key": keys[0]})] {
        let waits = put(body).await;
        assert!(waits.status == 429 && waits.error().contains("is looked at in"), "{}", waits.text);
    }
    world.core.unseal(&keys[0]).await.unwrap();
    world.core.unseal(&keys[1]).await.unwrap();
    let device = world.device("test/", false).await;
    world.core.keep_record().await;
    // Requests that are counted have no responses.
    let responses = entries(&device).into_iter().filter(|entry| entry["type"] == "response");
    let paths: Vec<String> =
        responses.map(|entry| entry["request"]["path"].as_str().unwrap().to_owned()).collect();
    let (first, rest) = paths.split_first().unwrap();
    assert_eq!(first, "sys/init");
    assert_eq!(rest, ["sys/unseal"; 10], "five rounds of one share and its end");
}
