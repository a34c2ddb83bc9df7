//! Data that was lost or put back to an older state is noticed: commits that are missing, files that were cut, older copies of
//! the storage. None is taken for a new or a smaller storage.
//! Never in it: the way back (`damaged_storage`), or single damaged bits (`fuzz`).

use std::fs;
use std::path::Path;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;
use serde_json::json;

const FILES: [&str; 2] = ["store.redb", "newest-commit"];

/// A stopped server that has a device and a secret, and was unsealed before; its key and its token.
fn stopped(place: &Place) -> (String, String) {
    let mut server = place.embedded("");
    let key = server.open_up();
    server.enable_file("file", &place.path("audit.log"));
    server.mount_kv(1);
    write(&server, "first");
    let token = server.token.clone();
    assert!(server.stop(), "it stops well");
    (key, token)
}

fn write(server: &Server, value: &str) {
    assert_eq!(server.call("POST", "kv/secret", Some(json!({"v": value}))).status, 204);
}

fn copy(from: &Path, to: &Path, files: &[&str]) {
    fs::create_dir_all(to).expect("a directory");
    for file in files {
        fs::copy(from.join(file), to.join(file)).expect("a copy");
    }
}

/// What a start on this data says, which is refused.
fn refused(place: &Place) -> String {
    let started = Shell::new().run(&format!("onrecord server -config='{}'", place.config().display()));
    assert_ne!(started.code, Some(0), "{}", started.stdout);
    started.stderr + &started.stdout
}

#[test]
fn a_store_that_lacks_acknowledged_commits_is_refused() {
    let place = Place::new();
    let (key, token) = stopped(&place);
    let (data, older) = (place.path("data"), place.path("older"));
    copy(&data, &older, &FILES);
    let mut server = place.embedded("");
    server.token = token;
    server.unseal(&key);
    write(&server, "second");
    assert!(server.stop(), "it stops well");
    copy(&older, &data, &["store.redb"]);
    let said = refused(&place);
    assert!(said.contains("was acknowledged") && said.contains("restore a backup"), "{said}");
    let config = place.config().display().to_string();
    let found = Shell::new().run(&format!("onrecord operator diagnose -storage -config='{config}'"));
    assert_eq!(found.code, Some(1), "{}", found.stdout);
    assert!(found.stdout.contains("was acknowledged"), "{}", found.stdout);
    fs::write(data.join("store.redb"), b"").expect("it is cut");
    let said = refused(&place);
    assert!(said.contains("was acknowledged") && said.contains("restore a backup"), "{said}");
}

#[test]
fn an_older_copy_of_the_whole_storage_is_said_where_a_log_is_ahead_of_it() {
    let place = Place::new();
    let (key, token) = stopped(&place);
    let (data, older) = (place.path("data"), place.path("older"));
    copy(&data, &older, &FILES);
    let mut server = place.embedded("");
    server.token.clone_from(&token);
    server.unseal(&key);
    write(&server, "second");
    let status = Shell::of(&server).run("onrecord audit status");
    assert!(!status.stdout.contains("OLDER"), "{}", status.stdout);
    let boot = server.call("GET", "sys/audit-status", None).json()["data"]["boot"].clone();
    assert!(server.stop(), "it stops well");
    copy(&older, &data, &FILES);

    let mut server = place.embedded("");
    server.token = token;
    server.unseal(&key);
    server.wait_for_log("THE STORAGE IS OLDER THAN AN AUDIT LOG");
    let status = server.call("GET", "sys/audit-status", None).json();
    assert_eq!(status["data"]["storage_is_older_than"][0]["boot"], boot, "{status}");
    let status = Shell::of(&server).run("onrecord audit status");
    assert_eq!(status.code, Some(0), "it runs all the same: {}", status.stderr);
    assert!(status.stdout.contains("THE STORAGE IS OLDER THAN AN AUDIT LOG"), "{}", status.stdout);
    assert!(server.stop(), "it stops well");
    // From the next unsealing on the log ends with a boot that is known.
    let server = place.embedded("");
    server.unseal(&key);
    server.wait_for_log("the server is unsealed");
    assert!(!server.stderr().contains("OLDER"), "{}", server.stderr());
}

#[test]
fn all_data_of_a_stopped_server_is_checked_without_its_key() {
    let place = Place::new();
    stopped(&place);
    let config = place.config().display().to_string();
    let found = Shell::new().run(&format!("onrecord operator diagnose -storage -config='{config}'"));
    assert_eq!(found.code, Some(0), "{}{}", found.stdout, found.stderr);
    for part in ["storage: pages", "storage: last commit", "storage: counts", "takes the unseal key"] {
        assert!(found.stdout.contains(part), "{part}: {}", found.stdout);
    }
}
