//! `policy write|read|list|delete|fmt`.
//! Never in it: what a policy means.

use crate::command::{
    Command, CommandResult, Failure, Invocation, Output, Session, USAGE, exactly, explained,
};
use crate::printer::{Format, Node};
use onrecord_client::os_text;
use onrecord_value::object;
use onrecord_value::quote::Quoted;
use zeroize::Zeroizing;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("policy write", "NAME PATH", "Upload a named policy from a file", write)
        .about(
            "Uploads the policy in the file PATH, or from standard input if PATH is \"-\". An existing \
             policy with this name is replaced.",
        )
        .examples(&[
            ("Upload a file:", "policy write app app.hcl"),
            ("Upload a policy from standard input:", "policy write app - < app.hcl"),
        ]),
    Command::new("policy read", "NAME", "Print the contents of a policy", read)
        .about("Prints the text of a policy.")
        .examples(&[("Print the default policy:", "policy read default")])
        .output(Output::Format),
    Command::new("policy list", "", "List the installed policies", list)
        .about("Prints the names of all policies.")
        .examples(&[("List all policies:", "policy list")])
        .output(Output::Format),
    Command::new("policy delete", "NAME", "Delete a policy by name", delete)
        .about("Deletes a policy. Tokens that have it lose its permissions immediately.")
        .examples(&[("Delete a policy:", "policy delete app")]),
    Command::new("policy fmt", "PATH", "Format a policy on disk", fmt)
        .about("Parses a policy file and rewrites it with standard indentation. No server is needed.")
        .examples(&[("Format a file in place:", "policy fmt app.hcl")])
        .offline(),
];

/// The name in lower case, with a message if that changes it.
fn name(session: &mut Session<'_>, typed: &str) -> Result<String, Failure> {
    let typed = typed.trim();
    let lower = typed.to_lowercase();
    if lower != typed {
        session.error(&format!("Policy name was converted from {} to {}", Quoted(typed), Quoted(&lower)))?;
    }
    Ok(lower)
}

fn write(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [typed, path] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = name(session, typed)?;
    let path = path.trim();
    let text = if path == "-" {
        if invocation.is_set("non-interactive") {
            return Err(Failure::server(
                "Error reading policy: -non-interactive is given, so standard input is not read. Give the path of a file.",
            ));
        }
        session
            .process
            .read_stdin()
            .map_err(|error| Failure::server(format!("Error reading policy: {}", os_text(&error))))?
    } else {
        let read = std::fs::read_to_string(path).map_err(|error| {
            Failure::server(format!("Error opening policy file: open {path}: {}", os_text(&error)))
        });
        Zeroizing::new(read?)
    };
    let prefix = "Error uploading policy: ";
    session.block_on(client.policy_write(&name, &text))?.map_err(|error| {
        let hints = if error.status() == Some(400) { onrecord_policy::hints(&text) } else { Vec::new() };
        explained(prefix, error, hints)
    })?;
    session.done(format!("Success! Uploaded policy: {name}"))
}

fn read(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [typed] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = typed.trim().to_lowercase();
    let text = session.call(client.policy(&name), format!("Error reading policy named {name}: "))?;
    // The policy `root` has no text.
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(Failure::server(format!("No policy named: {name}")));
    };
    session.show(text.trim(), object! { "policy" => &text })
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let names = session.call(client.policies(), "Error listing policies: ")?;
    if session.format == Format::Table {
        names.iter().try_for_each(|name| session.print_line(name))?;
    } else {
        session.print_node(&Node::texts(&names))?;
    }
    Ok(0)
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [typed] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = name(session, typed)?;
    session.call(client.policy_delete(&name), format!("Error deleting {name}: "))?;
    session.done(format!("Success! Deleted policy: {name}"))
}

fn fmt(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let path = path.trim();
    let failed = |doing: &str, reason: String| Failure::Message(USAGE, format!("{doing}: {reason}"));
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed("Error opening policy file", format!("open {path}: {}", os_text(&error))))?;
    let formatted =
        onrecord_hcl::format(&text).map_err(|error| failed("Failed to parse policy", error.to_string()))?;
    // Not written if it is formatted already, so that its modification time stays.
    if formatted != text {
        std::fs::write(path, formatted)
            .map_err(|error| failed("Error writing result", format!("open {path}: {}", os_text(&error))))?;
    }
    session.done(format!("Success! Formatted policy: {path}"))
}
