//! `audit preview`: the lines that a request would write, without doing it.

use super::super::data;
use crate::failure::{Done, during, not_enough};
use crate::grammar::{Command, Invocation, Output};
use crate::printer::{Format, Node, plain};
use crate::session::Session;
use onrecord_value::{Object, Value};

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "audit preview",
    synopsis: "Show what audit devices would write for a request",
    arguments: "[options] METHOD PATH [K=V...]",
    about: "Prints the lines that each enabled device would write for a request of yours, made with the device's own \
            options, format, prefix and salt, without doing it. The response's line has what is known before; the rest is \
            named below it. METHOD is GET, LIST, POST, PUT, PATCH, DELETE or HEAD; PATH is the path behind /v1/. Data is \
            given as for \"write\"; \"-\" reads JSON from standard input.\n\nThe preview itself is a request on record, with \
            its data hashed as any. It needs sudo: a device with log_raw=true shows its raw line.",
    examples: &[
        ("What a write of a secret leaves in the logs:", "audit preview PUT secret/app password=s3cr3t"),
        ("The same with data from a file:", "audit preview POST secret/app @app.json"),
    ],
    http: true,
    output: Output::Format,
    flags: &[],
    run: preview,
}];

fn preview(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [method, path, pairs @ ..] = invocation.arguments.as_slice() else {
        return Err(not_enough("2 or more", invocation.arguments.len()));
    };
    let data = data(session, invocation, pairs)?;
    let client = session.client(invocation)?;
    let shown = session.wait(client.audit_preview(method, path, data))?;
    let shown = shown.map_err(during("Error previewing the request: "))?;
    if session.format != Format::Table {
        session.say_node(&Node::from(shown))?;
        return Ok(0);
    }
    session.say(&text(&shown))?;
    Ok(0)
}

fn text(shown: &Object) -> String {
    let mut parts = Vec::new();
    if shown.get("recorded").and_then(Value::as_bool) == Some(false) {
        parts.push("Such a request is not recorded.".to_owned());
    } else {
        let allowed = shown.get("allowed").and_then(Value::as_bool) == Some(true);
        let operation = shown.str("operation").unwrap_or_default();
        let a = if operation.starts_with(['a', 'e', 'i', 'o', 'u']) { "An" } else { "A" };
        parts.push(format!("{a} {operation}, which you {} do.", if allowed { "may" } else { "may not" }));
    }
    if let Some(devices) = shown.object("devices") {
        if devices.is_empty() {
            parts.push("No audit device is enabled.".to_owned());
        }
        for (path, lines) in devices {
            parts.push(device(path, lines));
        }
    }
    if let Some(Value::Array(unknown)) = shown.get("unknown") {
        let names: Vec<String> = unknown.iter().map(plain).collect();
        parts.push(format!("Known only when it is done: {}", names.join(", ")));
    }
    parts.extend(shown.str("note").map(|note| format!("Note: {note}")));
    parts.join("\n\n")
}

fn device(path: &str, lines: &Value) -> String {
    let mut text = vec![format!("==> {path} <==")];
    let Some(lines) = lines.as_object() else { return text.concat() };
    if lines.get("discards").is_some() {
        text.push("It throws everything away.".to_owned());
    }
    for kind in ["request", "response"] {
        match lines.get(kind) {
            Some(Value::String(line)) => text.push(line.clone()),
            Some(Value::Object(failed)) => {
                let why = failed.str("error").unwrap_or_default();
                text.push(format!("The {kind} would have no line here: {why}"));
            }
            _ => {}
        }
    }
    text.join("\n")
}
