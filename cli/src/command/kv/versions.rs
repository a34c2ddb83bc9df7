//! `kv delete|undelete|destroy|rollback`: the versions of a secret.
//! Never in it: the metadata of a secret.

use super::{MOUNT, ROOT, kv_target, version_body, version_of};
use crate::command::generic::{deleted, nothing_at, written};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, context, exactly};
use onrecord_value::{Value, object};

const VERSIONS: Flag = Flag::texts("versions", "Versions, separated by commas. May be given several times.");

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("kv delete", "PATH", "Delete versions in the key/value engine", delete)
        .about(
            "Deletes the newest version of a secret, or those of -versions. With version 2 of the engine, \
             \"kv undelete\" restores them. With version 1, the secret is lost.",
        )
        .examples(&[
            ("Delete the newest version:", "kv delete secret/app"),
            ("Delete two older versions:", "kv delete -versions=1,2 secret/app"),
        ])
        .output(Output::Format)
        .flags(&[MOUNT, VERSIONS]),
    Command::new("kv undelete", "PATH", "Undelete versions in the key/value engine", undelete)
        .about("Restores versions that \"kv delete\" deleted. -versions is required.")
        .examples(&[("Restore version 3:", "kv undelete -versions=3 secret/app")])
        .output(Output::Format)
        .flags(&[MOUNT, VERSIONS]),
    Command::new("kv destroy", "PATH", "Permanently remove versions in the key/value engine", destroy)
        .about("Removes the data of versions permanently. It cannot be restored. -versions is required.")
        .examples(&[("Destroy version 3:", "kv destroy -versions=3 secret/app")])
        .output(Output::Format)
        .flags(&[MOUNT, VERSIONS]),
    Command::new("kv rollback", "PATH", "Roll back to a previous version of data", rollback)
        .about("Writes the data of an older version as a new version. -version is required.")
        .examples(&[("Go back to version 2:", "kv rollback -version=2 secret/app")])
        .output(Output::Field)
        .flags(&[MOUNT, Flag::integer("version", "Version to write again.")]),
];

fn versions(invocation: &Invocation) -> Vec<String> {
    let all = invocation.texts("versions");
    all.iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let target = kv_target(session, invocation, path)?;
    if target.is_root() {
        session.warn(ROOT)?;
    }
    let full = target.part("data");
    let versions = versions(invocation);
    let answer = if target.is_v2() && !versions.is_empty() {
        let body = Value::Object(object! { "versions" => versions });
        session.block_on(target.client.write(&target.part("delete"), &body))?
    } else {
        session.block_on(target.client.delete(&full, &[]))?
    };
    let answer = answer.map_err(context(""))?;
    deleted(session, answer.as_ref(), &full)
}

fn undelete(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    change_versions(session, invocation, "undelete", "Undelete")
}

fn destroy(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    change_versions(session, invocation, "destroy", "Destroy")
}

fn change_versions(
    session: &mut Session<'_>,
    invocation: &Invocation,
    part: &str,
    name: &str,
) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let versions = versions(invocation);
    if versions.is_empty() {
        return Err(Failure::usage(format!(
            "No versions provided, use the \"-versions\" flag to specify the version to {part}."
        )));
    }
    let target = kv_target(session, invocation, path)?;
    if !target.is_v2() {
        return Err(Failure::usage(format!("{name} not supported on KV Version 1")));
    }
    let full = target.part(part);
    let body = Value::Object(object! { "versions" => versions });
    let answer = session.call(target.client.write(&full, &body), "")?;
    written(session, answer.as_ref(), &full)
}

fn rollback(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = invocation.arguments.as_slice() else {
        let got = invocation.arguments.len();
        return Err(Failure::usage(format!("Invalid number of arguments (expected 1, got {got})")));
    };
    let Some(version) = invocation.integer("version").filter(|version| *version > 0) else {
        return Err(Failure::usage("Version flag must be specified"));
    };
    let target = kv_target(session, invocation, path)?;
    if !target.is_v2() {
        return Err(Failure::server("K/V engine mount must be version 2 for rollback support"));
    }
    let full = target.part("data");
    let side = target.client.plain();
    let current = session.call(side.read(&full, &[]), "")?;
    let Some(current) = current.and_then(|found| found.data).and_then(|data| version_of(&data)) else {
        return Err(nothing_at(&full));
    };
    let query = [("version".to_owned(), version.to_string())];
    let wanted = session.call(side.read(&full, &query), "")?;
    let Some(wanted) = wanted.and_then(|found| found.data) else {
        return Err(nothing_at(&full));
    };
    let Some(data) = wanted.object("data") else {
        return Err(Failure::server("Cannot roll back to a version that has been deleted"));
    };
    let body = version_body(data.clone(), Some(current));
    let answer = session.call(target.client.write(&full, &body), "")?;
    written(session, answer.as_ref(), &full)
}
