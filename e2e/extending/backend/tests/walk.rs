//! Walk 4 of docs/EXTENDING.md: a kind of storage from a crate of its own keeps the contract of a back end, and gets from
//! the server all that the built-in kinds get: a stanza with its errors, help, checks, a protected directory, repair.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_example_backend::JsonFile;
use onrecord_storage::{Backend, Batch, Read};

#[path = "../../../../storage/tests/storage/contract.rs"]
mod contract;

/// Runs a check of the contract against a fresh store.
fn each(check: impl Fn(&dyn Backend)) {
    let directory = tempfile::tempdir().unwrap();
    check(&JsonFile::open(directory.path()).unwrap());
}

fn block_on<T>(read: Read<'_, T>) -> T {
    read.now().expect("the answer is ready")
}

fn put(key: &str, value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

#[test]
fn a_file_has_what_was_committed_and_is_locked() {
    let directory = tempfile::tempdir().unwrap();
    let store = JsonFile::open(directory.path()).unwrap();
    store.commit(&[put("a", b"one"), put("b", b"two")]).unwrap();
    let in_use = JsonFile::open(directory.path()).err().unwrap().to_string();
    assert!(in_use.starts_with(&directory.path().display().to_string()), "{in_use}");
    drop(store);
    // A process that another test starts at this moment has the lock, too, until it executes its program.
    let store = loop {
        match JsonFile::open(directory.path()) {
            Ok(store) => break store,
            Err(_) => std::thread::yield_now(),
        }
    };
    assert_eq!(block_on(store.keys("", "", 9)).unwrap(), ["a", "b"]);
    assert_eq!(block_on(store.read("a")).unwrap().unwrap(), b"one");
}

#[test]
fn nothing_of_a_commit_that_fails_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = JsonFile::open(directory.path()).unwrap();
    store.commit(&[put("a", b"one")]).unwrap();
    std::fs::create_dir(directory.path().join("store.json.new")).unwrap();
    store.commit(&[put("a", b"two")]).unwrap_err();
    assert_eq!(block_on(store.read("a")).unwrap().unwrap(), b"one");
    store.reopen().unwrap();
    assert_eq!(block_on(store.read("a")).unwrap().unwrap(), b"one");
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_onrecord-example-backend"))
}

/// Writes a configuration with the storage in this directory.
fn configure(place: &Place, path: &Path) {
    place.write_config(&format!("storage \"json\" {{\n  path = \"{}\"\n}}", path.display()));
}

fn data(place: &Place) -> PathBuf {
    place.path("data")
}

fn start(place: &Place) -> Server {
    place.launch().program(program()).start()
}

/// Runs a command without a server.
fn run(words: &[&str]) -> Output {
    Command::new(program()).args(words).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_secret_is_read_again_after_a_kill() {
    let place = Place::new();
    configure(&place, &data(&place));
    let mut server = start(&place);
    let shown = format!("Storage: json ({})", data(&place).display());
    server.eventually("the start is announced", || server.stdout().contains(&shown));
    let key = server.open_up();
    server.enable_file("file", &place.path("audit.log"));
    server.mount_kv(2);
    let secret = serde_json::json!({"data": {"colour": "red"}});
    assert_eq!(server.call("PUT", "kv/data/a", Some(secret)).status, 200);
    assert_eq!(server.call("GET", "sys/seal-status", None).json()["storage_type"], "json");
    let inside = serde_json::json!({"file_path": data(&place).join("audit.log")});
    assert_eq!(
        server.try_enable("inside", "file", &inside).status,
        400,
        "the directory is the storage's own"
    );

    let token = server.token.clone();
    server.kill();
    let mut server = start(&place);
    server.token = token;
    server.unseal(&key);
    assert_eq!(server.call("GET", "kv/data/a", None).json()["data"]["data"]["colour"], "red");
    assert!(server.devices()["file/"].is_object(), "{}", server.devices());
}

#[test]
fn the_stanza_has_errors_help_and_checks_like_a_built_in_one() {
    let place = Place::new();
    let config = format!("-config={}", place.config().display());
    let refused = |stanza: &str| {
        place.write_config(stanza);
        let output = run(&["server", &config]);
        assert!(!output.status.success(), "{stanza}");
        stderr(&output)
    };
    let unknown = refused("storage \"nosuch\" {}");
    let known = "there are \"file\" (with a path), \"inmem\" and \"json\" (with a path)";
    assert!(unknown.contains(known), "{unknown}");
    let missing = refused("storage \"json\" {}");
    assert!(missing.contains("storage \"json\" needs a path: the directory of the file"), "{missing}");
    let relative = refused("storage \"json\" {\n  path = \"data\"\n}");
    assert!(relative.contains("the path \"data\" must be absolute"), "{relative}");

    let help = String::from_utf8(run(&["server", "-h"]).stdout).unwrap();
    for part in ["Options of storage \"json\"", "Keeps the data in one JSON file", "  path=<value>"] {
        assert!(help.contains(part), "{part} in {help}");
    }
    configure(&place, &data(&place));
    let found = String::from_utf8(run(&["operator", "diagnose", &config]).stdout).unwrap();
    assert!(found.contains("this kind of storage is not checked"), "{found}");
    assert!(!data(&place).exists(), "a check makes nothing");
    let empty = run(&["operator", "audit-repair", &config]);
    assert!(stderr(&empty).contains("there is no data"), "{}", stderr(&empty));
}

#[test]
fn the_walk_quotes_the_files_as_they_are() {
    const PAGE: &str = include_str!("../../../../docs/EXTENDING.md");
    const FILES: [&str; 2] = [include_str!("../src/json.rs"), include_str!("../src/main.rs")];
    let (_, walk) = PAGE.split_once("## A storage back end in a crate of its own\n").expect("the walk");
    let walk = walk.split("\n## ").next().unwrap_or_default();
    let quotes: Vec<&str> =
        walk.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(quotes.len(), 4);
    for quote in quotes {
        assert!(FILES.iter().any(|file| file.contains(quote)), "no file has:\n{quote}");
    }
}
