//! Whether an audit log is ahead of the storage: where none is, after failed unsealings and after an upgrade; and where one is that
//! can be opened only later.
//! Never in it: a storage that is an older copy as a whole; see the tests of the whole program.

use std::fs;
use std::time::Duration;

use onrecord_storage::Batch;
use serde_json::json;
use tempfile::TempDir;

use crate::kit::TestServer;

/// A server with a file as its device, in a folder.
async fn with_file(folder: &TempDir) -> TestServer {
    let world = TestServer::new().await;
    let options = json!({"type": "file", "options": {"file_path": folder.path().join("audit.log")}});
    assert_eq!(world.root("PUT", "sys/audit/file", Some(options)).await.status, 204);
    world
}

async fn seal(world: &TestServer) {
    world.core.seal(Duration::from_secs(10)).await;
}

async fn assert_no_log_is_ahead(world: &TestServer) {
    let status = world.root("GET", "sys/audit-status", None).await;
    assert_eq!(status.status, 200, "{}", status.text);
    assert!(status.body["data"].get("storage_is_older_than").is_none(), "{}", status.text);
}

#[tokio::test]
async fn no_log_is_ahead_of_the_storage_after_many_unsealings_that_failed() {
    let folder = TempDir::new().unwrap();
    let (log, aside) = (folder.path().join("audit.log"), folder.path().join("aside"));
    let world = with_file(&folder).await;
    seal(&world).await;
    fs::rename(&log, &aside).unwrap();
    fs::create_dir(&log).unwrap();
    for _ in 0..257 {
        world.core.unseal(&world.key).await.unwrap_err();
    }
    fs::remove_dir(&log).unwrap();
    fs::rename(&aside, &log).unwrap();
    world.core.unseal(&world.key).await.unwrap();
    assert_no_log_is_ahead(&world).await;
}

#[tokio::test]
async fn no_log_is_ahead_of_the_storage_of_a_version_that_kept_no_boots() {
    let folder = TempDir::new().unwrap();
    let world = with_file(&folder).await;
    let core = world.core.unsealed().unwrap().barrier.view("core/").unwrap();
    let mut batch = Batch::new();
    core.delete(&mut batch, "boots").unwrap();
    core.commit(batch).await.unwrap();
    seal(&world).await;
    // The log gets no entry of the first unsealing by this version.
    world.core.unseal(&world.key).await.unwrap();
    seal(&world).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_no_log_is_ahead(&world).await;
}

#[tokio::test]
async fn a_log_that_is_ahead_of_the_storage_is_said_once_it_can_be_opened() {
    let folder = TempDir::new().unwrap();
    let (log, aside) = (folder.path().join("audit.log"), folder.path().join("aside"));
    let world = with_file(&folder).await;
    let other = folder.path().join("other.log");
    let options = json!({"type": "file", "options": {"file_path": other}});
    assert_eq!(world.root("PUT", "sys/audit/other", Some(options)).await.status, 204);
    let core = || world.core.unsealed().unwrap().barrier.view("core/").unwrap();
    let older = core().get("boots").await.unwrap().unwrap();
    seal(&world).await;
    world.core.unseal(&world.key).await.unwrap();
    let status = world.root("GET", "sys/audit-status", None).await;
    let boot = status.body["data"]["boot"].clone();
    // The storage knows that boot no more.
    let mut batch = Batch::new();
    core().put(&mut batch, "boots", older.expose()).unwrap();
    core().commit(batch).await.unwrap();
    seal(&world).await;
    fs::rename(&log, &aside).unwrap();
    fs::create_dir(&log).unwrap();
    fs::remove_file(other).unwrap();
    world.core.unseal(&world.key).await.unwrap();
    assert_no_log_is_ahead(&world).await;

    fs::remove_dir(&log).unwrap();
    fs::rename(&aside, &log).unwrap();
    let ahead = loop {
        // The device is opened by the next entry that it is given, and compared when it is.
        let status = world.root("GET", "sys/audit-status", None).await;
        world.core.keep_record().await;
        if let Some(ahead) = status.body["data"].get("storage_is_older_than") {
            break ahead.clone();
        }
    };
    assert_eq!(ahead.as_array().unwrap().len(), 1, "{ahead}");
    assert_eq!(ahead[0]["boot"], boot, "{ahead}");
    world.core.keep_record().await;
    let status = world.root("GET", "sys/audit-status", None).await;
    assert_eq!(status.body["data"]["storage_is_older_than"], ahead, "it is said once");
}
