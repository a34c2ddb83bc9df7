//! What is stored is all of what was stored last: lost commits, lost values and older ones are refused.

use std::path::Path;
use std::sync::Arc;

use onrecord_seal::{OsEntropy, SealConfig, SecretBytes};
use onrecord_storage::embedded::{Embedded, Problem};
use onrecord_storage::lossy::{Fault, LossyDisk};
use onrecord_storage::memory::Memory;
use onrecord_storage::{
    Backend, BackendError, BackendKinds, Barrier, BarrierError, Batch, Conflict, Digests, Precondition, Read,
    Storage, TablesError, View, old_store,
};
use redb::{Database, TableDefinition};

use crate::{Seeded, block_on, get, put};

const STORE: &str = "store.redb";
const NEWEST: &str = "newest-commit";

fn refusal(directory: &Path) -> String {
    loop {
        let refused = Embedded::open(directory).err().expect("it is refused").to_string();
        // A process that another test starts at this moment holds the lock for as long as it has not begun.
        if !refused.contains("another process is using it") {
            return refused;
        }
        std::thread::yield_now();
    }
}

/// Makes commits through a store that is closed afterwards.
fn commits(directory: &Path, values: std::ops::Range<u8>) {
    let storage = Storage::start(Embedded::open(directory).unwrap()).unwrap();
    for value in values {
        storage.commit(put("a", &[value])).wait().unwrap();
    }
}

#[test]
fn an_older_copy_of_the_store_is_refused_until_it_is_said_to_be_meant() {
    let directory = tempfile::tempdir().unwrap();
    let [store, newest] = [STORE, NEWEST].map(|file| directory.path().join(file));
    commits(directory.path(), 0..3);
    let older = std::fs::read(&store).unwrap();
    commits(directory.path(), 3..6);
    std::fs::write(&store, older).unwrap();
    let refused = refusal(directory.path());
    for part in
        ["store.redb", "its last commit is number 4, but commit 7", "restore a backup", "newest-commit"]
    {
        assert!(refused.contains(part), "{refused}");
    }
    std::fs::remove_file(newest).unwrap();
    assert_eq!(get(&Storage::start(Embedded::open(directory.path()).unwrap()).unwrap(), "a").unwrap(), [2]);
}

#[test]
fn a_reopened_store_notes_only_commits_that_were_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let newest = directory.path().join(NEWEST);
    let store = Embedded::open(directory.path()).unwrap();
    let commit = |value: u8| store.commit(&[put("a", &[value])]).unwrap().remove(0).unwrap();
    commit(0);
    let noted = std::fs::read(&newest).unwrap();
    commit(1);
    // As after a commit that was refused and is in the reopened store all the same.
    std::fs::write(&newest, &noted).unwrap();
    store.reopen().unwrap();
    assert_eq!(std::fs::read(&newest).unwrap(), noted, "the refused commit is noted");
    commit(2);
    assert!(std::fs::read(&newest).unwrap().starts_with(b"0000000000000004 "), "the next one is not noted");
}

#[test]
fn a_store_that_was_cut_to_nothing_is_not_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    commits(directory.path(), 0..3);
    std::fs::write(directory.path().join(STORE), b"").unwrap();
    assert!(refusal(directory.path()).contains("its last commit is number 0, but commit 4"));
}

#[test]
fn a_file_whose_contents_the_engine_does_not_take_is_damaged_and_the_remedy_named() {
    let directory = tempfile::tempdir().unwrap();
    commits(directory.path(), 0..3);
    let path = directory.path().join(STORE);
    let whole = std::fs::read(&path).unwrap();
    let flipped = |byte: usize, bit: u8| {
        let mut damaged = whole.clone();
        damaged[byte] ^= bit;
        damaged
    };
    for (what, damaged) in [
        ("cut within its header", whole[..111].to_vec()),
        ("cut in the middle", whole[..whole.len() / 2].to_vec()),
        ("another magic number", flipped(0, 1)),
        // The version in each of the two commit slots.
        ("an older version of the format", flipped(64, 1)),
        ("an older version of the format in the other slot", flipped(192, 1)),
        ("a newer version of the format", flipped(64, 4)),
    ] {
        assert_damaged(directory.path(), &damaged, what);
    }
    // As a killed server leaves it.
    std::fs::write(&path, &whole).unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    store.commit(&[put("a", &[7])]).unwrap().remove(0).unwrap();
    let killed = std::fs::read(&path).unwrap();
    drop(store);
    for end in (1..killed.len()).step_by(16 << 10) {
        assert_damaged(directory.path(), &killed[..end], &format!("cut to {end} bytes"));
    }
}

/// Puts a damaged file into the directory, and opens it.
fn assert_damaged(directory: &Path, file: &[u8], what: &str) {
    std::fs::write(directory.join(STORE), file).unwrap();
    let refused = refusal(directory);
    for part in ["store.redb is damaged", "restore a backup"] {
        assert!(refused.contains(part), "{what}: {refused}");
    }
}

#[test]
fn an_error_of_the_system_is_not_called_damage() {
    use std::io::{Error, ErrorKind};
    for error in [
        // EIO, ENOSPC, EACCES.
        redb::Error::Io(Error::from_raw_os_error(5)),
        redb::Error::Io(Error::from_raw_os_error(28)),
        redb::Error::Io(Error::from_raw_os_error(13)),
        redb::Error::PreviousIo,
    ] {
        let told = error.to_string();
        assert!(matches!(Problem::from(error), Problem::Engine(_)), "{told}");
    }
    for error in [
        redb::Error::Corrupted("a page".to_owned()),
        redb::Error::UpgradeRequired(7),
        redb::Error::TableIsMultimap("values".to_owned()),
        redb::Error::Io(ErrorKind::InvalidData.into()),
        redb::Error::Io(ErrorKind::UnexpectedEof.into()),
    ] {
        let told = error.to_string();
        assert!(matches!(Problem::from(error), Problem::Damaged(_)), "{told}");
    }
}

#[test]
fn another_store_in_its_place_is_taken_as_it_is() {
    let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    commits(one.path(), 0..9);
    commits(other.path(), 100..103);
    std::fs::copy(other.path().join(STORE), one.path().join(STORE)).unwrap();
    assert_eq!(get(&Storage::start(Embedded::open(one.path()).unwrap()).unwrap(), "a").unwrap(), [102]);
}

#[test]
fn every_flipped_bit_of_the_newest_commit_is_refused_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    commits(directory.path(), 0..3);
    let path = directory.path().join(NEWEST);
    let whole = std::fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, damaged).unwrap();
        let refused = refusal(directory.path());
        assert!(
            refused.contains("the file newest-commit is damaged") && refused.contains("remove"),
            "{refused}"
        );
    }
    std::fs::write(&path, &whole[..20]).unwrap();
    assert!(refusal(directory.path()).contains("the file newest-commit is damaged"));
    std::fs::write(&path, b"").unwrap();
    Embedded::open(directory.path()).unwrap();
}

#[test]
fn a_store_without_its_meta_data_is_damaged_and_not_new() {
    let directory = tempfile::tempdir().unwrap();
    let file = Database::create(directory.path().join(STORE)).unwrap();
    let write = file.begin_write().unwrap();
    write.open_table(TableDefinition::<&str, &[u8]>::new("values")).unwrap().insert("a", &b"v"[..]).unwrap();
    write.commit().unwrap();
    drop(file);
    let refused = refusal(directory.path());
    assert!(
        refused.contains("the table \"meta\" is missing") && refused.contains("restore a backup"),
        "{refused}"
    );
}

/// A store with a barrier, and what unseals it.
struct Sealed {
    disk: LossyDisk,
    key: SecretBytes,
}

impl Sealed {
    fn barrier(&self) -> Barrier {
        let storage = Storage::start(Embedded::on(&self.disk).unwrap()).unwrap();
        Barrier::new(storage, Arc::new(OsEntropy::new()))
    }

    fn unseal(&self, barrier: &Barrier) -> Result<Digests, BarrierError> {
        block_on(barrier.unseal(&self.key))
    }

    /// Changes what is stored without telling anybody.
    fn tamper(&self, batch: Batch) {
        Embedded::on(&self.disk).unwrap().commit(&[batch]).unwrap().remove(0).unwrap();
    }

    fn raw(&self, key: &str) -> Vec<u8> {
        block_on(Embedded::on(&self.disk).unwrap().read(key)).unwrap().unwrap()
    }

    fn check(&self) -> Result<Vec<String>, TablesError> {
        let barrier = self.barrier();
        assert_eq!(self.unseal(&barrier).unwrap(), Digests::Found);
        barrier.check_tables()
    }
}

fn initialize(storage: Storage) -> (Barrier, SecretBytes) {
    let barrier = Barrier::new(storage, Arc::new(OsEntropy::new()));
    let (mut shares, batch) = block_on(barrier.initialize(SealConfig::new(1, 1).unwrap(), 0)).unwrap();
    block_on(barrier.commit(batch)).unwrap();
    (barrier, shares.remove(0))
}

fn write(view: &View, key: &str, value: &[u8]) {
    let mut batch = Batch::new();
    view.put(&mut batch, key, value).unwrap();
    view.commit(batch).wait().unwrap();
}

fn sealed() -> Sealed {
    let disk = LossyDisk::new();
    let (barrier, key) = initialize(Storage::start(Embedded::on(&disk).unwrap()).unwrap());
    for (table, values) in [("one/", 3), ("two/", 40)] {
        let view = barrier.view(table).unwrap();
        for value in 0..values {
            write(&view, &value.to_string(), &[value; 200]);
        }
        write(&view, "0", b"changed");
        let mut batch = Batch::new();
        view.delete(&mut batch, "1").unwrap();
        view.commit(batch).wait().unwrap();
    }
    Sealed { disk, key }
}

fn delete(key: &str) -> Batch {
    let mut batch = Batch::new();
    batch.delete(key);
    batch
}

#[test]
fn what_was_stored_last_is_found_whole() {
    assert_eq!(sealed().check().unwrap(), [""; 0]);
}

#[test]
fn a_lost_value_is_found_and_its_table_named() {
    let sealed = sealed();
    sealed.tamper(delete("one/2"));
    let found = sealed.check().unwrap_err().to_string();
    assert!(found.contains("1 values are stored below \"one/\", where there were 2"), "{found}");
    assert!(found.contains("restore a backup"), "{found}");
}

#[test]
fn a_lost_table_is_found() {
    let sealed = sealed();
    let mut batch = delete("one/0");
    batch.delete("one/2");
    sealed.tamper(batch);
    let found = sealed.check().unwrap_err().to_string();
    assert!(found.contains("0 values are stored below \"one/\""), "{found}");
}

#[test]
fn an_older_value_a_revived_one_and_another_table_are_found() {
    for (key, table) in [("two/7", "two/"), ("two/1", "two/"), ("three/1", "three/")] {
        let sealed = sealed();
        let older = sealed.raw("two/5");
        sealed.tamper(put(key, &older));
        let found = sealed.check().unwrap_err();
        let TablesError::Difference(difference) = found else { panic!("{found}") };
        assert_eq!(difference.table, table);
    }
}

#[test]
fn a_value_lost_from_a_table_that_is_too_large_for_a_start_is_noticed() {
    let sealed = sealed();
    let barrier = sealed.barrier();
    assert_eq!(sealed.unseal(&barrier).unwrap(), Digests::Found);
    let view = barrier.view("large/").unwrap();
    let mut batch = Batch::new();
    for value in 0..=(1 << 16) {
        view.put(&mut batch, &value.to_string(), b"v").unwrap();
    }
    view.commit(batch).wait().unwrap();
    drop((view, barrier));
    assert_eq!(sealed.check().unwrap(), ["large/"]);
    sealed.tamper(delete("large/77"));
    let found = sealed.check().unwrap_err();
    assert!(matches!(found, TablesError::Count { .. }), "{found}");
    assert!(found.to_string().contains("large/"), "{found}");
}

#[test]
fn without_its_digests_or_with_damaged_ones_a_store_is_not_unsealed() {
    let lost = sealed();
    lost.tamper(delete("barrier/tables"));
    let barrier = lost.barrier();
    assert!(matches!(lost.unseal(&barrier), Err(BarrierError::Tables(TablesError::Missing))));
    assert!(barrier.sealed());
    let damaged = sealed();
    let record = damaged.raw("barrier/tables");
    for byte in 0..record.len() {
        let mut changed = record.clone();
        changed[byte] ^= 4;
        damaged.tamper(put("barrier/tables", &changed));
        let refused = damaged.unseal(&damaged.barrier());
        assert!(matches!(refused, Err(BarrierError::Tables(TablesError::Unreadable))), "byte {byte}");
    }
}

#[test]
fn a_keyring_that_is_lost_beside_others_is_damage_and_not_a_new_store() {
    for (key, named) in
        [("barrier/keyring", "barrier/keyring"), ("barrier/seal-config", "barrier/seal-config")]
    {
        let sealed = sealed();
        sealed.tamper(delete(key));
        let refused = sealed.unseal(&sealed.barrier()).unwrap_err().to_string();
        assert!(refused.contains(named) && refused.contains("restore a backup"), "{refused}");
    }
}

#[test]
fn digests_stand_after_commits_that_failed() {
    for fault in [Fault::Sync, Fault::SyncDoneButFailed, Fault::Write] {
        let sealed = sealed();
        let barrier = sealed.barrier();
        assert_eq!(sealed.unseal(&barrier).unwrap(), Digests::Found);
        let view = barrier.view("one/").unwrap();
        sealed.disk.fail(fault);
        let mut batch = Batch::new();
        view.put(&mut batch, "new", b"new").unwrap();
        assert!(view.commit(batch).wait().is_err(), "{fault:?}");
        barrier.check_tables().unwrap();
        write(&view, "newer", b"newer");
        barrier.check_tables().unwrap();
        drop((view, barrier));
        sealed.check().unwrap();
    }
}

/// A store of a version that kept no digests.
fn old_store() -> Sealed {
    let (batch, key) = old_store::old_store(&[("one/a", b"old")]).unwrap();
    let disk = LossyDisk::new();
    let sealed = Sealed { disk, key };
    sealed.tamper(batch);
    sealed
}

#[test]
fn a_store_of_a_version_without_digests_gets_them_once() {
    let sealed = old_store();
    let barrier = sealed.barrier();
    assert_eq!(sealed.unseal(&barrier).unwrap(), Digests::Missing);
    block_on(barrier.make_digests(Batch::new())).unwrap();
    let view = barrier.view("one/").unwrap();
    assert_eq!(block_on(view.get("a")).unwrap().unwrap().expose(), b"old");
    write(&view, "b", b"new");
    barrier.check_tables().unwrap();
    drop((view, barrier));
    let barrier = sealed.barrier();
    assert_eq!(sealed.unseal(&barrier).unwrap(), Digests::Found);
    drop(barrier);
    sealed.tamper(delete("one/a"));
    assert!(sealed.check().is_err());
}

#[test]
fn a_first_commit_that_fails_can_be_tried_again() {
    let disk = LossyDisk::new();
    let barrier =
        Barrier::new(Storage::start(Embedded::on(&disk).unwrap()).unwrap(), Arc::new(OsEntropy::new()));
    let config = || SealConfig::new(1, 1).unwrap();
    let (_, batch) = block_on(barrier.initialize(config(), 0)).unwrap();
    disk.fail(Fault::Write);
    assert!(block_on(barrier.commit(batch)).is_err());
    assert!(!barrier.storage().has_failed(), "after an initialisation");
    let (_, batch) = block_on(barrier.initialize(config(), 0)).unwrap();
    block_on(barrier.commit(batch)).unwrap();
    barrier.check_tables().unwrap();

    let sealed = old_store();
    let barrier = sealed.barrier();
    sealed.disk.fail(Fault::Write);
    assert_eq!(sealed.unseal(&barrier).unwrap(), Digests::Missing);
    assert!(block_on(barrier.make_digests(Batch::new())).is_err());
    assert!(barrier.sealed());
    assert!(!barrier.storage().has_failed(), "after the first unsealing of an older store");
    assert_eq!(sealed.unseal(&barrier).unwrap(), Digests::Missing);
    block_on(barrier.make_digests(Batch::new())).unwrap();
    barrier.check_tables().unwrap();
}

/// A back end that does nothing of its own about digests.
struct Plain(Memory);

impl Backend for Plain {
    fn kind(&self) -> &'static str {
        "plain"
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
        self.0.commit(batches)
    }
    fn reopen(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

#[test]
fn every_back_end_keeps_the_digests_up_to_date_whatever_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let embedded = Storage::start(Embedded::open(directory.path()).unwrap()).unwrap();
    let memory = Storage::start(Memory::new()).unwrap();
    let by_default = Storage::start(Plain(Memory::new())).unwrap();
    for storage in [embedded, memory, by_default] {
        let (barrier, key) = initialize(storage);
        let mut choice = Seeded(7);
        for _ in 0..30 {
            let group: Vec<_> = (0..=choice.below(4))
                .map(|_| {
                    let mut batch = Batch::new();
                    for _ in 0..choice.below(4) {
                        let key = format!("t{}/{}", choice.below(2), choice.below(5));
                        match choice.below(6) {
                            0 => batch.delete(key),
                            1 => batch.require(Precondition::Absent(key)),
                            2 => batch.require(Precondition::Present(key)),
                            _ => batch.put(key, vec![7; usize::try_from(choice.below(300)).unwrap()]),
                        }
                    }
                    barrier.commit(batch)
                })
                .collect();
            for commit in group {
                drop(commit.wait());
            }
            barrier.check_tables().unwrap();
        }
        barrier.seal();
        assert_eq!(block_on(barrier.unseal(&key)).unwrap(), Digests::Found);
        barrier.check_tables().unwrap();
    }
}

/// What `operator diagnose -storage` says of a directory, a line each; nothing in it is changed.
fn diagnose(directory: &Path) -> Vec<String> {
    let path = directory.display().to_string();
    let file = BackendKinds::default().parse("file", [("path".to_owned(), path)].into()).unwrap();
    let files = || [STORE, NEWEST].map(|file| std::fs::read(directory.join(file)).unwrap_or_default());
    let before = files();
    let mut told = Vec::new();
    let found = loop {
        let found = file.target.check_data(&mut |done, total| told.push((done, total)));
        // See `refusal`.
        if !found.iter().any(|finding| finding.detail.contains("in use by a running server")) {
            break found;
        }
        std::thread::yield_now();
    };
    assert!(files() == before, "a file was changed");
    assert!(told.iter().all(|(done, total)| done <= total));
    found
        .into_iter()
        .map(|finding| format!("{} {}: {}", finding.status.as_str(), finding.check, finding.detail))
        .collect()
}

/// A directory that a barrier has filled, with values in two tables.
fn filled() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (barrier, _) = initialize(Storage::start(Embedded::open(directory.path()).unwrap()).unwrap());
    for table in ["one/", "two/"] {
        for value in 0..5_u8 {
            write(&barrier.view(table).unwrap(), &value.to_string(), &[value; 100]);
        }
    }
    directory
}

#[test]
fn a_whole_store_is_checked_without_its_keys_and_without_a_change() {
    let directory = filled();
    let found = diagnose(directory.path());
    assert!(found[0].starts_with("ok storage: pages: store.redb: all "), "{found:?}");
    assert!(found[1].starts_with("ok storage: last commit: number 12 is there"), "{found:?}");
    let counts =
        "ok storage: counts: each table has as many values as were stored: barrier/ 3, one/ 5, two/ 5";
    assert_eq!(found[2], counts);
    assert!(found[3].starts_with("warn storage: values: not checked") && found.len() == 4, "{found:?}");
}

#[test]
fn a_store_that_was_not_closed_is_checked_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (barrier, _) = initialize(Storage::start(Embedded::open(directory.path()).unwrap()).unwrap());
    let copy = tempfile::tempdir().unwrap();
    for file in [STORE, NEWEST] {
        std::fs::copy(directory.path().join(file), copy.path().join(file)).unwrap();
    }
    drop(barrier);
    let found = diagnose(copy.path());
    assert!(found[..3].iter().all(|line| line.starts_with("ok ")), "{found:?}");
}

#[test]
fn the_check_names_what_is_wrong() {
    let lost = filled();
    Embedded::open(lost.path()).unwrap().commit(&[delete("one/3")]).unwrap().remove(0).unwrap();
    let found = diagnose(lost.path());
    assert!(
        found[2].starts_with("fail storage: counts: 4 values are stored below \"one/\", where there were 5")
    );

    let older = filled();
    let newest = older.path().join(NEWEST);
    let noted = std::fs::read(&newest).unwrap();
    let store = std::fs::read(older.path().join(STORE)).unwrap();
    commits(older.path(), 0..2);
    std::fs::write(older.path().join(STORE), store).unwrap();
    let found = diagnose(older.path());
    assert!(
        found[1].starts_with("fail storage: last commit: ") && found[1].contains("older copy"),
        "{found:?}"
    );
    std::fs::remove_file(&newest).unwrap();
    assert!(diagnose(older.path())[1].starts_with("warn storage: last commit: number 12; whether later"));
    std::fs::write(&newest, &noted[1..]).unwrap();
    assert!(
        diagnose(older.path())[1].starts_with("fail storage: last commit: the file newest-commit is damaged")
    );

    let mut damaged = std::fs::read(older.path().join(STORE)).unwrap();
    let value = damaged.windows(5).position(|bytes| bytes == b"one/3").unwrap();
    damaged[value] ^= 1;
    std::fs::write(older.path().join(STORE), damaged).unwrap();
    let found = diagnose(older.path());
    assert!(found[0].starts_with("fail storage: pages: the file store.redb is damaged") && found.len() == 1);
    assert!(found[0].contains("restore a backup"), "{found:?}");
    let empty = tempfile::tempdir().unwrap();
    assert!(diagnose(empty.path())[0].contains("holds no data yet"));
}
