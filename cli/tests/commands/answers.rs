//! The commands that answer questions to logs, over the logs of `tests/data/answers`: what each prints.
//! `ONRECORD_REGENERATE=1` writes the expected outputs again.
//! Never in it: which rows a filter takes (tests of onrecord-trail, and `answers_jq`).

use std::fs;
use std::path::Path;

use onrecord_value::printable::is_printable;

use super::kit::{Outcome, cli};

pub(super) const AUDIT: &str = "tests/data/answers/audit.jsonl";
const SECOND: &str = "tests/data/answers/second.xml";
const VAULT: &str = "tests/data/answers/vault.jsonl";
/// The accessor of ann's token, as the first log has it.
pub(super) const ANN: &str = "991c3f83d4c0c689f152709b70741b71f25de7e2d86539b5e98d9cd576adb86a";
const READ_BY_CHILD: &str = "efe1f768-1b55-43f1-b3ab-06cdc1c506c7";

/// Runs a command of `log` in UTC.
pub(super) fn log(words: &[&str]) -> Outcome {
    let words: Vec<&str> = [&["log", words[0], "-tz=UTC"], &words[1..]].concat();
    cli().no_server().run(&words)
}

/// The output must be that of a file.
fn is_golden(name: &str, outcome: &Outcome) {
    let path = Path::new("tests/data/answers/golden").join(name);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{name}");
    if std::env::var_os("ONRECORD_REGENERATE").is_some() {
        fs::write(&path, &outcome.stdout).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(outcome.stdout, expected, "{name}");
}

#[test]
fn each_question_has_its_answer_as_a_table_and_as_json() {
    let cases: [(&str, &[&str]); 13] = [
        ("search", &["search", "path=secret/app op=read", AUDIT]),
        (
            "search-fields",
            &[
                "search",
                "-fields=time,path,status,error,request.data.accessor",
                "denied or token~*cde4b8*",
                AUDIT,
            ],
        ),
        ("search-vault", &["search", "path=secret/app", VAULT]),
        (
            "search-time",
            &[
                "search",
                "-since=2026-11-20T14:00:00Z",
                "-until=2026-11-20 15:00",
                "ip=203.0.113.9",
                AUDIT,
                SECOND,
            ],
        ),
        ("who", &["who", "secret/app", AUDIT]),
        ("who-below", &["who", "secret/*", AUDIT, SECOND]),
        ("who-vault", &["who", "secret/app", VAULT]),
        ("token", &["token", &ANN[..12], AUDIT]),
        ("token-of-request", &["token", READ_BY_CHILD, AUDIT]),
        ("show", &["show", &READ_BY_CHILD[..8], AUDIT, SECOND]),
        ("top", &["top", "who", AUDIT]),
        ("denied", &["denied", AUDIT]),
        ("stats", &["stats", AUDIT]),
    ];
    for (name, words) in cases {
        is_golden(&format!("{name}.txt"), &log(words));
        let json: Vec<&str> = [&[words[0], "-format=json"], &words[1..]].concat();
        is_golden(&format!("{name}.json"), &log(&json));
    }
}

#[test]
fn rows_alone_are_lines_of_json_or_csv_and_what_is_to_be_said_is_on_standard_error() {
    let words = ["search", "-fields=time,who,duration,policy", "who=token-backup", AUDIT];
    for (format, first) in [
        (
            "jsonl",
            r#"{"duration_ns":6917254,"policy":["app","default"],"time":"2026-11-20T14:22:30.023986119Z","who":"token-backup"}"#,
        ),
        (
            "csv",
            "time,who,duration_ns,policy\n2026-11-20T14:22:30.023986119Z,token-backup,6917254,\"app, default\"",
        ),
    ] {
        let format = format!("-format={format}");
        let outcome = log(&[&[words[0], format.as_str()], &words[1..]].concat());
        assert_eq!(outcome.code, 0);
        assert!(outcome.stdout.starts_with(first), "{}", outcome.stdout);
        assert!(outcome.stderr.starts_with("! Gap: "), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\n4 requests."), "{}", outcome.stderr);
    }
    let yaml = log(&[&[words[0], "-format=yaml"], &words[1..]].concat());
    assert!(yaml.stdout.contains("\nrequests:\n- duration_ns: 6917254\n"), "{}", yaml.stdout);
}

#[test]
fn own_questions_are_counted_and_shown_on_request() {
    let outcome = log(&["search", "-count", "path~sys/audit-hash/*", AUDIT]);
    assert!(
        outcome.stdout.contains("\n0 requests. 1 question to the log itself is left out"),
        "{}",
        outcome.stdout
    );
    let outcome = log(&["search", "-count", "-own-questions", "path~sys/audit-hash/*", AUDIT]);
    assert!(outcome.stdout.contains("\n1 request. The logs"), "{}", outcome.stdout);
    let json = log(&["search", "-count", "-format=json", "who=root", AUDIT]);
    assert!(
        json.stdout.contains("\"count\": 20") && json.stdout.contains("\"own_questions_left_out\": 1"),
        "{}",
        json.stdout
    );
}

#[test]
fn a_time_that_the_logs_do_not_cover_is_said_above_the_answer() {
    let outcome =
        log(&["search", "-since=2026-11-19", "-until=2026-11-22", "path=secret/app op=delete", AUDIT]);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "! Not covered: the logs begin at 2026-11-20 03:59:58Z; of the time from 2026-11-19 00:00:00Z on nothing is known.",
            "! Not covered: the logs end at 2026-11-20 23:10:00Z; of the time until 2026-11-22 00:00:00Z nothing is known.",
        ]
    );
    assert!(
        lines[2].starts_with("! Gap: device 4ee65a652e765d8e missed 2 entries from 2026-11-20 12:05:00Z"),
        "{}",
        lines[2]
    );
    let outcome = log(&["search", "-since=2026-11-20T13:00:00Z", "op=delete", AUDIT]);
    assert!(
        !outcome.stdout.contains("! Gap") && !outcome.stdout.contains("Not covered"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_file_that_cannot_be_opened_is_said_and_the_others_are_answered() {
    let outcome = log(&["search", "-count", "who=root", AUDIT, "no-such.log"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let said =
        "! no-such.log cannot be opened, and this is without it: No such file or directory (os error 2).\n";
    assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\n20 requests."), "{}", outcome.stdout);
    let outcome = log(&["search", "-format=csv", "-fields=id", "who=root", "no-such.log", AUDIT]);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (2, 21), "{outcome:?}");
    assert!(outcome.stderr.contains(said.trim_end()), "{}", outcome.stderr);
    for words in [&["search", "", "no-such.log"][..], &["stats", "no-such.log"]] {
        let outcome = log(words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{outcome:?}");
        assert_eq!(outcome.stderr, "no-such.log cannot be read: No such file or directory (os error 2)\n");
    }
}

#[test]
fn a_log_with_a_tree_names_the_command_that_verifies_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit log");
    fs::copy(AUDIT, &file).unwrap();
    fs::create_dir(dir.path().join("audit log.tlog")).unwrap();
    let file = file.display().to_string();
    let hint = |files: &[&str], command: &str| {
        let outcome = log(&[&["search", "-count", ""], files].concat());
        let expected = format!("To verify: onrecord log verify -key=server.keys {command}\n");
        assert!(outcome.stdout.contains("! Not verified: "), "{}", outcome.stdout);
        assert!(outcome.stdout.contains(&expected), "{expected}: {}", outcome.stdout);
    };
    hint(&[&file], &format!("'{file}'"));
    // A rotated file belongs to it, also if it was not read.
    fs::copy(AUDIT, format!("{file}.1")).unwrap();
    hint(&[&file], &format!("'{file}' '{file}.1'"));
    fs::copy(AUDIT, format!("{file}.2")).unwrap();
    fs::copy(AUDIT, format!("{file}.3")).unwrap();
    hint(&[&file, &format!("{file}.3")], &format!("'{file}' '{file}.1' '{file}.2' '{file}.3'"));
    // Each device is verified alone.
    let other = dir.path().join("other.log").display().to_string();
    fs::copy(AUDIT, &other).unwrap();
    fs::create_dir(format!("{other}.tlog")).unwrap();
    hint(&[&other, &file, &format!("{file}.1")], &other);
    let outcome = log(&["search", "-count", "", &other, &file]);
    assert!(
        outcome.stdout.contains("These logs are of 2 devices, and each is verified alone"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn more_rows_than_the_limit_are_said_and_not_shown() {
    let outcome = log(&["search", "-limit=3", "", AUDIT]);
    assert!(outcome.stdout.starts_with("! There are more: these are the first 3 "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\n3 requests."), "{}", outcome.stdout);
    let outcome = log(&["search", "-limit=0", "-format=csv", "-fields=id", "", AUDIT]);
    assert_eq!(outcome.stdout.lines().count(), 59, "the head and each request");
}

#[test]
fn what_is_wrong_on_the_command_line_is_said_with_what_is_accepted() {
    let cases: [(&[&str], &str); 15] = [
        (&["search", "pth=x", AUDIT], "unknown field \"pth\" (did you mean \"path\"?)\n\n  pth=x\n  ^"),
        (&["search", "path=x and", AUDIT], "filter, character 11: "),
        (&["search", AUDIT], "The first argument is the filter, and this is a file."),
        (
            &["who", AUDIT, AUDIT],
            "The first argument is the path of a secret, and this is a file. If the path is meant: v1/",
        ),
        (&["top", AUDIT, AUDIT], "The first argument is the field, and this is a file."),
        (
            &["search", "-fields=tme", "", AUDIT],
            "Unknown field \"tme\" (did you mean \"time\"?). Known fields: time, id, ",
        ),
        (&["search", "-since=14:00 o'clock", "", AUDIT], "-since: \"14:00 o'clock\" is not a point in time"),
        (&["search", "-since=2026-11-21", "-until=2026-11-20", "", AUDIT], "must be before -until"),
        (&["search", "-limit=-1", "", AUDIT], "-limit must not be negative"),
        (&["top", "nofield", AUDIT], "Unknown field \"nofield\". Known fields: time, id, "),
        (&["top", "nofield", AUDIT], ", elided.\n"),
        (
            &["top", "request.data.data.password", AUDIT],
            "request.data.data.password is a path of the entry, and a field is needed. Known fields: time, ",
        ),
        (&["top", "time", AUDIT], "Nearly each request has its own time"),
        (&["show", "abc", AUDIT], "\"abc\" is not the id of a request"),
        (&["who", "secret/*/app", AUDIT], "A * is possible at the end of PATH only"),
    ];
    for (words, text) in cases {
        let outcome = log(words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{words:?}");
        assert!(outcome.stderr.contains(text), "{words:?}: {}", outcome.stderr);
    }
    let outcome = log(&["search", "-tz=Mars/Olympus", "", AUDIT]);
    assert!(outcome.stderr.contains("not a time zone"), "{}", outcome.stderr);
    let outcome = log(&["search", "", "no such file"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("no such file"), "{}", outcome.stderr);
    let outcome = log(&["follow", "-format=json", AUDIT]);
    assert!(outcome.stderr.contains("use -format=jsonl"), "{}", outcome.stderr);
}

#[test]
fn flags_may_follow_arguments() {
    let late = log(&["who", "secret/app", AUDIT, "-since=2026-11-20T15:00:00Z"]);
    let early = log(&["who", "-since=2026-11-20T15:00:00Z", "secret/app", AUDIT]);
    assert_eq!(late.stdout, early.stdout);
}

#[test]
fn a_table_fits_the_terminal() {
    for columns in ["40", "80", "120"] {
        for words in
            [&["search", ""][..], &["who", "secret/app"], &["denied"], &["stats"], &["token", &ANN[..12]]]
        {
            let words: Vec<&str> = [&["log", words[0], "-tz=UTC"], &words[1..], &[AUDIT]].concat();
            let terminal =
                cli().no_server().on_terminal().variable("COLUMNS", columns).variable("NO_COLOR", "1");
            let outcome = terminal.run(&words);
            let width: usize = columns.parse().unwrap();
            let is_command = |line: &&str| !line.contains(": onrecord ");
            for line in outcome.stdout.lines().filter(is_command).filter(|line| line.contains("  ")) {
                // A block shows its cells whole.
                let is_block = columns == "40";
                assert!(is_block || line.chars().count() <= width, "{words:?} {columns}: {line}");
            }
        }
    }
}

/// Lines whose texts try to control a terminal, and lines that are not entries.
fn hostile() -> String {
    let bad = r"\u001b]0;owned\u0007\u001b[2J\u202egnp.exe\u2066\u009b31m\r\n\u200b";
    let auth = format!(
        r#""auth":{{"client_token":"hmac-sha256:00","accessor":"{bad}","display_name":"{bad}","policies":["{bad}"],"entity_id":"{bad}"}}"#
    );
    let request = format!(
        r#""request":{{"id":"aaaaaaaa-0000","operation":"{bad}","mount_point":"{bad}/","mount_type":"kv","client_token":"{bad}","client_token_accessor":"{bad}","path":"{bad}/x","remote_address":"{bad}","data":{{"{bad}":"{bad}"}}}}"#
    );
    let line = |kind: &str, more: &str| {
        format!(r#"{{"time":"2026-11-20T10:00:00Z","type":"{kind}",{auth},{request}{more}}}"#)
    };
    let response = format!(r#","response":{{"data":{{"{bad}":"{bad}"}}}},"error":"{bad}""#);
    let raw = "\u{1b}[31mnot an entry\u{202e}\n\u{1b}]0;x\u{7}{\"time\":\"2026-11-20T10:00:00Z\",\"type\":\"request\"}\n";
    format!("{}\n{}\n{raw}", line("request", ""), line("response", &response))
}

#[test]
fn no_text_of_a_log_controls_a_terminal_in_any_format() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hostile");
    fs::write(&file, hostile()).unwrap();
    let file = file.display().to_string();
    let all = "-fields=time,who,path,op,ip,error,token,entity,policy,mount,request.data";
    let commands: [&[&str]; 9] = [
        &["search", ""],
        &["search", all, ""],
        &["who", "*"],
        &["show", "aaaaaaaa"],
        &["token", "000000000000"],
        &["top", "who"],
        &["top", "error"],
        &["denied"],
        &["stats"],
    ];
    for words in commands {
        for format in ["table", "json", "jsonl", "csv", "yaml"] {
            let flag = format!("-format={format}");
            let words: Vec<&str> = [&[words[0], flag.as_str()], &words[1..], &[file.as_str()]].concat();
            let outcome = log(&words);
            assert_eq!(outcome.code, 0, "{words:?}: {}", outcome.stderr);
            for text in [&outcome.stdout, &outcome.stderr] {
                let found = text.chars().find(|character| *character != '\n' && !is_printable(*character));
                assert_eq!(found, None, "{words:?}: {text}");
            }
        }
    }
    let outcome = log(&["search", all, "", &file]);
    assert!(outcome.stdout.contains("\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{202e}gnp.exe"), "{}", outcome.stdout);
    let followed = log(&["follow", "-since=2026-11-01", "-limit=1", &file]);
    assert_eq!(followed.code, 0);
    let found = followed.stdout.chars().find(|character| *character != '\n' && !is_printable(*character));
    assert_eq!((found, followed.stdout.lines().count()), (None, 1), "{}", followed.stdout);
}

#[test]
fn a_block_of_addresses_is_a_filter() {
    let count = |filter: &str| log(&["search", "-count", filter, AUDIT]).stdout;
    let number = |filter: &str| {
        count(filter).lines().rev().find_map(|line| line.split(' ').next()?.parse::<u64>().ok())
    };
    let all = number("").unwrap();
    let of_block = number("ip=203.0.113.0/24").unwrap();
    assert_eq!(Some(of_block), number("ip~203.0.113.*"));
    assert_eq!(number("ip!=203.0.113.0/24"), Some(all - of_block));
    assert!(of_block > 0 && of_block < all, "{of_block} of {all}");
}
