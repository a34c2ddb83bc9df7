//! A configuration that changes under a server that runs, reopening through the API, devices removed from a server that
//! does not run, a configuration checked before it is used, and losses that survive a kill.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use onrecord_e2e::load::{self, Load};
use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Server, binary};
use onrecord_e2e::verify;
use rustix::process::Signal;
use serde_json::{Value, json};

/// `onrecord WORDS -config=… MORE`, with something on its standard input.
fn onrecord(place: &Place, words: &[&str], more: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(binary())
        .args(words)
        .arg(format!("-config={}", place.config().display()))
        .args(more)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    // A command that asks for nothing may have ended.
    child.stdin.take().expect("piped").write_all(stdin.as_bytes()).ok();
    child.wait_with_output().expect("it ends")
}

fn stanza(path: &str, file: &Path, more: &str) -> String {
    format!(
        "audit \"file\" \"{path}\" {{\n  options {{\n    file_path = \"{}\"\n    {more}\n  }}\n}}\n",
        file.display()
    )
}

const IN_FORCE: &str = "the audit stanzas of the configuration are in force";
const REFUSED: &str = "THE CONFIGURATION IS NOT APPLIED";

/// The files hold both entries of each answered request, and each number of the server once.
fn assert_whole(files: &[PathBuf], answered: &[String]) {
    let mut entries = Vec::new();
    for file in files {
        let text = fs::read(file).expect("readable");
        assert!(text.is_empty() || text.ends_with(b"\n"), "{} ends within a line", file.display());
        entries.extend(log::lines(file));
    }
    let pairs = log::pairs(&entries);
    for id in answered {
        assert_eq!(pairs.get(id), Some(&(1, 1)), "request {id}");
    }
    let of_its_own = |e: &Value| e.get("gap").is_some() || e["request"]["path"] == "sys/audit/test";
    let mut numbers: Vec<u64> = entries
        .iter()
        .filter(|e| !of_its_own(e))
        .map(|e| e["record"]["seq"].as_u64().expect("a number"))
        .collect();
    numbers.sort_unstable();
    for pair in numbers.windows(2) {
        assert_eq!(pair[1], pair[0] + 1, "the numbers follow each other");
    }
}

/// How many times a rotation is gone through; 1000 in the long form.
fn turns() -> usize {
    std::env::var("ONRECORD_ROTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

/// Renames the log again and again under load, and has it opened again each time, as logrotate does.
fn rotate_under_load(reopen: impl Fn(&Server)) {
    let place = Place::new();
    let path = place.path("audit.log");
    place.configure(&stanza("main", &path, ""));
    let mut server = place.start();
    server.open_up();
    let load = Load::begin(&server, 4, load::reads);
    let mut files = Vec::new();
    for turn in 0..turns() {
        let rotated = place.path(format!("audit.log.{turn}"));
        server.eventually("entries come", || fs::metadata(&path).is_ok_and(|meta| meta.len() > 0));
        fs::rename(&path, &rotated).expect("a rename");
        reopen(&server);
        server.eventually("the file is made again", || path.exists());
        files.push(rotated);
    }
    let old: Vec<u64> = files.iter().map(|file| fs::metadata(file).expect("a file").ino()).collect();
    server.eventually("the old descriptors are closed", || {
        let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the process's files");
        let held =
            open.filter_map(|fd| fs::metadata(fd.ok()?.path()).ok()).filter(|meta| old.contains(&meta.ino()));
        held.count() == 0
    });
    files.push(path);
    let answered = load.end().all_answered();
    assert!(answered.len() > turns(), "there was a load: {}", answered.len());
    assert_whole(&files, &answered);
}

#[test]
fn r_hup_a_thousand_rotations_lose_tear_and_double_nothing_and_close_what_was_open() {
    rotate_under_load(|server| server.signal(Signal::HUP));
}

#[test]
fn r_hup_rotation_through_the_api_needs_no_process_id() {
    rotate_under_load(|server| {
        let answer = server.call("PUT", "sys/audit-reopen/main", None);
        assert_eq!(answer.status, 200, "{}", answer.error());
        assert_eq!(answer.json()["data"]["devices"]["main/"]["result"], "reopened");
    });
}

#[test]
fn evidence_that_a_reload_turns_off_and_on_while_requests_come_makes_no_line_a_foreign_one() {
    let place = Place::new();
    let path = place.path("audit.log");
    place.configure(&stanza("main", &path, ""));
    let mut server = place.start();
    server.open_up();
    let load = Load::begin(&server, 3, load::reads);
    for _ in 0..3 {
        for evidence in ["evidence = \"off\"", "evidence = \"on\""] {
            place.configure(&stanza("main", &path, evidence));
            server.hang_up(IN_FORCE);
            let before = load.answered();
            server.eventually("requests come", || load.answered() > before + 10);
        }
    }
    load.end().all_answered();
    assert!(server.stop());
    verify::assert_as_written(&[path]);
}

#[test]
fn the_command_line_reopens_and_prints_the_result_of_each() {
    let place = Place::new();
    let path = place.path("audit.log");
    place.configure(&stanza("main", &path, ""));
    let mut server = place.start();
    server.open_up();
    fs::rename(&path, place.path("audit.log.1")).expect("a rename");
    let done = server.cli(&["audit", "reopen"]);
    let output = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{output}{}", String::from_utf8_lossy(&done.stderr));
    assert!(output.contains("main/") && output.contains("reopened"), "{output}");
    assert!(path.exists());
}

#[test]
fn r_declarative_and_r_reconcile_sighup_applies_the_stanzas_without_a_gap() {
    let place = Place::new();
    let (one, two) = (place.path("one.log"), place.path("two.log"));
    place.configure(&stanza("main", &one, ""));
    let mut server = place.start();
    server.open_up();
    let load = Load::begin(&server, 3, load::reads);
    let mut files = vec![one.clone()];
    for turn in 0..10 {
        // The file changes, and the mode with the same file.
        let path = place.path(format!("changed-{turn}.log"));
        place.configure(&stanza("main", &path, ""));
        server.hang_up(IN_FORCE);
        place.configure(&stanza("main", &path, "mode = \"0640\""));
        server.hang_up(IN_FORCE);
        files.push(path);
    }
    let answered = load.end().all_answered();
    assert!(answered.len() > 20, "{}", answered.len());
    assert_whole(&files, &answered);
    server.wait_for_log("change main/ (file): file_path");
    server.wait_for_log("change main/ (file): mode");

    place.configure(&(stanza("main", &one, "") + &stanza("second", &two, "")));
    server.hang_up(IN_FORCE);
    assert_eq!(server.devices().as_object().expect("a table").len(), 2);
    place.configure(&stanza("second", &two, ""));
    server.hang_up(IN_FORCE);
    assert_eq!(server.devices().as_object().expect("a table").keys().collect::<Vec<_>>(), ["second/"]);
}

#[test]
fn r_declarative_wrong_values_leave_everything_as_it_was() {
    let place = Place::new();
    let one = place.path("one.log");
    place.configure(&stanza("main", &one, ""));
    let mut server = place.start();
    server.open_up();
    let before = server.devices();
    fs::create_dir(place.path("folder.log")).expect("a folder");
    for wrong in [
        "audit \"file\" {".to_owned(),
        stanza("main", &one, "mode = \"abc\""),
        stanza("main", &one, "")
            + &stanza("new", &place.path("new.log"), "")
            + &stanza("bad", &place.path("folder.log"), ""),
        stanza("main", &one, "") + &stanza("same", &one, ""),
        "audit { minimum = \"x\" }".to_owned(),
    ] {
        place.configure(&wrong);
        server.hang_up(REFUSED);
        assert_eq!(server.devices(), before, "{wrong}");
    }
    // A device that was tried and not enabled leaves only its test entries.
    let tried = log::lines(&place.path("new.log"));
    assert!(tried.iter().all(|line| line["request"]["path"] == "sys/audit/test"), "{tried:?}");
    // What cannot change while it runs is named.
    place.configure(&(stanza("main", &one, "") + "max_lease_ttl = \"1h\"\n"));
    server.hang_up("max_lease_ttl has changed in the configuration: it takes effect at the next start");
    place.configure(&(stanza("main", &one, "") + "audit { minimum = 2 }\n"));
    server.hang_up(IN_FORCE);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 500, "two are demanded and one is there");
}

#[test]
fn r_start_and_r_escape_one_broken_device_degrades_none_is_refused_and_repair_is_the_way_out() {
    let place = Place::new();
    let (good, bad) = (place.path("good.log"), place.path("bad.log"));
    place.configure("");
    let mut server = place.start();
    let key = server.open_up();
    server.enable_file("good", &good);
    server.enable_file("bad", &bad);
    let token = server.token.clone();
    let held = onrecord(&place, &["operator", "audit-repair"], &[], &key);
    assert_ne!(held.status.code(), Some(0), "a running server holds the directory");
    assert!(server.stop());
    let break_it = |path: &Path| {
        fs::remove_file(path).expect("removed");
        fs::create_dir(path).expect("a folder");
    };
    break_it(&bad);
    let mut server = place.start();
    server.unseal(&key);
    server.token.clone_from(&token);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200, "degraded");
    assert!(server.stop());
    let log = server.stderr();
    assert!(log.contains("bad/") && log.contains("is a directory"), "it is named with its errno: {log}");

    break_it(&good);
    let mut server = place.start();
    let refused = server.call("PUT", "sys/unseal", Some(json!({"key": key})));
    assert_eq!(refused.status, 500);
    assert!(server.stop());
    let log = server.stderr();
    for part in ["good/", "bad/", "is a directory", "unsealing failed"] {
        assert!(log.contains(part), "{part}: {log}");
    }

    let listed = onrecord(&place, &["operator", "audit-repair"], &["-format=json"], &key);
    let shown: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(shown["bad/"]["type"], "file", "{shown}");
    for path in ["bad/", "good"] {
        let done = onrecord(&place, &["operator", "audit-repair"], &[path], &format!("{key}\n"));
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let absent = onrecord(&place, &["operator", "audit-repair"], &["bad/"], &key);
    assert_eq!(absent.status.code(), Some(2));
    let wrong = onrecord(&place, &["operator", "audit-repair"], &[], &"cd".repeat(32));
    assert_eq!(wrong.status.code(), Some(2));

    let mut server = place.start();
    server.unseal(&key);
    server.token = token;
    server.wait_for_log("an audit device was removed by operator audit-repair");
    let fresh = place.path("fresh.log");
    server.enable_file("fresh", &fresh);
    // On a machine under load it may be refused at first.
    server.eventually("both removals are on record", || {
        let lines = log::lines(&fresh);
        let is_recorded = |path: &str| {
            lines.iter().any(|line| line["type"] == "request" && line["request"]["path"] == path)
        };
        is_recorded("sys/audit/repair/bad") && is_recorded("sys/audit/repair/good")
    });
}

#[test]
fn r_preflight_a_configuration_is_checked_without_a_trace() {
    let place = Place::new();
    let (one, deep) = (place.path("one.log"), place.path("deep/er/two.log"));
    place.configure(
        &(stanza("one", &one, "") + &stanza("two", &deep, "mode = \"0600\"\n    evidence = \"off\"")),
    );
    let good = onrecord(&place, &["operator", "diagnose"], &["-format=json"], "");
    let shown: Value = serde_json::from_slice(&good.stdout).expect("JSON");
    assert_eq!((good.status.code(), &shown["failed"]), (Some(0), &json!(false)), "{shown}");
    assert!(!one.exists() && !place.path("deep").exists() && !place.path("data").exists(), "no trace");
    let table = onrecord(&place, &["operator", "diagnose"], &[], "");
    let output = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(output.contains("the device can be opened"), "{output}");

    let mut server = place.start();
    let key = server.open_up();
    let running = onrecord(&place, &["operator", "diagnose"], &[], "");
    let output = String::from_utf8_lossy(&running.stdout).into_owned();
    assert_eq!(running.status.code(), Some(0), "{output}");
    assert!(output.contains("in use by a running server"), "{output}");
    server.eventually("the log has a tree", || place.path("one.log.tlog/checkpoint").exists());
    let before = [&one, &deep].map(|file| log::lines_of_requests(file).len());
    let probed = onrecord(&place, &["operator", "diagnose"], &["-probe"], "");
    assert_eq!(probed.status.code(), Some(0), "{}", String::from_utf8_lossy(&probed.stdout));
    let after = [&one, &deep].map(|file| log::lines_of_requests(file).len());
    assert_eq!(after, [before[0], before[1] + 1], "a test entry, where no tree would lack it");
    let output = String::from_utf8_lossy(&probed.stdout).into_owned();
    assert!(output.contains("no test entry is written, because the log has a tree"), "{output}");
    drop((server, key));

    fs::create_dir(place.path("folder.log")).expect("a folder");
    let socket = "audit \"socket\" \"s\" {\n  options {\n    address = \"127.0.0.1:9\"\n  }\n}\n";
    place.configure(
        &(stanza("bad", &place.path("folder.log"), "")
            + &stanza("mode", &one, "mode = \"abc\"\n    mod = \"0600\"")
            + socket),
    );
    let bad = onrecord(&place, &["operator", "diagnose"], &[], "");
    let output = String::from_utf8_lossy(&bad.stdout).into_owned();
    assert_eq!(bad.status.code(), Some(1), "{output}");
    for part in [
        "is a directory",
        "mode=\"abc\": it must be permissions in octal, such as 0640",
        "unknown option \"mod\": did you mean \"mode\"?",
        "connection refused",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
}

#[test]
fn what_a_pipe_missed_before_a_kill_is_declared_by_the_next_start() {
    let place = Place::new();
    let log = place.path("audit.log");
    let stdout = "audit \"file\" \"pipe\" {\n  options {\n    file_path = \"stdout\"\n  }\n}\n";
    place.configure(&(stanza("main", &log, "") + stdout));
    let mut server = place.launch().unread().start();
    let key = server.open_up();
    let token = server.token.clone();
    let lose = || {
        let status = server.call("GET", "sys/mounts", None).status;
        assert_eq!(status, 200);
        log::lines(&log).last().expect("an entry")["record"]["seq"].as_u64().expect("a number")
    };
    // More than a pipe takes.
    while lose() < 400 {}
    let boot = log::lines(&log).last().expect("an entry")["record"]["boot"].clone();
    let last = place.lose_and_wait_until_stored(lose);
    server.kill();

    let server = place.restart(&key, token);
    let gaps_of_boot = |server: &Server| {
        let said = server.stdout();
        let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.into_iter().filter(|line: &Value| line["gap"]["boot"] == boot).collect::<Vec<_>>()
    };
    server.eventually("the pipe gets its gap entry", || !gaps_of_boot(&server).is_empty());
    let gaps = gaps_of_boot(&server);
    let ranges = gaps[0]["gap"]["ranges"].as_array().expect("ranges").clone();
    assert_eq!(ranges.last().expect("a range")["to"], last, "up to the last entry: {ranges:?}");
    assert_eq!(gaps.len(), 1, "once");
}
