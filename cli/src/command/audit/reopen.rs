//! `audit reopen`: opens devices again after a rotation.
//! Never in it: how a device is opened.

use crate::command::{Command, CommandResult, Invocation, Output, Session, at_most_one, sanitize};
use crate::printer::table;

pub(crate) const COMMAND: Command =
    Command::new("audit reopen", "[PATH]", "Reopen audit devices after a log rotation", reopen)
        .about(
            "Reopens all audit devices, or the one at PATH: a file is opened or created by its name, sockets \
             and syslog connect again. Use it after renaming a log. SIGHUP does the same, but needs the \
             server's process id.\n\nPrints the result of each device. The command does not wait for a \
             device that hangs. The exit code is 2 if any device could not be reopened.",
        )
        .examples(&[
            ("After the logs were renamed:", "audit reopen"),
            ("Reopen only the device at file/:", "audit reopen file/"),
        ])
        .output(Output::Format);

fn reopen(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let path = sanitize(at_most_one(&invocation.arguments)?.unwrap_or_default())?;
    let client = session.client(invocation)?;
    let done = session.call(client.audit_reopen(&path), "Error reopening audit devices: ")?;
    let text = |path: &str, key: &str| {
        let device = done.object(path);
        device.and_then(|device| device.str(key)).unwrap_or_default().to_owned()
    };
    let failed = done.keys().any(|path| text(path, "result") != "reopened");
    let row = |path: &str| vec![path.to_owned(), text(path, "result"), text(path, "error")];
    let rows: Vec<Vec<String>> = done.keys().map(row).collect();
    session.show(&table::table("Path | Result | Error", &rows), done)?;
    Ok(if failed { 2 } else { 0 })
}
