//! `operator init|unseal|seal|rotate|key-status`.

pub(crate) mod diagnose;
pub(crate) mod repair;

use super::status;
use crate::failure::{Done, Failure, USAGE, during, exactly, too_many};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::help::wrap;
use crate::printer::{Format, Node, plain, table};
use crate::session::Session;
use onrecord_client::{InitAnswer, InitRequest};
use onrecord_value::{Object, Time, Value};

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "operator init",
        synopsis: "Initialize a server",
        arguments: "[options]",
        about: "Makes the keys of a new server and its first token, and prints them. They are shown this once: the \
                server keeps none of them. Each key share belongs to another person.",
        examples: &[
            ("Five shares, of which three unseal:", "operator init -key-shares=5 -key-threshold=3"),
            ("Only ask whether the server is initialised:", "operator init -status"),
        ],
        http: true,
        output: Output::Format,
        flags: &[
            Flag::new("key-shares", Kind::Integer, "How many key shares to make.").alias("n").default("5"),
            Flag::new(
                "key-threshold",
                Kind::Integer,
                "How many key shares unseal. At most as many as there are.",
            )
            .alias("t")
            .default("3"),
            Flag::new(
                "status",
                Kind::Bool,
                "Only tell whether the server is initialised: exit code 0 if it is, 2 if not.",
            )
            .default("false"),
        ],
        run: init,
    },
    Command {
        words: "operator unseal",
        synopsis: "Unseal a server",
        arguments: "[options] [KEY]",
        about: "Gives one key share to a sealed server. Once the threshold is reached it opens its storage and works. \
                Without KEY the share is asked for, so that it stands in no shell history; KEY as \"-\" is read from \
                standard input.",
        examples: &[
            ("Be asked for a key share:", "operator unseal"),
            ("Forget the shares given so far:", "operator unseal -reset"),
        ],
        http: true,
        output: Output::Format,
        flags: &[Flag::new("reset", Kind::Bool, "Forget the key shares given so far.").default("false")],
        run: unseal,
    },
    Command {
        words: "operator seal",
        synopsis: "Seal a server",
        arguments: "[options]",
        about: "Makes the server forget its keys. It answers nothing until it is unsealed again.",
        examples: &[("Seal the server:", "operator seal")],
        http: true,
        output: Output::Text,
        flags: &[],
        run: seal,
    },
    Command {
        words: "operator rotate",
        synopsis: "Rotate the key under which values are stored",
        arguments: "[options]",
        about: "Installs a new term of the key under which the server stores what is written from now on. What is stored \
                already stays readable; key shares stay as they are.",
        examples: &[("Rotate the key:", "operator rotate")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: rotate,
    },
    Command {
        words: "operator key-status",
        synopsis: "Show the key under which values are stored",
        arguments: "[options]",
        about: "Shows the active term of the key, since when it is active, and how many values were encrypted under it.",
        examples: &[("Show the active term:", "operator key-status")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: key_status,
    },
];

fn init(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client_without_token(invocation)?;
    let before =
        session.wait(client.seal_status())?.map_err(during("Error checking initialization status: "))?;
    if invocation.is_set("status") {
        session.say(if before.initialized { "Vault is initialized" } else { "Vault is not initialized" })?;
        return Ok(if before.initialized { 0 } else { 2 });
    }
    let request = InitRequest {
        shares: invocation.integer("key-shares").unwrap_or(5),
        threshold: invocation.integer("key-threshold").unwrap_or(3),
    };
    let answer = session.wait(client.init(&request))?.map_err(during("Error initializing: "))?;
    if session.format != Format::Table {
        session.say_node(&init_node(&answer, &request))?;
        return Ok(0);
    }
    for (index, key) in answer.keys_base64.iter().enumerate() {
        session.say(&format!("Unseal Key {}: {key}", index + 1))?;
    }
    session.say("")?;
    session.say(&format!("Initial Root Token: {}", answer.root_token))?;
    session.say("")?;
    session.say(&advice(&request))?;
    Ok(0)
}

fn advice(request: &InitRequest) -> String {
    let InitRequest { shares, threshold } = request;
    let first = format!(
        "The server is initialized with {shares} key shares; any {threshold} of them unseal it. Hand each share to \
         another person, now: this is the only time they are shown. After every start, and whenever it was sealed, \
         the server needs {threshold} of them before it answers requests."
    );
    let second = format!(
        "The root key itself is stored nowhere in the clear. With fewer than {threshold} shares nobody, the server \
         included, can ever read its storage again."
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

fn unseal(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    if invocation.arguments.len() > 1 {
        return Err(too_many("0-1", invocation.arguments.len()));
    }
    let client = session.client_without_token(invocation)?;
    let answer = if invocation.is_set("reset") {
        session.wait(client.unseal_reset())?
    } else {
        let key = key_share(session, invocation)?;
        session.wait(client.unseal(key.expose().trim()))?
    };
    let status = answer.map_err(during("Error unsealing: "))?;
    status::print(session, &client, &status)?;
    Ok(0)
}

fn key_share(session: &mut Session<'_>, invocation: &Invocation) -> Result<onrecord_client::Token, Failure> {
    match invocation.arguments.first().map(String::as_str) {
        Some("-") => session
            .world
            .read_stdin()
            .map(|text| onrecord_client::Token::new(text.as_str()))
            .map_err(|error| Failure::usage(format!("Error reading the key share from standard input: {error}"))),
        Some(key) => Ok(onrecord_client::Token::new(key)),
        None if invocation.is_set("non-interactive") => {
            Err(Failure::usage("-non-interactive is given, so no key share is asked for: give it as an argument"))
        }
        None => session.ask_hidden("Unseal Key (will be hidden): ", true).map_err(|error| {
            Failure::Told(
                USAGE,
                format!(
                    "An error occurred attempting to ask for an unseal key: {error}. Give the key as an argument, or as \
                     \"-\" to have it read from standard input."
                ),
            )
        }),
    }
}

fn seal(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    session.wait(client.seal())?.map_err(during("Error sealing: "))?;
    session.say("Success! Vault is sealed.")?;
    Ok(0)
}

fn rotate(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    session.wait(client.rotate())?.map_err(during("Error rotating key: "))?;
    let status = session.wait(client.key_status())?.map_err(during("Error reading key status: "))?;
    if session.format == Format::Table {
        session.say("Success! Rotated key\n")?;
    }
    say_key(session, &status)
}

fn key_status(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let status = session.wait(client.key_status())?.map_err(during("Error reading key status: "))?;
    say_key(session, &status)
}

fn say_key(session: &mut Session<'_>, status: &Object) -> Done {
    let field = |key: &str| status.get(key).cloned().unwrap_or(Value::Null);
    if session.format != Format::Table {
        session.say_node(&Node::record([
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
    session.say(&table::columns(&rows))?;
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
