//! `audit preview`: the lines that devices would write for a request, which is not executed.
//! Never in it: formatting of a line.

use crate::command::{Command, CommandResult, Invocation, Output, Session, data, not_enough};
use crate::printer::plain;
use onrecord_value::{Object, Value};

pub(crate) const COMMAND: Command = Command::new(
    "audit preview",
    "METHOD PATH [K=V...]",
    "Show what audit devices would write for a request",
    preview,
)
.about(
    "Prints the lines that each enabled device would write for a request, without executing the request. The \
     lines are made with the device's options, format, prefix and salt. Fields of the response that are \
     known only after the request are listed at the end.\n\nMETHOD is GET, LIST, POST, PUT, PATCH, DELETE or \
     HEAD. PATH is the path behind /v1/. Data is given as for \"write\"; \"-\" reads JSON from standard \
     input.\n\nThe preview is itself recorded, with its data hashed. The policy must grant sudo, because a \
     device with log_raw=true shows data in the clear.",
)
.examples(&[
    ("What would a write of a secret leave in the logs?", "audit preview PUT secret/app password=s3cr3t"),
    ("Read the data from a file:", "audit preview POST secret/app @app.json"),
])
.output(Output::Format);

fn preview(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [method, path, pairs @ ..] = invocation.arguments.as_slice() else {
        return Err(not_enough("2 or more", invocation.arguments.len()));
    };
    let data = data(session, invocation, pairs)?;
    let client = session.client(invocation)?;
    let work = client.audit_preview(method, path, data);
    let shown = session.call(work, "Error previewing the request: ")?;
    session.show(&text(&shown), shown)
}

fn text(shown: &Object) -> String {
    let mut parts = Vec::new();
    if shown.get("recorded").and_then(Value::as_bool) == Some(false) {
        parts.push("This request is not recorded.".to_owned());
    } else {
        let allowed = shown.get("allowed").and_then(Value::as_bool) == Some(true);
        let operation = shown.str("operation").unwrap_or_default();
        let allowed = if allowed { "is allowed" } else { "is not allowed" };
        parts.push(format!("Operation: {operation}. Your token {allowed} to do this."));
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
        parts.push(format!("Fields that are known only after the request: {}", names.join(", ")));
    }
    parts.extend(shown.str("note").map(|note| format!("Note: {note}")));
    parts.join("\n\n")
}

fn device(path: &str, lines: &Value) -> String {
    let mut text = vec![format!("==> {path} <==")];
    let lines = lines.as_object().cloned().unwrap_or_default();
    if lines.get("discards").is_some() {
        text.push("This device discards all entries.".to_owned());
    }
    for kind in ["request", "response"] {
        match lines.get(kind) {
            Some(Value::String(line)) => text.push(line.clone()),
            Some(Value::Object(failed)) => {
                let reason = failed.str("error").unwrap_or_default();
                text.push(format!("No line for the {kind}: {reason}"));
            }
            _ => {}
        }
    }
    text.join("\n")
}
