//! A store that is far away: reads wait beside each other, writers of one key one after another, and no update is
//! lost.

use std::sync::Arc;
use std::time::Duration;

use onrecord_storage::far::Far;
use onrecord_storage::{Batch, CommitError, Storage};
use tokio::task::JoinSet;

use crate::{block_on, put};

const DELAY: Duration = Duration::from_millis(5);

fn far() -> (Storage, Far) {
    let far = Far::new(DELAY).unwrap();
    (Storage::start(far.clone()).unwrap(), far)
}

/// Adds one to the number at a key; the number before it, or the commit's error.
async fn increment(storage: &Storage, key: &str) -> Result<u64, CommitError> {
    let (before, commit) = {
        let _lock = storage.lock(key).await;
        let seen = storage.latest(key).await.unwrap();
        let before = seen.stored.as_deref().map_or(0, |old| u64::from_le_bytes(old.try_into().unwrap()));
        let mut batch = Batch::new();
        batch.require(seen);
        batch.put(key, (before + 1).to_le_bytes().to_vec());
        (before, storage.commit(batch))
    };
    commit.await.map(|()| before)
}

#[test]
fn reads_of_one_thread_wait_beside_each_other() {
    let (storage, far) = far();
    storage.commit(put("a", b"one")).wait().unwrap();
    far.hold();
    block_on(async {
        let mut reads = JoinSet::new();
        for _ in 0..64 {
            let storage = storage.clone();
            reads.spawn(async move { storage.read("a").await.unwrap() });
        }
        while far.waiting() < 64 {
            tokio::task::yield_now().await;
        }
        far.answer();
        while let Some(read) = reads.join_next().await {
            assert_eq!(read.unwrap().unwrap(), b"one");
        }
    });
    assert_eq!(far.most_waiting(), 64);
}

#[test]
fn writers_of_one_key_lose_no_update_and_those_of_other_keys_go_on() {
    let (storage, far) = far();
    block_on(async {
        let mut writers = JoinSet::new();
        for n in 0..40 {
            let storage = storage.clone();
            writers.spawn(async move { increment(&storage, &format!("key/{}", n % 2)).await.unwrap() });
        }
        let mut before = writers.join_all().await;
        before.sort_unstable();
        assert_eq!(before, (0..20).flat_map(|n| [n, n]).collect::<Vec<_>>());
    });
    assert!(far.most_waiting() >= 2, "the two keys waited for each other");
}

#[test]
fn a_writer_that_gives_up_lets_the_next_one_write() {
    let (storage, far) = far();
    far.hold();
    block_on(async {
        let first = {
            let storage = storage.clone();
            tokio::spawn(async move { increment(&storage, "a").await })
        };
        while far.waiting() < 1 {
            tokio::task::yield_now().await;
        }
        let second = {
            let storage = storage.clone();
            tokio::spawn(async move { increment(&storage, "a").await })
        };
        tokio::task::yield_now().await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        far.answer();
        assert_eq!(second.await.unwrap().unwrap(), 0);
    });
}

#[test]
fn a_write_of_another_process_between_read_and_commit_is_a_conflict() {
    let (storage, far) = far();
    let other = Storage::start(far.clone()).unwrap();
    far.hold();
    block_on(async {
        let here = {
            let storage = storage.clone();
            tokio::spawn(async move { increment(&storage, "a").await })
        };
        while far.waiting() < 1 {
            tokio::task::yield_now().await;
        }
        other.commit(put("a", &7_u64.to_le_bytes())).await.unwrap();
        far.answer();
        assert!(matches!(here.await.unwrap(), Err(CommitError::Conflict(_))));
        assert_eq!(increment(&storage, "a").await.unwrap(), 7);
    });
}

#[test]
fn the_committer_waits_for_the_reads_of_its_check() {
    let (far, dead) = (Far::new(DELAY).unwrap(), Arc::default());
    let storage = Storage::start(crate::committer::fails_once(far.clone(), Arc::clone(&dead))).unwrap();
    storage.commit(put("a", b"kept")).wait().unwrap();
    dead.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(storage.commit(put("b", b"refused")).wait(), Err(CommitError::Backend(_))));
    assert!(!storage.has_failed());
    assert_eq!(far.take_counts(), [("a".to_owned(), 1)].into());
}
