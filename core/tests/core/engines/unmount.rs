//! What happens to the data of an engine that is unmounted, with the store failing and with writers at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onrecord_storage::{Backend, BackendError, Batch, Change, Conflict, Read, memory::Memory};

use super::server::Server;
use crate::kit::eventually;

/// A store that can be told to remove nothing of a mount.
struct Sticky {
    memory: Memory,
    sticky: Arc<AtomicBool>,
}

impl Backend for Sticky {
    fn kind(&self) -> &'static str {
        "sticky"
    }

    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        self.memory.read(key)
    }

    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        self.memory.list(prefix, after, limit)
    }

    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        self.memory.keys(prefix, after, limit)
    }

    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        let removes = |change: &Change| change.value.is_none() && change.key.starts_with("mounts/");
        if self.sticky.load(Ordering::SeqCst) && batches.iter().flat_map(Batch::changes).any(removes) {
            return Err(BackendError::new("commit", "nothing is removed"));
        }
        self.memory.commit(batches)
    }

    fn reopen(&self) -> Result<(), BackendError> {
        self.memory.reopen()
    }
}

#[tokio::test]
async fn the_data_goes_with_the_mount() {
    let server = Server::new().await;
    server.mount("kv1", 1).await;
    server.mount("other", 1).await;
    server.expect(204, "POST", "other/kept", r#"{"a":"b"}"#).await;
    for key in 0..1100 {
        server.expect(204, "POST", &format!("kv1/{key}"), r#"{"a":"b"}"#).await;
    }
    server.expect(204, "DELETE", "sys/mounts/kv1", "").await;
    let said = server.expect(404, "GET", "kv1/1", "").await;
    assert_eq!(said.error(), "no handler for route \"kv1/1\". route entry not found.");
    assert_eq!(server.stored("mounts/"), 1);
    server.mount("kv1", 1).await;
    server.expect(404, "GET", "kv1/1", "").await;
    server.expect(200, "GET", "other/kept", "").await;
}

#[tokio::test]
async fn what_a_crash_leaves_is_removed_after_the_next_unsealing() {
    let sticky = Arc::new(AtomicBool::new(false));
    let server = Server::over(Sticky { memory: Memory::new(), sticky: Arc::clone(&sticky) }).await;
    server.mount("kv1", 1).await;
    server.expect(204, "POST", "kv1/a", r#"{"a":"b"}"#).await;
    sticky.store(true, Ordering::SeqCst);
    server.expect(204, "DELETE", "sys/mounts/kv1", "").await;
    server.expect(404, "GET", "kv1/a", "").await;
    assert_eq!(server.stored("mounts/"), 1, "the data could not be removed");
    sticky.store(false, Ordering::SeqCst);
    let server = server.restarted().await;
    server.expect(404, "GET", "kv1/a", "").await;
    eventually(|| server.stored("mounts/") == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_writer_leaves_anything_behind_in_a_mount_that_is_gone() {
    let server = Server::new().await;
    for _ in 0..10 {
        server.mount("kv2", 2).await;
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let server = server.clone();
                tokio::spawn(async move {
                    for key in 0.. {
                        let path = format!("kv2/data/{writer}/{key}");
                        match server.ask("POST", &path, r#"{"data":{}}"#).await.status {
                            200 => {}
                            status => return status,
                        }
                    }
                    0
                })
            })
            .collect();
        server.expect(204, "DELETE", "sys/mounts/kv2", "").await;
        for writer in writers {
            assert_eq!(writer.await.unwrap(), 404);
        }
        assert_eq!(server.stored("mounts/"), 0);
    }
}
