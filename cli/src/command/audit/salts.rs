//! `audit salts` and `audit rotate-salt`: lists the salts of audit devices, and replaces one.
//! Never in it: hashing.

use super::{reject_dot_segments, with_slash};
use crate::command::Command;
use crate::failure::{CommandResult, context, exactly};
use crate::flag::Output;
use crate::invocation::Invocation;
use crate::printer::{Format, Node, table};
use crate::session::Session;
use onrecord_client::AuditSalt;
use onrecord_value::{Object, Value, object};

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "audit salts",
        synopsis: "List the salts of audit devices, including retired ones",
        arguments: "[options]",
        about: "Lists every salt: its id, which each line contains as record.salt, its device, and the time of its use. \
                Retired salts are kept, so that old logs can be searched with \"audit hash -salt=ID\": those that were \
                rotated, and those of disabled devices.",
        examples: &[("Find the salt of an old log:", "audit salts")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: list,
    },
    Command {
        words: "audit rotate-salt",
        synopsis: "Give an audit device a new salt",
        arguments: "[options] PATH",
        about: "Gives the device at PATH a new salt. The device stays enabled and no entry is lost. Each line names the \
                salt it was made with in record.salt. The old salt is kept; \"audit salts\" lists it.",
        examples: &[("Rotate the salt of the device at file/:", "audit rotate-salt file/")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: rotate,
    },
];

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let salts = session.block_on(client.audit_salts())?.map_err(context("Error listing salts: "))?;
    if session.format != Format::Table {
        session.print_node(&Node::Value(Value::Array(salts.iter().map(node).collect())))?;
        return Ok(0);
    }
    if salts.is_empty() {
        session.print_line("No audit device has ever been enabled.")?;
        return Ok(2);
    }
    let row = |salt: &AuditSalt| {
        let to = salt.to.clone().unwrap_or_else(|| "in use".to_owned());
        vec![salt.id.clone(), salt.path.clone(), salt.kind.clone(), salt.from.clone(), to]
    };
    let rows: Vec<Vec<String>> = salts.iter().map(row).collect();
    session.print_line(&table::table(&["Salt", "Path", "Type", "From", "To"], &rows))?;
    Ok(0)
}

fn node(salt: &AuditSalt) -> Value {
    let to = salt.to.as_ref().map_or(Value::Null, Value::from);
    let record: Object = object! {
        "from" => &salt.from, "id" => &salt.id, "path" => &salt.path, "to" => to, "type" => &salt.kind,
    };
    Value::Object(record)
}

fn rotate(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let path = reject_dot_segments(path.trim().trim_matches('/'))?;
    let client = session.client(invocation)?;
    let rotated = session.block_on(client.audit_rotate_salt(path))?;
    let (salt, retired) = rotated.map_err(context("Error rotating the salt: "))?;
    if session.format == Format::Table {
        let shown = with_slash(path);
        session.print_line(&format!(
            "Success! Device {shown} now uses the salt {salt}; the salt {retired} is retired."
        ))?;
    } else {
        session.print_node(&Node::from(object! { "retired" => retired, "salt" => salt }))?;
    }
    Ok(0)
}
