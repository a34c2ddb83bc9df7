//! `audit enable|disable|list|hash` and their old spellings with a hyphen.
//! Never in it: the options of a kind of device.

pub(crate) mod drill;
mod evidence;
pub(crate) mod explain;
pub(crate) mod passphrase;
pub(crate) mod preview;
pub(crate) mod reopen;
pub(crate) mod rotate_key;
pub(crate) mod salts;
mod salts_export;
pub(crate) mod status;

use std::fs::File;
use std::io::{self, Read as _};

use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, Session, context, exactly, explained,
    not_enough, reject_dot_segments, sanitize, text_data, too_many, with_slash,
};
use crate::print_response;
use crate::printer::{Format, Node, table};
use onrecord_client::{AuditDevice, Error};
use onrecord_value::{Object, object};
use zeroize::Zeroizing;

const ENABLE_FLAGS: &[Flag] = &[
    Flag::text("description", "Text that \"audit list\" shows."),
    Flag::bool("local", "Enable the device on this node only; it is not replicated."),
    Flag::text("path", "Path of the device. Devices of the same type need different paths.")
        .default("the type"),
];

const LIST_FLAGS: &[Flag] =
    &[Flag::bool("detailed", "Also show the options and the replication of each device.")];

const ENABLE_ABOUT: &str = "Enables an audit device of the given TYPE. From then on, the device gets an \
    entry for every request before the server executes it, and for every response before the client receives \
    it.\n\nThe options of the device follow TYPE as K=V. They are listed below.";

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("audit enable", "TYPE [CONFIG K=V...]", "Enable an audit device", enable)
        .about(ENABLE_ABOUT)
        .examples(&[
            ("Write entries to a file:", "audit enable file file_path=/var/log/onrecord_audit.log"),
            (
                "Enable a second file device at another path:",
                "audit enable -path=raw file file_path=/srv/raw.log log_raw=true",
            ),
            ("Write to the local syslog daemon:", "audit enable syslog tag=onrecord facility=LOCAL0"),
            (
                "Send to a collector over TCP:",
                "audit enable socket address=127.0.0.1:9090 socket_type=tcp write_timeout=500ms",
            ),
        ])
        .flags(ENABLE_FLAGS),
    Command::new("audit disable", "PATH", "Disable an audit device", disable)
        .about(
            "Disables the audit device at PATH. The device writes no more entries; its log is kept. To hash \
             a text for this log afterwards, use \"audit hash -salt=ID\"; \"audit salts\" lists the ids.",
        )
        .examples(&[("Disable the device at file/:", "audit disable file/")]),
    Command::new("audit list", "", "List the enabled audit devices", list)
        .about("Lists the enabled audit devices. If none is enabled, the exit code is 2 with -format=table.")
        .examples(&[("List all devices with their options:", "audit list -detailed")])
        .output(Output::Format)
        .flags(LIST_FLAGS),
    Command::new(
        "audit hash",
        "[PATH] [INPUT | -]",
        "Compute the hash that a device writes for a text",
        hash,
    )
    .about(
        "Prints the hash that the device at PATH writes in place of INPUT. Search the device's log for it to \
         find the entries that contain the secret.\n\nWith -salt=ID instead of PATH, prints the hash in \
         lines whose record.salt is ID. This also works for devices that are disabled; \"audit salts\" lists \
         the ids.\n\nIf INPUT is \"-\", it is read from standard input, without a newline at its end. \
         Without INPUT, you are prompted. In both cases the secret does not appear in the shell's history.",
    )
    .examples(&[
        ("Find a secret in the log of the device at file/:", "audit hash file/ s3cr3t"),
        ("Read the secret from standard input:", "audit hash file/ - < secret.txt"),
        (
            "Find a secret in an old log, by the salt that its lines name:",
            "audit hash -salt=5f0c6d5e0f5e4d0a s3cr3t",
        ),
    ])
    .output(Output::Format)
    .flags(&[Flag::text("salt", "Id of a salt, in use or retired. Replaces PATH.")]),
    Command::new("audit-enable", "TYPE [CONFIG K=V...]", "Old spelling of audit enable", enable)
        .about("The old spelling of \"audit enable\".")
        .examples(&[("Write entries to a file:", "audit-enable file file_path=/var/log/onrecord_audit.log")])
        .flags(ENABLE_FLAGS),
    Command::new("audit-disable", "PATH", "Old spelling of audit disable", disable)
        .about("The old spelling of \"audit disable\".")
        .examples(&[("Disable the device at file/:", "audit-disable file/")]),
    Command::new("audit-list", "", "Old spelling of audit list", list)
        .about("The old spelling of \"audit list\".")
        .examples(&[("List all devices:", "audit-list")])
        .output(Output::Format)
        .flags(LIST_FLAGS),
];

fn enable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((kind, pairs)) = invocation.arguments.split_first() else {
        return Err(Failure::usage(format!(
            "Error enabling audit device: audit type missing. Valid types include {}.",
            listed(session.process.kinds.devices.iter().map(|kind| format!("'{}'", kind.name())).collect())
        )));
    };
    let kind = kind.trim();
    let path = invocation.text("path").map(str::trim).filter(|path| !path.is_empty()).unwrap_or(kind);
    let shown = with_slash(reject_dot_segments(path)?);
    let options = text_data(session, invocation, pairs)?.into_iter().collect();
    let device = AuditDevice {
        kind: kind.to_owned(),
        description: invocation.text("description").unwrap_or_default().to_owned(),
        options,
        local: invocation.is_set("local"),
        path: shown.clone(),
    };
    let client = session.client(invocation)?;
    let enabled = session.block_on(client.audit_enable(&shown, &device))?;
    let answer = enabled.map_err(|error| not_enabled(session, error, &device))?;
    if let Some(answer) = answer {
        print_response::warnings(session, &answer)?;
    }
    session.done(format!("Success! Enabled the {kind} audit device at: {shown}"))
}

/// The server's error, and what is wrong with the options as far as its text leaves that out.
fn not_enabled(session: &Session<'_>, error: Error, device: &AuditDevice) -> Failure {
    let prefix = "Error enabling audit device: ";
    if error.status() != Some(400) {
        return context(prefix)(error);
    }
    let text = error.to_string();
    let problems = session.process.kinds.devices.problems(&device.kind, &device.options).into_iter();
    let lines = problems.map(|problem| problem.text).filter(|line| !text.contains(line.as_str()));
    explained(prefix, error, lines.collect())
}

/// `'a', 'b' and 'c'`.
fn listed(mut names: Vec<String>) -> String {
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

fn disable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let shown = format!("{}/", sanitize(path)?);
    let client = session.client(invocation)?;
    session.call(client.audit_disable(&shown), "Error disabling audit device: ")?;
    session.done(format!("Success! Disabled audit device (if it was enabled) at: {shown}"))
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let devices = session.call(client.audit_list(), "Error listing audits: ")?;
    if devices.is_empty() && session.format == Format::Table {
        session.print_line("No audit devices are enabled.")?;
        return Ok(2);
    }
    let detailed = invocation.truth("detailed").unwrap_or(false);
    let rows: Vec<Vec<String>> = devices
        .iter()
        .map(|(path, device)| {
            let mut row = vec![path.clone(), device.kind.clone(), device.description.clone()];
            if detailed {
                row.push(if device.local { "local" } else { "replicated" }.to_owned());
                let options: Vec<String> =
                    device.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
                row.push(options.join(" "));
            }
            row
        })
        .collect();
    let headers = if detailed {
        "Path | Type | Description | Replication | Options"
    } else {
        "Path | Type | Description"
    };
    let node = devices.iter().map(|(path, device)| (path.clone(), device_node(device)));
    session.show(&table::table(headers, &rows), Node::Record(node.collect()))
}

fn device_node(device: &AuditDevice) -> Node {
    let options: Object = device.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Node::record([
        ("type", (&device.kind).into()),
        ("description", (&device.description).into()),
        ("options", options.into()),
        ("local", device.local.into()),
        ("path", (&device.path).into()),
    ])
}

fn hash(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let salt = invocation.text("salt");
    let (device, input) = match (salt, invocation.arguments.as_slice()) {
        (Some(_), []) => (None, None),
        (Some(_), [input]) => (None, Some(input.as_str())),
        (Some(_), more) => return Err(too_many("0-1 with -salt", more.len())),
        (None, []) => return Err(not_enough("1-2", 0)),
        (None, [path]) => (Some(path), None),
        (None, [path, input]) => (Some(path), Some(input.as_str())),
        (None, more) => return Err(too_many("1-2", more.len())),
    };
    let path = device.map(|path| sanitize(path)).transpose()?.unwrap_or_default();
    let client = session.client(invocation)?;
    let input = match input {
        Some("-") => read_input(session)?,
        Some(text) => Zeroizing::new(text.to_owned()),
        None if !session.process.stdin_is_terminal => read_input(session)?,
        None => {
            let text = session.prompt_hidden("Input (will be hidden): ", false);
            let text = text.map_err(|error| Failure::server(format!("Error reading the input: {error}")))?;
            Zeroizing::new(text.expose().to_owned())
        }
    };
    let hash = match salt {
        Some(id) => session.block_on(client.audit_salt_hash(id.trim(), &input))?,
        None => session.block_on(client.audit_hash(&path, &input))?,
    };
    let hash = hash.map_err(context("Error computing hash: "))?;
    session.show(&hash, object! { "hash" => &hash })
}

/// Standard input without the newline that an editor or `echo` puts at its end.
pub(crate) fn read_input(session: &mut Session<'_>) -> Result<Zeroizing<String>, Failure> {
    let mut text = session
        .process
        .read_stdin()
        .map_err(|error| Failure::usage(format!("Error reading standard input: {error}")))?;
    // Cut in place: a copy would have to be wiped as well.
    for end in ['\n', '\r'] {
        if text.ends_with(end) {
            text.pop();
        }
    }
    Ok(text)
}

/// A small file that may hold a secret.
pub(crate) fn read_limited(name: &str, most: u64) -> io::Result<Zeroizing<String>> {
    let file = File::open(name)?;
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    let read = file.take(most + 1).read_to_string(&mut text)?;
    if read as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
    }
    Ok(text)
}
