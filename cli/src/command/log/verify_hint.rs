//! That logs were not verified, and the command that does it.
//! Never in it: a verification.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use onrecord_trail::files_of_log;
use onrecord_trail::verify::TreeFolder;

use super::shell::word;

/// More files are named by a pattern.
const FILES_MAX: usize = 3;

/// That these logs were not verified, and the command that does it, if a tree lies beside them.
pub(super) fn not_verified(files: &[String]) -> (String, Option<String>) {
    let devices = match trees(files).len() {
        0 => {
            let no_tree = "Not verified: no tree (FILE.tlog) lies beside these logs, so that a changed line would not be noticed.";
            return (no_tree.to_owned(), None);
        }
        1 => String::new(),
        devices => format!(" These logs are of {devices} devices: verify each alone."),
    };
    let text = format!("Not verified: a changed line would not be noticed here.{devices}");
    (text, Some(verify_command(&[], files)))
}

/// Both, in a line.
pub(super) fn with_command(text: &str, command: Option<&str>) -> String {
    command.map_or_else(|| text.to_owned(), |command| format!("{text} To verify: {command}"))
}

/// The command that verifies files, of several devices those of the first.
pub(super) fn verify_command(flags: &[String], files: &[String]) -> String {
    let files = match trees(files).first() {
        Some(tree) => files_of_tree(tree, files),
        None if files.len() <= FILES_MAX => files.iter().map(|file| word(file)).collect(),
        None => vec!["FILE...".to_owned()],
    };
    let verify = "onrecord log verify -key=server.keys".to_owned();
    let words = std::iter::once(verify).chain(flags.iter().map(|flag| word(flag))).chain(files);
    words.collect::<Vec<_>>().join(" ")
}

/// The trees beside files, each once.
fn trees(files: &[String]) -> Vec<TreeFolder> {
    let mut trees = Vec::new();
    for tree in files.iter().filter_map(|file| TreeFolder::beside(Path::new(file))) {
        if !trees.contains(&tree) {
            trees.push(tree);
        }
    }
    trees
}

/// The files of the log of a tree, those that rotations left beside it too: without one of them its lines would be missing.
fn files_of_tree(tree: &TreeFolder, read: &[String]) -> Vec<String> {
    let log = tree.path().with_extension("");
    let named = |file: PathBuf| Some(log.with_file_name(file.file_name()?).display().to_string());
    let beside = files_of_log(&log).unwrap_or_default().into_iter().filter_map(named);
    let is_its = |file: &&String| TreeFolder::beside(Path::new(file)).as_ref() == Some(tree);
    let all: BTreeSet<String> = read.iter().filter(is_its).cloned().chain(beside).collect();
    if all.len() <= FILES_MAX {
        return all.iter().map(|file| word(file)).collect();
    }
    vec![format!("{}*", word(&log.display().to_string()))]
}
