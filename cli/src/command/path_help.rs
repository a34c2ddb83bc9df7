//! `path-help`.
//! Never in it: the texts, which the server has.

use crate::command::{Command, CommandResult, Invocation, Output, Session, exactly, sanitize};

pub(crate) const COMMAND: Command =
    Command::new("path-help", "PATH", "Print the server's help for a path", path_help)
        .about(
            "Prints what the server says about PATH: for a mount, what it is for and which paths it has; for a path, what it \
             takes. Something must be mounted at PATH.",
        )
        .examples(&[
            ("Which paths does the mount at secret/ have?", "path-help secret"),
            ("What does a path take?", "path-help sys/audit/file"),
        ])
        .output(Output::Format);

fn path_help(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let path = sanitize(path)?;
    let client = session.client(invocation)?;
    let help = session.call(client.path_help(&path), "Error retrieving help: ")?;
    let text = help.str("help").unwrap_or_default().trim_end().to_owned();
    session.show(&text, help)
}
