//! `kv metadata get|put|patch|delete`, for version 2 of the engine.
//! Never in it: the data of a secret.

use super::{KvTarget, MOUNT, kv_target, print_object, print_path};
use crate::command::generic::{deleted, nothing_at, written};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use crate::print_response;
use crate::printer::Format;
use onrecord_value::{Object, Value, duration};

const CAS_REQUIRED: Flag = Flag::bool("cas-required", "Require -cas for every write of the secret.");
const CUSTOM: Flag =
    Flag::pairs("custom-metadata", "KEY=VALUE to keep with the secret. May be given several times.");
const DELETE_AFTER: Flag =
    Flag::duration("delete-version-after", "Delete each version this long after its creation.");
const MAX_VERSIONS: Flag =
    Flag::integer("max-versions", "Number of versions to keep. 0 uses the setting of the mount.");

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("kv metadata get", "PATH", "Retrieve metadata from the key/value engine", get)
        .about("Prints the metadata of a secret and of its versions.")
        .examples(&[("Print the metadata of a secret:", "kv metadata get secret/app")])
        .output(Output::Field)
        .flags(&[MOUNT]),
    Command::new("kv metadata put", "PATH", "Set or update metadata of a secret", put)
        .about(
            "Changes the given settings of a secret. -custom-metadata replaces all custom metadata. The \
             secret need not exist yet.",
        )
        .examples(&[
            ("Keep five versions:", "kv metadata put -max-versions=5 secret/app"),
            ("Set custom metadata:", "kv metadata put -custom-metadata=owner=web secret/app"),
        ])
        .output(Output::Format)
        .flags(&[CAS_REQUIRED, CUSTOM, DELETE_AFTER, MAX_VERSIONS, MOUNT]),
    Command::new("kv metadata patch", "PATH", "Change parts of the metadata of a secret", patch)
        .about("Changes the given settings and custom metadata of a secret and keeps the others.")
        .examples(&[(
            "Change one key of the custom metadata:",
            "kv metadata patch -custom-metadata=owner=ops secret/app",
        )])
        .output(Output::Format)
        .flags(&[
            CAS_REQUIRED,
            CUSTOM,
            DELETE_AFTER,
            MAX_VERSIONS,
            MOUNT,
            Flag::texts(
                "remove-custom-metadata",
                "Key of the custom metadata to remove. May be given several times.",
            ),
        ]),
    Command::new("kv metadata delete", "PATH", "Delete a secret with all its versions and metadata", delete)
        .about("Deletes a secret permanently, with all versions and the metadata.")
        .examples(&[("Delete a secret permanently:", "kv metadata delete secret/app")])
        .output(Output::Format)
        .flags(&[MOUNT]),
];

fn v2_target(session: &mut Session<'_>, invocation: &Invocation) -> Result<KvTarget, Failure> {
    let [path] = exactly(&invocation.arguments)?;
    let target = kv_target(session, invocation, path)?;
    if target.is_v2() { Ok(target) } else { Err(Failure::usage("Metadata not supported on KV Version 1")) }
}

fn get(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let target = v2_target(session, invocation)?;
    let full = target.part("metadata");
    let found = session.call(target.client.read(&full, &[]), "")?;
    let Some(found) = found else {
        return Err(nothing_at(&full));
    };
    if session.format != Format::Table || session.field.is_some() || found.wrap_info.is_some() {
        return print_response::print(session, &found);
    }
    print_response::warnings(session, &found)?;
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
        session.print_line("")?;
        print_object(session, &format!("Version {number}"), version)?;
    }
    Ok(0)
}

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

fn put(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let target = v2_target(session, invocation)?;
    let full = target.part("metadata");
    let body = Value::Object(settings(invocation));
    let answer = session.call(target.client.write(&full, &body), "")?;
    written(session, answer.as_ref(), &full)
}

fn patch(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let target = v2_target(session, invocation)?;
    let full = target.part("metadata");
    let mut body = settings(invocation);
    let removed = invocation.texts("remove-custom-metadata");
    if !removed.is_empty() {
        let mut custom = body.object("custom_metadata").cloned().unwrap_or_default();
        custom.extend(removed.into_iter().map(|key| (key, Value::Null)));
        body.insert("custom_metadata", custom);
    }
    let answer = session.call(target.client.patch(&full, &Value::Object(body)), "")?;
    written(session, answer.as_ref(), &full)
}

fn delete(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let target = v2_target(session, invocation)?;
    let full = target.part("metadata");
    let answer = session.call(target.client.delete(&full, &[]), "")?;
    deleted(session, answer.as_ref(), &full)
}
