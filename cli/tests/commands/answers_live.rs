//! The commands that answer questions to logs, with a server that hashes and lists, and with a log that grows.
//! Never in it: answers over a log that is whole (`answers`).

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::answers::{ANN, AUDIT, log};
use super::kit::cli;

#[test]
fn without_a_file_the_server_is_asked_for_those_of_its_devices() {
    let devices = format!(
        r#"{{"data":{{"file/":{{"type":"file","path":"file/","options":{{"file_path":"{AUDIT}"}}}},"gone/":{{"type":"file","path":"gone/","options":{{"file_path":"/no/such.log"}}}},"out/":{{"type":"file","options":{{"file_path":"stdout"}}}},"net/":{{"type":"socket","options":{{}}}}}}}}"#
    );
    let outcome = cli().reply(200, &devices).run(&["log", "search", "-count", "who=token-backup"]);
    // As if the files were given.
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, ""));
    assert!(outcome.stdout.contains("! /no/such.log cannot be "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\n4 requests."), "{}", outcome.stdout);
    outcome.sent(&["GET /v1/sys/audit"]);
    let refused = cli().reply(403, r#"{"errors":["permission denied"]}"#).run(&["log", "denied"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(
        refused.stderr.starts_with("No FILE is given, and the server does not say"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.ends_with("Give the log files: FILE...\n"), "{}", refused.stderr);
}

/// A server whose one device is not raw.
const NO_RAW: &str = r#"{"data":{"file/":{"type":"file","path":"file/","options":{}}}}"#;
const SALTS: &str = r#"{"data":{"4ee65a652e765d8e":{"path":"file/"},"9a39330ac43e49c0":{"path":"second/"}}}"#;

/// An accessor in the clear.
const TOKEN: &str = "iY3B22UsX37Kclvp0NQsO8ghZdZl";

fn hash(text: &str) -> String {
    format!(r#"{{"data":{{"hash":"hmac-sha256:{text}"}}}}"#)
}

#[test]
fn the_server_hashes_an_accessor_that_is_given_in_the_clear() {
    let other = "0".repeat(64);
    let asked = cli().reply(200, NO_RAW).reply(200, SALTS).reply(200, &hash(ANN)).reply(200, &hash(&other));
    let outcome = asked.run(&["log", "token", "-tz=UTC", TOKEN, AUDIT]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(outcome.stdout.contains("\nname       userpass-ann\n"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("iY3B22"), "{}", outcome.stdout);
    let sent = outcome.requests();
    assert_eq!(sent[..2], ["GET /v1/sys/audit", "GET /v1/sys/audit-salts"]);
    assert!(sent[2].starts_with("PUT /v1/sys/audit-salts/4ee65a652e765d8e/hash "), "{}", sent[2]);
    // From standard input, without the list of salts.
    let asked = cli()
        .reply(200, NO_RAW)
        .reply(403, r#"{"errors":["permission denied"]}"#)
        .reply(200, NO_RAW)
        .reply(200, &hash(ANN));
    let outcome = asked.stdin(&format!("{TOKEN}\n")).run(&["log", "token", "-tz=UTC", "-", AUDIT]);
    assert!(outcome.stdout.contains("\nname       userpass-ann\n"), "{}{}", outcome.stdout, outcome.stderr);
    // If the server does not hash, it is said how.
    let refusal = r#"{"errors":["permission denied"]}"#;
    let asked = cli().reply(200, NO_RAW).reply(403, refusal).reply(200, NO_RAW).reply(403, refusal);
    let outcome = asked.run(&["log", "token", TOKEN, AUDIT]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.stdout.contains("! Only a server can hash a token or accessor"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("onrecord audit hash file/ ACCESSOR"), "{}", outcome.stdout);
    // The text in the clear is not repeated, nor what stands for standard input.
    assert!(
        outcome.stdout.contains("\nNo request names the token or accessor that was given.\n"),
        "{}",
        outcome.stdout
    );
    assert!(!outcome.stdout.contains(TOKEN), "{}", outcome.stdout);
}

#[test]
fn a_token_is_not_sent_to_a_server_whose_raw_device_would_record_it_unless_that_is_allowed() {
    let raw = r#"{"data":{"file/":{"type":"file","options":{}},"raw/":{"type":"file","options":{"log_raw":"true"}}}}"#;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("raw.log");
    let hashed = format!("hmac-sha256:{ANN}");
    fs::write(&log, fs::read_to_string(AUDIT).unwrap().replace(&hashed, TOKEN)).unwrap();
    let log = log.display().to_string();
    for (status, devices, why) in [
        (
            200,
            raw,
            "asked. The server would hash the text, and its raw device raw/ would record it in the clear. ",
        ),
        (
            403,
            r#"{"errors":["permission denied"]}"#,
            "asked. Whether a raw device would record the text cannot be seen (that takes the right to read sys/audit): status 403 \
             permission denied. ",
        ),
    ] {
        let outcome = cli().reply(status, devices).stdin(TOKEN).run(&["log", "token", "-tz=UTC", "-", &log]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        outcome.sent(&["GET /v1/sys/audit"]);
        let said = outcome.stdout;
        assert!(said.contains(why) && said.contains("-allow-raw-devices"), "{said}");
        // A raw log has the text.
        assert!(said.contains("\nname       userpass-ann\n"), "{said}");
    }
    let allowed = cli().reply(200, SALTS).reply(200, &hash(ANN)).reply(200, &hash(&"0".repeat(64)));
    let outcome = allowed.run(&["log", "token", "-tz=UTC", "-allow-raw-devices", TOKEN, AUDIT]);
    assert!(outcome.stdout.contains("\nname       userpass-ann\n"), "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.requests()[0], "GET /v1/sys/audit-salts");
}

#[test]
fn the_accessor_behind_a_hash_is_found_among_those_of_the_server() {
    let backup =
        log(&["search", "-format=csv", "-fields=token", "-limit=1", "who=token-backup", AUDIT]).stdout;
    let backup = backup.lines().nth(1).unwrap().strip_prefix("hmac-sha256:").unwrap().to_owned();
    let asked = cli()
        .reply(200, r#"{"data":{"keys":["first-one","second-one"]}}"#)
        .reply(200, SALTS)
        .reply(200, &hash(&"1".repeat(64)))
        .reply(200, &hash(&"2".repeat(64)))
        .reply(200, &hash(&backup))
        .reply(200, &hash(&"3".repeat(64)));
    let outcome = asked.run(&["log", "token", "-tz=UTC", "-format=json", "-find-accessor", &backup, AUDIT]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(
        outcome.stdout.contains("\"revoke\": \"onrecord token revoke -accessor second-one\""),
        "{}",
        outcome.stdout
    );
}

#[test]
fn an_accessor_that_is_not_found_and_salts_beyond_the_bound_are_said() {
    let ids: Vec<String> = (0..65).map(|number| format!(r#""{number:016x}":{{"path":"file/"}}"#)).collect();
    let many_salts = format!(r#"{{"data":{{{}}}}}"#, ids.join(","));
    let other = hash(&"1".repeat(64));
    let asked = cli().reply(200, NO_RAW).reply(200, &many_salts);
    let asked = (0..64).fold(asked, |asked, _| asked.reply(200, &other));
    let outcome = asked.run(&["log", "token", "-tz=UTC", TOKEN, AUDIT]);
    let said = "! The server has 65 salts, and only the first 64 were looked at: ";
    assert!(outcome.stdout.contains(said), "{}{}", outcome.stdout, outcome.stderr);
    let one_salt = r#"{"data":{"4ee65a652e765d8e":{"path":"file/"}}}"#;
    let asked = cli().reply(200, r#"{"data":{"keys":["another"]}}"#).reply(200, one_salt).reply(200, &other);
    let words = ["log", "token", "-tz=UTC", "-find-accessor", "-format=json", &ANN[..12], AUDIT];
    let outcome = asked.run(&words);
    let said = "3 accessors were not found among the accessors that the server has now: the token has ended, or it is one of another \
                server.";
    assert!(outcome.stdout.contains(said), "{}{}", outcome.stdout, outcome.stderr);
    assert!(!outcome.stdout.contains("\"revoke\""), "{}", outcome.stdout);
}

/// Waits until this process reads the file that has a name now: of two rotations between two looks at a name the first cannot be
/// seen.
fn wait_until_open(path: &Path) {
    let is_open = || {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == path)
    };
    while !is_open() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn following_shows_each_request_once_over_rotation_and_replacement() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let text = fs::read_to_string(AUDIT).unwrap();
    let lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    let parts: Vec<Vec<String>> = lines.chunks(29).map(<[String]>::to_vec).collect();
    fs::write(&path, parts[0].concat()).unwrap();
    let writing = path.clone();
    let writer = std::thread::spawn(move || {
        for (turn, part) in parts[1..].iter().enumerate() {
            wait_until_open(&writing);
            if turn % 2 == 0 {
                fs::rename(&writing, writing.with_extension(format!("{turn}"))).unwrap();
            }
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&writing).unwrap();
            for line in part {
                let (begin, end) = line.split_at(line.len() / 2);
                file.write_all(begin.as_bytes()).unwrap();
                file.write_all(end.as_bytes()).unwrap();
            }
        }
    });
    let file = path.display().to_string();
    // All but the one whose answer was never written.
    let outcome = log(&[
        "follow",
        "-format=jsonl",
        "-fields=id",
        "-own-questions",
        "-since=2026-11-01",
        "-limit=58",
        &file,
    ]);
    writer.join().unwrap();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let mut followed: Vec<&str> = outcome.stdout.lines().collect();
    let searched = log(&["search", "-format=jsonl", "-fields=id", "-own-questions", "", AUDIT]).stdout;
    let mut all: Vec<&str> = searched.lines().collect();
    assert_eq!(
        all.pop(),
        Some(r#"{"id":"ab07042c-b7a1-4a70-bf9a-de0ba21aa50d"}"#),
        "the one without answer comes last"
    );
    followed.sort_unstable();
    all.sort_unstable();
    assert_eq!(followed, all);
    assert!(outcome.stderr.contains("! Gap: the device missed 2 entries"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("was rotated; following the new file."), "{}", outcome.stderr);
}

#[test]
fn a_refusal_is_followed_in_words_within_80_columns() {
    let terminal = cli().no_server().on_terminal().variable("COLUMNS", "80").variable("NO_COLOR", "1");
    let words =
        ["log", "follow", "-tz=UTC", "-since=2026-11-20", "-filter=denied who~userpass-*", "-limit=1", AUDIT];
    let outcome = terminal.run(&words);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let expected = "11-20 08:33:00  userpass-bob  read    …ret/data/payroll  denied  10.1.0.23";
    assert_eq!((outcome.code, lines), (0, vec![expected]), "{}", outcome.stderr);
    // Programs have the status.
    let words = [
        "follow",
        "-format=csv",
        "-fields=who,status",
        "-since=2026-11-20",
        "-filter=denied",
        "-limit=1",
        AUDIT,
    ];
    assert!(log(&words).stdout.ends_with(",403\n"), "{}", log(&words).stdout);
}

#[test]
fn a_compressed_file_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log.1.gz");
    fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
    let path = path.display().to_string();
    for words in [&["follow", path.as_str()][..], &["follow", "-since=2026-11-20", &path]] {
        let outcome = log(words);
        let said = format!(
            "{path} cannot be followed: it is compressed, and does not grow. `log search` reads it\n"
        );
        assert_eq!((outcome.code, outcome.stderr.as_str()), (2, said.as_str()));
    }
}
