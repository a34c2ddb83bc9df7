//! `audit salts -export`: all salts in a file that a passphrase opens. The server seals them to a key that is made here and
//! lives as long as the command; they are sealed again with the passphrase, which never leaves this process.
//! Never in it: a salt in the clear on a disk, on a terminal or on the wire.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use super::passphrase;
use crate::command::{CommandResult, Failure, Invocation, Session};
use onrecord_client::os_text;
use onrecord_entry::salt_export::SaltExport;
use onrecord_seal::OsEntropy;
use onrecord_seal::age::{self, AgeError, Identity, WORK_FACTOR};
use onrecord_value::object;
use onrecord_value::printable::printable;

/// Readable by its owner alone.
const MODE: u32 = 0o600;

pub(super) fn export(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let out = invocation.text("out").filter(|out| !out.is_empty() && *out != "-");
    let client = session.client(invocation)?;
    let entropy = OsEntropy::new();
    let identity = Identity::generate(&entropy).map_err(|error| failed(&error))?;
    let recipient = identity.recipient().to_string();
    let preview = invocation.is_set("output-curl-string") || invocation.is_set("output-policy");
    // Asked for first: what is exported is on record, so it should not fail afterwards.
    let passphrase = if preview { None } else { Some(passphrase::new(session, invocation)?) };
    let mut file = match out {
        Some(name) if !preview => {
            let created = OpenOptions::new().write(true).create_new(true).mode(MODE).open(name);
            Some(created.map_err(|error| not_written(name, &error))?)
        }
        _ => None,
    };
    let exported = session.call(client.audit_salts_export(&recipient), "Error exporting salts: ");
    let sealed = exported.and_then(|(sealed, _)| {
        let opened = age::open(&identity, &sealed).map_err(|error| failed(&error))?;
        let export = SaltExport::parse(opened.expose());
        let export = export
            .map_err(|error| Failure::server(format!("The server's answer cannot be read: {error}")))?;
        let passphrase = passphrase.as_deref().map_or("", String::as_str);
        let sealed = age::seal_with_passphrase(passphrase, WORK_FACTOR, opened.expose(), &entropy);
        Ok((export.salts.len(), sealed.map_err(|error| failed(&error))?))
    });
    let (count, sealed) = match sealed {
        Ok(sealed) => sealed,
        Err(failure) => {
            // The file of nothing is in the way of the next try.
            if let Some(name) = out.filter(|_| file.is_some()) {
                drop(std::fs::remove_file(name));
            }
            return Err(failure);
        }
    };
    let Some(file) = file.as_mut() else {
        session.print(&sealed)?;
        return Ok(0);
    };
    let name = out.unwrap_or_default();
    let written = file.write_all(sealed.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| not_written(name, &error))?;
    let text = format!(
        "Success! {count} salts are in {}, sealed with the passphrase. \"log find-secret -salts={0}\" searches logs with them \
         without a server. Export again after \"audit rotate-salt\" and after a device was enabled.",
        printable(name)
    );
    session.show(&text, object! { "file" => name, "salts" => count as u64 })
}

fn not_written(name: &str, error: &std::io::Error) -> Failure {
    Failure::usage(format!("Cannot write {}: {}", printable(name), os_text(error)))
}

fn failed(error: &AgeError) -> Failure {
    Failure::server(format!("The salts could not be sealed: {error}"))
}
