//! Snapshots of the storage through the API, each page on record, and restorations, on record at the next start.
//! Never in it: the format of a snapshot; see the crate `onrecord-storage`.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_audit::device::faulty::Fault;
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use onrecord_storage::embedded::restore::{Restore, restore};
use onrecord_storage::snapshot::{self, SnapshotError};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::kit::{TestServer, ask, core_on, entries, outline};

/// A page: its status, and its bytes.
async fn page(world: &TestServer, id: &str, number: u64) -> (u16, Vec<u8>) {
    let request = ask("POST", &format!("sys/storage/snapshot/{id}")).token(&world.root);
    let answer = world.start(request.json(&json!({"page": number}))).await;
    (answer.status(), answer.into_body().to_vec())
}

async fn begin(world: &TestServer) -> Value {
    let begun = world.root("POST", "sys/storage/snapshot", None).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    begun.body["data"].clone()
}

fn id(begun: &Value) -> String {
    begun["id"].as_str().unwrap().to_owned()
}

/// Makes a snapshot, with its number of pages.
pub(crate) async fn save(world: &TestServer, file: &Path) -> u64 {
    let id = id(&begin(world).await);
    let mut whole = Vec::new();
    for number in 0.. {
        let (status, bytes) = page(world, &id, number).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        whole.extend_from_slice(&bytes);
        if bytes.starts_with(&[0xff; 4]) {
            assert_eq!(world.root("DELETE", &format!("sys/storage/snapshot/{id}"), None).await.status, 204);
            std::fs::write(file, whole).unwrap();
            return number + 1;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn each_page_is_on_record_and_the_last_one_with_the_digest_of_the_whole() {
    let (world, folder) = (TestServer::new().await, tempfile::tempdir().unwrap());
    let (device, raw) = (world.device("hashed/", false).await, world.device("raw/", true).await);
    let file = folder.path().join("snapshot");
    let pages = usize::try_from(save(&world, &file).await).unwrap();
    let info = snapshot::read(&file, |_, _| Ok::<_, SnapshotError>(())).unwrap();
    let outline = outline(&device);
    assert_eq!(outline.len(), 2 + 2 * pages + 2);
    assert!(outline[2].starts_with("request update sys/storage/snapshot/"), "{outline:?}");
    let whole = const_hex::encode(Sha256::digest(std::fs::read(&file).unwrap()));
    assert_eq!(info.sha256, whole);
    let last = &entries(&raw)[outline.len() - 3]["response"]["data"];
    let expected = json!({"bytes": info.bytes, "records": info.header.records, "sha256": whole});
    assert_eq!(
        (&last["snapshot"], &last["page"], &last["records"]),
        (&expected, &json!(pages - 1), &json!(0))
    );
    // Not the body itself.
    let hashed = &entries(&device)[outline.len() - 3]["response"]["data"];
    assert!(hashed["snapshot"]["sha256"].as_str().unwrap().starts_with("hmac-sha256:"), "{hashed}");
    assert_eq!((&hashed["bytes"], hashed.get("http_raw_body")), (&json!(32 + 64 + 12), None));
}

#[tokio::test]
async fn a_snapshot_needs_sudo() {
    let world = TestServer::new().await;
    let rules =
        json!({"policy": "path \"sys/storage/*\" { capabilities = [\"create\", \"update\", \"delete\"] }"});
    assert_eq!(world.root("PUT", "sys/policies/acl/weak", Some(rules)).await.status, 204);
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["weak"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    let id = id(&begin(&world).await);
    for path in ["sys/storage/snapshot".to_owned(), format!("sys/storage/snapshot/{id}")] {
        assert_eq!(world.send(ask("POST", &path).token(token)).await.status, 403, "{path}");
    }
    let path = format!("sys/storage/snapshot/{id}");
    assert_eq!(world.send(ask("DELETE", &path).token(token)).await.status, 403);
    assert_eq!(page(&world, &id, 0).await.0, 200);
}

#[tokio::test]
async fn one_snapshot_at_a_time_and_an_idle_one_is_given_up() {
    let clock = Arc::new(ManualClock::default());
    let world = TestServer::by(Arc::clone(&clock) as _, Settings::default()).await;
    let first = id(&begin(&world).await);
    let refused = world.root("POST", "sys/storage/snapshot", None).await;
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("60 seconds after its last page"), "{}", refused.error());
    clock.advance(Duration::from_secs(59));
    assert_eq!(page(&world, &first, 0).await.0, 200);
    clock.advance(Duration::from_secs(59));
    assert_eq!(page(&world, &first, 0).await.0, 200, "once more");
    clock.advance(Duration::from_mins(1));
    assert_eq!(page(&world, &first, 1).await.0, 400);
    let second = id(&begin(&world).await);
    assert_ne!(first, second);
    // However often its pages are asked for.
    for _ in 0..61 {
        clock.advance(Duration::from_secs(59));
        page(&world, &second, 0).await;
    }
    assert_eq!(page(&world, &second, 0).await.0, 200);
    clock.advance(Duration::from_secs(59));
    assert_eq!(page(&world, &second, 0).await.0, 400, "an hour is over");
}

#[tokio::test]
async fn a_seal_ends_a_snapshot() {
    let world = TestServer::new().await;
    let id = id(&begin(&world).await);
    world.core.seal(Duration::from_secs(10)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(page(&world, &id, 0).await.0, 400);
    begin(&world).await;
}

#[tokio::test]
async fn wrong_pages_and_the_ways_of_other_storages_are_refused_with_what_to_do() {
    let world = TestServer::new().await;
    let id = id(&begin(&world).await);
    let path = format!("sys/storage/snapshot/{id}");
    let cases = [
        ("POST", &*path, json!({"page": 7}), "page 0 is the next one"),
        ("POST", &*path, json!({}), "missing page"),
        ("POST", "sys/storage/snapshot/other", json!({"page": 0}), "no snapshot \"other\" is being made"),
        ("DELETE", "sys/storage/snapshot/other", json!({}), "no snapshot \"other\" is being made"),
        ("POST", "sys/storage/snapshot/restore", json!({}), "operator snapshot restore"),
        ("GET", "sys/storage/raft/snapshot", json!({}), "operator snapshot save"),
        ("POST", "sys/storage/raft/snapshot", json!({}), "operator snapshot restore"),
        ("POST", "sys/storage/raft/snapshot-force", json!({}), "operator snapshot restore"),
    ];
    for (method, path, body, expected) in cases {
        let said = world.root(method, path, (method == "POST").then_some(body)).await;
        assert!(said.status == 400 && said.error().contains(expected), "{method} {path}: {said:?}");
    }
    assert_eq!(page(&world, &id, 0).await.0, 200);
}

#[tokio::test]
async fn a_damaged_value_is_named_and_no_snapshot_is_made() {
    let (folder, key) = (tempfile::tempdir().unwrap(), "logical/damaged");
    let storage = Storage::start(Embedded::open(folder.path()).unwrap()).unwrap();
    let world = TestServer::on(storage.clone(), Settings::default()).await;
    let mut batch = onrecord_storage::Batch::new();
    batch.put(key, b"not encrypted".as_slice());
    storage.commit(batch).await.unwrap();
    let id = id(&begin(&world).await);
    let (status, bytes) = page(&world, &id, 0).await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(status == 500 && text.contains(key) && text.contains("is damaged"), "{status} {text}");
    // It is over.
    begin(&world).await;
}

pub(crate) fn restored(directory: &Path, file: &Path) {
    let wanted = Restore {
        snapshot: file.to_owned(),
        id: "1b671a64-40d5-491e-99b0-da01ff1f3341".into(),
        at: 1_800_000_000,
        time: "now".into(),
        uid: 17,
        force: false,
    };
    restore(directory, &wanted, &mut |_| ControlFlow::Continue(())).unwrap();
}

#[tokio::test]
async fn a_restoration_is_put_on_record_once_by_the_first_device_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file) = (folder.path().join("data"), folder.path().join("snapshot"));
    let log_keys = async |world: &TestServer| {
        world.send(ask("GET", "sys/audit-log/keys")).await.body["data"]["server_keys"].clone()
    };
    let (key, root, sha256, keys) = {
        let storage = Storage::start(Embedded::open(&directory).unwrap()).unwrap();
        let world = TestServer::on(storage, Settings::default()).await;
        save(&world, &file).await;
        let info = snapshot::read(&file, |_, _| Ok::<_, SnapshotError>(())).unwrap();
        let keys = log_keys(&world).await;
        // After the snapshot: the storage that is restored does not have this key.
        assert_eq!(world.root("POST", "sys/audit-log/rotate", None).await.status, 200);
        world.core.seal(Duration::from_secs(10)).await;
        (world.key, world.root, info.sha256, keys)
    };
    restored(&directory, &file);
    let open = || {
        let storage = Storage::start(Embedded::open(&directory).unwrap()).unwrap();
        TestServer { core: core_on(storage, Settings::default()), root: root.clone(), key: key.clone() }
    };
    {
        // No device can take it: it is kept for the next start.
        let world = open();
        world.core.unseal(&world.key).await.unwrap();
        let device = world.device("broken/", false).await;
        device.set(Fault::Refuse);
        world.core.keep_record().await;
        world.core.seal(Duration::from_secs(10)).await;
    }
    let world = open();
    world.core.unseal(&world.key).await.unwrap();
    let device = world.device("works/", true).await;
    for _ in 0..3 {
        world.core.keep_record().await;
    }
    assert_eq!(
        outline(&device),
        ["request update sys/storage/restored", "response update sys/storage/restored"]
    );
    assert_eq!(
        log_keys(&world).await,
        keys,
        "the checkpoints of logs are signed with the key of the snapshot"
    );
    let data = &entries(&device)[0]["request"]["data"];
    assert_eq!((&data["at"], &data["uid"]), (&json!(1_800_000_000), &json!(17)));
    assert_eq!((&data["snapshot"]["authentic"], &data["snapshot"]["sha256"]), (&json!(true), &json!(sha256)));
    world.core.seal(Duration::from_secs(10)).await;
    drop(world);
    let world = open();
    world.core.unseal(&world.key).await.unwrap();
    let device = world.device("works/", true).await;
    world.core.keep_record().await;
    assert_eq!(outline(&device), Vec::<String>::new(), "once");
}
