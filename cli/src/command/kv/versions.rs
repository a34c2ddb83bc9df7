//! `kv delete|undelete|destroy|rollback`: the versions of a secret.

use super::{MOUNT, ROOT, place, version_body, version_of};
use crate::command::generic::{deleted, nothing_at, written};
use crate::failure::{Done, Failure, during, exactly};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::session::Session;
use onrecord_value::{Value, object};

const VERSIONS: Flag =
    Flag::new("versions", Kind::Texts, "Versions, parted by commas. May be given several times.");

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "kv delete",
        synopsis: "Delete versions in the key/value engine",
        arguments: "[options] PATH",
        about: "Deletes the newest version of a secret, or the named ones. With version 2 of the engine they can be \
                undeleted; with version 1 the secret is gone.",
        examples: &[
            ("Delete the newest version:", "kv delete secret/app"),
            ("Delete two older versions:", "kv delete -versions=1,2 secret/app"),
        ],
        http: true,
        output: Output::Format,
        flags: &[MOUNT, VERSIONS],
        run: delete,
    },
    Command {
        words: "kv undelete",
        synopsis: "Undelete versions in the key/value engine",
        arguments: "[options] PATH",
        about: "Takes back the deletion of versions.",
        examples: &[("Undelete a version:", "kv undelete -versions=3 secret/app")],
        http: true,
        output: Output::Format,
        flags: &[MOUNT, VERSIONS],
        run: undelete,
    },
    Command {
        words: "kv destroy",
        synopsis: "Permanently remove versions in the key/value engine",
        arguments: "[options] PATH",
        about: "Removes versions for ever. Nothing brings them back.",
        examples: &[("Destroy a version:", "kv destroy -versions=3 secret/app")],
        http: true,
        output: Output::Format,
        flags: &[MOUNT, VERSIONS],
        run: destroy,
    },
    Command {
        words: "kv rollback",
        synopsis: "Roll back to a previous version of data",
        arguments: "[options] PATH",
        about: "Writes the data of an older version as a new one.",
        examples: &[("Go back to version 2:", "kv rollback -version=2 secret/app")],
        http: true,
        output: Output::Field,
        flags: &[MOUNT, Flag::new("version", Kind::Integer, "Version to go back to.")],
        run: rollback,
    },
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

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [path] = exactly(&invocation.arguments)?;
    let place = place(session, invocation, path)?;
    if place.is_root() {
        session.warn(ROOT)?;
    }
    let full = place.part("data");
    let versions = versions(invocation);
    let answer = if place.is_v2() && !versions.is_empty() {
        let body = Value::Object(object! { "versions" => versions });
        session.wait(place.client.write(&place.part("delete"), &body))?
    } else {
        session.wait(place.client.delete(&full, &[]))?
    };
    let answer = answer.map_err(during(""))?;
    deleted(session, answer.as_ref(), &full)
}

fn undelete(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    change_versions(session, invocation, "undelete", "Undelete")
}

fn destroy(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    change_versions(session, invocation, "destroy", "Destroy")
}

fn change_versions(session: &mut Session<'_>, invocation: &Invocation, part: &str, name: &str) -> Done {
    let [path] = exactly(&invocation.arguments)?;
    let versions = versions(invocation);
    if versions.is_empty() {
        return Err(Failure::usage(format!(
            "No versions provided, use the \"-versions\" flag to specify the version to {part}."
        )));
    }
    let place = place(session, invocation, path)?;
    if !place.is_v2() {
        return Err(Failure::usage(format!("{name} not supported on KV Version 1")));
    }
    let full = place.part(part);
    let body = Value::Object(object! { "versions" => versions });
    let answer = session.wait(place.client.write(&full, &body))?.map_err(during(""))?;
    written(session, answer.as_ref(), &full)
}

fn rollback(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [path] = invocation.arguments.as_slice() else {
        let got = invocation.arguments.len();
        return Err(Failure::usage(format!("Invalid number of arguments (expected 1, got {got})")));
    };
    let Some(version) = invocation.integer("version").filter(|version| *version > 0) else {
        return Err(Failure::usage("Version flag must be specified"));
    };
    let place = place(session, invocation, path)?;
    if !place.is_v2() {
        return Err(Failure::server("K/V engine mount must be version 2 for rollback support"));
    }
    let full = place.part("data");
    let side = place.client.plain();
    let current = session.wait(side.read(&full, &[]))?.map_err(during(""))?;
    let Some(current) = current.and_then(|found| found.data).and_then(|data| version_of(&data)) else {
        return Err(nothing_at(&full));
    };
    let query = [("version".to_owned(), version.to_string())];
    let wanted = session.wait(side.read(&full, &query))?.map_err(during(""))?;
    let Some(wanted) = wanted.and_then(|found| found.data) else {
        return Err(nothing_at(&full));
    };
    let Some(data) = wanted.object("data") else {
        return Err(Failure::server("Cannot roll back to a version that has been deleted"));
    };
    let body = version_body(data.clone(), Some(current));
    let answer = session.wait(place.client.write(&full, &body))?.map_err(during(""))?;
    written(session, answer.as_ref(), &full)
}
