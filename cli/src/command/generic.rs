//! `read`, `write`, `list`, `delete`: any path of the API.
//! Never in it: knowledge of a path.

use super::{data, query, sanitize};
use crate::command::Command;
use crate::failure::{CommandResult, Failure, context, exactly, not_enough};
use crate::flag::{Flag, FlagKind, Output};
use crate::invocation::Invocation;
use crate::printer::{Format, Node, table};
use crate::secret;
use crate::session::Session;
use onrecord_client::Secret;
use onrecord_value::{Object, Value};

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "read",
        synopsis: "Read data and retrieves secrets",
        arguments: "[options] PATH [DATA K=V...]",
        about: "Reads the data at PATH. K=V pairs are sent as query parameters.",
        examples: &[
            ("Show the token in use:", "read auth/token/lookup-self"),
            ("Print one field of it:", "read -field=id auth/token/lookup-self"),
        ],
        http: true,
        output: Output::Raw,
        flags: &[],
        run: read,
    },
    Command {
        words: "write",
        synopsis: "Write data, configuration, and secrets",
        arguments: "[options] PATH [DATA K=V...]",
        about: "Writes data to PATH. The value @FILE is read from a file, the value - from standard input. The argument \
                @FILE or - is a JSON object whose keys are added to the data.",
        examples: &[
            (
                "Compute the hash that the audit device at file/ writes for a text:",
                "write sys/audit-hash/file input=s3cr3t",
            ),
            ("Write the data of a JSON file:", "write secret/app @app.json"),
        ],
        http: true,
        output: Output::Field,
        flags: &[Flag::new("force", FlagKind::Bool, "Write without data.").alias("f").default("false")],
        run: write,
    },
    Command {
        words: "list",
        synopsis: "List data or secrets",
        arguments: "[options] PATH",
        about: "Lists the names below PATH. A name that ends in / has names below it.",
        examples: &[("List all policies:", "list sys/policies/acl")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: list,
    },
    Command {
        words: "delete",
        synopsis: "Delete secrets and configuration",
        arguments: "[options] PATH [DATA K=V...]",
        about: "Deletes the data at PATH. K=V pairs are sent as query parameters.",
        examples: &[("Delete a secret in a version 1 mount:", "delete kv1/app")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: delete,
    },
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
    let found =
        session.block_on(client.read(&path, &query))?.map_err(context(format!("Error reading {path}: ")))?;
    match found {
        Some(found) => secret::print(session, &found),
        None => Err(nothing_at(&path)),
    }
}

pub(crate) fn nothing_at(path: &str) -> Failure {
    Failure::server(format!("No value found at {path}"))
}

fn write(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((path, pairs)) = invocation.arguments.split_first() else {
        return Err(not_enough("1", 0));
    };
    let force = invocation.is_set("force");
    if pairs.is_empty() && !force {
        return Err(Failure::usage("Must supply data or use -force"));
    }
    let path = sanitize(path)?;
    let body = if pairs.is_empty() { Value::Null } else { Value::Object(data(session, invocation, pairs)?) };
    let client = session.client(invocation)?;
    let answer = session
        .block_on(client.write(&path, &body))?
        .map_err(context(format!("Error writing data to {path}: ")))?;
    written(session, answer.as_ref(), &path)
}

/// Prints the response of a write, or that the data was written.
pub(crate) fn written(session: &mut Session<'_>, answer: Option<&Secret>, path: &str) -> CommandResult {
    if let Some(answer) = answer {
        return secret::print(session, answer);
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
    let found = session.block_on(client.list(&path))?.map_err(context(format!("Error listing {path}: ")))?;
    keys(session, found.as_ref(), &path)
}

/// Prints the names of a list response.
pub(crate) fn keys(session: &mut Session<'_>, found: Option<&Secret>, path: &str) -> CommandResult {
    if let Some(found) = found.filter(|found| found.wrap_info.is_some()) {
        return secret::print(session, found);
    }
    let keys = found.and_then(|found| found.data.as_ref()).and_then(|data| data.get("keys"));
    let Some(Value::Array(keys)) = keys else {
        if session.format == Format::Table {
            return Err(nothing_at(path));
        }
        session.print_node(&Node::from(Object::new()))?;
        return Ok(2);
    };
    if session.format != Format::Table {
        session.print_node(&Node::Value(Value::Array(keys.clone())))?;
        return Ok(0);
    }
    if let Some(found) = found {
        secret::warnings(session, found)?;
    }
    let rows: Vec<Vec<String>> = keys.iter().map(|key| vec![crate::printer::plain(key)]).collect();
    session.print_line(&table::table(&["Keys"], &rows))?;
    Ok(0)
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((path, pairs)) = invocation.arguments.split_first() else {
        return Err(not_enough("1", 0));
    };
    let path = sanitize(path)?;
    let query = query(session, invocation, pairs)?;
    let client = session.client(invocation)?;
    let answer = session
        .block_on(client.delete(&path, &query))?
        .map_err(context(format!("Error deleting {path}: ")))?;
    deleted(session, answer.as_ref(), &path)
}

/// Prints the response of a delete, or that the data was deleted.
pub(crate) fn deleted(session: &mut Session<'_>, answer: Option<&Secret>, path: &str) -> CommandResult {
    if session.format != Format::Table {
        return match answer {
            Some(answer) => secret::print(session, answer),
            None => Ok(0),
        };
    }
    if let Some(answer) = answer {
        secret::warnings(session, answer)?;
    }
    session.print_line(&format!("Success! Data deleted (if it existed) at: {path}"))?;
    Ok(0)
}
