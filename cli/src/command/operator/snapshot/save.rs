//! `operator snapshot save`: fetches the pages of a snapshot into a file that is complete or not there.
//! Never in it: what is in a page.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use onrecord_client::Client;
use onrecord_server::{SnapshotInfo, inspect_snapshot};
use onrecord_value::{Number, Object, Value};

use super::{node, shown};
use crate::command::{CommandResult, Failure, Invocation, Session, exactly};

/// What the last page of a snapshot begins with; no other one does.
const END: [u8; 4] = [0xff; 4];
/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_secs(5);

pub(super) fn save(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [file] = exactly(&invocation.arguments)?;
    let target = Target::new(file, invocation.is_set("force"))?;
    let client = session.client(invocation)?;
    let begun = session.call(client.snapshot_begin(), "Error beginning a snapshot: ")?;
    let id = begun.str("id").ok_or_else(|| Failure::server("The answer of the server has no id"))?;
    let fetched = fetch(session, &client.plain(), id, &begun, &target);
    // The server need not keep the snapshot open any longer. It may have stopped.
    let ended = session.block_on(client.plain().snapshot_end(id));
    if let Err(failure) = fetched.and_then(|()| ended.map(drop)) {
        let _left = fs::remove_file(&target.unfinished);
        return Err(failure);
    }
    match target.finish() {
        Ok(info) => print(session, &info, file),
        Err(failure) => {
            let _left = fs::remove_file(&target.unfinished);
            Err(failure)
        }
    }
}

fn print(session: &mut Session<'_>, info: &SnapshotInfo, file: &str) -> CommandResult {
    let text = format!(
        "Success! Saved {} records of {} to: {file}\nSHA-256: {}",
        info.header.records,
        shown(info.header.created),
        info.sha256
    );
    let mut node = node(info);
    node.push("file", file);
    session.show(&text, node)
}

/// The file to be, and the file that it is until it is complete.
struct Target {
    file: PathBuf,
    unfinished: PathBuf,
    replace: bool,
}

impl Target {
    fn new(file: &str, replace: bool) -> Result<Self, Failure> {
        let path = PathBuf::from(file);
        if file == "-" || path.file_name().is_none() || path.is_dir() {
            return Err(Failure::usage(format!("{file:?} is not the name of a file to save to.")));
        }
        if !replace && path.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!(
                "{file} exists: choose another name, or replace it with -force."
            )));
        }
        Ok(Self { file: path, unfinished: PathBuf::from(format!("{file}.tmp")), replace })
    }

    /// Makes the unfinished file, in the place of one that was left.
    fn create(&self) -> io::Result<File> {
        match fs::remove_file(&self.unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.unfinished)
    }

    /// Checks what was written, and gives it its name.
    fn finish(&self) -> Result<SnapshotInfo, Failure> {
        let info = inspect_snapshot(&self.unfinished).map_err(|error| Failure::server(error.to_string()))?;
        self.rename().map_err(|error| failed(&self.file, &error))?;
        Ok(info)
    }

    fn rename(&self) -> io::Result<()> {
        if !self.replace && self.file.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&self.unfinished, &self.file)?;
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn failed(file: &Path, error: &io::Error) -> Failure {
    Failure::server(format!("Cannot write {}: {error}", file.display()))
}

fn fetch(
    session: &mut Session<'_>,
    client: &Client,
    id: &str,
    begun: &Object,
    target: &Target,
) -> Result<(), Failure> {
    let failed = |error: io::Error| failed(&target.unfinished, &error);
    let mut file = target.create().map_err(failed)?;
    let records = begun.get("records").and_then(Value::as_number).and_then(Number::as_u64).unwrap_or(0);
    let (mut bytes, mut said) = (0_usize, Instant::now());
    for number in 0_u64.. {
        let page = session.call(client.snapshot_page(id, number), "Error saving the snapshot: ")?;
        file.write_all(&page).map_err(failed)?;
        bytes += page.len();
        if page.starts_with(&END) {
            break;
        }
        if said.elapsed() >= PROGRESS {
            session.note(&format!("{} MiB of a snapshot of {records} records are saved …", bytes >> 20))?;
            said = Instant::now();
        }
    }
    file.sync_all().map_err(failed)
}
