//! `audit enable|disable|list|hash` and the old spellings with a hyphen.

pub(crate) mod drill;
pub(crate) mod explain;
pub(crate) mod preview;
pub(crate) mod reopen;
pub(crate) mod salts;
pub(crate) mod status;

use super::{text_data, with_slash, without_dots};
use crate::failure::{Done, Failure, during, exactly, not_enough, too_many};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::help::wrap;
use crate::printer::{Format, Node, table};
use crate::session::Session;
use onrecord_client::AuditDevice;
use onrecord_value::{Object, object};
use zeroize::Zeroizing;

const ENABLE_FLAGS: &[Flag] = &[
    Flag::new("description", Kind::Text, "What the device is for, for people."),
    Flag::new("local", Kind::Bool, "Keep the device to this node; it is not replicated.").default("false"),
    Flag::new("path", Kind::Text, "Path of the device. Several devices of one type need a path each.")
        .default("the type"),
];

const LIST_FLAGS: &[Flag] =
    &[Flag::new("detailed", Kind::Bool, "Show options and replication as well.").default("false")];

const ENABLE_ABOUT: &str = "Enables an audit device at a path. From then on every request and every response is \
    written to it before the server acts and before it answers.\n\nThe options of the device follow TYPE as K=V.";

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "audit enable",
        synopsis: "Enable an audit device",
        arguments: "[options] TYPE [CONFIG K=V...]",
        about: ENABLE_ABOUT,
        examples: &[
            ("Write entries to a file:", "audit enable file file_path=/var/log/onrecord_audit.log"),
            (
                "A second file, at a path of its own:",
                "audit enable -path=raw file file_path=/srv/raw.log log_raw=true",
            ),
            ("The machine's syslog daemon:", "audit enable syslog tag=onrecord facility=LOCAL0"),
            (
                "A collector, over TCP:",
                "audit enable socket address=127.0.0.1:9090 socket_type=tcp write_timeout=500ms",
            ),
        ],
        http: true,
        output: Output::Text,
        flags: ENABLE_FLAGS,
        run: enable,
    },
    Command {
        words: "audit disable",
        synopsis: "Disable an audit device",
        arguments: "[options] PATH",
        about: "Disables the audit device at a path. Nothing more is written to it; what it wrote stays. Its salt is \
                retired: hashes for it can no longer be computed by its path.",
        examples: &[("Disable the device at file/:", "audit disable file/")],
        http: true,
        output: Output::Text,
        flags: &[],
        run: disable,
    },
    Command {
        words: "audit list",
        synopsis: "List the enabled audit devices",
        arguments: "[options]",
        about: "Lists the enabled audit devices.",
        examples: &[("List all devices with their options:", "audit list -detailed")],
        http: true,
        output: Output::Format,
        flags: LIST_FLAGS,
        run: list,
    },
    Command {
        words: "audit hash",
        synopsis: "Compute the hash a device writes for a text",
        arguments: "[options] [PATH] [INPUT | -]",
        about: "Prints the hash that the device at PATH writes in the place of a text, so that a secret can be looked up \
                in the device's log. With -salt=ID instead of PATH it is the hash of lines whose record.salt is that id: \
                of a device that is gone, too (\"audit salts\" lists them). INPUT as \"-\" is read from standard input, so that it stands in no shell \
                history; without INPUT it is asked for. A newline at the end of standard input is not part of the text.",
        examples: &[
            ("Find a secret in the log of the device at file/:", "audit hash file/ s3cr3t"),
            ("The same, with the secret from standard input:", "audit hash file/ - < secret.txt"),
            ("In an old log, by the salt that its lines name:", "audit hash -salt=5f0c6d5e0f5e4d0a s3cr3t"),
        ],
        http: true,
        output: Output::Format,
        flags: &[Flag::new("salt", Kind::Text, "Id of a salt, in use or retired, in the place of PATH.")],
        run: hash,
    },
    Command {
        words: "audit-enable",
        synopsis: "Old spelling of audit enable",
        arguments: "[options] TYPE [CONFIG K=V...]",
        about: "The old spelling of \"audit enable\".",
        examples: &[("Write entries to a file:", "audit-enable file file_path=/var/log/onrecord_audit.log")],
        http: true,
        output: Output::Text,
        flags: ENABLE_FLAGS,
        run: old_enable,
    },
    Command {
        words: "audit-disable",
        synopsis: "Old spelling of audit disable",
        arguments: "[options] PATH",
        about: "The old spelling of \"audit disable\".",
        examples: &[("Disable the device at file/:", "audit-disable file/")],
        http: true,
        output: Output::Text,
        flags: &[],
        run: old_disable,
    },
    Command {
        words: "audit-list",
        synopsis: "Old spelling of audit list",
        arguments: "[options]",
        about: "The old spelling of \"audit list\".",
        examples: &[("List all devices:", "audit-list")],
        http: true,
        output: Output::Format,
        flags: LIST_FLAGS,
        run: old_list,
    },
];

fn old_enable(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    deprecated(session, "enable")?;
    enable(session, invocation)
}

fn old_disable(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    deprecated(session, "disable")?;
    disable(session, invocation)
}

fn old_list(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    deprecated(session, "list")?;
    list(session, invocation)
}

fn deprecated(session: &mut Session<'_>, verb: &str) -> Result<(), Failure> {
    if session.format != Format::Table {
        return Ok(());
    }
    let program = &session.world.program;
    let text = format!(
        "WARNING! The \"{program} audit-{verb}\" command is deprecated. Please use \"{program} audit {verb}\" instead."
    );
    session.warn(&format!("{}\n", wrap(&text, 78).join("\n")))
}

fn enable(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let Some((kind, pairs)) = invocation.arguments.split_first() else {
        return Err(Failure::usage(format!(
            "Error enabling audit device: audit type missing. Valid types include {}.",
            listed(session.world.device_kinds.iter().map(|kind| format!("'{}'", kind.name())).collect())
        )));
    };
    let kind = kind.trim();
    let path = invocation.text("path").map(str::trim).filter(|path| !path.is_empty()).unwrap_or(kind);
    let shown = with_slash(without_dots(path)?);
    let options = text_data(session, invocation, pairs)?.into_iter().collect();
    let device = AuditDevice {
        kind: kind.to_owned(),
        description: invocation.text("description").unwrap_or_default().to_owned(),
        options,
        local: invocation.is_set("local"),
        path: shown.clone(),
    };
    let client = session.client(invocation)?;
    session.wait(client.audit_enable(&shown, &device))?.map_err(during("Error enabling audit device: "))?;
    session.say(&format!("Success! Enabled the {kind} audit device at: {shown}"))?;
    Ok(0)
}

/// `'a', 'b' and 'c'`.
fn listed(mut names: Vec<String>) -> String {
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

fn disable(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [path] = exactly(&invocation.arguments)?;
    let path = without_dots(path.trim().trim_matches('/'))?;
    let shown = format!("{path}/");
    let client = session.client(invocation)?;
    session.wait(client.audit_disable(&shown))?.map_err(during("Error disabling audit device: "))?;
    session.say(&format!("Success! Disabled audit device (if it was enabled) at: {shown}"))?;
    Ok(0)
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let devices = session.wait(client.audit_list())?.map_err(during("Error listing audits: "))?;
    if session.format != Format::Table {
        let node =
            Node::Record(devices.iter().map(|(path, device)| (path.clone(), device_node(device))).collect());
        session.say_node(&node)?;
        return Ok(0);
    }
    if devices.is_empty() {
        session.say("No audit devices are enabled.")?;
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
    let headers: &[&str] = if detailed {
        &["Path", "Type", "Description", "Replication", "Options"]
    } else {
        &["Path", "Type", "Description"]
    };
    session.say(&table::table(headers, &rows))?;
    Ok(0)
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

fn hash(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let salt = invocation.text("salt");
    let (of, input) = match (salt, invocation.arguments.as_slice()) {
        (Some(_), []) => (None, None),
        (Some(_), [input]) => (None, Some(input.as_str())),
        (Some(_), more) => return Err(too_many("0-1 with -salt", more.len())),
        (None, []) => return Err(not_enough("1-2", 0)),
        (None, [path]) => (Some(path), None),
        (None, [path, input]) => (Some(path), Some(input.as_str())),
        (None, more) => return Err(too_many("1-2", more.len())),
    };
    let path = of.map(|path| without_dots(path.trim().trim_matches('/'))).transpose()?;
    let client = session.client(invocation)?;
    let piped = !session.world.stdin_is_terminal;
    let input = match input {
        Some("-") => read_input(session)?,
        None if piped => read_input(session)?,
        Some(text) => Zeroizing::new(text.to_owned()),
        None => {
            let text = session.ask_hidden("Input (will be hidden): ", false);
            let text = text.map_err(|error| Failure::server(format!("Error reading the input: {error}")))?;
            Zeroizing::new(text.expose().to_owned())
        }
    };
    let hash = match (salt, path) {
        (Some(id), _) => session.wait(client.audit_salt_hash(id.trim(), &input))?,
        (None, path) => session.wait(client.audit_hash(path.unwrap_or_default(), &input))?,
    };
    let hash = hash.map_err(during("Error computing hash: "))?;
    if session.format == Format::Table {
        session.say(&hash)?;
    } else {
        session.say_node(&Node::from(object! { "hash" => hash }))?;
    }
    Ok(0)
}

/// Standard input without the newline that an editor or `echo` puts at its end.
fn read_input(session: &mut Session<'_>) -> Result<Zeroizing<String>, Failure> {
    let mut text = session
        .world
        .read_stdin()
        .map_err(|error| Failure::usage(format!("Error reading standard input: {error}")))?;
    // In its place: a copy would have to be wiped as well.
    for end in ['\n', '\r'] {
        if text.ends_with(end) {
            text.pop();
        }
    }
    Ok(text)
}
