//! `audit reopen`: opens devices again after a rotation.
//! Never in it: how a device is opened.

use crate::command::Command;
use crate::command::reject_dot_segments;
use crate::failure::{CommandResult, context, too_many};
use crate::flag::Output;
use crate::invocation::Invocation;
use crate::printer::{Format, Node, table};
use crate::session::Session;

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "audit reopen",
    synopsis: "Reopen audit devices after a log rotation",
    arguments: "[options] [PATH]",
    about: "Reopens all audit devices, or the one at PATH: a file is opened or created by its name, sockets and syslog \
            connect again. Use it after renaming a log. SIGHUP does the same, but needs the server's process id.\n\n\
            Prints the result of each device. The command does not wait for a device that hangs. The exit code is 2 if \
            any device could not be reopened.",
    examples: &[
        ("After the logs were renamed:", "audit reopen"),
        ("Reopen only the device at file/:", "audit reopen file/"),
    ],
    http: true,
    output: Output::Format,
    flags: &[],
    run: reopen,
}];

fn reopen(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let path = match invocation.arguments.as_slice() {
        [] => "",
        [path] => reject_dot_segments(path.trim().trim_matches('/'))?,
        more => return Err(too_many("0-1", more.len())),
    };
    let client = session.client(invocation)?;
    let done =
        session.block_on(client.audit_reopen(path))?.map_err(context("Error reopening audit devices: "))?;
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
        session.print_line(&table::table(&["Path", "Result", "Error"], &rows))?;
    } else {
        session.print_node(&Node::from(done))?;
    }
    Ok(if failed { 2 } else { 0 })
}
