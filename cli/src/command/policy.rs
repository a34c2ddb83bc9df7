//! `policy write|read|list|delete|fmt`.

use crate::failure::{Done, Failure, USAGE, during, exactly};
use crate::grammar::{Command, Invocation, Output};
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
        about: "Uploads a policy from a file, or from standard input if PATH is \"-\". A policy of the same name is \
                replaced.",
        examples: &[
            ("Upload a file:", "policy write app app.hcl"),
            ("Upload what another program prints:", "policy write app - < app.hcl"),
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
        about: "Deletes a policy. Tokens that have it lose what it allowed at once.",
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
        about: "Checks a policy file and writes it back in the common layout. No server is asked.",
        examples: &[("Format a file in place:", "policy fmt app.hcl")],
        http: false,
        output: Output::Text,
        flags: &[],
        run: fmt,
    },
];

/// Names are lower-case; a user who types another hears of it.
fn name(session: &mut Session<'_>, typed: &str) -> Result<String, Failure> {
    let typed = typed.trim();
    let lower = typed.to_lowercase();
    if lower != typed {
        session.error(&format!("Policy name was converted from {} to {}", Quoted(typed), Quoted(&lower)))?;
    }
    Ok(lower)
}

fn write(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [typed, path] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = name(session, typed)?;
    let path = path.trim();
    let text = if path == "-" {
        if invocation.is_set("non-interactive") {
            return Err(Failure::server(
                "Error reading policy: -non-interactive is given, so standard input is not read",
            ));
        }
        session
            .world
            .read_stdin()
            .map_err(|error| Failure::server(format!("Error reading policy: {}", os_text(&error))))?
    } else {
        let read = std::fs::read_to_string(path).map_err(|error| {
            Failure::server(format!("Error opening policy file: open {path}: {}", os_text(&error)))
        });
        Zeroizing::new(read?)
    };
    session.wait(client.policy_write(&name, &text))?.map_err(during("Error uploading policy: "))?;
    session.say(&format!("Success! Uploaded policy: {name}"))?;
    Ok(0)
}

fn read(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [typed] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = typed.trim().to_lowercase();
    let text = session
        .wait(client.policy(&name))?
        .map_err(during(format!("Error reading policy named {name}: ")))?;
    // `root` has no text: it is no policy that could be read.
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(Failure::server(format!("No policy named: {name}")));
    };
    if session.format == Format::Table {
        session.say(text.trim())?;
    } else {
        session.say_node(&Node::from(object! { "policy" => text }))?;
    }
    Ok(0)
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let names = session.wait(client.policies())?.map_err(during("Error listing policies: "))?;
    if session.format == Format::Table {
        for name in names {
            session.say(&name)?;
        }
    } else {
        session.say_node(&Node::texts(&names))?;
    }
    Ok(0)
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [typed] = exactly(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let name = name(session, typed)?;
    session.wait(client.policy_delete(&name))?.map_err(during(format!("Error deleting {name}: ")))?;
    session.say(&format!("Success! Deleted policy: {name}"))?;
    Ok(0)
}

fn fmt(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [path] = exactly(&invocation.arguments)?;
    let path = path.trim();
    let failed = |doing: &str, reason: String| Failure::Told(USAGE, format!("{doing}: {reason}"));
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed("Error opening policy file", format!("open {path}: {}", os_text(&error))))?;
    let formatted =
        crate::format_hcl::format(&text).map_err(|error| failed("Failed to parse policy", error))?;
    // Written only when it changes, so that a formatted file keeps its time.
    if formatted != text {
        std::fs::write(path, formatted)
            .map_err(|error| failed("Error writing result", format!("open {path}: {}", os_text(&error))))?;
    }
    session.say(&format!("Success! Formatted policy: {path}"))?;
    Ok(0)
}
