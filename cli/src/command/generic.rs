//! `read`, `write`, `patch`, `list`, `delete`: any path of the API.
//! Never in it: knowledge of a path.

use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, SERVER, Session, context, data, exactly,
    not_enough, query, sanitize,
};
use crate::print_response;
use crate::printer::{Format, Node, table};
use onrecord_client::Secret;
use onrecord_value::{Object, Value};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("read", "PATH [DATA K=V...]", "Read data and retrieves secrets", read)
        .about("Reads the data at PATH. K=V pairs are sent as query parameters.")
        .examples(&[
            ("Show the token in use:", "read auth/token/lookup-self"),
            ("Print one field of it:", "read -field=id auth/token/lookup-self"),
        ])
        .output(Output::Raw),
    Command::new("write", "PATH [DATA K=V...]", "Write data, configuration, and secrets", write)
        .about(
            "Writes data to PATH. The value @FILE is read from a file, the value - from standard input. The \
             argument @FILE or - is a JSON object whose keys are added to the data.",
        )
        .examples(&[
            (
                "Compute the hash that the audit device at file/ writes for a text:",
                "write sys/audit-hash/file input=s3cr3t",
            ),
            ("Write the data of a JSON file:", "write secret/app @app.json"),
        ])
        .output(Output::Field)
        .flags(&[Flag::bool("force", "Write without data.").alias("f")]),
    Command::new("patch", "PATH [DATA K=V...]", "Change parts of data and configuration", patch)
        .about(
            "Changes the given parts of what is at PATH and keeps the others. Values are given as for \"write\"; those of \
             @FILE or - that are null are removed. Few paths take it; \"kv patch\" changes secrets.",
        )
        .examples(&[("Change the TTL of a PKI role:", "patch pki/roles/web ttl=24h")])
        .output(Output::Field)
        .flags(&[Flag::bool("force", "Send the request without data.").alias("f")]),
    Command::new("list", "PATH", "List data or secrets", list)
        .about("Lists the names below PATH. A name that ends in / has names below it.")
        .examples(&[("List all policies:", "list sys/policies/acl")])
        .output(Output::Format),
    Command::new("delete", "PATH [DATA K=V...]", "Delete secrets and configuration", delete)
        .about("Deletes the data at PATH. K=V pairs are sent as query parameters.")
        .examples(&[("Delete a secret in a version 1 mount:", "delete kv1/app")])
        .output(Output::Format),
];

fn read(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((path, pairs)) = invocation.arguments.split_first() else {
        return Err(not_enough("1", 0));
    };
    let path = sanitize(path)?;
    let query = query(session, invocation, pairs)?;
    let client = session.client(invocation)?;
    if session.format == Format::Raw {
        let answer = session.block_on(client.read_raw(&path, &query))?;
        let body = match answer {
            Err(error) if error.status() == Some(404) => return Err(nothing_at(&path)),
            answer => answer.map_err(context(format!("Error reading {path}: ")))?.body,
        };
        session.print_bytes(&body)?;
        return Ok(0);
    }
    let found = session.call(client.read(&path, &query), format!("Error reading {path}: "))?;
    match found {
        Some(found) => print_response::print(session, &found),
        None => Err(nothing_at(&path)),
    }
}

pub(crate) fn nothing_at(path: &str) -> Failure {
    Failure::server(format!("No value found at {path}"))
}

/// The path and the body of a request that changes data.
fn change(session: &mut Session<'_>, invocation: &Invocation) -> Result<(String, Value), Failure> {
    let Some((path, pairs)) = invocation.arguments.split_first() else {
        return Err(not_enough("1", 0));
    };
    if pairs.is_empty() && !invocation.is_set("force") {
        return Err(Failure::usage("Must supply data or use -force"));
    }
    let path = sanitize(path)?;
    let body = if pairs.is_empty() { Value::Null } else { Value::Object(data(session, invocation, pairs)?) };
    Ok((path, body))
}

fn write(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let (path, body) = change(session, invocation)?;
    let client = session.client(invocation)?;
    let answer = session.call(client.write(&path, &body), format!("Error writing data to {path}: "))?;
    written(session, answer.as_ref(), &path)
}

fn patch(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let (path, body) = change(session, invocation)?;
    let client = session.client(invocation)?;
    let answer = session.call(client.patch(&path, &body), format!("Error writing data to {path}: "))?;
    written(session, answer.as_ref(), &path)
}

/// Prints the response of a write, or that the data was written.
pub(crate) fn written(session: &mut Session<'_>, answer: Option<&Secret>, path: &str) -> CommandResult {
    if let Some(answer) = answer {
        return print_response::print(session, answer);
    }
    if session.format == Format::Table {
        session.print_line(&format!("Success! Data written to: {path}"))?;
    }
    Ok(0)
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let path = sanitize(path)?;
    let client = session.client(invocation)?;
    let found = session.call(client.list(&path), format!("Error listing {path}: "))?;
    keys(session, found.as_ref(), &path)
}

pub(crate) fn keys(session: &mut Session<'_>, found: Option<&Secret>, path: &str) -> CommandResult {
    if let Some(found) = found.filter(|found| found.wrap_info.is_some()) {
        return print_response::print(session, found);
    }
    let keys = found.and_then(|found| found.data.as_ref()).and_then(|data| data.get("keys"));
    let is_table = session.format == Format::Table;
    let Some(keys) = keys.and_then(Value::as_array) else {
        if is_table {
            return Err(nothing_at(path));
        }
        session.print_node(&Node::from(Object::new()))?;
        return Ok(SERVER);
    };
    if let Some(found) = found.filter(|_| is_table) {
        print_response::warnings(session, found)?;
    }
    let rows: Vec<Vec<String>> = keys.iter().map(|key| vec![crate::printer::plain(key)]).collect();
    session.show(&table::table("Keys", &rows), keys.to_vec())
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((path, pairs)) = invocation.arguments.split_first() else {
        return Err(not_enough("1", 0));
    };
    let path = sanitize(path)?;
    let query = query(session, invocation, pairs)?;
    let client = session.client(invocation)?;
    let answer = session.call(client.delete(&path, &query), format!("Error deleting {path}: "))?;
    deleted(session, answer.as_ref(), &path)
}

/// Prints the response of a delete, or that the data was deleted.
pub(crate) fn deleted(session: &mut Session<'_>, answer: Option<&Secret>, path: &str) -> CommandResult {
    if session.format != Format::Table {
        return answer.map_or(Ok(0), |answer| print_response::print(session, answer));
    }
    if let Some(answer) = answer {
        print_response::warnings(session, answer)?;
    }
    session.done(format!("Success! Data deleted (if it existed) at: {path}"))
}
