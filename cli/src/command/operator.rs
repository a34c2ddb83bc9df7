//! `operator init|unseal|seal|rotate|key-status`.
//! Never in it: keys beyond their way from the terminal to the server and back.

mod answer;
pub(crate) mod cluster;
pub(crate) mod diagnose;
pub(crate) mod generate_root;
mod key_share;
pub(crate) mod rekey;
pub(crate) mod repair;
pub(crate) mod snapshot;

use crate::command::{
    Command, CommandResult, Flag, Invocation, Output, SERVER, Session, at_most_one, exactly, status,
};
use crate::printer::{Format, Node, plain, table, wrap};
use onrecord_client::{InitAnswer, Token};
use onrecord_value::{Object, Time, Value};

const NO_PGP: &str = "key shares and tokens are not encrypted to PGP keys; give each share to its holder";
const NO_CONSUL: &str = "servers are not looked up in Consul; set VAULT_ADDR or -address";

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("operator init", "", "Initialize a server", init)
        .about(
            "Creates the key shares and the initial root token of a new server, and prints them. They cannot \
             be shown again: the server does not store them. Give each key share to a different person.",
        )
        .examples(&[
            (
                "Create five key shares, of which any three unseal:",
                "operator init -key-shares=5 -key-threshold=3",
            ),
            ("Check whether the server is initialized:", "operator init -status"),
        ])
        .output(Output::Format)
        .flags(&[
            Flag::integer("key-shares", "Number of key shares to create.").alias("n").default("5"),
            Flag::integer("key-threshold", "Number of key shares needed to unseal, at most -key-shares.")
                .alias("t")
                .default("3"),
            Flag::integer(
                "recovery-shares",
                "Number of recovery keys to create, if a key service unseals the server. The default is that of -key-shares.",
            ),
            Flag::integer(
                "recovery-threshold",
                "Number of recovery keys needed, at most -recovery-shares. The default is that of -key-threshold.",
            ),
            Flag::bool(
                "status",
                "Only check whether the server is initialized. The exit code is 0 if it is, and 2 if not.",
            ),
            Flag::texts("pgp-keys", "PGP keys to encrypt the key shares to.").refused(NO_PGP),
            Flag::text("root-token-pgp-key", "PGP key to encrypt the root token to.").refused(NO_PGP),
            Flag::texts("recovery-pgp-keys", "PGP keys to encrypt the recovery keys to.").refused(NO_PGP),
            Flag::integer("stored-shares", "Number of key shares that the seal keeps.")
                .refused("a seal stanza of the configuration decides whether a key service unseals the server"),
            Flag::bool("consul-auto", "Find the server through Consul.").refused(NO_CONSUL),
            Flag::text("consul-service", "Name of the server in Consul.").refused(NO_CONSUL),
        ]),
    Command::new("operator unseal", "[KEY]", "Unseal a server", unseal)
        .about(
            "Submits one key share to a sealed server. When as many as the threshold are submitted, the \
             server is unsealed. Without KEY, you are prompted; if KEY is \"-\", it is read from standard \
             input. In both cases the key share does not appear in the shell's history.",
        )
        .examples(&[
            ("Submit a key share with a prompt:", "operator unseal"),
            ("Discard the key shares submitted so far:", "operator unseal -reset"),
        ])
        .output(Output::Format)
        .flags(&[
            Flag::bool("reset", "Discard the key shares submitted so far."),
            Flag::bool("migrate", "Move from one seal to another.").refused(
                "the seal of a server cannot be changed; save a snapshot, or copy the secrets to a new server",
            ),
        ]),
    Command::new("operator seal", "", "Seal a server", seal)
        .about(
            "Seals the server: it discards its keys from memory and refuses requests until it is unsealed \
             again.",
        )
        .examples(&[("Seal the server:", "operator seal")]),
    Command::new("operator rotate", "", "Rotate the key that encrypts the storage", rotate)
        .about(
            "Creates a new encryption key for values that are written from now on. Values written before \
             stay readable. The key shares do not change.",
        )
        .examples(&[("Rotate the key:", "operator rotate")])
        .output(Output::Format),
    Command::new("operator key-status", "", "Show the key that encrypts the storage", key_status)
        .about(
            "Shows the number of the active encryption key, when it was created, and how many values it has \
             encrypted.",
        )
        .examples(&[("Show the active key:", "operator key-status")])
        .output(Output::Format),
];

fn init(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client_without_token(invocation)?;
    let before = session.call(client.seal_status(), "Error checking initialization status: ")?;
    if invocation.is_set("status") {
        let initialized = before.get("initialized").and_then(Value::as_bool) == Some(true);
        session.print_line(&format!("Vault is {}initialized", if initialized { "" } else { "not " }))?;
        return Ok(if initialized { 0 } else { SERVER });
    }
    let shares = invocation.integer("key-shares").unwrap_or(5);
    let threshold = invocation.integer("key-threshold").unwrap_or(3);
    let by_service = before.get("recovery_seal").and_then(Value::as_bool) == Some(true);
    let or = |flag, other| if by_service { invocation.integer(flag).unwrap_or(other) } else { other };
    let (shares, threshold) = (or("recovery-shares", shares), or("recovery-threshold", threshold));
    let answer = if by_service {
        session.call(client.init_with_recovery(shares, threshold), "Error initializing: ")?
    } else {
        session.call(client.init(shares, threshold), "Error initializing: ")?
    };
    if session.format != Format::Table {
        session.print_node(&init_node(&answer, shares, threshold))?;
        return Ok(0);
    }
    for (index, key) in answer.keys_base64.iter().enumerate() {
        session.print_line(&format!("Unseal Key {}: {key}", index + 1))?;
    }
    for (index, key) in answer.recovery_keys_base64.iter().enumerate() {
        session.print_line(&format!("Recovery Key {}: {key}", index + 1))?;
    }
    session.print_line("")?;
    session.print_line(&format!("Initial Root Token: {}", answer.root_token))?;
    session.print_line("")?;
    session.done(if by_service { advice_by_service(shares, threshold) } else { advice(shares, threshold) })
}

fn advice_by_service(shares: i64, threshold: i64) -> String {
    let text = format!(
        "The server is initialized with {shares} recovery keys, of which {threshold} are needed where recovery keys are asked          for. They cannot be shown again. The seal of its configuration unseals the server at each start: without that the data          of the server is lost, and no recovery key opens it."
    );
    wrap(&text, 78).join("\n")
}

fn advice(shares: i64, threshold: i64) -> String {
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

fn init_node(answer: &InitAnswer, shares: i64, threshold: i64) -> Node {
    let recovery = answer.recovery_keys.len();
    Node::record([
        ("unseal_keys_b64", Node::texts(&answer.keys_base64)),
        ("unseal_keys_hex", Node::texts(&answer.keys)),
        ("unseal_shares", shares.into()),
        ("unseal_threshold", threshold.into()),
        ("recovery_keys_b64", Node::texts(&answer.recovery_keys_base64)),
        ("recovery_keys_hex", Node::texts(&answer.recovery_keys)),
        ("recovery_keys_shares", recovery.into()),
        ("recovery_keys_threshold", recovery.into()),
        ("root_token", (&answer.root_token).into()),
    ])
}

fn unseal(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let key = at_most_one(&invocation.arguments)?;
    let client = session.client_without_token(invocation)?;
    let reset = invocation.is_set("reset");
    let key = if reset { None } else { Some(key_share::read(session, invocation, key)?) };
    let work = client.unseal(key.as_ref().map(Token::expose));
    let status = session.call(work, "Error unsealing: ")?;
    status::print(session, &client, &status)
}

fn seal(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    session.call(client.seal(), "Error sealing: ")?;
    session.done("Success! Vault is sealed.")
}

fn rotate(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    session.call(client.rotate(), "Error rotating key: ")?;
    let status = session.call(client.key_status(), "Error reading key status: ")?;
    if session.format == Format::Table {
        session.print_line("Success! Rotated key\n")?;
    }
    print_key(session, &status)
}

fn key_status(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let status = session.call(client.key_status(), "Error reading key status: ")?;
    print_key(session, &status)
}

fn print_key(session: &mut Session<'_>, status: &Object) -> CommandResult {
    let field = |key: &str| status.get(key).cloned().unwrap_or(Value::Null);
    let record = ["term", "install_time", "encryptions"].map(|key| (key, field(key).into()));
    let installed = status.str("install_time").and_then(|text| Time::parse(text).ok());
    let rows = [
        ("Key Term", plain(&field("term"))),
        ("Install Time", installed.map_or_else(String::new, rfc822)),
        ("Encryption Count", plain(&field("encryptions"))),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    session.show(&table::columns(&rows), Node::record(record))
}

/// `22 Nov 26 10:16 UTC` (RFC 822, section 5).
fn rfc822(time: Time) -> String {
    let time = jiff::Timestamp::from_nanosecond(time.unix_nanos()).unwrap_or_default();
    time.strftime("%d %b %y %H:%M UTC").to_string()
}
