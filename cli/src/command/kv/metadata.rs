//! `kv metadata get|put|patch|delete`, for version 2 of the engine.

use super::{MOUNT, Place, place, print_object, print_path};
use crate::command::generic::{deleted, nothing_at, written};
use crate::failure::{Done, Failure, during, exactly};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::printer::{Format, secret};
use crate::session::Session;
use onrecord_value::{Object, Value, duration};

const CAS_REQUIRED: Flag =
    Flag::new("cas-required", Kind::Bool, "Whether each write must name the current version.")
        .default("false");
const CUSTOM: Flag =
    Flag::new("custom-metadata", Kind::Pairs, "KEY=VALUE kept with the secret. May be given several times.");
const DELETE_AFTER: Flag =
    Flag::new("delete-version-after", Kind::Duration, "How long after its creation a version is deleted.");
const MAX_VERSIONS: Flag = Flag::new(
    "max-versions",
    Kind::Integer,
    "How many versions are kept. 0 keeps as many as the mount says.",
);

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "kv metadata get",
        synopsis: "Retrieve metadata from the key/value engine",
        arguments: "[options] PATH",
        about: "Prints what is known about a secret and its versions.",
        examples: &[("Print the metadata of a secret:", "kv metadata get secret/app")],
        http: true,
        output: Output::Field,
        flags: &[MOUNT],
        run: get,
    },
    Command {
        words: "kv metadata put",
        synopsis: "Set or update metadata of a secret",
        arguments: "[options] PATH",
        about: "Sets the settings of a secret, and its custom metadata as a whole. The secret need not exist yet.",
        examples: &[
            ("Keep five versions:", "kv metadata put -max-versions=5 secret/app"),
            ("Say whose it is:", "kv metadata put -custom-metadata=owner=web secret/app"),
        ],
        http: true,
        output: Output::Format,
        flags: &[CAS_REQUIRED, CUSTOM, DELETE_AFTER, MAX_VERSIONS, MOUNT],
        run: put,
    },
    Command {
        words: "kv metadata patch",
        synopsis: "Change parts of the metadata of a secret",
        arguments: "[options] PATH",
        about: "Changes the named settings of a secret and leaves the others.",
        examples: &[(
            "Change one key of the custom metadata:",
            "kv metadata patch -custom-metadata=owner=ops secret/app",
        )],
        http: true,
        output: Output::Format,
        flags: &[
            CAS_REQUIRED,
            CUSTOM,
            DELETE_AFTER,
            MAX_VERSIONS,
            MOUNT,
            Flag::new(
                "remove-custom-metadata",
                Kind::Texts,
                "A key of the custom metadata to remove. May be given several times.",
            ),
        ],
        run: patch,
    },
    Command {
        words: "kv metadata delete",
        synopsis: "Delete a secret with all its versions and metadata",
        arguments: "[options] PATH",
        about: "Deletes a secret for ever: all versions and the metadata.",
        examples: &[("Delete a secret for ever:", "kv metadata delete secret/app")],
        http: true,
        output: Output::Format,
        flags: &[MOUNT],
        run: delete,
    },
];

fn v2_place(session: &mut Session<'_>, invocation: &Invocation) -> Result<Place, Failure> {
    let [path] = exactly(&invocation.arguments)?;
    let place = place(session, invocation, path)?;
    if place.is_v2() { Ok(place) } else { Err(Failure::usage("Metadata not supported on KV Version 1")) }
}

fn get(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let place = v2_place(session, invocation)?;
    let full = place.part("metadata");
    let found = session.wait(place.client.read(&full, &[]))?.map_err(during(""))?;
    let Some(found) = found else {
        return Err(nothing_at(&full));
    };
    if session.format != Format::Table || session.field.is_some() || found.wrap_info.is_some() {
        return secret::print(session, &found);
    }
    secret::warnings(session, &found)?;
    let mut data = found.data.unwrap_or_default();
    let versions = match data.remove("versions") {
        Some(Value::Object(versions)) => versions,
        _ => Object::new(),
    };
    print_path(session, "Metadata Path", &full)?;
    print_object(session, "Metadata", &data)?;
    let mut numbered: Vec<(u64, &Object)> = versions
        .iter()
        .filter_map(|(number, version)| Some((number.parse().ok()?, version.as_object()?)))
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    for (number, version) in numbered {
        session.say("")?;
        print_object(session, &format!("Version {number}"), version)?;
    }
    Ok(0)
}

/// The settings that were given.
fn settings(invocation: &Invocation) -> Object {
    let mut body = Object::new();
    if let Some(count) = invocation.integer("max-versions").filter(|count| *count >= 0) {
        body.insert("max_versions", count);
    }
    if let Some(required) = invocation.truth("cas-required") {
        body.insert("cas_required", required);
    }
    if let Some(after) = invocation.duration("delete-version-after") {
        body.insert("delete_version_after", duration::format(after));
    }
    let custom: Object = invocation.pairs("custom-metadata").into_iter().collect();
    if !custom.is_empty() {
        body.insert("custom_metadata", custom);
    }
    body
}

fn put(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let place = v2_place(session, invocation)?;
    let full = place.part("metadata");
    let body = Value::Object(settings(invocation));
    let answer = session.wait(place.client.write(&full, &body))?.map_err(during(""))?;
    written(session, answer.as_ref(), &full)
}

fn patch(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let place = v2_place(session, invocation)?;
    let full = place.part("metadata");
    let mut body = settings(invocation);
    let removed = invocation.texts("remove-custom-metadata");
    if !removed.is_empty() {
        let mut custom = body.object("custom_metadata").cloned().unwrap_or_default();
        custom.extend(removed.into_iter().map(|key| (key, Value::Null)));
        body.insert("custom_metadata", custom);
    }
    let answer = session.wait(place.client.patch(&full, &Value::Object(body)))?.map_err(during(""))?;
    written(session, answer.as_ref(), &full)
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let place = v2_place(session, invocation)?;
    let full = place.part("metadata");
    let answer = session.wait(place.client.delete(&full, &[]))?.map_err(during(""))?;
    deleted(session, answer.as_ref(), &full)
}
