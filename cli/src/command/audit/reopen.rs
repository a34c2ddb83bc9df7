//! `audit reopen`: devices opened again after a rotation, without a process id.

use super::super::without_dots;
use crate::failure::{Done, during, too_many};
use crate::grammar::{Command, Invocation, Output};
use crate::printer::{Format, Node, table};
use crate::session::Session;

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "audit reopen",
    synopsis: "Open audit devices again, after a rotation",
    arguments: "[options] [PATH]",
    about: "Makes all audit devices, or the one at PATH, open again what is behind them: a file that was renamed is made \
            anew, sockets and syslog connect again. It is what SIGHUP does, without a process id. Every device is named \
            with what came of it; one that hangs is named, too, and not waited for. Exit code 2 if any did not open.",
    examples: &[
        ("After the logs were renamed:", "audit reopen"),
        ("The device at file/ alone:", "audit reopen file/"),
    ],
    http: true,
    output: Output::Format,
    flags: &[],
    run: reopen,
}];

fn reopen(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let path = match invocation.arguments.as_slice() {
        [] => "",
        [path] => without_dots(path.trim().trim_matches('/'))?,
        more => return Err(too_many("0-1", more.len())),
    };
    let client = session.client(invocation)?;
    let done = session.wait(client.audit_reopen(path))?.map_err(during("Error reopening audit devices: "))?;
    let text = |path: &str, key: &str| {
        let device = done.object(path);
        device.and_then(|device| device.str(key)).unwrap_or_default().to_owned()
    };
    let failed = done.iter().any(|(path, _)| text(path, "result") != "reopened");
    if session.format == Format::Table {
        let rows: Vec<Vec<String>> = done
            .iter()
            .map(|(path, _)| vec![path.to_owned(), text(path, "result"), text(path, "error")])
            .collect();
        session.say(&table::table(&["Path", "Result", "Error"], &rows))?;
    } else {
        session.say_node(&Node::from(done))?;
    }
    Ok(if failed { 2 } else { 0 })
}
