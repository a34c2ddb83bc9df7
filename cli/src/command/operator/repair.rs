//! `operator audit-repair`: removes an audit device from the storage of a stopped server. Write access to the data directory
//! and the key shares are the only rights it needs.
//! Never in it: the change of the storage (`onrecord-server`).

use std::path::PathBuf;

use onrecord_client::Token;
use onrecord_server::AuditRepair;

use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, Session, at_most_one, sanitize,
};
use crate::printer::{Format, Node, table};

pub(crate) const COMMAND: Command = Command::new(
    "operator audit-repair",
    "[PATH]",
    "Remove an audit device from a stopped server's storage",
    repair,
)
.about(
    "Lists the audit devices in the storage of a stopped server; with PATH, removes that device. Use it if \
     the server refuses to unseal because none of its audit devices can be opened.\n\nThe server must be \
     stopped. You need write access to its data directory, and its key shares: enter them at the prompt, \
     give each with -unseal-key, or write one a line to standard input.\n\nAt the next start, the removal is \
     recorded with the name of the system user who ran this command, as soon as a device accepts entries. \
     The salt of the removed device is kept, so that its log can be searched.",
)
.examples(&[
    ("List the devices:", "operator audit-repair -config=/etc/onrecord/server.hcl"),
    ("Remove the device at file/:", "operator audit-repair -config=/etc/onrecord/server.hcl file/"),
    (
        "With key shares from a file:",
        "operator audit-repair -config=/etc/onrecord/server.hcl file/ < shares.txt",
    ),
])
.offline()
.output(Output::Format)
.flags(&[
    Flag::texts("config", "The server's configuration file, or a folder of them. Required."),
    Flag::texts("unseal-key", "Key share. May be given several times. It appears in the shell's history."),
]);

fn repair(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let path = at_most_one(&invocation.arguments)?.map(sanitize).transpose()?;
    let config: Vec<PathBuf> = invocation.texts("config").into_iter().map(PathBuf::from).collect();
    if config.is_empty() {
        return Err(Failure::usage(
            "-config is missing: give the configuration file or folder of the server to repair.",
        ));
    }
    let server_error = |error: onrecord_server::StartError| Failure::server(error.to_string());
    let mut repair = AuditRepair::open(&config, &session.process.kinds).map_err(server_error)?;
    let mut shares: Vec<Token> = invocation.texts("unseal-key").into_iter().map(Token::new).collect();
    if shares.is_empty() && !session.process.stdin_is_terminal {
        shares = read_shares(session)?;
    }
    let mut shares = shares.into_iter();
    let mut needed = None;
    while needed != Some(0) {
        let share = match shares.next() {
            Some(share) => share,
            None if session.process.stdin_is_terminal => prompt(session)?,
            None => return Err(Failure::usage(more_shares(needed))),
        };
        needed = Some(repair.submit_key_share(share.expose().trim()).map_err(server_error)?);
    }
    let Some(path) = path else {
        return list(session, &repair);
    };
    let declared = repair
        .devices()
        .map_err(server_error)?
        .iter()
        .any(|device| device.declared && device.path.trim_end_matches('/') == path);
    if !repair.remove(&path).map_err(server_error)? {
        return Err(Failure::server(format!("No audit device is stored at: {path}/")));
    }
    session.print_line(&format!("Success! Removed the audit device at: {path}/"))?;
    if declared {
        session.warn(
            "The configuration declares this device. Remove its stanza too, or the next start enables it again.",
        )?;
    }
    Ok(0)
}

fn more_shares(needed: Option<usize>) -> String {
    let how = "give each with -unseal-key, or one a line on standard input";
    match needed {
        None => format!("Key shares are needed: {how}."),
        Some(1) => format!("One more key share is needed: {how}."),
        Some(more) => format!("{more} more key shares are needed: {how}."),
    }
}

fn list(session: &mut Session<'_>, repair: &AuditRepair) -> CommandResult {
    let devices = repair.devices().map_err(|error| Failure::server(error.to_string()))?;
    if devices.is_empty() && session.format == Format::Table {
        return session.done("No audit devices are stored.");
    }
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    for device in devices {
        let (path, kind, description) = (device.path, device.kind, device.description);
        let record = Node::record([
            ("type", (&kind).into()),
            ("description", (&description).into()),
            ("declared", device.declared.into()),
        ]);
        records.push((path.clone(), record));
        let from = if device.declared { "configuration" } else { "API" };
        rows.push(vec![path, kind, from.to_owned(), description]);
    }
    let table = table::table("Path | Type | Made by | Description", &rows);
    session.show(&table, Node::Record(records))
}

fn prompt(session: &mut Session<'_>) -> Result<Token, Failure> {
    session.prompt_hidden("Unseal Key (will be hidden): ", true).map_err(|error| {
        Failure::usage(format!("An error occurred attempting to ask for an unseal key: {error}"))
    })
}

fn read_shares(session: &mut Session<'_>) -> Result<Vec<Token>, Failure> {
    let read = session.process.read_stdin();
    let text = read.map_err(|error| Failure::usage(format!("Error reading standard input: {error}")))?;
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(Token::new).collect())
}
