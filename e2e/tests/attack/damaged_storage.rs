//! A storage that is damaged has a way back: a snapshot, made by the running server, checked, and restored on record.
//! Never in it: the damage that a start finds (`storage`).

use std::fs;
use std::path::Path;

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::shell::Shell;
use serde_json::{Value, json};

/// Overwrites the second half of a file, and its first page.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).expect("the store");
    let half = bytes.len() / 2;
    bytes[..4096].fill(0x5a);
    bytes[half..].fill(0xa5);
    fs::write(file, bytes).expect("written");
}

#[test]
fn a_damaged_store_is_restored_from_a_snapshot_and_the_log_says_so() {
    let place = Place::new();
    let (log_file, file) = (place.path("audit.log"), place.path("backup.snapshot"));
    let mut server = place.embedded("");
    let key = server.open_up();
    let root = server.token.clone();
    server.enable_file("file", &log_file);
    server.mount_kv(1);
    for number in 0..40 {
        let value = format!("{number}").repeat(20_000);
        assert_eq!(server.call("POST", &format!("kv/{number}"), Some(json!({"v": value}))).status, 204);
    }
    let shell = Shell::of(&server);
    let save = format!("onrecord operator snapshot save '{}'", file.display());
    let saved = shell.does(&save);
    assert!(saved.starts_with("Success! Saved "), "{saved}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).expect("saved").permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(!place.path("backup.snapshot.tmp").exists());
    // It is not replaced by accident, and a refused one leaves nothing.
    let refused = shell.refuses(1, &save);
    assert!(refused.contains("exists"), "{refused}");
    let again = shell.does(&save.replace("save", "save -force"));
    let sha256 = again.trim().rsplit(' ').next().expect("a digest").to_owned();
    let inspect = format!("onrecord operator snapshot inspect -format=json '{}'", file.display());
    let info: Value = serde_json::from_str(&shell.does(&inspect)).expect("JSON");
    assert_eq!(info["format"], 1);
    assert_eq!(info["sha256"], sha256);
    let store = place.path("data").join("store.redb");
    let restore = format!(
        "onrecord operator snapshot restore -path='{}' '{}'",
        place.path("data").display(),
        file.display()
    );
    let refused = shell.refuses(2, &restore);
    assert!(refused.contains("another process is using it"), "{refused}");

    server.kill();
    damage(&store);
    let damaged = fs::read(&store).expect("the store");
    let shown = shell.does(&restore);
    assert!(shown.starts_with("Success! Restored ") && shown.contains("is kept as "), "{shown}");
    let kept = shown.trim().rsplit(' ').next().expect("a path");
    assert_eq!(fs::read(kept).expect("kept"), damaged, "the old one is kept as it was");

    let mut server = place.embedded("");
    server.token = root;
    server.unseal(&key);
    for number in 0..40 {
        let answer = server.call("GET", &format!("kv/{number}"), None);
        assert_eq!(answer.json()["data"]["v"], format!("{number}").repeat(20_000), "{number}");
    }
    assert!(server.stop(), "it stops well");
    let lines = log::lines(&log_file);
    let recorded: Vec<&Value> =
        lines.iter().filter(|line| line["request"]["path"] == "sys/storage/restored").collect();
    assert_eq!(recorded.len(), 2, "a request and a response");
    let data = &recorded[0]["request"]["data"];
    assert_eq!(
        (&data["snapshot"]["records"], &data["snapshot"]["authentic"]),
        (&info["records"], &json!(true))
    );
    let check = shell.run(&format!("onrecord log check '{}'", log_file.display()));
    assert!(check.code != Some(2), "{}{}", check.stdout, check.stderr);
}

#[test]
fn a_damaged_snapshot_is_refused_and_changes_nothing() {
    let place = Place::new();
    let file = place.path("backup.snapshot");
    let mut server = place.embedded("");
    let key = server.open_up();
    let shell = Shell::of(&server);
    shell.does(&format!("onrecord operator snapshot save '{}'", file.display()));
    assert!(server.stop(), "it stops well");
    let mut bytes = fs::read(&file).expect("saved");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("written");
    let inspected = shell.refuses(2, &format!("onrecord operator snapshot inspect '{}'", file.display()));
    let config = place.config();
    let restore =
        format!("onrecord operator snapshot restore -config='{}' '{}'", config.display(), file.display());
    let refused = shell.refuses(2, &restore);
    for text in [inspected, refused] {
        assert!(text.contains("is damaged at byte") || text.contains("ends after"), "{text}");
    }
    let server = place.embedded("");
    server.unseal(&key);
}
