//! `status` and `version`.
//! Never in it: the audit devices' state.

use crate::command::Command;
use crate::failure::{CommandResult, Failure, USAGE, exactly};
use crate::flag::Output;
use crate::invocation::Invocation;
use crate::printer::{Format, Node, plain, table};
use crate::session::Session;
use onrecord_client::{Client, Error, SealStatus};
use onrecord_value::Value;

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "status",
        synopsis: "Print seal status",
        arguments: "[options]",
        about: "Prints whether the server is initialized and unsealed. No token is needed.\n\nThe exit code is 0 if the \
                server is unsealed, 2 if it is sealed or not initialized, and 1 on an error.",
        examples: &[("Print the state of a server:", "status -address=http://127.0.0.1:8200")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: status,
    },
    Command {
        words: "version",
        synopsis: "Print the version of this program",
        arguments: "",
        about: "Prints the version of this program. Flags and arguments are ignored.",
        examples: &[("Print the version:", "version")],
        http: false,
        output: Output::Text,
        flags: &[],
        run: |session, _| version(session),
    },
];

/// Prints the version.
pub(crate) fn version(session: &mut Session<'_>) -> CommandResult {
    session.print_line(concat!("OnRecord v", env!("CARGO_PKG_VERSION")))?;
    Ok(0)
}

fn status(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client_without_token(invocation)?;
    let status = session
        .block_on(client.seal_status())?
        .map_err(|error| failed("Error checking seal status: ", &error))?;
    let sealed = status.sealed;
    print(session, &client, &status)?;
    Ok(if sealed { 2 } else { 0 })
}

fn failed(doing: &str, error: &Error) -> Failure {
    Failure::Message(USAGE, format!("{doing}{error}"))
}

/// Prints the state of the seal, and whether high availability is enabled.
pub(super) fn print(session: &mut Session<'_>, client: &Client, status: &SealStatus) -> Result<(), Failure> {
    let leader = session
        .block_on(client.leader())?
        .map_err(|error| failed("Error checking leader status: ", &error))?;
    let ha = leader.get("ha_enabled").and_then(Value::as_bool).unwrap_or_default();
    if session.format == Format::Table {
        session.print_line(&table::key_value(&rows(status, ha)))
    } else {
        session.print_node(&node(status, ha))
    }
}

fn rows(status: &SealStatus, ha: bool) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut add = |key: &str, value: String| rows.push((key.to_owned(), value));
    add("Seal Type", status.kind.clone());
    add("Initialized", status.initialized.to_string());
    add("Sealed", status.sealed.to_string());
    add("Total Shares", status.shares.to_string());
    add("Threshold", status.threshold.to_string());
    if status.sealed {
        add("Unseal Progress", format!("{}/{}", status.progress, status.threshold));
        add("Unseal Nonce", status.nonce.clone());
    }
    add("Version", status.version.clone());
    if !status.build_date.is_empty() {
        add("Build Date", status.build_date.clone());
    }
    add("Storage Type", status.storage_type.clone());
    if !status.sealed {
        add("Cluster Name", status.cluster_name.clone());
        add("Cluster ID", status.cluster_id.clone());
    }
    add("HA Enabled", ha.to_string());
    // Further keys of the response, such as the state of the audit devices.
    for (key, value) in &status.more {
        add(&title(key), plain(value));
    }
    rows
}

/// `audit_devices` as `Audit Devices`.
fn title(key: &str) -> String {
    let words: Vec<String> = key
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect();
    words.join(" ")
}

fn node(status: &SealStatus, ha: bool) -> Node {
    let mut node = Node::record([
        ("type", (&status.kind).into()),
        ("initialized", status.initialized.into()),
        ("sealed", status.sealed.into()),
        ("t", status.threshold.into()),
        ("n", status.shares.into()),
        ("progress", status.progress.into()),
        ("nonce", (&status.nonce).into()),
        ("version", (&status.version).into()),
        ("commit_date", (&status.commit_date).into()),
        ("migration", status.migration.into()),
    ]);
    if !status.cluster_name.is_empty() {
        node.push("cluster_name", &status.cluster_name);
    }
    if !status.cluster_id.is_empty() {
        node.push("cluster_id", &status.cluster_id);
    }
    node.push("recovery_seal", status.recovery_seal);
    node.push("storage_type", &status.storage_type);
    node.push("build_date", &status.build_date);
    node.push("ha_enabled", ha);
    for (key, value) in &status.more {
        node.push(key, value.clone());
    }
    node
}
