//! `log key`: the keys with which logs are verified, from the server; or the names of the keys that a tree's checkpoint names.
//! Never in it: a key that was found beside a log.

use onrecord_evidence::Note;
use onrecord_trail::verify::read_checkpoint;
use onrecord_value::printable::printable;
use onrecord_value::{Object, Value};

use super::tree::{RETIRED, TLOG};
use super::{tree, unreadable};
use crate::command::{Command, CommandResult, Flag, Invocation, Output, Session, context};
use crate::printer::table::table;
use crate::printer::{Node, plain};

const ABOUT: &str = "Asks the server for the keys that sign the checkpoints of its logs. No token is needed. Keep them where \
    nobody who can write to the logs can change them, before they are needed: `log verify -key=FILE` takes the output of \
    -keys-only. Keys that were retired by `audit rotate-key` come last, in comments (`# retired at TIME: KEY`): `log verify` \
    takes them for checkpoints that were kept (-since, -anchors) and proofs of before, and reports a newest checkpoint that only \
    such a key signed.\n\nWith -tlog=DIR no server is asked: the names and ids of the keys that signed a tree's checkpoint are \
    shown. Their keys are not in a tree; a key must come from the server, or from whom you trust.";

pub(crate) const COMMAND: Command = Command::new("log key", "", "Show the keys that verify audit logs", run)
    .about(ABOUT)
    .examples(&[
        ("Show the keys of the server:", "log key"),
        ("Print the keys alone, to keep them in a file:", "log key -keys-only"),
        ("Show which keys signed a copied tree:", "log key -tlog=copy/audit.log.tlog"),
    ])
    .output(Output::Format)
    .flags(&[Flag::bool("keys-only", "Print the verifier keys alone, one a line."), TLOG]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if !invocation.arguments.is_empty() {
        let got = invocation.arguments.len();
        return Err(unreadable(format!(
            "Too many arguments (expected 0, got {got}): give a tree with -tlog=DIR"
        )));
    }
    if invocation.text("tlog").is_some() {
        return signers(session, invocation);
    }
    let client = session.client_without_token(invocation)?;
    let mut keys = session
        .block_on(client.audit_log_keys())?
        .map_err(context("Error reading the keys of the logs: "))?;
    let text = |key: &Object, name: &str| {
        key.get(name).filter(|value| **value != Value::Null).map(plain).unwrap_or_default()
    };
    keys.sort_by_key(|key| !text(key, "retired").is_empty());
    if invocation.is_set("keys-only") {
        let line = |key: &Object| match (printable(&text(key, "verifier_key")), text(key, "retired")) {
            (line, retired) if retired.is_empty() => line,
            (line, retired) => format!("{RETIRED}{}: {line}", printable(&retired)),
        };
        return session.done(keys.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
    let columns = ["device", "origin", "created", "retired", "verifier_key"];
    let row = |key: &Object| columns.iter().map(|name| printable(&text(key, name))).collect();
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    let node: Value = keys.into_iter().map(Value::from).collect();
    session.show(&table("Device | Origin | Created | Retired | Verifier key", &rows), node)
}

/// The keys that the checkpoint of a tree names.
fn signers(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let tree = tree::find(session.process, invocation, &[])?;
    let failed = |error: String| unreadable(printable(&format!("{error} ({})", tree.place())));
    let (checkpoint, text) = read_checkpoint(&tree).map_err(|error| failed(error.to_string()))?;
    let note = Note::parse(&text).map_err(|error| failed(error.to_string()))?;
    let rows: Vec<Vec<String>> =
        note.signatures.iter().map(|one| vec![printable(&one.name), format!("{:08x}", one.key_id)]).collect();
    let nodes: Vec<Value> = note
        .signatures
        .iter()
        .map(|one| {
            let mut key = Object::new();
            key.insert("name", one.name.as_str());
            key.insert("id", format!("{:08x}", one.key_id));
            Value::from(key)
        })
        .collect();
    let shown = format!(
        "{}\n\nThe checkpoint of {} names these signers; it does not have their keys, and nothing was checked.\nA key must come \
         from the server (`log key` without -tlog), or from whom you trust.",
        table("Signer | Key id", &rows),
        printable(&checkpoint.origin)
    );
    session.show(&shown, Node::Value(nodes.into_iter().collect()))
}
