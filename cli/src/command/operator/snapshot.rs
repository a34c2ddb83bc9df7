//! `operator snapshot save|restore|inspect`.
//! Never in it: the format of a snapshot, and how a storage is restored (`onrecord-server`).

mod save;

use std::path::{Path, PathBuf};

use onrecord_server::{RestoreStep, SnapshotInfo, StoragePlace, inspect_snapshot, restore_snapshot};
use onrecord_value::Time;

use crate::command::server::CONFIG;
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use crate::printer::{Node, table};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("operator snapshot save", "FILE", "Save a snapshot of a server's storage", save::save)
        .about(
            "Saves everything that is stored in a running, unsealed server to FILE, as it is at the moment of the \
             call. The server goes on meanwhile. Each value is decrypted by the server before it is saved, so a \
             damaged storage is found; what is written to FILE is encrypted as it is stored. The key shares are \
             not in it: keep them apart from it.\n\nThe snapshot is written to FILE.tmp, read again and checked, \
             and only then gets the name FILE, with mode 0600. Each page of about 1 MiB is a request to \
             sys/storage/snapshot, which needs sudo and is recorded. A snapshot may take an hour.\n\nThe exit \
             code is 0 if FILE is complete, 1 if the command line is wrong or FILE exists, and 2 if the server or \
             the disk refuses; then there is no FILE.",
        )
        .examples(&[
            ("Save a snapshot:", "operator snapshot save backup.snapshot"),
            ("Replace an earlier one:", "operator snapshot save -force backup.snapshot"),
        ])
        .output(Output::Format)
        .flags(&[Flag::bool("force", "Replace FILE if it exists.")]),
    Command::new(
        "operator snapshot restore",
        "FILE",
        "Restore the storage of a stopped server from a snapshot",
        restore,
    )
    .about(
        "Puts the snapshot FILE in the place of a stopped server's storage, whether that still opens or not. FILE is \
         checked first. The new storage is written and compared with FILE beside the old one, and takes its name in \
         one step: if this command is killed, the server starts with the old storage or with the new one. The old \
         one is kept as store.redb.before-restore-TIME.\n\nWhat changed after the snapshot is lost: secrets, mounts, \
         policies and audit devices are as they were, and tokens that were revoked after it are valid again until \
         they expire. The next start puts the restoration on record, with the name of the system user, the time and \
         the SHA-256 of the snapshot. The key shares are those of the snapshot's server.\n\nThe exit code is 0 if \
         the storage is restored, 1 if the command line is wrong, and 2 if FILE or the storage refuses; then nothing \
         has changed, unless the error says that the storage is restored but not synced.",
    )
    .examples(&[
        (
            "Restore the storage that a configuration names:",
            "operator snapshot restore -config=/etc/onrecord/server.hcl backup.snapshot",
        ),
        (
            "Restore into a data directory:",
            "operator snapshot restore -path=/var/lib/onrecord backup.snapshot",
        ),
    ])
    .offline()
    .output(Output::Format)
    .flags(&[
        CONFIG,
        Flag::bool("force", "Restore although the storage has other keys than the snapshot."),
        Flag::text("path", "Data directory of the server, instead of -config."),
    ]),
    Command::new("operator snapshot inspect", "FILE", "Check a snapshot and show what is known of it", inspect)
        .about(
            "Reads the snapshot FILE to its end, checks it, and shows when and by which server it was made, how many \
             records it has, and its SHA-256. No server is needed.\n\nThe exit code is 0 if FILE is a complete \
             snapshot, 1 if the command line is wrong, and 2 if FILE is damaged, cut, or not a snapshot.",
        )
        .examples(&[("Check a snapshot:", "operator snapshot inspect backup.snapshot")])
        .offline()
        .output(Output::Format),
];

fn inspect(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [file] = exactly(&invocation.arguments)?;
    let info = inspect_snapshot(Path::new(file)).map_err(|error| Failure::server(error.to_string()))?;
    let rows = [
        ("Format", info.format.to_string()),
        ("Created", shown(info.header.created)),
        ("Cluster ID", info.header.cluster.clone()),
        ("Server Version", info.header.server.clone()),
        ("Storage Type", info.header.storage.clone()),
        ("Records", info.header.records.to_string()),
        ("Bytes", info.bytes.to_string()),
        ("SHA-256", info.sha256.clone()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    session.show(&table::columns(&rows), node(&info))
}

/// A snapshot as JSON or YAML.
fn node(info: &SnapshotInfo) -> Node {
    Node::record([
        ("format", info.format.into()),
        ("created_time", shown(info.header.created).into()),
        ("cluster_id", (&info.header.cluster).into()),
        ("server_version", (&info.header.server).into()),
        ("storage_type", (&info.header.storage).into()),
        ("records", info.header.records.into()),
        ("bytes", info.bytes.into()),
        ("sha256", (&info.sha256).into()),
    ])
}

/// `2026-11-29T13:30:00Z`.
fn shown(seconds: i64) -> String {
    let mut text = Vec::new();
    Time::from_unix(seconds, 0).rfc3339_seconds(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

fn restore(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [file] = exactly(&invocation.arguments)?;
    let config: Vec<PathBuf> = invocation.texts("config").into_iter().map(PathBuf::from).collect();
    let place = match (invocation.text("path"), config.is_empty()) {
        (Some(path), true) => StoragePlace::Directory(path.into()),
        (None, false) => StoragePlace::Config(config),
        (Some(_), false) => {
            return Err(Failure::usage("-config and -path are both given: give one of them."));
        }
        (None, true) => {
            return Err(Failure::usage(
                "A snapshot is restored into the storage of a stopped server, not into a running one: give its \
                 configuration with -config, or its data directory with -path.",
            ));
        }
    };
    let (kinds, force) = (session.process.kinds.clone(), invocation.is_set("force"));
    let mut told = Ok(());
    let done = restore_snapshot(&place, &kinds, Path::new(file), force, |step| {
        let text = match step {
            RestoreStep::Verify => "Checking the snapshot …",
            RestoreStep::Write => "Writing the new storage …",
            RestoreStep::Check => "Comparing it with the snapshot …",
            _ => return,
        };
        if told.is_ok() {
            told = session.note(text);
        }
    });
    let done = done.map_err(|error| Failure::server(error.to_string()))?;
    told?;
    let old = done.old.map(|old| old.display().to_string());
    let kept = old.as_ref().map(|old| format!("\nThe storage before is kept as {old}"));
    let text = format!(
        "Success! Restored {} records of the snapshot of {}.{}",
        done.snapshot.header.records,
        shown(done.snapshot.header.created),
        kept.unwrap_or_default()
    );
    let mut shown = node(&done.snapshot);
    shown.push("kept", old.map_or(Node::from(onrecord_value::Value::Null), |old| (&old).into()));
    session.show(&text, shown)
}
