//! `audit salts` and `audit rotate-salt`: the salts under which lines were made, and a new one.

use super::{with_slash, without_dots};
use crate::failure::{Done, during, exactly};
use crate::grammar::{Command, Invocation, Output};
use crate::printer::{Format, Node, table};
use crate::session::Session;
use onrecord_client::AuditSalt;
use onrecord_value::{Object, Value, object};

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "audit salts",
        synopsis: "List the salts of audit devices, retired ones too",
        arguments: "[options]",
        about: "Lists every salt under which lines were made: its id, as lines name it in record.salt, the device, and \
                from when to when. The salt of a device that was disabled, and each one that a device had before, is \
                kept, so that old logs can still be searched: \"audit hash -salt=ID\".",
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
        about: "Gives the device at PATH a new salt while it runs. Lines before it have the old salt's id in \
                record.salt, lines after it the new one's, and none is missing. The old salt is kept: \"audit salts\".",
        examples: &[("A new salt for the device at file/:", "audit rotate-salt file/")],
        http: true,
        output: Output::Format,
        flags: &[],
        run: rotate,
    },
];

fn list(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let salts = session.wait(client.audit_salts())?.map_err(during("Error listing salts: "))?;
    if session.format != Format::Table {
        session.say_node(&Node::Value(Value::Array(salts.iter().map(node).collect())))?;
        return Ok(0);
    }
    if salts.is_empty() {
        session.say("No audit device has ever been enabled.")?;
        return Ok(2);
    }
    let row = |salt: &AuditSalt| {
        let to = salt.to.clone().unwrap_or_else(|| "in use".to_owned());
        vec![salt.id.clone(), salt.path.clone(), salt.kind.clone(), salt.from.clone(), to]
    };
    let rows: Vec<Vec<String>> = salts.iter().map(row).collect();
    session.say(&table::table(&["Salt", "Path", "Type", "From", "To"], &rows))?;
    Ok(0)
}

fn node(salt: &AuditSalt) -> Value {
    let to = salt.to.as_ref().map_or(Value::Null, Value::from);
    let record: Object = object! {
        "from" => &salt.from, "id" => &salt.id, "path" => &salt.path, "to" => to, "type" => &salt.kind,
    };
    Value::Object(record)
}

fn rotate(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [path] = exactly(&invocation.arguments)?;
    let path = without_dots(path.trim().trim_matches('/'))?;
    let client = session.client(invocation)?;
    let rotated = session.wait(client.audit_rotate_salt(path))?;
    let (salt, retired) = rotated.map_err(during("Error rotating the salt: "))?;
    if session.format == Format::Table {
        let shown = with_slash(path);
        session.say(&format!(
            "Success! The audit device at {shown} has the salt {salt}; {retired} is retired."
        ))?;
    } else {
        session.say_node(&Node::from(object! { "retired" => retired, "salt" => salt }))?;
    }
    Ok(0)
}
