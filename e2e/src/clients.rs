//! What `.ci/clients` installs: programs of other projects, and libraries for our own programs.
//! Never in it: how a program is run.

use std::io::Write as _;
use std::path::PathBuf;

/// Where `.ci/clients` puts what it installs.
pub fn folder() -> PathBuf {
    std::env::var_os("ONRECORD_CLIENTS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/onrecord/clients"),
        PathBuf::from,
    )
}

/// A file or folder in it; `None`, after a notice, if it was not installed. Where `ONRECORD_REQUIRE_CLIENTS` is set (in CI) that
/// is a failure.
pub fn installed(needed: &str) -> Option<PathBuf> {
    let path = folder().join(needed);
    if path.exists() {
        return Some(path);
    }
    let notice = format!("NOT TESTED: {needed} is not on this machine; .ci/clients installs what is missing");
    assert!(std::env::var_os("ONRECORD_REQUIRE_CLIENTS").is_none(), "{notice}");
    // The macros' text is shown for failed tests only.
    writeln!(std::io::stderr(), "\n{notice}\n").ok();
    None
}
