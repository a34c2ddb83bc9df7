//! The collectors of docs/SIEM.md, with the configurations of that page, beside a server under load whose log is rotated: every line
//! arrives, and none twice.
//! Never in it: the collectors of which the page says that they are not run.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use onrecord_e2e::collector::{Collector, Program};
use onrecord_e2e::load;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::wait;

const ROTATIONS: usize = 4;
/// A file has at least this number of lines before it is rotated.
const LINES_MIN: usize = 40;

/// The lines of all files, with how often each is there.
fn written(files: &[PathBuf]) -> HashMap<String, usize> {
    let mut lines = HashMap::new();
    for file in files {
        for line in fs::read_to_string(file).expect("a log").lines() {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
    }
    lines
}

/// The path of a rotated file, as logrotate names it: the latest is `audit.log.1`.
fn rotated(log: &Path, number: usize) -> PathBuf {
    log.with_file_name(format!("audit.log.{number}"))
}

/// Renames the rotated files and the log, and has the device begin a new one.
fn rotate(server: &Server, log: &Path) {
    for number in (1..ROTATIONS).rev().filter(|number| rotated(log, *number).exists()) {
        fs::rename(rotated(log, number), rotated(log, number + 1)).expect("a rotated log is renamed");
    }
    fs::rename(log, rotated(log, 1)).expect("the log is renamed");
    assert_eq!(server.call("POST", "sys/audit-reopen/file", None).status, 200);
}

fn every_line_of_a_rotated_log_arrives_once(program: Program) {
    let place = Place::new();
    let log = place.folder("logs").join("audit.log");
    let mut server = place.in_memory("");
    server.mount_kv(2);
    server.enable_file("file", &log);
    let Some(mut collector) = Collector::start(program, &log) else { return };
    let outcome = load::during(&server, || {
        for _ in 0..ROTATIONS {
            // It has begun with this file, which has some lines.
            wait::eventually("the collector follows", || {
                let text = fs::read_to_string(&log).unwrap_or_default();
                let first = text.lines().nth(1).filter(|_| text.lines().count() >= LINES_MIN);
                first.is_some_and(|line| collector.receiver.lines().contains_key(line))
            });
            rotate(&server, &log);
        }
    });
    assert!(outcome.failed.is_empty(), "{:?}", outcome.failed.first());
    // It writes entries that no client waits for, such as those of what came before its first device. Lines are counted when all
    // are written.
    assert!(server.stop());
    let files: Vec<PathBuf> =
        (1..=ROTATIONS).map(|number| rotated(&log, number)).chain([log.clone()]).collect();
    let expected = written(&files);
    assert!(expected.values().sum::<usize>() >= ROTATIONS * LINES_MIN, "{}", expected.len());
    wait::holds(|| expected.keys().all(|line| collector.receiver.lines().contains_key(line)));
    let got = collector.receiver.lines();
    let times = |lines: &HashMap<String, usize>, line: &String| lines.get(line).copied().unwrap_or_default();
    let differing: Vec<_> = expected
        .keys()
        .chain(got.keys().filter(|line| !expected.contains_key(*line)))
        .map(|line| (times(&expected, line), times(&got, line), line))
        .filter(|(written, arrived, _)| written != arrived)
        .collect();
    assert!(
        differing.is_empty(),
        "{} of {} lines did not arrive as often as they were written, the first of them (written, arrived, line): {:?}; it said: {}",
        differing.len(),
        expected.len(),
        differing.first(),
        collector.said()
    );
    assert!(collector.runs());
}

#[test]
fn every_line_of_a_rotated_log_reaches_a_receiver_through_rsyslog() {
    every_line_of_a_rotated_log_arrives_once(Program::Rsyslog);
}

#[test]
fn every_line_of_a_rotated_log_reaches_a_receiver_through_syslog_ng() {
    every_line_of_a_rotated_log_arrives_once(Program::SyslogNg);
}

#[test]
fn every_line_of_a_rotated_log_reaches_a_receiver_through_the_opentelemetry_collector() {
    every_line_of_a_rotated_log_arrives_once(Program::OpenTelemetry);
}
