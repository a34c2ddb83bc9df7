//! What `onrecord log verify` says of logs beside which a tree lies: with a key of the server, or without one.
//! Never in it: the product's own verification.
//!
//! [`assert_as_written`] belongs to every test of a fault, and is part of [`crate::log::assert_all_on_record`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command_report::CommandReport;
use crate::process::Server;

/// What `log verify` reports.
impl CommandReport {
    /// How many lines or leaves there are of a kind of finding.
    pub fn count(&self, kind: &str) -> u64 {
        self.report["findings"][kind]["count"].as_u64().unwrap_or(0)
    }

    /// How many lines a start of the server added to the tree.
    pub fn vouched_later(&self) -> u64 {
        self.report["vouched_later"]["count"].as_u64().expect("a count")
    }
}

/// Runs `log verify` with these flags over the files of one log.
pub fn verify(files: &[impl AsRef<Path>], flags: &[&str]) -> CommandReport {
    CommandReport::by("verify", flags, files)
}

/// The flag with the verifier key of the log of a device, which is asked of the server.
pub fn key_of(server: &Server, device: &str) -> String {
    let answer = server.call("GET", "sys/audit-log/keys", None).json();
    let keys = answer["data"]["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["device"] == device && key["retired"].is_null());
    let key = key.and_then(|key| key["verifier_key"].as_str());
    format!("-key={}", key.unwrap_or_else(|| panic!("a key of {device} in {answer}")))
}

/// Each of these logs that has a tree with a checkpoint is as the device wrote it: no finding but lines that no checkpoint
/// covers yet, and lines of which the tree says that it could not take them. Give all files of each log. Without a key
/// nothing is intact: that the signature was not checked must be the only reason.
pub fn assert_as_written(logs: &[impl AsRef<Path>]) {
    let differences = differences(logs);
    assert!(differences.is_empty(), "the logs are as they were written: {differences:#?}");
}

/// What is not as [`assert_as_written`] wants it.
pub fn differences(logs: &[impl AsRef<Path>]) -> Vec<String> {
    let judge = |files: &Vec<PathBuf>| {
        let verified = verify(files, &["-allow-uncovered-tail", "-allow-uncovered-declared"]);
        let reasons = verified.report["not_judged"].as_array().into_iter().flatten();
        let reasons: Vec<&str> = reasons.filter_map(Value::as_str).collect();
        let only_the_key = matches!(reasons.as_slice(), [only] if only.starts_with("The signature was not"));
        (verified.code != 2 || !only_the_key).then(|| format!("{files:?}: {verified:?}"))
    };
    by_tree(logs).values().filter_map(judge).collect()
}

/// The files by the trees beside them: that of `audit.log` is `audit.log.tlog`, also for `audit.log.1`.
fn by_tree(logs: &[impl AsRef<Path>]) -> BTreeMap<PathBuf, Vec<PathBuf>> {
    let mut found: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for log in logs.iter().map(AsRef::as_ref) {
        let folder = log.parent().unwrap_or(Path::new(""));
        let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let trees = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let beside = trees.filter(|tree| tree.strip_suffix(".tlog").is_some_and(|of| name.starts_with(of)));
        let Some(tree) = beside.max_by_key(String::len).map(|tree| folder.join(tree)) else { continue };
        if tree.join("checkpoint").is_file() {
            found.entry(tree).or_default().push(log.to_owned());
        }
    }
    found
}
