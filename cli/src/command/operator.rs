//! `operator init|unseal|seal|rotate|key-status`.
//! Never in it: keys beyond their way from the terminal to the server and back.

pub(crate) mod diagnose;
pub(crate) mod repair;

use super::status;
use crate::command::Command;
use crate::failure::{CommandResult, Failure, USAGE, context, exactly, too_many};
use crate::flag::{Flag, FlagKind, Output};
use crate::invocation::Invocation;
use crate::printer::{Format, Node, plain, table};
use crate::session::Session;
use crate::text::wrap;
use onrecord_client::{InitAnswer, InitRequest};
use onrecord_value::{Object, Time, Value};

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "operator init",
        synopsis: "Initialize a server",
        arguments: "[options]",
        about: "Creates the key shares and the initial root token of a new server, and prints them. They cannot be shown \
                again: the server does not store them. Give each key share to a different person.",
        examples: &[
            (
                "Create five key shares, of which any three unseal:",
                "operator init -key-shares=5 -key-threshold=3",
            ),
            ("Check whether the server is initialized:", "operator init -status"),
        ],
        http: true,
        output: Output::Format,
        flags: &[
            Flag::new("key-shares", FlagKind::Integer, "Number of key shares to create.")
                .alias("n")
                .default("5"),
            Flag::new(
                "key-threshold",
                FlagKind::Integer,
                "Number of key shares needed to unseal, at most -key-shares.",
            )
            .alias("t")
            .default("3"),
            Flag::new(
                "status",
                FlagKind::Bool,
                "Only check whether the server is initialized. The exit code is 0 if it is, and 2 if not.",
            )
            .default("false"),
        ],
        run: init,
    },
    Command {
        words: "operator unseal",
        synopsis: "Unseal a server",
        arguments: "[options] [KEY]",
        about: "Submits one key share to a sealed server. When as many as the threshold are submitted, the server is \
                unsealed. Without KEY, you are prompted; if KEY is \"-\", it is read from standard input. In both cases \
                the key share does not appear in the shell's history.",
        examples: &[
            ("Submit a key share with a prompt:", "operator unseal"),
            ("Discard the key shares submitted so far:", "operator unseal -reset"),
        ],
        http: true,
        output: Output::Format,
        flags: &[
            Flag::new("reset", FlagKind::Bool, "Discard the key shares submitted so far.").default("false")
        ],
        run: unseal,
    },
    Command {
        words: "operator seal",
        synopsis: "Seal a server",
        arguments: "[options]",
        about: "Seals the server: it discards its keys from memory and refuses requests until it is unsealed again.",
        examples: &[("Seal the server:", "operator seal")],
        http: true,
        output: Output::Text,
        flags: &[],
        run: seal,
    },
    Command {
        words: "operator rotate",
        synopsis: "Rotate the key that encrypts the storage",
        arguments: "[options]",
        about: "Creates a new encryption key for values that are written from now on. Values written before stay readable. \
                The key shares do not change.",
        examples: &[("Rotate the key:", "operator rotate")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: rotate,
    },
    Command {
        words: "operator key-status",
        synopsis: "Show the key that encrypts the storage",
        arguments: "[options]",
        about: "Shows the number of the active encryption key, when it was created, and how many values it has encrypted.",
        examples: &[("Show the active key:", "operator key-status")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: key_status,
    },
];

fn init(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client_without_token(invocation)?;
    let before =
        session.block_on(client.seal_status())?.map_err(context("Error checking initialization status: "))?;
    if invocation.is_set("status") {
        session.print_line(if before.initialized {
            "Vault is initialized"
        } else {
            "Vault is not initialized"
        })?;
        return Ok(if before.initialized { 0 } else { 2 });
    }
    let request = InitRequest {
        shares: invocation.integer("key-shares").unwrap_or(5),
        threshold: invocation.integer("key-threshold").unwrap_or(3),
    };
    let answer = session.block_on(client.init(&request))?.map_err(context("Error initializing: "))?;
    if session.format != Format::Table {
        session.print_node(&init_node(&answer, &request))?;
        return Ok(0);
    }
    for (index, key) in answer.keys_base64.iter().enumerate() {
        session.print_line(&format!("Unseal Key {}: {key}", index + 1))?;
    }
    session.print_line("")?;
    session.print_line(&format!("Initial Root Token: {}", answer.root_token))?;
    session.print_line("")?;
    session.print_line(&advice(&request))?;
    Ok(0)
}

fn advice(request: &InitRequest) -> String {
    let InitRequest { shares, threshold } = request;
    let first = format!(
        "The server is initialized with {shares} key shares; any {threshold} of them unseal it. They cannot be shown \
         again: give each share to a different person now. After every start and every seal, the server needs \
         {threshold} of them before it answers requests."
    );
    let second = format!(
        "The root key is not stored in the clear. Without {threshold} shares the data of the server is lost: not even \
         the server can read it."
    );
    format!("{}\n\n{}", wrap(&first, 78).join("\n"), wrap(&second, 78).join("\n"))
}

fn init_node(answer: &InitAnswer, request: &InitRequest) -> Node {
    let recovery = answer.recovery_keys.len();
    Node::record([
        ("unseal_keys_b64", Node::texts(&answer.keys_base64)),
        ("unseal_keys_hex", Node::texts(&answer.keys)),
        ("unseal_shares", request.shares.into()),
        ("unseal_threshold", request.threshold.into()),
        ("recovery_keys_b64", Node::texts(&answer.recovery_keys_base64)),
        ("recovery_keys_hex", Node::texts(&answer.recovery_keys)),
        ("recovery_keys_shares", recovery.into()),
        ("recovery_keys_threshold", recovery.into()),
        ("root_token", (&answer.root_token).into()),
    ])
}

fn unseal(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if invocation.arguments.len() > 1 {
        return Err(too_many("0-1", invocation.arguments.len()));
    }
    let client = session.client_without_token(invocation)?;
    let answer = if invocation.is_set("reset") {
        session.block_on(client.unseal_reset())?
    } else {
        let key = key_share(session, invocation)?;
        session.block_on(client.unseal(key.expose().trim()))?
    };
    let status = answer.map_err(context("Error unsealing: "))?;
    status::print(session, &client, &status)?;
    Ok(0)
}

fn key_share(session: &mut Session<'_>, invocation: &Invocation) -> Result<onrecord_client::Token, Failure> {
    match invocation.arguments.first().map(String::as_str) {
        Some("-") => session
            .process
            .read_stdin()
            .map(|text| onrecord_client::Token::new(text.as_str()))
            .map_err(|error| Failure::usage(format!("Error reading the key share from standard input: {error}"))),
        Some(key) => Ok(onrecord_client::Token::new(key)),
        None if invocation.is_set("non-interactive") => {
            Err(Failure::usage("-non-interactive is given, so there is no prompt for the key share: give it as the argument KEY"))
        }
        None => session.prompt_hidden("Unseal Key (will be hidden): ", true).map_err(|error| {
            Failure::Message(
                USAGE,
                format!(
                    "An error occurred attempting to ask for an unseal key: {error}. Give the key as an argument, or as \
                     \"-\" to read it from standard input."
                ),
            )
        }),
    }
}

fn seal(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    session.block_on(client.seal())?.map_err(context("Error sealing: "))?;
    session.print_line("Success! Vault is sealed.")?;
    Ok(0)
}

fn rotate(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    session.block_on(client.rotate())?.map_err(context("Error rotating key: "))?;
    let status = session.block_on(client.key_status())?.map_err(context("Error reading key status: "))?;
    if session.format == Format::Table {
        session.print_line("Success! Rotated key\n")?;
    }
    print_key(session, &status)
}

fn key_status(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let status = session.block_on(client.key_status())?.map_err(context("Error reading key status: "))?;
    print_key(session, &status)
}

fn print_key(session: &mut Session<'_>, status: &Object) -> CommandResult {
    let field = |key: &str| status.get(key).cloned().unwrap_or(Value::Null);
    if session.format != Format::Table {
        session.print_node(&Node::record([
            ("term", field("term").into()),
            ("install_time", field("install_time").into()),
            ("encryptions", field("encryptions").into()),
        ]))?;
        return Ok(0);
    }
    let installed = status.str("install_time").and_then(|text| Time::parse(text).ok());
    let rows = [
        ("Key Term", plain(&field("term"))),
        ("Install Time", installed.map_or_else(String::new, rfc822)),
        ("Encryption Count", plain(&field("encryptions"))),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    session.print_line(&table::columns(&rows))?;
    Ok(0)
}

/// `22 Nov 26 10:16 UTC` (RFC 822, section 5).
fn rfc822(time: Time) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut text = Vec::new();
    time.rfc3339_seconds(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{} {} {} {} UTC", part(8, 10), month.unwrap_or(&""), part(2, 4), part(11, 16))
}
