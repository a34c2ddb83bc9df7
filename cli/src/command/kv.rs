//! `kv get|put|patch|list`, for both versions of the engine.
//! Never in it: versions and metadata of a secret.

pub(crate) mod metadata;
pub(crate) mod versions;

use super::generic::{keys, nothing_at, written};
use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, Session, context, data, exactly, explained,
    not_enough, sanitize, too_many,
};
use crate::print_response;
use crate::printer::{Format, table};
use onrecord_client::{Client, Error, KvMount, Secret};
use onrecord_value::{Object, Value, object};

const MOUNT: Flag = Flag::text(
    "mount",
    "Path of the engine. PATH is then relative to it. Without -mount, PATH begins with the path of the \
     engine.",
);
const CAS: Flag = Flag::integer(
    "cas",
    "Check-and-set: write only if this is the current version. 0 writes only if the secret does not exist. \
     By default the version is not checked.",
);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("kv get", "PATH", "Retrieve data from the key/value engine", get)
.about("Prints the secret at PATH. With version 2 of the engine, its metadata is printed too.")
.examples(&[
            ("Print a secret:", "kv get secret/app"),
            ("Print one field of an older version:", "kv get -field=password -version=1 -mount=secret app"),
        ])
.output(Output::Field)
.flags(&[
            MOUNT,
            Flag::integer("version", "Version to print. The default is the newest."),
        ]),
    Command::new("kv put", "PATH [DATA K=V...]", "Set or update data in the key/value engine", put)
.about("Writes a secret. All keys of the existing secret are replaced; version 2 of the engine keeps them as \
        an older version. The value @FILE is read from a file, the value - from standard input.")
.examples(&[
            ("Write a secret:", "kv put secret/app user=web password=s3cr3t"),
            ("Write only if the secret does not exist:", "kv put -cas=0 secret/app password=@password.txt"),
        ])
.output(Output::Field)
.flags(&[CAS, MOUNT]),
    Command::new("kv patch", "PATH [DATA K=V...]", "Set or update parts of a secret without overwriting it", patch)
.about("Changes the given keys of a secret and keeps the others. The result is a new version. Version 2 of \
        the engine only.")
.examples(&[("Change one key:", "kv patch secret/app password=n3w")])
.output(Output::Field)
.flags(&[
            CAS,
            Flag::text(
                "method",
                "patch: the server changes the secret. rw: the client reads the secret, changes it and writes it \
                 back. By default patch is tried first, and rw if the server or the policy does not allow it.",
            ),
            MOUNT,
            Flag::texts("remove-data", "Key to remove. May be given several times."),
        ]),
    Command::new("kv list", "PATH", "List data or secrets", list)
.about("Lists the secrets below PATH. A name that ends in / has names below it.")
.examples(&[("List the secrets of a mount:", "kv list secret/")])
.output(Output::Format)
.flags(&[MOUNT]),
];

struct KvTarget {
    client: Client,
    mount: KvMount,
    path: String,
}

impl KvTarget {
    fn is_v2(&self) -> bool {
        self.mount.version == 2
    }

    /// The path in a part (`data`, `metadata`, …) of a version 2 mount; a version 1 mount has no parts.
    fn part(&self, part: &str) -> String {
        if self.is_v2() { self.mount.part(part, &self.path) } else { self.path.clone() }
    }

    fn is_root(&self) -> bool {
        self.is_v2() && self.mount.rest(&self.path).is_empty()
    }
}

/// Asks the server which mount serves a path.
fn kv_target(session: &mut Session<'_>, invocation: &Invocation, path: &str) -> Result<KvTarget, Failure> {
    let client = session.client(invocation)?;
    let path = sanitize(path)?;
    let (path, asked) =
        match invocation.text("mount").map(sanitize).transpose()?.filter(|mount| !mount.is_empty()) {
            Some(mount) => (format!("{mount}/{path}").trim_end_matches('/').to_owned(), mount),
            None => (path.clone(), path),
        };
    let mount = match session.block_on(client.kv_mount(&asked))? {
        Ok(mount) => mount,
        Err(error) => {
            let hint = no_mount(session, &client, &error, &asked)?;
            return Err(explained("", error, hint.into_iter().collect()));
        }
    };
    Ok(KvTarget { client, mount, path })
}

/// Where a mount may be meant instead, if the server says that there is none for this token.
fn no_mount(
    session: &mut Session<'_>,
    client: &Client,
    error: &Error,
    asked: &str,
) -> Result<Option<String>, Failure> {
    let Error::Api(refused) = error else { return Ok(None) };
    if refused.status != 403 || !refused.errors.iter().any(|text| text.contains("preflight capability check"))
    {
        return Ok(None);
    }
    let mounts = match session.block_on(client.visible_kv_mounts())? {
        Ok(mounts) if !mounts.is_empty() => {
            format!(" It may use the key/value engines at {}.", mounts.join(", "))
        }
        _ => String::new(),
    };
    Ok(Some(format!(
        "No secrets engine that this token may use is mounted at {asked:?}.{mounts} \"secrets list\" lists all mounts."
    )))
}

const ROOT: &str = "Non-listing operations on the root of a K/V v2 mount are not supported.";

fn get(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let target = kv_target(session, invocation, path)?;
    if target.is_root() {
        session.warn(ROOT)?;
        return Ok(0);
    }
    let full = target.part("data");
    let version = invocation.integer("version").filter(|version| target.is_v2() && *version > 0);
    let query: Vec<_> = version.iter().map(|version| ("version".to_owned(), version.to_string())).collect();
    let found = session.call(target.client.read(&full, &query), "")?;
    let Some(found) = found else {
        return Err(nothing_at(&full));
    };
    if let (Some(field), true) = (session.field.clone(), target.is_v2() && found.wrap_info.is_none()) {
        return get_field(session, &found, &full, &field);
    }
    if session.format != Format::Table || found.wrap_info.is_some() || session.field.is_some() {
        return print_response::print(session, &found);
    }
    print_response::warnings(session, &found)?;
    if !target.is_v2() {
        print_object(session, "Data", &found.data.unwrap_or_default())?;
        return Ok(0);
    }
    print_path(session, "Secret Path", &full)?;
    let data = found.data.unwrap_or_default();
    if let Some(metadata) = data.object("metadata").filter(|metadata| !metadata.is_empty()) {
        print_object(session, "Metadata", metadata)?;
        session.print_line("")?;
    }
    if let Some(data) = data.object("data") {
        print_object(session, "Data", data)?;
    }
    Ok(0)
}

/// Prints a key of the secret of a version 2 mount; `data` is all keys, unless a key has that name.
fn get_field(session: &mut Session<'_>, found: &Secret, full: &str, field: &str) -> CommandResult {
    let inner = found.data.as_ref().and_then(|data| data.object("data"));
    let Some(inner) = inner else {
        return Err(Failure::server(format!("No data found at {full}")));
    };
    let value = match inner.get(field) {
        Some(value) => Some(value.clone()),
        None if field == "data" => Some(Value::Object(inner.clone())),
        None => None,
    };
    print_response::print_field(session, value, field)
}

fn print_path(session: &mut Session<'_>, title: &str, path: &str) -> Result<(), Failure> {
    session.print_line(&table::banner(title, path.chars().count()))?;
    session.print_line(path)?;
    session.print_line("")
}

fn print_object(session: &mut Session<'_>, title: &str, object: &Object) -> Result<(), Failure> {
    session.print_line(&table::object_banner(title, object))?;
    session.print_line(&print_response::data_table(object))
}

fn print_version(session: &mut Session<'_>, answer: Option<&Secret>, path: &str) -> CommandResult {
    let table = session.format == Format::Table && session.field.is_none();
    let Some(answer) = answer.filter(|answer| table && answer.data.is_some()) else {
        return written(session, answer, path);
    };
    print_response::warnings(session, answer)?;
    print_path(session, "Secret Path", path)?;
    if let Some(data) = &answer.data {
        print_object(session, "Metadata", data)?;
    }
    Ok(0)
}

fn path_and_data(invocation: &Invocation) -> Result<(&str, &[String]), Failure> {
    invocation
        .arguments
        .split_first()
        .map(|(path, rest)| (path.as_str(), rest))
        .ok_or_else(|| not_enough(">1", 0))
}

fn put(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let (path, words) = path_and_data(invocation)?;
    if words.is_empty() {
        return Err(Failure::usage("Must supply data"));
    }
    let data = data(session, invocation, words)?;
    let target = kv_target(session, invocation, path)?;
    let full = target.part("data");
    if !target.is_v2() {
        let answer = session.call(target.client.write(&full, &Value::Object(data)), "")?;
        return written(session, answer.as_ref(), &full);
    }
    if target.is_root() {
        session.warn(ROOT)?;
    }
    let body = version_body(data, invocation.integer("cas"));
    let answer = session.call(target.client.write(&full, &body), "")?;
    print_version(session, answer.as_ref(), &full)
}

fn version_body(data: Object, cas: Option<i64>) -> Value {
    let mut options = Object::new();
    if let Some(cas) = cas.filter(|cas| *cas >= 0) {
        options.insert("cas", cas);
    }
    Value::Object(object! { "data" => data, "options" => options })
}

fn patch(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let (path, words) = path_and_data(invocation)?;
    let removed = invocation.texts("remove-data");
    if words.is_empty() && removed.is_empty() {
        return Err(Failure::usage("Must supply data"));
    }
    let method = invocation.text("method").unwrap_or_default().to_lowercase();
    if !matches!(method.as_str(), "" | "patch" | "rw") {
        return Err(Failure::usage(format!(
            "Unsupported method provided to -method flag: {method} (use patch or rw)"
        )));
    }
    let mut data = data(session, invocation, words)?;
    data.extend(removed.iter().map(|key| (key.clone(), Value::Null)));
    let target = kv_target(session, invocation, path)?;
    if !target.is_v2() {
        return Err(Failure::server("K/V engine mount must be version 2 for patch support"));
    }
    if target.is_root() {
        session.warn(ROOT)?;
    }
    let full = target.part("data");
    let cas = invocation.integer("cas");
    if method != "rw" {
        let body = version_body(data.clone(), cas);
        match session.block_on(target.client.patch(&full, &body))? {
            // The server or the policy does not allow PATCH: read and write instead, unless -method=patch was given.
            Err(Error::Api(error)) if method.is_empty() && matches!(error.status, 403 | 405) => {}
            answer => return print_version(session, answer.map_err(context(""))?.as_ref(), &full),
        }
    }
    read_and_write(session, &target, &full, data, cas)
}

fn read_and_write(
    session: &mut Session<'_>,
    target: &KvTarget,
    full: &str,
    changes: Object,
    cas: Option<i64>,
) -> CommandResult {
    let found = session.call(target.client.plain().read(full, &[]), "")?;
    let Some(current) = found.and_then(|found| found.data) else {
        return Err(nothing_at(full));
    };
    let Some(mut data) = current.object("data").cloned() else {
        return Err(Failure::server(format!("No data found at {full}")));
    };
    data.extend(changes);
    data.retain(|_, value| !value.is_null());
    let cas = cas.filter(|cas| *cas >= 0).or_else(|| version_of(&current));
    let answer = session.call(target.client.write(full, &version_body(data, cas)), "")?;
    print_version(session, answer.as_ref(), full)
}

fn version_of(data: &Object) -> Option<i64> {
    data.object("metadata")?.get("version").and_then(Value::as_i64)
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let path = match invocation.arguments.as_slice() {
        [path] => path.as_str(),
        [] if invocation.text("mount").is_some() => "",
        [] => return Err(not_enough("1", 0)),
        more => return Err(too_many("1", more.len())),
    };
    let target = kv_target(session, invocation, path)?;
    let full = target.part("metadata");
    let found = session.call(target.client.list(&full), "")?;
    keys(session, found.as_ref(), &full)
}
