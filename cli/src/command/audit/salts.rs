//! `audit salts` and `audit rotate-salt`: lists the salts of audit devices, and replaces one.
//! Never in it: hashing, and the export (`salts_export`).

use super::{passphrase, salts_export, sanitize, with_slash};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use crate::printer::{Format, table};
use onrecord_client::AuditSalt;
use onrecord_value::{Value, object};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("audit salts", "", "List the salts of audit devices, including retired ones, or export them", list)
        .about(
            "Lists every salt: its id, which each line contains as record.salt, its device, and the time of \
             its use. Retired salts are kept, so that old logs can be searched with \"audit hash -salt=ID\": \
             those that were rotated, and those of disabled devices. A list never contains a salt.\n\nWith -export, all \
             salts are put into one file that a passphrase opens, so that \"log find-secret -salts=FILE\" works without \
             a server, also when it is gone. The file has the age format (the tool \"age\" opens it, too). The server seals \
             the salts to a key that this command makes; neither they nor the passphrase are in the clear on the wire, in a log \
             or on a disk. The export is on record. Who has the file and the passphrase can test guesses against the log: keep \
             it as you keep key shares, and apart from the logs. A salt cannot be imported, or chosen.",
        )
        .examples(&[
            ("Find the salt of an old log:", "audit salts"),
            ("Export all salts, sealed with a passphrase:", "audit salts -export -out=/media/usb/salts.age"),
        ])
        .output(Output::Format)
        .flags(&[
            Flag::bool("export", "Export all salts, sealed with a passphrase, instead of listing them."),
            Flag::text("out", "File for -export, which must not exist yet. Without it the sealed file is printed."),
            passphrase::FLAG,
        ]),
    Command::new("audit rotate-salt", "PATH", "Give an audit device a new salt", rotate)
        .about(
            "Gives the device at PATH a new salt. The device stays enabled and no entry is lost. Each line \
             names the salt it was made with in record.salt. The old salt is kept; \"audit salts\" lists it.",
        )
        .examples(&[("Rotate the salt of the device at file/:", "audit rotate-salt file/")])
        .output(Output::Format),
];

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    if invocation.is_set("export") {
        return salts_export::export(session, invocation);
    }
    if let Some(flag) = ["out", "passphrase-file"].into_iter().find(|flag| invocation.has(flag)) {
        return Err(Failure::usage(format!(
            "-{flag} belongs to -export: a list has no salt in it that could be kept"
        )));
    }
    let client = session.client(invocation)?;
    let salts = session.call(client.audit_salts(), "Error listing salts: ")?;
    if salts.is_empty() && session.format == Format::Table {
        session.print_line("No audit device has ever been enabled.")?;
        return Ok(2);
    }
    let row = |salt: &AuditSalt| {
        let to = salt.to.clone().unwrap_or_else(|| "in use".to_owned());
        vec![salt.id.clone(), salt.path.clone(), salt.kind.clone(), salt.from.clone(), to]
    };
    let rows: Vec<Vec<String>> = salts.iter().map(row).collect();
    let records: Value = salts.iter().map(record).collect();
    session.show(&table::table("Salt | Path | Type | From | To", &rows), records)
}

fn record(salt: &AuditSalt) -> Value {
    let to = salt.to.as_ref().map_or(Value::Null, Value::from);
    Value::Object(object! {
        "from" => &salt.from, "id" => &salt.id, "path" => &salt.path, "to" => to, "type" => &salt.kind,
    })
}

fn rotate(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let path = sanitize(path)?;
    let client = session.client(invocation)?;
    let work = client.audit_rotate_salt(&path);
    let (salt, retired) = session.call(work, "Error rotating the salt: ")?;
    let shown = with_slash(&path);
    let text = format!("Success! Device {shown} now uses the salt {salt}; the salt {retired} is retired.");
    session.show(&text, object! { "retired" => retired, "salt" => salt })
}
