//! That logs were not verified, and the command that does it.
//! Never in it: a verification.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use onrecord_trail::files_of_log;
use onrecord_trail::verify::TreeFolder;
use onrecord_value::printable::printable;

use super::shell::{on_files, word};
use super::tree::trees_beside;

/// Stands for the keys, where none were given.
const KEY: &str = "-key=server.keys";

/// That these logs were not verified, and the command that does it, if a tree lies beside them.
pub(super) fn not_verified(files: &[String]) -> (String, Option<String>) {
    let devices = match trees_beside(files).len() {
        0 => {
            let no_tree = "Not verified: no tree (FILE.tlog) lies beside these logs, so that a changed line would not be noticed.";
            return (no_tree.to_owned(), None);
        }
        1 => String::new(),
        devices => format!(
            " These logs are of {devices} devices, and each is verified alone (with -origin=NAME if the keys are of several). The first one:"
        ),
    };
    let text = format!("Not verified: a changed line would not be noticed here.{devices}");
    (text, Some(verify_command(&[KEY.to_owned()], files)))
}

/// The same in a line, for a terminal.
pub(super) fn not_verified_line(files: &[String]) -> String {
    let (text, command) = not_verified(files);
    printable(&with_command(&text, command.as_deref()))
}

/// Both, in a line.
pub(super) fn with_command(text: &str, command: Option<&str>) -> String {
    command.map_or_else(|| text.to_owned(), |command| format!("{text} To verify: {command}"))
}

/// The command that verifies files, of several devices those of the first.
pub(super) fn verify_command(flags: &[String], files: &[String]) -> String {
    let files = trees_beside(files).first().map_or_else(|| files.to_vec(), |tree| files_of_tree(tree, files));
    let words = std::iter::once("onrecord log verify".to_owned()).chain(flags.iter().map(|flag| word(flag)));
    on_files(&words.collect::<Vec<_>>().join(" "), &files)
}

/// The files of the log of a tree, those that rotations left beside it too: without one of them its lines would be missing.
fn files_of_tree(tree: &TreeFolder, read: &[String]) -> Vec<String> {
    let log = tree.path().with_extension("");
    let named = |file: PathBuf| Some(log.with_file_name(file.file_name()?).display().to_string());
    let beside = files_of_log(&log).unwrap_or_default().into_iter().filter_map(named);
    let is_its = |file: &&String| TreeFolder::beside(Path::new(file)).as_ref() == Some(tree);
    read.iter().filter(is_its).cloned().chain(beside).collect::<BTreeSet<String>>().into_iter().collect()
}
