//! The raw devices of a server (`log_raw`): they record in the clear what it is sent, a text that it is to hash included.
//! Never in it: what is done instead.

use onrecord_client::{AuditDevice, Client, Error};
use onrecord_value::printable::printable;

use crate::command::{Failure, Flag, Session};

pub(super) const ALLOW: Flag = Flag::bool(
    "allow-raw-devices",
    "Have the server hash the text although its raw devices record it in the clear, or although they cannot be listed.",
);

/// Why a server is not to be asked for the hash of a text, if there is a reason.
pub(super) fn reason_not_to_ask(
    session: &mut Session<'_>,
    client: &Client,
) -> Result<Option<String>, Failure> {
    let raw: Vec<String> = match session.block_on(client.audit_list())? {
        Ok(devices) => {
            let is_raw = |device: &AuditDevice| device.options.get("log_raw").is_some_and(|raw| is_true(raw));
            devices.iter().filter(|(_, device)| is_raw(device)).map(|(path, _)| printable(path)).collect()
        }
        Err(Error::NotSent(request)) => return Err(Failure::DryRun(request)),
        Err(error) => {
            let why = in_one_line(&error);
            return Ok(Some(format!(
                "Whether a raw device would record the text cannot be seen (that takes the right to read sys/audit): {why}"
            )));
        }
    };
    Ok((!raw.is_empty()).then(|| {
        format!(
            "The server would hash the text, and its raw device {} would record it in the clear.",
            raw.join(", ")
        )
    }))
}

/// An error of the server as a part of a sentence.
pub(super) fn in_one_line(error: &Error) -> String {
    match error {
        Error::Api(error) => {
            printable(format!("status {} {}", error.status, error.errors.join("; ")).trim_end())
        }
        other => printable(other.to_string().lines().next().unwrap_or_default()),
    }
}

/// Whether the text of an option means true, as servers read it.
fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "t" | "true")
}
