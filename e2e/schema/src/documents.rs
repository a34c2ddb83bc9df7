//! Documents of docs/ that a test generates, whole or in part: a test compares them, and with `ONRECORD_REGENERATE=1` writes them again.
//! Never in it: what they say.

use std::path::PathBuf;

/// Panics unless the document is this text, or writes it.
pub fn check(name: &str, expected: &str) {
    if std::env::var_os("ONRECORD_REGENERATE").is_some() {
        std::fs::write(path(name), expected).expect("the document can be written");
    }
    assert!(read(name) == expected, "docs/{name} is stale: run this test with ONRECORD_REGENERATE=1");
}

/// The same of the part of the document between two marks.
pub fn check_part(name: &str, begin: &str, end: &str, expected: &str) {
    let found = read(name);
    let (before, rest) = found.split_once(begin).expect("the mark where the part begins");
    let (_, after) = rest.split_once(end).expect("the mark where the part ends");
    check(name, &format!("{before}{begin}{expected}{end}{after}"));
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_default()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}
