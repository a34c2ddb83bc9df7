//! `operator snapshot`: what is refused before anything is written, and that a failure leaves no file.

use std::fs;

use super::kit::cli;

const BEGUN: &str =
    r#"{"data":{"created_time":"2026-11-29T13:30:00Z","id":"an-id","idle_seconds":60,"records":1}}"#;

#[test]
fn a_snapshot_that_cannot_be_saved_whole_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let (name, left) = (file.to_str().unwrap(), || fs::read_dir(folder.path()).unwrap().count());
    // What arrives is not a snapshot.
    let last = "\u{0}last".to_owned();
    let outcome = cli()
        .reply(200, BEGUN)
        .reply(200, &last)
        .reply(400, r#"{"errors":["page 1 went wrong"]}"#)
        .reply(204, "")
        .run(&["operator", "snapshot", "save", name]);
    assert!(outcome.code == 2 && outcome.stderr.contains("page 1 went wrong"), "{outcome:?}");
    outcome.sent(&[
        "POST /v1/sys/storage/snapshot {}",
        "POST /v1/sys/storage/snapshot/an-id {\"page\":0}",
        "POST /v1/sys/storage/snapshot/an-id {\"page\":1}",
        "DELETE /v1/sys/storage/snapshot/an-id",
    ]);
    assert_eq!(left(), 0);
    let outcome =
        cli().reply(403, r#"{"errors":["permission denied"]}"#).run(&["operator", "snapshot", "save", name]);
    assert!(outcome.code == 2 && outcome.stderr.contains("permission denied"), "{outcome:?}");
    assert_eq!(left(), 0);
}

#[test]
fn an_existing_file_is_not_replaced_and_no_snapshot_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    fs::write(&file, "precious").unwrap();
    for name in [file.to_str().unwrap(), folder.path().to_str().unwrap(), "-"] {
        let outcome = cli().run(&["operator", "snapshot", "save", name]);
        assert!(outcome.code == 1 && outcome.sent.is_empty(), "{name}: {outcome:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn a_restoration_needs_one_place_and_says_that_the_server_must_be_stopped() {
    let outcome = cli().run(&["operator", "snapshot", "restore", "x"]);
    assert!(outcome.code == 1 && outcome.stderr.contains("stopped server"), "{outcome:?}");
    let outcome = cli().run(&["operator", "snapshot", "restore", "-path=/a", "-config=/b", "x"]);
    assert!(outcome.code == 1 && outcome.stderr.contains("-config and -path"), "{outcome:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not-a-snapshot");
    fs::write(&file, "something else").unwrap();
    let (file, path) = (file.to_str().unwrap(), format!("-path={}/data", folder.path().display()));
    for words in [vec!["restore", &path, file], vec!["inspect", file]] {
        let words = [vec!["operator", "snapshot"], words].concat();
        let outcome = cli().no_server().run(&words);
        assert!(outcome.code == 2 && outcome.stderr.contains("it is not a snapshot"), "{outcome:?}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
}
