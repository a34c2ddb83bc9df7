//! Salts that outlive their devices, and drills: with the real binary, its command line and its logs.

use std::path::Path;

use onrecord_e2e::load::{self, Load};
use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;
use serde_json::{Value, json};

const NEEDLE: &str = "n33dle-in-the-haystack";

fn write(server: &Server, name: &str) {
    let answer = server.call("POST", &format!("cubbyhole/{name}"), Some(json!({"password": NEEDLE})));
    assert_eq!(answer.status, 204, "{}", answer.error());
}

/// What `grep` finds of the writes in a log: the name of each.
fn found(file: &Path, hash: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a log");
    text.lines()
        .filter(|line| line.contains(hash))
        .map(|line| onrecord_schema::checked(line.as_bytes()))
        .filter(|entry| entry["type"] == "request")
        .filter_map(|entry| entry["request"]["path"].as_str()?.strip_prefix("cubbyhole/").map(str::to_owned))
        .collect()
}

/// The ids of all salts, in the order of their beginnings.
fn salts(shell: &Shell) -> Vec<String> {
    let listed: Value = serde_json::from_str(&shell.does("onrecord audit salts -format=json")).expect("JSON");
    let ids = listed.as_array().expect("a list").iter();
    ids.map(|salt| salt["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn r_salt_archive_old_logs_are_searched_after_disabling_rotating_and_a_restart() {
    let place = Place::new();
    let (old, log) = (place.path("old.log"), place.path("audit.log"));
    let mut server = place.embedded("");
    let key = server.open_up();
    let token = server.token.clone();
    server.enable_file("old", &old);
    write(&server, "gone");
    server.enable_file("file", &log);
    server.disable("old");
    let shell = Shell::of(&server);
    write(&server, "first");
    shell.does("onrecord audit rotate-salt file/");
    write(&server, "second");
    shell.does("onrecord audit rotate-salt file/");
    write(&server, "third");
    let before = salts(&shell);
    assert_eq!(before.len(), 4);
    assert!(server.stop());

    let server = place.restart(&key, token);
    let shell = Shell::of(&server);
    write(&server, "fourth");
    assert_eq!(salts(&shell), before);
    let logs = [
        (&old, vec!["gone"]),
        (&log, vec!["first"]),
        (&log, vec!["second"]),
        (&log, vec!["third", "fourth"]),
    ];
    for (id, (file, names)) in before.iter().zip(logs) {
        let hash = shell.does(&format!("onrecord audit hash -salt={id} {NEEDLE}"));
        assert_eq!(found(file, hash.trim()), names, "{id}");
    }
    let verdict = log::check(&[&log], &[]);
    let devices = verdict.report["devices"].as_array().expect("devices");
    assert_eq!(devices.len(), 1, "whatever its salts, it is one device: {verdict:?}");
    assert_eq!(devices[0]["salt"], before[1].as_str(), "named by its first");
}

#[test]
fn r_salt_archive_new_salts_under_load_lose_and_double_nothing() {
    let place = Place::new();
    let log = place.path("audit.log");
    let server = Server::dev(&["-dev-audit=off"]);
    server.enable_file("file", &log);
    let load = Load::begin(&server, 4, load::reads);
    for turn in 1_u64..=10 {
        let answer = server.call("POST", "sys/audit-rotate-salt/file", None);
        assert_eq!(answer.status, 200, "{}", answer.error());
        let more = 10_000 * turn;
        server.eventually("entries come", || std::fs::metadata(&log).is_ok_and(|meta| meta.len() > more));
    }
    let answered = load.end().all_answered();
    let verdict = log::assert_nothing_lost(&[&log], &answered);
    assert_eq!(verdict.declared(), 0, "{verdict:?}");
    let used: std::collections::BTreeSet<String> =
        log::lines(&log).iter().map(|entry| entry["record"]["salt"].to_string()).collect();
    assert!(used.len() >= 11, "ten new salts, the first, and the probe's: {used:?}");
}

#[test]
fn a_drill_proves_alarms_and_what_it_missed_is_declared() {
    let place = Place::new();
    let logs = [place.path("a.log"), place.path("b.log")];
    let mut server = place.in_memory("audit {\n  drills = true\n}");
    server.enable_file("a", &logs[0]);
    server.enable_file("b", &logs[1]);
    let shell = Shell::of(&server);
    shell.does("onrecord audit drill refuse a/ -for=1h");
    let mut answered = Vec::new();
    for _ in 0..20 {
        let answer = server.call("GET", "sys/mounts", None);
        assert_eq!(answer.status, 200, "no request fails");
        answered.push(answer.request_id());
    }
    let status = server.call("GET", "sys/audit-status", None).json();
    assert!(status.to_string().contains("\"kind\":\"refuse\""), "{status}");
    shell.does("onrecord audit drill stop a/");
    server.wait_for_log("a drill begins");
    server.wait_for_log("has ended");
    assert!(server.stop());
    let verdict = log::assert_nothing_lost(&logs, &answered);
    assert!(verdict.declared() > 0, "{verdict:?}");
}

#[test]
fn a_drill_is_refused_without_the_configuration_and_ends_by_itself_with_it() {
    let server = Server::dev(&[]);
    let refused = Shell::of(&server).refuses(2, "onrecord audit drill hang file/");
    assert!(refused.contains("drills = true") || refused.contains("unknown audit backend"), "{refused}");
    let place = Place::new();
    let server = place.in_memory("audit {\n  drills = true\n}");
    server.enable_file("only", &place.path("only.log"));
    let shell = Shell::of(&server);
    shell.does("onrecord audit drill hang only/ -for=300ms");
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200, "it waits, and goes on");
    server.wait_for_log("has ended");
}

#[test]
fn a_preview_prints_lines_and_writes_none_of_them() {
    let place = Place::new();
    let log = place.path("audit.log");
    let server = Server::dev(&["-dev-audit=off"]);
    server.enable_file("file", &log);
    let shell = Shell::of(&server);
    let shown = shell.does(&format!("onrecord audit preview PUT secret/data/app password={NEEDLE}"));
    assert!(shown.contains("==> file/ <==") && !shown.contains(NEEDLE), "{shown}");
    assert!(shown.contains("known only after the request"), "{shown}");
    assert_eq!(server.call("GET", "secret/data/app", None).status, 404);
    let text = std::fs::read_to_string(&log).expect("a log");
    assert!(!text.contains(NEEDLE));
    log::assert_nothing_lost(&[&log], &[]);
}
