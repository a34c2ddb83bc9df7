//! `operator audit-repair`: the way out where no audit device works. It asks no server; whoever may write to the data
//! directory and has the key shares may do it. What it does to the storage is the server's business.

use std::path::PathBuf;

use onrecord_client::Token;
use onrecord_server::AuditRepair;

use super::super::without_dots;
use crate::failure::{Done, Failure, too_many};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::printer::{Format, Node, table};
use crate::session::Session;

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "operator audit-repair",
    synopsis: "Remove an audit device from a stopped server's storage",
    arguments: "[options] [PATH]",
    about: "Lists the audit devices of a server that does not run, and removes the one at PATH. It is the way out where \
            none of them can be opened any more, so that the server refuses to unseal. The server must be stopped; the \
            rights to write to its data directory and its key shares are needed, nothing else.\n\nThe act is itself \
            put on record, with the user of the system who did it, as soon as a device of the next start works. The \
            salt of the removed device is kept, so that its log can still be searched.\n\nKey shares are asked for, \
            or given with -unseal-key, or a line each on standard input.",
    examples: &[
        ("List the devices:", "operator audit-repair -config=/etc/onrecord/server.hcl"),
        ("Remove the device at file/:", "operator audit-repair -config=/etc/onrecord/server.hcl file/"),
        (
            "With key shares from a file:",
            "operator audit-repair -config=/etc/onrecord/server.hcl file/ < shares.txt",
        ),
    ],
    http: false,
    output: Output::Format,
    flags: &[
        Flag::new("config", Kind::Texts, "The server's configuration file, or a folder of them."),
        Flag::new(
            "unseal-key",
            Kind::Texts,
            "A key share. May be given several times; the shell's history keeps it.",
        ),
    ],
    run: repair,
}];

fn repair(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let path = match invocation.arguments.as_slice() {
        [] => None,
        [path] => Some(without_dots(path.trim().trim_matches('/'))?.to_owned()),
        more => return Err(too_many("0-1", more.len())),
    };
    let config: Vec<PathBuf> = invocation.texts("config").into_iter().map(PathBuf::from).collect();
    if config.is_empty() {
        return Err(Failure::usage("-config is needed: the configuration of the server to repair."));
    }
    let told = |error: onrecord_server::StartError| Failure::server(error.to_string());
    let mut repair = AuditRepair::open(&config).map_err(told)?;
    let given: Vec<Token> = invocation.texts("unseal-key").into_iter().map(Token::new).collect();
    let mut shares = if given.is_empty() && !session.world.stdin_is_terminal {
        shares(session)?.into_iter()
    } else {
        given.into_iter()
    };
    let mut needed = None;
    loop {
        let share = match shares.next() {
            Some(share) => share,
            None if session.world.stdin_is_terminal => ask(session)?,
            None => return Err(Failure::usage(more_shares(needed))),
        };
        let left = repair.submit_key_share(share.expose().trim()).map_err(told)?;
        if left == 0 {
            break;
        }
        needed = Some(left);
    }
    let Some(path) = path else {
        return list(session, &repair);
    };
    let declared = repair
        .devices()
        .map_err(told)?
        .iter()
        .any(|device| device.declared && device.path.trim_end_matches('/') == path);
    if !repair.remove(&path).map_err(told)? {
        return Err(Failure::server(format!("No audit device is stored at: {path}/")));
    }
    session.say(&format!("Success! Removed the audit device at: {path}/"))?;
    if declared {
        session.warn(
            "The configuration names this device: remove its stanza, too, or the next start makes it again.",
        )?;
    }
    Ok(0)
}

fn more_shares(needed: Option<usize>) -> String {
    let how = "give each with -unseal-key, or a line each on standard input";
    match needed {
        None => format!("Key shares are needed: {how}."),
        Some(1) => format!("One more key share is needed: {how}."),
        Some(more) => format!("{more} more key shares are needed: {how}."),
    }
}

fn list(session: &mut Session<'_>, repair: &AuditRepair) -> Done {
    let devices = repair.devices().map_err(|error| Failure::server(error.to_string()))?;
    if session.format != Format::Table {
        let rows = devices.iter().map(|device| {
            let shown = Node::record([
                ("type", (&device.kind).into()),
                ("description", (&device.description).into()),
                ("declared", device.declared.into()),
            ]);
            (device.path.clone(), shown)
        });
        session.say_node(&Node::Record(rows.collect()))?;
        return Ok(0);
    }
    if devices.is_empty() {
        session.say("No audit devices are stored.")?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = devices
        .into_iter()
        .map(|device| {
            let from = if device.declared { "configuration" } else { "API" };
            vec![device.path, device.kind, from.to_owned(), device.description]
        })
        .collect();
    session.say(&table::table(&["Path", "Type", "Made by", "Description"], &rows))?;
    Ok(0)
}

fn ask(session: &mut Session<'_>) -> Result<Token, Failure> {
    session.ask_hidden("Unseal Key (will be hidden): ", true).map_err(|error| {
        Failure::usage(format!("An error occurred attempting to ask for an unseal key: {error}"))
    })
}

fn shares(session: &mut Session<'_>) -> Result<Vec<Token>, Failure> {
    let read = session.world.read_stdin();
    let text = read.map_err(|error| Failure::usage(format!("Error reading standard input: {error}")))?;
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(Token::new).collect())
}
