//! The back ends that the contract is run against, and the table of kinds.

use std::collections::BTreeMap;
use std::time::Duration;

use onrecord_storage::embedded::Embedded;
use onrecord_storage::far::Far;
use onrecord_storage::lossy::LossyDisk;
use onrecord_storage::memory::Memory;
use onrecord_storage::{Backend, BackendKinds, Storage};

use crate::{get, now, put};

/// Runs a check against a fresh store of each kind.
pub(crate) fn each(check: impl Fn(&dyn Backend)) {
    check(&Memory::new());
    check(&Far::new(Duration::ZERO).unwrap());
    check(&Embedded::on(&LossyDisk::new()).unwrap());
    let directory = tempfile::tempdir().unwrap();
    check(&Embedded::open(directory.path()).unwrap());
}

#[test]
fn memory_and_the_embedded_store_answer_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(directory.path()).unwrap();
    for backend in [&Memory::new() as &dyn Backend, &embedded] {
        backend.commit(&[put("f/a", b"one")]).unwrap();
        assert_eq!(now(backend.read("f/a")).unwrap().unwrap(), b"one");
        assert_eq!(now(backend.list("f/", "", 9)).unwrap(), ["a"]);
        assert_eq!(now(backend.keys("f/", "", 9)).unwrap(), ["f/a"]);
    }
}

#[test]
fn a_kind_of_the_table_opens_what_its_options_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data").display().to_string();
    let kinds = BackendKinds::default();
    let file = kinds.parse("file", BTreeMap::from([("path".to_owned(), path.clone())])).unwrap();
    assert_eq!(file.to_string(), format!("file ({path})"));
    assert!(file.kind.is_durable && !file.target.has_data());
    let storage = Storage::open(&file).unwrap();
    storage.commit(put("a", b"one")).wait().unwrap();
    assert!(file.target.has_data());
    let in_use = Storage::open(&file).err().unwrap().to_string();
    assert!(in_use.ends_with("another process is using it"), "{in_use}");
    drop(storage);
    assert_eq!(get(&Storage::open(&file).unwrap(), "a").unwrap(), b"one");

    let memory = kinds.parse("inmem", BTreeMap::new()).unwrap();
    assert!(!memory.kind.is_durable && memory != file);
    assert_eq!(Storage::open(&memory).unwrap().kind(), "inmem");
}

#[test]
fn a_storage_that_the_table_does_not_know_or_that_lacks_an_option_is_refused() {
    let refused = |name: &str| BackendKinds::default().parse(name, BTreeMap::new()).unwrap_err().to_string();
    assert_eq!(refused("raft"), "unknown storage \"raft\": there are \"file\" (with a path) and \"inmem\"");
    assert_eq!(refused("file"), "storage \"file\" needs a path: the directory of its data");
}
