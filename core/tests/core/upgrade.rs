//! The first unsealing of a server that an older version has initialised, and not unsealed to the end. That version kept no
//! digests, and stored the cluster's name and the mount table at the first unsealing.
//! Never in it: what a digest is; see the crate `onrecord-storage`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use onrecord_core::Settings;
use onrecord_seal::{OsEntropy, SecretBytes};
use onrecord_storage::memory::Memory;
use onrecord_storage::{Backend, BackendError, Barrier, Batch, Conflict, Read, Storage, old_store};

use crate::kit::{TestServer, core_on};

/// A storage that outlives its servers, and refuses every commit after some.
#[derive(Clone)]
struct Outliving(Arc<Memory>, Arc<AtomicU32>);

impl Backend for Outliving {
    fn kind(&self) -> &'static str {
        "outliving"
    }
    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        self.0.read(key)
    }
    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        self.0.list(prefix, after, limit)
    }
    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        self.0.keys(prefix, after, limit)
    }
    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        let less = |left: u32| left.checked_sub(1);
        match self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => self.0.commit(batches),
            Err(_) => Err(BackendError::new("commit", "the server was killed")),
        }
    }
    fn reopen(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

/// The storage of a server that an older version has initialised, with further values; and its only key share.
fn old_storage(values: &[(&str, &[u8])]) -> (Outliving, String) {
    let (batch, key) = old_store::old_store(values).unwrap();
    let memory = Arc::new(Memory::new());
    memory.commit(&[batch]).unwrap().remove(0).unwrap();
    let share = const_hex::encode(key.expose());
    (Outliving(memory, Arc::new(AtomicU32::new(u32::MAX))), share)
}

async fn unseals(storage: &Outliving, key: &str) {
    let core = core_on(Storage::start(storage.clone()).unwrap(), Settings::default());
    core.unseal(key).await.unwrap();
    assert!(core.unsealed().is_some());
}

#[tokio::test]
async fn a_first_unsealing_that_is_killed_after_any_commit_can_be_repeated() {
    for commits in 0..5 {
        let (storage, key) = old_storage(&[]);
        storage.1.store(commits, Ordering::Relaxed);
        let core = core_on(Storage::start(storage.clone()).unwrap(), Settings::default());
        // What comes of it depends on the number of commits.
        drop(core.unseal(&key).await);
        drop(core);
        storage.1.store(u32::MAX, Ordering::Relaxed);
        unseals(&storage, &key).await;
        unseals(&storage, &key).await;
    }
}

#[tokio::test]
async fn a_repair_may_come_before_the_first_unsealing() {
    let (storage, key) = old_storage(&[]);
    let core = core_on(Storage::start(storage.clone()).unwrap(), Settings::default());
    drop(core.repair(&key).await.unwrap().unwrap());
    drop(core);
    unseals(&storage, &key).await;
}

#[tokio::test]
async fn a_server_with_only_one_of_its_name_and_its_mount_table_gets_the_other() {
    let storage = Storage::start(Memory::new()).unwrap();
    let server = TestServer::on(storage.clone(), Settings::default()).await;
    let barrier = Barrier::new(storage, Arc::new(OsEntropy::new()));
    let share = SecretBytes::new(const_hex::decode(&server.key).unwrap());
    barrier.unseal(&share).await.unwrap();
    let view = barrier.view("core/").unwrap();
    for name in ["cluster", "mounts"] {
        let value = view.get(name).await.unwrap().unwrap();
        let (storage, key) = old_storage(&[(&format!("core/{name}"), value.expose())]);
        unseals(&storage, &key).await;
        unseals(&storage, &key).await;
    }
}
