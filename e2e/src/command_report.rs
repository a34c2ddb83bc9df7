//! A run of `onrecord log check` or `log verify`: its exit code, its report and standard error.
//! Never in it: what a report must say ([`crate::log`], [`crate::verify`]).

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::binary;

/// What the command says of logs.
pub struct CommandReport {
    /// The exit code: 0 all is well, 1 something is lost or differs, 2 not judged.
    pub code: i32,
    /// The report of `-format=json`; null if there is none.
    pub report: Value,
    /// What it said on standard error.
    pub stderr: String,
}

impl fmt::Debug for CommandReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}: {:#}\n{}", self.code, self.report, self.stderr)
    }
}

impl CommandReport {
    /// Runs a command of `log` with these flags over files, in an empty environment.
    pub(crate) fn by(
        command: &str,
        flags: impl IntoIterator<Item = impl Into<OsString>>,
        files: &[impl AsRef<Path>],
    ) -> Self {
        let output = Command::new(binary())
            .args(["log", command, "-format=json"])
            .args(flags.into_iter().map(Into::into))
            .args(files.iter().map(AsRef::as_ref))
            .env_clear()
            .output()
            .expect("the command line runs");
        Self {
            code: output.status.code().unwrap_or(-1),
            report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
