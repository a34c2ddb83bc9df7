//! `status` and `version`.
//! Never in it: the audit devices' state.

use crate::command::{Command, CommandResult, Failure, Invocation, Output, SERVER, Session, exactly};
use crate::failure::with_lines;
use crate::hint;
use crate::printer::{Node, plain, table};
use onrecord_client::{Client, Error};
use onrecord_value::{Object, Value};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("status", "", "Print seal status", status)
        .about(
            "Prints whether the server is initialized and unsealed. No token is needed. A warning on standard \
             error says if the server is unsealed and not audited.\n\nThe exit code is 0 if the server is unsealed, 2 if it is sealed or not initialized, and 1 on an error.",
        )
        .examples(&[("Print the state of a server:", "status -address=http://127.0.0.1:8200")])
        .output(Output::Format),
    Command::new("version", "", "Print the version of this program", |session, _| version(session))
        .about("Prints the version of this program. Flags and arguments are ignored.")
        .examples(&[("Print the version:", "version")])
        .offline(),
];

pub(crate) fn version(session: &mut Session<'_>) -> CommandResult {
    session.done(concat!("OnRecord v", env!("CARGO_PKG_VERSION")))
}

fn status(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client_without_token(invocation)?;
    let status = session
        .block_on(client.seal_status())?
        .map_err(|error| failed("Error checking seal status: ", &error))?;
    print(session, &client, &status)?;
    Ok(if is_sealed(&status) { SERVER } else { 0 })
}

/// Exit code 2 means sealed here, so an error has another.
fn failed(doing: &str, error: &Error) -> Failure {
    Failure::usage(with_lines(format!("{doing}{error}"), hint::of(error)))
}

fn is_sealed(status: &Object) -> bool {
    status.get("sealed").and_then(Value::as_bool) == Some(true)
}

pub(super) fn print(session: &mut Session<'_>, client: &Client, status: &Object) -> CommandResult {
    let leader = session
        .block_on(client.leader())?
        .map_err(|error| failed("Error checking leader status: ", &error))?;
    let ha = leader.get("ha_enabled").and_then(Value::as_bool).unwrap_or_default();
    if status.get("audited").and_then(Value::as_bool) == Some(false) {
        let why = not_audited(status.get("audit_devices").and_then(Value::as_i64) != Some(0));
        session.warn(&format!("WARNING! {why}\n"))?;
    }
    session.show(&table::key_value(&rows(status, ha)), node(status, ha))
}

/// Why a server is not audited, and what to do.
pub(super) fn not_audited(has_devices: bool) -> String {
    let why = if has_devices { "no audit device keeps its entries" } else { "no audit device is enabled" };
    format!(
        "This server is not audited: {why}. No request leaves a record. Enable a device, for example with \
         `onrecord audit enable file file_path=/var/log/onrecord/audit.log`."
    )
}

/// The keys of the state in the order of JSON, with what is shown for one that the server does not send. A key without
/// such a value is then omitted.
fn known() -> [(&'static str, Option<Value>); 15] {
    let (text, flag, number) = (Some(Value::from("")), Some(Value::from(false)), Some(Value::from(0)));
    [
        ("type", text.clone()),
        ("initialized", flag.clone()),
        ("sealed", flag.clone()),
        ("t", number.clone()),
        ("n", number.clone()),
        ("progress", number),
        ("nonce", text.clone()),
        ("version", text.clone()),
        ("commit_date", text.clone()),
        ("migration", flag.clone()),
        ("cluster_name", None),
        ("cluster_id", None),
        ("recovery_seal", flag),
        ("storage_type", text.clone()),
        ("build_date", text),
    ]
}

fn further(status: &Object) -> impl Iterator<Item = (&str, &Value)> {
    let known = known().map(|(key, _)| key);
    status.iter().filter(move |(key, _)| !known.contains(key))
}

fn rows(status: &Object, ha: bool) -> Vec<(String, String)> {
    let text = |key: &str| status.get(key).map(plain).unwrap_or_default();
    let mut rows = Vec::new();
    let mut add = |key: &str, value: String| rows.push((key.to_owned(), value));
    add("Seal Type", text("type"));
    add("Initialized", text("initialized"));
    add("Sealed", text("sealed"));
    add("Total Shares", text("n"));
    add("Threshold", text("t"));
    if is_sealed(status) {
        add("Unseal Progress", format!("{}/{}", text("progress"), text("t")));
        add("Unseal Nonce", text("nonce"));
    }
    add("Version", text("version"));
    if !text("build_date").is_empty() {
        add("Build Date", text("build_date"));
    }
    add("Storage Type", text("storage_type"));
    if !is_sealed(status) {
        add("Cluster Name", text("cluster_name"));
        add("Cluster ID", text("cluster_id"));
    }
    add("HA Enabled", ha.to_string());
    for (key, value) in further(status) {
        add(&title(key), plain(value));
    }
    rows
}

/// `audit_devices` as `Audit Devices`.
fn title(key: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    key.split('_').map(word).collect::<Vec<_>>().join(" ")
}

fn node(status: &Object, ha: bool) -> Node {
    let mut node = Node::record([]);
    for (key, missing) in known() {
        let sent = status.get(key).filter(|value| missing.is_some() || value.as_str() != Some(""));
        if let Some(value) = sent.cloned().or(missing) {
            node.push(key, value);
        }
    }
    node.push("ha_enabled", ha);
    for (key, value) in further(status) {
        node.push(key, value.clone());
    }
    node
}
