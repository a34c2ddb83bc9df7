//! Whether an audit log is ahead of the storage, where none is: after failed unsealings, and after an upgrade.
//! Never in it: a storage that is an older copy; see the tests of the whole program.

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
