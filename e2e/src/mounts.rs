//! Directories that have other names: a program in a mount namespace of its own, whose mounts no other process sees and
//! which ends with it. Never in it: expectations.

use std::path::Path;
use std::process::Command;

/// Runs a program with its mounts arranged before.
const UNSHARE: [&str; 3] = ["unshare", "--mount", "--map-root-user"];

/// Whether this machine lets us make such a namespace, or why not.
pub fn check() -> Result<(), String> {
    let ran =
        Command::new(UNSHARE[0]).args(&UNSHARE[1..]).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    let ran = ran.map_err(|error| format!("unshare: {error}"))?;
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()) }
}

/// The words of a command line before the program's own: a shell runs `script` in the namespace, and ends the start if a
/// command of it fails. It begins in `folder`.
pub(crate) fn wrapper(script: &str, folder: &Path) -> Vec<String> {
    let script = format!("cd \"$1\"\nshift\n{script}\nexec \"$@\"");
    let shell = ["sh", "-euc", &script, "sh", &folder.display().to_string()].map(str::to_owned);
    UNSHARE.map(str::to_owned).into_iter().chain(shell).collect()
}
