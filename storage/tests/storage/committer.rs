//! Group commit, order, what is on its way, failures, and the directory of the embedded store.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use onrecord_storage::embedded::{Embedded, Problem};
use onrecord_storage::far::Far;
use onrecord_storage::lossy::{Fault, LossyDisk};
use onrecord_storage::memory::Memory;
use onrecord_storage::{Backend, BackendError, Batch, CommitError, Conflict, Read, Storage, StoreError};

use crate::{Shared, block_on, get, now, put};

/// A back end with a step before each commit, which gets the size of the group and may fail.
struct Intercepted<B> {
    inner: B,
    before_commit: Box<dyn Fn(usize) -> Result<(), BackendError> + Send + Sync>,
}

impl<B: Backend> Backend for Intercepted<B> {
    fn kind(&self) -> &'static str {
        "intercepted"
    }

    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        self.inner.read(key)
    }

    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        self.inner.list(prefix, after, limit)
    }

    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        self.inner.keys(prefix, after, limit)
    }

    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        (self.before_commit)(batches.len())?;
        self.inner.commit(batches)
    }

    fn reopen(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

fn failure() -> BackendError {
    BackendError::new("commit", "as the test wants it")
}

pub(crate) enum Go {
    Commit,
    Fail,
    Panic,
}

/// A store in memory whose commits wait for a word each, and the sizes of the groups that it was given.
pub(crate) fn gated() -> (Storage, Sender<Go>, Shared<Vec<usize>>) {
    let (go, gate) = channel();
    let (gate, groups) = (Mutex::new(gate), Shared::<Vec<usize>>::default());
    let sizes = Arc::clone(&groups);
    let before_commit = Box::new(move |size| {
        sizes.lock().unwrap().push(size);
        let go = gate.lock().unwrap().recv();
        match go {
            Ok(Go::Panic) => panic!("as the test wants it"),
            Ok(Go::Fail) => Err(failure()),
            Ok(Go::Commit) | Err(_) => Ok(()),
        }
    });
    (Storage::start(Intercepted { inner: Memory::new(), before_commit }).unwrap(), go, groups)
}

/// A far store whose next commit fails when the test says so.
pub(crate) fn fails_once(inner: Far, fails: Arc<AtomicBool>) -> impl Backend {
    let before_commit =
        Box::new(move |_| if fails.swap(false, Ordering::SeqCst) { Err(failure()) } else { Ok(()) });
    Intercepted { inner, before_commit }
}

/// Waits until the committer has taken the first batch and stands at the gate.
fn until_taken(groups: &Shared<Vec<usize>>, count: usize) {
    while groups.lock().unwrap().len() < count {
        std::thread::yield_now();
    }
}

#[test]
fn what_waits_goes_out_in_one_transaction_in_order() {
    let (storage, go, groups) = gated();
    let first = storage.commit(put("a", b"0"));
    until_taken(&groups, 1);
    let rest: Vec<_> = (1..=20_u8).map(|value| storage.commit(put("a", &[value]))).collect();
    assert_eq!(get(&storage, "a"), None);
    go.send(Go::Commit).unwrap();
    first.wait().unwrap();
    assert_eq!(get(&storage, "a").unwrap(), b"0");
    go.send(Go::Commit).unwrap();
    for commit in rest {
        commit.wait().unwrap();
    }
    assert_eq!(*groups.lock().unwrap(), [1, 20]);
    assert_eq!(get(&storage, "a").unwrap(), [20]);
}

#[test]
fn latest_sees_what_is_on_its_way_and_a_read_does_not() {
    let (storage, go, groups) = gated();
    let first = storage.commit(put("n", &[1]));
    until_taken(&groups, 1);
    let commits: Vec<_> = (0..10)
        .map(|_| {
            let _lock = block_on(storage.lock("n"));
            let seen = now(storage.latest("n")).unwrap();
            let next = seen.stored.as_deref().unwrap()[0] + 1;
            let mut batch = put("n", &[next]);
            batch.require(seen);
            storage.commit(batch)
        })
        .collect();
    assert_eq!(get(&storage, "n"), None);
    go.send(Go::Commit).unwrap();
    go.send(Go::Commit).unwrap();
    first.wait().unwrap();
    for commit in commits {
        commit.wait().unwrap();
    }
    assert_eq!(get(&storage, "n").unwrap(), [11]);
    assert_eq!(*groups.lock().unwrap(), [1, 10]);
}

#[test]
fn what_depends_on_a_refused_batch_is_refused() {
    let (storage, go, groups) = gated();
    let first = storage.commit(put("n", &[1]));
    until_taken(&groups, 1);
    let seen = now(storage.latest("n")).unwrap();
    let mut depends = put("n", &[2]);
    depends.require(seen);
    let depends = storage.commit(depends);
    let mut also = put("m", &[3]);
    also.require(now(storage.latest("n")).unwrap());
    let also = storage.commit(also);
    go.send(Go::Fail).unwrap();
    go.send(Go::Commit).unwrap();
    assert!(matches!(first.wait(), Err(CommitError::Backend(_))));
    assert!(matches!(depends.wait(), Err(CommitError::Conflict(conflict)) if conflict.key == "n"));
    assert!(matches!(also.wait(), Err(CommitError::Conflict(_))));
    assert_eq!((get(&storage, "n"), get(&storage, "m")), (None, None));
    assert_eq!(now(storage.latest("n")).unwrap().stored, None);
    assert!(!storage.has_failed());
}

#[test]
fn a_panic_in_the_engine_costs_its_transaction_alone() {
    let (storage, go, _) = gated();
    go.send(Go::Panic).unwrap();
    assert!(matches!(storage.commit(put("a", b"1")).wait(), Err(CommitError::Backend(_))));
    go.send(Go::Commit).unwrap();
    storage.commit(put("a", b"2")).wait().unwrap();
    assert_eq!(get(&storage, "a").unwrap(), b"2");
}

#[test]
fn the_last_handle_commits_what_waits() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::start(Embedded::open(directory.path()).unwrap()).unwrap();
    let commits: Vec<_> = (0..50).map(|n| storage.commit(put(&format!("k{n}"), b"v"))).collect();
    drop(storage);
    for commit in commits {
        commit.wait().unwrap();
    }
    let storage = Storage::start(Embedded::open(directory.path()).unwrap()).unwrap();
    assert_eq!(now(storage.keys("", "", usize::MAX)).unwrap().len(), 50);
}

#[test]
fn a_commit_is_a_future_of_any_runtime() {
    let storage = Storage::start(Memory::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for n in 0..100_u8 {
            storage.commit(put("a", &[n])).await.unwrap();
            assert_eq!(get(&storage, "a").unwrap(), [n]);
        }
        storage.commit(Batch::new()).await.unwrap();
    });
}

#[test]
fn writers_of_one_key_lose_no_update() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::start(Embedded::open(directory.path()).unwrap()).unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let storage = storage.clone();
            std::thread::spawn(move || {
                let mut versions = Vec::new();
                for _ in 0..50 {
                    let (commit, version) = {
                        let _lock = block_on(storage.lock("n"));
                        let seen = now(storage.latest("n")).unwrap();
                        let version = seen
                            .stored
                            .as_deref()
                            .map_or(0, |old| u64::from_le_bytes(old.try_into().unwrap()))
                            + 1;
                        let mut batch = put("n", &version.to_le_bytes());
                        batch.require(seen);
                        (storage.commit(batch), version)
                    };
                    commit.wait().unwrap();
                    versions.push(version);
                }
                versions
            })
        })
        .collect();
    let versions: BTreeSet<u64> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    assert_eq!(versions, (1..=400).collect());
    assert_eq!(get(&storage, "n").unwrap(), 400_u64.to_le_bytes());
}

#[test]
fn a_failed_sync_refuses_its_batch_and_the_store_comes_back() {
    for fault in [Fault::Sync, Fault::Write, Fault::SyncDoneButFailed] {
        let disk = LossyDisk::new();
        let storage = Storage::start(Embedded::on(&disk).unwrap()).unwrap();
        storage.commit(put("a", b"kept")).wait().unwrap();
        disk.fail(fault);
        assert!(
            matches!(storage.commit(put("a", b"refused")).wait(), Err(CommitError::Backend(_))),
            "{fault:?}"
        );
        assert!(!storage.has_failed(), "{fault:?}");
        let left = get(&storage, "a").unwrap();
        assert!(left == b"kept" || left == b"refused", "{fault:?}");
        storage.commit(put("b", b"after")).wait().unwrap();
        assert_eq!(get(&storage, "a").unwrap(), left);
    }
}

#[test]
fn a_store_that_does_not_come_back_takes_nothing_any_more() {
    let disk = LossyDisk::new();
    let storage = Storage::start(Embedded::on(&disk).unwrap()).unwrap();
    storage.commit(put("a", b"kept")).wait().unwrap();
    disk.fail(Fault::Gone);
    assert!(matches!(storage.commit(put("b", b"v")).wait(), Err(CommitError::Backend(_))));
    assert!(storage.has_failed());
    assert!(matches!(storage.commit(put("c", b"v")).wait(), Err(CommitError::Failed)));
    assert!(matches!(now(storage.read("a")), Err(StoreError::Failed)));
}

/// Forgets everything at its second commit and says that it failed.
struct Forgetful(Memory, Mutex<u32>);
impl Backend for Forgetful {
    fn kind(&self) -> &'static str {
        "forgetful"
    }
    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        if *self.1.lock().unwrap() > 1 { Read::Ready(Ok(None)) } else { self.0.read(key) }
    }
    fn list(&self, _: &str, _: &str, _: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(Ok(Vec::new()))
    }
    fn keys(&self, _: &str, _: &str, _: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        Read::Ready(Ok(Vec::new()))
    }
    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        let mut commits = self.1.lock().unwrap();
        *commits += 1;
        if *commits > 1 { Err(BackendError::new("commit", "forgot")) } else { self.0.commit(batches) }
    }
    fn reopen(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

#[test]
fn a_store_that_lost_an_acknowledged_commit_takes_nothing_any_more() {
    let storage = Storage::start(Forgetful(Memory::new(), Mutex::new(0))).unwrap();
    storage.commit(put("a", b"acknowledged")).wait().unwrap();
    assert!(storage.commit(put("b", b"v")).wait().is_err());
    assert!(storage.has_failed());
}

#[test]
fn the_directory_is_private_and_belongs_to_one() {
    let base = tempfile::tempdir().unwrap();
    let directory = base.path().join("deep/data");
    let first = Embedded::open(&directory).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&directory), 0o700);
    for entry in std::fs::read_dir(&directory).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let second = Embedded::open(&directory).err().unwrap();
    assert!(matches!(second.problem, Problem::InUse));
    assert_eq!(
        second.to_string(),
        format!("cannot open the storage directory {}: another process is using it", directory.display())
    );
    drop(first);
    Embedded::open(&directory).unwrap();
}

#[test]
fn a_newer_format_and_a_file_that_is_not_a_store_are_refused() {
    let base = tempfile::tempdir().unwrap();
    drop(Embedded::open(base.path()).unwrap());
    let file = base.path().join("store.redb");
    {
        let database = redb::Database::open(&file).unwrap();
        let write = database.begin_write().unwrap();
        write
            .open_table(redb::TableDefinition::<&str, u64>::new("meta"))
            .unwrap()
            .insert("format", 2)
            .unwrap();
        write.commit().unwrap();
    }
    let newer = Embedded::open(base.path()).err().unwrap();
    assert!(matches!(newer.problem, Problem::Format(2)));
    assert!(newer.to_string().ends_with("it has format 2, written by a newer version; this one knows 1"));

    std::fs::write(&file, b"no store at all, but long enough to be looked at").unwrap();
    assert!(matches!(Embedded::open(base.path()).err().unwrap().problem, Problem::Damaged(_)));
    let not_a_directory = base.path().join("file");
    std::fs::write(&not_a_directory, b"").unwrap();
    assert!(matches!(Embedded::open(&not_a_directory).err().unwrap().problem, Problem::Io(_)));
}
