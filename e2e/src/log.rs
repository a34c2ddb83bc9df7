//! Reading an audit log as a user's tools would: lines of JSON; and what `onrecord log check` says of any number of them.
//! Never in it: the product's own decoder.
//!
//! Every test of a fault ends with [`assert_nothing_lost`]: give it all logs of the server (each file that any device
//! wrote, rotated ones and `.torn-TIME` ones too) and the ids of all requests that were answered. It holds that both
//! entries of each are in the union of the logs, that the numbers each device lacks are exactly those that its gap
//! entries name, and that nothing is there twice. [`check`] gives the verdict for tests that expect another one.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command_report::CommandReport;
use crate::{verify, wait};

/// The paths of ceremonies.
pub const CEREMONIES: [&str; 3] = ["sys/init", "sys/unseal", "sys/ceremonies"];

/// All whole lines of a log; panics on a line that is not JSON or breaks the published schema, because a log never has one.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read(path).unwrap_or_default();
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    text[..whole]
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(onrecord_schema::checked)
        .collect()
}

/// The lines without those of ceremonies and the checkpoints of other devices: no request of a client's has anything to do with
/// when these come.
pub fn lines_of_requests(path: &Path) -> Vec<Value> {
    lines(path).into_iter().filter(is_of_request).collect()
}

fn is_of_request(entry: &Value) -> bool {
    !is_ceremony(entry) && !is_checkpoint(entry)
}

/// Whether an entry is of a ceremony. Those that no device could record come when there is one, shortly after it was enabled
/// (docs/FORMAT.md, rule 26b).
pub fn is_ceremony(entry: &Value) -> bool {
    entry["request"]["path"].as_str().is_some_and(|path| CEREMONIES.contains(&path))
}

/// The entries appended since the last look.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    seen: usize,
}

impl Tail {
    /// A tail at the log's beginning.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), seen: 0 }
    }

    /// What came since the last call, as [`lines_of_requests`] has it.
    pub fn more(&mut self) -> Vec<Value> {
        let text = std::fs::read(&self.path).unwrap_or_default();
        let fresh = text.get(self.seen..).unwrap_or_default();
        let whole = fresh.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        self.seen += whole;
        let fresh = fresh[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty());
        fresh.map(onrecord_schema::checked).filter(is_of_request).collect()
    }
}

/// The entry with a checkpoint of another device's tree.
fn is_checkpoint(entry: &Value) -> bool {
    entry["request"]["path"] == "sys/audit/checkpoint"
}

/// Per request id, which of its two entries the log holds: (requests, responses).
pub fn pairs(entries: &[Value]) -> BTreeMap<String, (usize, usize)> {
    let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for entry in entries {
        let id = entry["request"]["id"].as_str().unwrap_or_default().to_owned();
        let counts = found.entry(id).or_default();
        match entry["type"].as_str() {
            Some("request") => counts.0 += 1,
            Some("response") => counts.1 += 1,
            other => panic!("an entry of unknown type {other:?}"),
        }
    }
    found
}

/// Waits until each of these logs has both entries of a request. Of several devices one is enough to answer it: the others
/// may have its entries a moment later.
pub fn wait_for(logs: &[impl AsRef<Path>], id: &str) {
    let has = |log: &Path| pairs(&lines(log)).get(id) == Some(&(1, 1));
    wait::eventually("each log has the request", || logs.iter().all(|log| has(log.as_ref())));
}

/// What `log check` reports.
impl CommandReport {
    /// All starts on all devices: the device's salt and the facts of the start.
    pub fn boots(&self) -> impl Iterator<Item = (&str, &Value)> {
        list(&self.report["devices"]).iter().flat_map(|device| {
            let salt = device["salt"].as_str().unwrap_or_default();
            list(&device["boots"]).iter().map(move |boot| (salt, boot))
        })
    }

    /// How many entries are missing on any device and declared.
    pub fn declared(&self) -> u64 {
        self.boots().map(|(_, boot)| boot["declared"]["count"].as_u64().unwrap_or(0)).sum()
    }

    /// How many entries are there more than once on the same device.
    pub fn doubles(&self) -> u64 {
        list(&self.report["devices"])
            .iter()
            .map(|device| device["doubles"]["count"].as_u64().unwrap_or(0))
            .sum()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Runs the checker over logs, with the ids of the requests that were answered.
pub fn check(logs: &[impl AsRef<Path>], answered: &[String]) -> CommandReport {
    let mut ids = tempfile::NamedTempFile::new().expect("a file");
    ids.write_all(answered.join("\n").as_bytes()).expect("written");
    let ids = format!("-answered={}", ids.path().display());
    CommandReport::by("check", ["-examples=20", &ids], logs)
}

/// After a kill: both entries of every answered request are in the union of the logs, what a device lacks its gap
/// entries say, and nothing is there twice. They may say more, for what a device that lags was about to write is stored
/// as missed until it is written.
pub fn assert_all_on_record(logs: &[impl AsRef<Path>], answered: &[String]) -> CommandReport {
    let verdict = check(logs, answered);
    assert_eq!(verdict.code, 0, "{verdict:?}");
    assert_eq!(verdict.report["union"]["unanswered"]["count"], 0, "{verdict:?}");
    assert_eq!(verdict.doubles(), 0, "nothing is there twice: {verdict:?}");
    verify::assert_as_written(logs);
    verdict
}

/// After any other fault: as [`assert_all_on_record`], and each device lacks exactly what its gap entries say.
pub fn assert_nothing_lost(logs: &[impl AsRef<Path>], answered: &[String]) -> CommandReport {
    let verdict = assert_all_on_record(logs, answered);
    assert_holes_are_declared(&verdict);
    verdict
}

/// Each device lacks exactly what its gap entries say.
pub fn assert_holes_are_declared(verdict: &CommandReport) {
    for (salt, boot) in verdict.boots() {
        let count = |what: &str| boot[what]["count"].as_u64().expect("a count");
        assert_eq!(
            (count("undeclared"), count("surplus"), count("holes")),
            (0, 0, count("declared")),
            "the holes of {salt} are its gap entries: {verdict:?}"
        );
    }
}

/// All files in a folder whose name begins like this: a log, what it was rotated to, what was torn off it. Not the folder of
/// its tree.
pub fn files(dir: &Path, name: &str) -> Vec<PathBuf> {
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(name));
    let entries = std::fs::read_dir(dir).expect("a folder");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| named(path) && path.is_file())
        .collect();
    found.sort();
    found
}
