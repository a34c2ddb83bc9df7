//! `policy write|read|list|delete|fmt`.
//! Never in it: what a policy means.

use crate::command::Command;
use crate::failure::{CommandResult, Failure, USAGE, context, exactly};
use crate::flag::Output;
use crate::invocation::Invocation;
use crate::printer::{Format, Node};
use crate::session::Session;
use onrecord_client::os_text;
use onrecord_value::object;
use onrecord_value::quote::Quoted;
use zeroize::Zeroizing;

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "policy write",
        synopsis: "Upload a named policy from a file",
        arguments: "[options] NAME PATH",
        about: "Uploads the policy in the file PATH, or from standard input if PATH is \"-\". An existing policy with this \
                name is replaced.",
        examples: &[
            ("Upload a file:", "policy write app app.hcl"),
            ("Upload a policy from standard input:", "policy write app - < app.hcl"),
        ],
        http: true,
        output: Output::Text,
        flags: &[],
        run: write,
    },
    Command {
        words: "policy read",
        synopsis: "Print the contents of a policy",
        arguments: "[options] NAME",
        about: "Prints the text of a policy.",
        examples: &[("Print the default policy:", "policy read default")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: read,
    },
    Command {
        words: "policy list",
        synopsis: "List the installed policies",
        arguments: "[options]",
        about: "Prints the names of all policies.",
        examples: &[("List all policies:", "policy list")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: list,
    },
    Command {
        words: "policy delete",
        synopsis: "Delete a policy by name",
        arguments: "[options] NAME",
        about: "Deletes a policy. Tokens that have it lose its permissions immediately.",
        examples: &[("Delete a policy:", "policy delete app")],
        http: true,
        output: Output::Text,
        flags: &[],
        run: delete,
    },
    Command {
        words: "policy fmt",
        synopsis: "Format a policy on disk",
        arguments: "PATH",
        about: "Parses a policy file and rewrites it with standard indentation. No server is needed.",
        examples: &[("Format a file in place:", "policy fmt app.hcl")],
        http: false,
        output: Output::Text,
        flags: &[],
        run: fmt,
    },
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
    session.block_on(client.policy_write(&name, &text))?.map_err(context("Error uploading policy: "))?;
    session.print_line(&format!("Success! Uploaded policy: {name}"))?;
    Ok(0)
}

fn read(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [typed] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = typed.trim().to_lowercase();
    let text = session
        .block_on(client.policy(&name))?
        .map_err(context(format!("Error reading policy named {name}: ")))?;
    // The policy `root` has no text.
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(Failure::server(format!("No policy named: {name}")));
    };
    if session.format == Format::Table {
        session.print_line(text.trim())?;
    } else {
        session.print_node(&Node::from(object! { "policy" => text }))?;
    }
    Ok(0)
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let names = session.block_on(client.policies())?.map_err(context("Error listing policies: "))?;
    if session.format == Format::Table {
        for name in names {
            session.print_line(&name)?;
        }
    } else {
        session.print_node(&Node::texts(&names))?;
    }
    Ok(0)
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [typed] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = name(session, typed)?;
    session.block_on(client.policy_delete(&name))?.map_err(context(format!("Error deleting {name}: ")))?;
    session.print_line(&format!("Success! Deleted policy: {name}"))?;
    Ok(0)
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
    session.print_line(&format!("Success! Formatted policy: {path}"))?;
    Ok(0)
}
