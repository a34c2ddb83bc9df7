//! The logs of the server that a question is put to if no file is named: those of its file devices.
//! Never in it: reading them.

use std::fs::File;

use super::unreadable;
use crate::command::{Failure, Invocation, Session};

const GIVE: &str = "Give the log files: FILE...";

/// The files of the file devices of the server.
pub(super) fn device_files(
    session: &mut Session<'_>,
    invocation: &Invocation,
) -> Result<Vec<String>, Failure> {
    let client = session.client(invocation)?;
    let devices = match session.block_on(client.audit_list())? {
        Err(onrecord_client::Error::NotSent(request)) => return Err(Failure::DryRun(request)),
        Err(error) => {
            return Err(unreadable(format!(
                "No FILE is given, and the server does not say where its file devices write: {error}\n\n{GIVE}"
            )));
        }
        Ok(devices) => devices,
    };
    let paths = devices.values().filter(|device| device.kind == "file").filter_map(|device| {
        let path = device.options.get("file_path").or_else(|| device.options.get("path"))?;
        (!matches!(path.as_str(), "stdout" | "discard")).then(|| path.clone())
    });
    // One that cannot be read is said by the answer, as if it were given.
    let paths: Vec<String> = paths.collect();
    if !paths.iter().any(|path| File::open(path).is_ok()) {
        return Err(unreadable(format!(
            "No FILE is given, and no file of the server's file devices can be read here.\n\n{GIVE}"
        )));
    }
    Ok(paths)
}
