//! The page of `log report` before an HTML validator and axe in a headless browser, and what `log export` writes before other
//! programs: `DuckDB`, the library of `CloudEvents`, and schemas. The programs are in `e2e/clients`; `.ci/clients` installs what they
//! need.
//! Never in it: a server; what the numbers mean (tests of onrecord-trail).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use onrecord_e2e::clients::{folder, installed};
use onrecord_e2e::process::binary;
use tempfile::TempDir;

#[test]
fn the_page_of_a_day_has_no_finding_of_a_validator_and_of_axe() {
    if installed("page/node_modules/axe-core").is_none() {
        return;
    }
    let day = Day::new();
    let (earlier, page) = (day.path("earlier.json"), day.path("page.html"));
    let compare = format!("-compare={earlier}");
    day.onrecord(&[
        "log",
        "report",
        "-format=json",
        "-until=2026-11-24T12:00:00Z",
        &format!("-out={earlier}"),
        &day.log,
    ]);
    day.onrecord(&["log", "report", "-tz=UTC", &compare, &format!("-out={page}"), &day.log]);
    let check = clients("page/check.mjs");
    let text = succeeds(Command::new("node").env("NODE_PATH", modules()).arg(check).arg(&page));
    assert!(text.trim_end().ends_with(", 0 findings"), "{text}");
}

#[test]
fn exports_are_read_by_other_programs_with_the_same_counts_sums_and_times() {
    let Some(python) = installed("exports/bin/python") else { return };
    let day = Day::new();
    for (format, out) in [
        ("parquet", "audit.parquet"),
        ("csv", "audit.csv"),
        ("ecs", "ecs.jsonl"),
        ("ocsf", "ocsf.jsonl"),
        ("cef", "cef.txt"),
        ("cloudevents", "cloudevents.jsonl"),
    ] {
        let (format, out) = (format!("-format={format}"), format!("-out={}", day.path(out)));
        day.onrecord(&["log", "export", &format, &out, &day.log]);
    }
    let text =
        succeeds(Command::new(python).arg(clients("exports/check.py")).arg(&day.log).arg(day.dir.path()));
    let rows = |text: &str| text.split(' ').next_back().and_then(|count| count.trim().parse::<u64>().ok());
    let counts: Vec<Option<u64>> = text.lines().map(rows).collect();
    assert_eq!(counts.len(), 5, "{text}");
    // ECS and CloudEvents are judged by what npm has of them.
    let judge = |script: &str, file: &str| {
        let script = clients(&format!("page/{script}"));
        succeeds(Command::new("node").env("NODE_PATH", modules()).arg(script).arg(day.path(file)))
    };
    for events in [judge("cloudevents.mjs", "cloudevents.jsonl"), judge("ecs.mjs", "ecs.jsonl")] {
        assert_eq!(counts, vec![events.trim().parse().ok(); 5], "{text}{events}");
    }
}

/// The log of a made-up day.
struct Day {
    dir: TempDir,
    log: String,
}

impl Day {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("audit.log");
        let text = succeeds(Command::new("python3").arg(clients("page/day.py")));
        fs::write(&log, text).expect("the log is written");
        Self { log: log.display().to_string(), dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn onrecord(&self, words: &[&str]) {
        succeeds(Command::new(binary()).args(words).env("HOME", self.dir.path()));
    }
}

/// The libraries that npm installed.
fn modules() -> PathBuf {
    folder().join("page/node_modules")
}

/// A file of ours that needs them.
fn clients(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// The standard output of a program that must succeed.
fn succeeds(command: &mut Command) -> String {
    succeeded(&command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}")))
}

fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
