//! Snapshots: made while values change, read back whole or not at all, and put in the place of a store that is damaged.
//! Never in it: who may make one.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use onrecord_seal::{OsEntropy, SealConfig, SecretBytes};
use onrecord_storage::embedded::restore::{Restore, RestoreError, Restored, Step, restore};
use onrecord_storage::embedded::{Embedded, OpenError, Problem};
use onrecord_storage::key::MAX_BYTES;
use onrecord_storage::memory::Memory;
use onrecord_storage::snapshot::{self, SnapshotError, SnapshotInfo};
use onrecord_storage::{Barrier, Batch, KeyError, Storage, StoreError};

use crate::{Seeded, block_on};

/// An initialised store, unsealed, and its key.
struct Store {
    barrier: Barrier,
    key: SecretBytes,
}

fn barrier_on(storage: Storage) -> Barrier {
    Barrier::new(storage, Arc::new(OsEntropy::new()))
}

fn initialised(storage: Storage) -> Store {
    let barrier = barrier_on(storage);
    let (mut shares, batch) =
        block_on(barrier.initialize(SealConfig::new(1, 1).unwrap(), 1_700_000_000)).unwrap();
    block_on(barrier.commit(batch)).unwrap();
    Store { barrier, key: shares.remove(0) }
}

fn embedded(directory: &Path) -> Result<Storage, OpenError> {
    loop {
        match Embedded::open(directory) {
            // A process that another test starts has the lock of a store that was just closed, too, until it executes its program.
            Err(error) if matches!(error.problem, Problem::InUse) => std::thread::yield_now(),
            opened => return Ok(Storage::start(opened?).unwrap()),
        }
    }
}

fn put(barrier: &Barrier, key: &str, value: &[u8]) {
    let view = barrier.view("values/").unwrap();
    let mut batch = Batch::new();
    view.put(&mut batch, key, value).unwrap();
    block_on(view.commit(batch)).unwrap();
}

fn get(barrier: &Barrier, key: &str) -> Option<Vec<u8>> {
    let view = barrier.view("values/").unwrap();
    block_on(view.get(key)).unwrap().map(|value| value.expose().to_vec())
}

/// Values of all lengths, some of them longer than a page.
fn fill(barrier: &Barrier) {
    let mut random = Seeded(7);
    for number in 0..200 {
        let length = random.below(3000);
        put(barrier, &format!("small/{number}"), &vec![number; usize::try_from(length).unwrap()]);
    }
    for number in 0..4 {
        put(barrier, &format!("large/{number}"), &vec![number; 1_500_000]);
    }
}

/// Makes a snapshot, calling `meanwhile` before each page.
fn save(barrier: &Barrier, file: &Path, mut meanwhile: impl FnMut(u64)) {
    let mut saving = barrier.begin_snapshot(1_700_000_100, "cluster".into(), "1.2.3".into()).unwrap();
    let mut whole = Vec::new();
    for number in 0.. {
        meanwhile(number);
        let page = saving.page(number).unwrap();
        whole.extend_from_slice(&page.bytes);
        if let Some(summary) = page.summary {
            assert_eq!(summary.bytes, whole.len() as u64);
            break;
        }
    }
    std::fs::write(file, whole).unwrap();
}

fn inspect(file: &Path) -> Result<SnapshotInfo, SnapshotError> {
    snapshot::read(file, |_, _| Ok(()))
}

fn wanted(snapshot: &Path) -> Restore {
    Restore {
        snapshot: snapshot.to_owned(),
        id: "an-id".into(),
        at: 1_700_000_200,
        time: "20231114T221640Z".into(),
        uid: 42,
        force: false,
    }
}

fn go_on(_: Step) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn restored(directory: &Path, snapshot: &Path) -> Result<Restored, RestoreError> {
    restore(directory, &wanted(snapshot), &mut go_on)
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A directory with a store of one value `state` = `old`, whose snapshot, made before, says `new`.
fn old_with_snapshot(folder: &Path) -> (PathBuf, PathBuf, SecretBytes) {
    let (directory, file) = (folder.join("data"), folder.join("snapshot"));
    let store = initialised(embedded(&directory).unwrap());
    put(&store.barrier, "state", b"new");
    save(&store.barrier, &file, |_| {});
    put(&store.barrier, "state", b"old");
    (directory, file, store.key)
}

fn state(directory: &Path, key: &SecretBytes) -> Vec<u8> {
    let barrier = barrier_on(embedded(directory).unwrap());
    block_on(barrier.unseal(key)).unwrap();
    get(&barrier, "state").unwrap()
}

#[test]
fn a_snapshot_restores_every_value_of_the_moment_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot");
    for storage in [Storage::start(Memory::new()).unwrap(), embedded(&folder.path().join("first")).unwrap()] {
        let store = initialised(storage);
        fill(&store.barrier);
        let stored = block_on(store.barrier.storage().keys("", "", 1000)).unwrap().len();
        // What is committed after its beginning does not show, whether its page was made before or is made later.
        save(&store.barrier, &file, |page| {
            put(&store.barrier, "small/1", b"changed");
            put(&store.barrier, &format!("large/new-{page}"), b"new");
            put(&store.barrier, "a-new-one", b"new");
        });
        let info = inspect(&file).unwrap();
        assert_eq!((info.header.records, info.header.created), (stored as u64, 1_700_000_100));
        assert_eq!((&*info.header.cluster, &*info.header.server), ("cluster", "1.2.3"));

        let directory = folder.path().join("second");
        let done = restored(&directory, &file).unwrap();
        assert_eq!((done.old, done.same_keys, done.snapshot), (None, None, info));
        let barrier = barrier_on(embedded(&directory).unwrap());
        block_on(barrier.unseal(&store.key)).unwrap();
        assert_eq!(get(&barrier, "a-new-one"), None);
        assert_eq!(get(&barrier, "large/new-0"), None);
        let mut random = Seeded(7);
        for number in 0..200 {
            let length = usize::try_from(random.below(3000)).unwrap();
            assert_eq!(get(&barrier, &format!("small/{number}")), Some(vec![number; length]), "{number}");
        }
        for number in 0..4 {
            assert_eq!(get(&barrier, &format!("large/{number}")), Some(vec![number; 1_500_000]));
        }
        drop(barrier);
        std::fs::remove_dir_all(directory).unwrap();
    }
}

#[test]
fn the_longest_key_that_is_stored_is_saved_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot");
    let store = initialised(Storage::start(Memory::new()).unwrap());
    let longest = MAX_BYTES - "values/".len();
    put(&store.barrier, &"a".repeat(longest), b"1");
    save(&store.barrier, &file, |_| {});
    inspect(&file).unwrap();
    let view = store.barrier.view("values/").unwrap();
    let refused = view.put(&mut Batch::new(), &"a".repeat(longest + 1), b"1");
    assert!(matches!(refused, Err(StoreError::Key(KeyError::TooLong))), "{refused:?}");
}

#[test]
fn a_page_can_be_had_once_more_and_no_other_one() {
    let store = initialised(Storage::start(Memory::new()).unwrap());
    fill(&store.barrier);
    let mut saving = store.barrier.begin_snapshot(1, "c".into(), "s".into()).unwrap();
    let first = saving.page(0).unwrap();
    assert_eq!(saving.page(0).unwrap().bytes, first.bytes);
    let second = saving.page(1).unwrap();
    assert_ne!(second.bytes, first.bytes);
    assert_eq!(saving.page(1).unwrap().bytes, second.bytes);
    for number in [0, 3, u64::MAX] {
        assert!(matches!(saving.page(number), Err(SnapshotError::Page { next: 2, .. })), "{number}");
    }
    let mut number = 2;
    while saving.page(number).unwrap().summary.is_none() {
        number += 1;
    }
    assert!(saving.page(number).unwrap().summary.is_some(), "the last page, too");
    assert!(saving.page(number + 1).is_err());
}

#[test]
fn a_snapshot_holds_no_value_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot");
    let store = initialised(Storage::start(Memory::new()).unwrap());
    put(&store.barrier, "a-name", b"a value that nobody may read");
    save(&store.barrier, &file, |_| {});
    let bytes = std::fs::read(&file).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"values/a-name") && !holds(b"a value that nobody"));
}

#[test]
fn a_value_that_does_not_open_is_not_saved() {
    let store = initialised(Storage::start(Memory::new()).unwrap());
    put(&store.barrier, "whole", b"1");
    let mut batch = Batch::new();
    batch.put("values/broken", b"not encrypted".as_slice());
    block_on(store.barrier.commit(batch)).unwrap();
    let mut saving = store.barrier.begin_snapshot(1, "c".into(), "s".into()).unwrap();
    let refused = saving.page(0).map(drop).unwrap_err().to_string();
    assert!(refused.contains("\"values/broken\" is damaged"), "{refused}");
}

#[test]
fn a_changed_or_cut_snapshot_is_refused_and_nothing_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let whole = std::fs::read(&file).unwrap();
    let mut random = Seeded(11);
    let mut damage = |bytes: Vec<u8>, what: String| {
        std::fs::write(&file, bytes).unwrap();
        assert!(inspect(&file).is_err(), "{what}");
        if random.below(20) == 0 {
            let refused = restored(&directory, &file).map(drop).unwrap_err();
            assert!(matches!(refused, RestoreError::Snapshot { .. }), "{what}: {refused}");
        }
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        damage(bytes, format!("bit {} of byte {at}", at % 8));
    }
    for length in 0..whole.len() {
        damage(whole[..length].to_vec(), format!("cut to {length}"));
    }
    damage([&whole[..], b"\n"].concat(), "one more byte".to_owned());
    std::fs::write(&file, whole).unwrap();
    assert!(inspect(&file).is_ok());
    assert_eq!(names(&directory), ["lock", "newest-commit", "store.redb"]);
    assert_eq!(state(&directory, &key), b"old");
}

#[test]
fn an_older_and_a_newer_format_are_refused_by_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, _) = old_with_snapshot(folder.path());
    let whole = std::fs::read(&file).unwrap();
    for (format, expected) in [("0", "snapshot format 0"), ("2", "snapshot format 2")] {
        std::fs::write(&file, [b"onrecord-snapshot ", format.as_bytes(), &whole[19..]].concat()).unwrap();
        let refused = restored(&directory, &file).map(drop).unwrap_err().to_string();
        assert!(refused.contains(expected) && refused.contains("reads format 1"), "{refused}");
    }
    for other in [&b"{\"a\":1}\n"[..], b"", b"onrecord-snap"] {
        std::fs::write(&file, other).unwrap();
        assert!(matches!(inspect(&file), Err(SnapshotError::NotASnapshot)));
    }
}

#[test]
fn a_restoration_that_is_ended_at_any_step_before_the_last_one_leaves_the_old_store() {
    for stop in Step::ALL.into_iter().filter(|step| *step != Step::Sync) {
        let folder = tempfile::tempdir().unwrap();
        let (directory, file, key) = old_with_snapshot(folder.path());
        let ended = restore(&directory, &wanted(&file), &mut |step| {
            if step == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(ended, Err(RestoreError::Ended)), "{stop:?}");
        assert_eq!(state(&directory, &key), b"old", "{stop:?}");
        // Again, with another time in the name of what is kept.
        let again = Restore { time: "later".into(), ..wanted(&file) };
        let done = restore(&directory, &again, &mut go_on).unwrap();
        assert_eq!(done.same_keys, Some(true), "{stop:?}");
        assert_eq!(state(&directory, &key), b"new", "{stop:?}");
        let kept = done.old.unwrap();
        assert!(kept.exists() && !directory.join("store.redb.restoring").exists(), "{stop:?}");
        let others = names(&directory).into_iter().filter(|name| name.contains("before-restore")).count();
        assert_eq!(others, 1, "{stop:?}: {:?}", names(&directory));
    }
}

#[test]
fn a_restoration_that_is_ended_when_the_new_store_is_in_place_is_reported_as_done() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let mut end = |step| if step == Step::Sync { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let done = restore(&directory, &wanted(&file), &mut end).unwrap();
    assert!(done.old.unwrap().exists());
    assert_eq!(state(&directory, &key), b"new");
}

#[test]
fn a_failure_when_the_new_store_is_in_place_names_where_the_old_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let noted = directory.join("newest-commit");
    let mut fail = |step| {
        if step == Step::Sync {
            std::fs::remove_file(&noted).unwrap();
            std::fs::create_dir(&noted).unwrap();
        }
        ControlFlow::Continue(())
    };
    let failed = restore(&directory, &wanted(&file), &mut fail).map(drop).unwrap_err();
    let RestoreError::NotSynced { old: Some(old), .. } = &failed else { panic!("{failed}") };
    assert!(old.exists(), "{failed}");
    assert!(failed.to_string().contains(old.to_str().unwrap()), "{failed}");
    std::fs::remove_dir(&noted).unwrap();
    assert_eq!(state(&directory, &key), b"new");
}

#[test]
fn a_store_that_no_longer_opens_is_restored_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let store = directory.join("store.redb");
    let mut bytes = std::fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[..512].fill(0);
    bytes[middle..].fill(0xa5);
    std::fs::write(&store, &bytes).unwrap();
    std::fs::write(directory.join("newest-commit"), "what it was is not known").unwrap();
    assert!(Embedded::open(&directory).is_err());
    let before = std::fs::read(&store).unwrap();
    let done = restored(&directory, &file).unwrap();
    assert_eq!(done.same_keys, None, "it could not be read");
    assert_eq!(std::fs::read(done.old.unwrap()).unwrap(), before, "byte for byte");
    assert_eq!(state(&directory, &key), b"new");
}

#[test]
fn a_snapshot_with_other_keys_is_restored_only_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let other = folder.path().join("other");
    drop(initialised(embedded(&other).unwrap()));
    let refused = restored(&other, &file).map(drop).unwrap_err();
    assert!(matches!(refused, RestoreError::OtherKeys(_)), "{refused}");
    let forced = Restore { force: true, ..wanted(&file) };
    assert_eq!(restore(&other, &forced, &mut go_on).unwrap().same_keys, Some(false));
    assert_eq!(state(&other, &key), b"new");
    assert_eq!(state(&directory, &key), b"old");
}

#[test]
fn a_directory_in_use_is_not_restored_into() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let running = embedded(&directory).unwrap();
    let refused = restored(&directory, &file).map(drop).unwrap_err();
    assert!(matches!(refused, RestoreError::Store { problem: Problem::InUse, .. }), "{refused}");
    drop(running);
    assert_eq!(state(&directory, &key), b"old");
}

#[test]
fn a_restoration_stays_noted_through_further_ones_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    restored(&directory, &file).unwrap();
    let second = Restore { id: "second".into(), at: 1_700_000_300, time: "t2".into(), ..wanted(&file) };
    restore(&directory, &second, &mut go_on).unwrap();
    let info = inspect(&file).unwrap();
    {
        let barrier = barrier_on(embedded(&directory).unwrap());
        block_on(barrier.unseal(&key)).unwrap();
        let noted = barrier.restorations().unwrap();
        let facts: Vec<_> = noted.iter().map(|noted| (&*noted.id, noted.at, noted.uid)).collect();
        assert_eq!(facts, [("an-id", 1_700_000_200, 42), ("second", 1_700_000_300, 42)]);
        for noted in &noted {
            assert_eq!((noted.created, noted.records), (1_700_000_100, info.header.records));
            assert_eq!(noted.sha256, info.sha256);
            assert!(noted.is_authentic(&barrier).unwrap());
        }
        barrier.forget_restoration(&noted[0]).unwrap();
    }
    let barrier = barrier_on(embedded(&directory).unwrap());
    let left = barrier.restorations().unwrap();
    assert_eq!(left.iter().map(|noted| &*noted.id).collect::<Vec<_>>(), ["second"]);
}

#[test]
fn a_snapshot_of_other_contents_with_a_right_checksum_is_not_authentic() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let mut bytes = std::fs::read(&file).unwrap();
    // The time in it is changed, and the checksum is made again.
    let at = bytes.windows(10).position(|window| window == b"1700000100").unwrap();
    bytes[at + 9] = b'9';
    correct_checksum(&mut bytes);
    std::fs::write(&file, bytes).unwrap();
    restored(&directory, &file).unwrap();
    let barrier = barrier_on(embedded(&directory).unwrap());
    block_on(barrier.unseal(&key)).unwrap();
    assert!(!barrier.restorations().unwrap()[0].is_authentic(&barrier).unwrap());
}

/// Makes the checksum at the end of a snapshot that of its contents.
fn correct_checksum(snapshot: &mut [u8]) {
    use sha2::{Digest as _, Sha256};
    let length = snapshot.len() - 32;
    let checksum = Sha256::digest(&snapshot[..length]);
    snapshot[length..].copy_from_slice(&checksum);
}

#[test]
fn a_snapshot_whose_hmac_is_not_64_hex_digits_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, key) = old_with_snapshot(folder.path());
    let whole = std::fs::read(&file).unwrap();
    let hmac = whole.len() - 96;
    for (what, first) in
        [("a line that is not a number", "\nat x\n"), ("an uppercase digit", "A"), ("not hex", "g")]
    {
        let mut bytes = whole.clone();
        bytes[hmac..hmac + 64].fill(b'0');
        bytes[hmac..hmac + first.len()].copy_from_slice(first.as_bytes());
        correct_checksum(&mut bytes);
        std::fs::write(&file, bytes).unwrap();
        let refused = restored(&directory, &file).map(drop).unwrap_err().to_string();
        assert!(refused.contains("its HMAC is not 64 lowercase hex digits"), "{what}: {refused}");
    }
    assert_eq!(state(&directory, &key), b"old");
}

#[test]
fn a_restoration_whose_note_cannot_be_read_is_reported_as_not_authentic() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, _, key) = old_with_snapshot(folder.path());
    {
        let table = redb::TableDefinition::<&str, &[u8]>::new("restored");
        let store = redb::Database::open(directory.join("store.redb")).unwrap();
        let write = store.begin_write().unwrap();
        let note: &[u8] = b"at 1700000200\nuid 42\nsha256 00\nmac 0\nat x\n";
        write.open_table(table).unwrap().insert("an-id", note).unwrap();
        write.commit().unwrap();
    }
    let barrier = barrier_on(embedded(&directory).unwrap());
    block_on(barrier.unseal(&key)).unwrap();
    let noted = barrier.restorations().unwrap();
    assert_eq!(noted.iter().map(|noted| &*noted.id).collect::<Vec<_>>(), ["an-id"]);
    assert!(!noted[0].is_authentic(&barrier).unwrap());
    barrier.forget_restoration(&noted[0]).unwrap();
    assert!(barrier.restorations().unwrap().is_empty());
}

#[test]
fn a_store_that_is_opened_again_ends_its_snapshots() {
    use onrecord_storage::Backend as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let records = store.records().unwrap();
    assert_eq!(records.count().unwrap(), 0);
    store.reopen().unwrap();
    let ended = records.count().unwrap_err().to_string();
    assert!(ended.contains("begin a new snapshot"), "{ended}");
    assert_eq!(store.records().unwrap().count().unwrap(), 0);
}

/// The user and the group that own each file of a directory.
fn owners(directory: &Path) -> Vec<(String, u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |name: String| {
        let found = std::fs::metadata(directory.join(&name)).unwrap();
        (name, found.uid(), found.gid())
    };
    names(directory).into_iter().map(owner).collect()
}

#[test]
fn the_files_of_a_restored_store_belong_to_the_owner_of_the_old_one() {
    use std::os::unix::fs::chown;
    if !rustix::process::geteuid().is_root() {
        return; // Only root may give a file away.
    }
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, _) = old_with_snapshot(folder.path());
    for name in ["lock", "newest-commit"] {
        std::fs::remove_file(directory.join(name)).unwrap();
    }
    chown(directory.join("store.redb"), Some(4242), Some(4343)).unwrap();
    restored(&directory, &file).unwrap();
    let owned = owners(&directory);
    assert_eq!(owned.len(), 4, "{owned:?}");
    assert!(owned.iter().all(|(_, user, group)| (*user, *group) == (4242, 4343)), "{owned:?}");

    // Without an old store: to the owner of the directory.
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    chown(&empty, Some(4444), Some(4545)).unwrap();
    restored(&empty, &file).unwrap();
    let owned = owners(&empty);
    assert_eq!(owned.len(), 3, "{owned:?}");
    assert!(owned.iter().all(|(_, user, group)| (*user, *group) == (4444, 4545)), "{owned:?}");
}

#[test]
fn a_file_that_was_there_before_a_restoration_keeps_its_owner() {
    use std::os::unix::fs::{MetadataExt as _, chown, symlink};
    if !rustix::process::geteuid().is_root() {
        return; // Only root may give a file away.
    }
    let folder = tempfile::tempdir().unwrap();
    let (directory, file, _) = old_with_snapshot(folder.path());
    let other = folder.path().join("other");
    std::fs::write(&other, "").unwrap();
    std::fs::remove_file(directory.join("lock")).unwrap();
    symlink(&other, directory.join("lock")).unwrap();
    chown(directory.join("store.redb"), Some(4242), Some(4343)).unwrap();
    restored(&directory, &file).unwrap();
    assert_eq!(std::fs::metadata(&other).unwrap().uid(), 0);
}

const KILLED: &str = "ONRECORD_RESTORE_TEST_DIRECTORY";

/// The child's part; does nothing unless the parent asks. Each step it says; the parent kills it somewhere.
#[test]
fn child_that_restores() {
    use std::io::Write as _;
    let Some(folder) = std::env::var_os(KILLED).map(PathBuf::from) else { return };
    let mut say = |step| {
        writeln!(std::io::stdout().lock(), "step {step:?}").unwrap();
        ControlFlow::Continue(())
    };
    restore(&folder.join("data"), &wanted(&folder.join("snapshot")), &mut say).unwrap();
}

#[test]
fn a_killed_restoration_leaves_the_old_store_or_the_new_one() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    for stop in Step::ALL {
        let folder = tempfile::tempdir().unwrap();
        let (directory, _, key) = old_with_snapshot(folder.path());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "snapshot::child_that_restores", "--nocapture", "--test-threads=1"])
            .env(KILLED, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let reached = format!("step {stop:?}");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with(&reached)), "{stop:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        // It was killed at that step, or after it.
        let found = state(&directory, &key);
        assert!(found == b"old" || found == b"new", "{stop:?}");
        let again = Restore { time: "later".into(), ..wanted(&folder.path().join("snapshot")) };
        restore(&directory, &again, &mut go_on).unwrap();
        assert_eq!(state(&directory, &key), b"new", "{stop:?}");
    }
}
