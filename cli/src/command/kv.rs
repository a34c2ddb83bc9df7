//! `kv get|put|patch|list`, for both versions of the engine.

pub(crate) mod metadata;
pub(crate) mod versions;

use super::generic::{keys, nothing_at, written};
use super::{data, sanitize};
use crate::failure::{Done, Failure, during, exactly, not_enough, too_many};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::printer::{Format, secret, table};
use crate::session::Session;
use onrecord_client::{Client, Error, KvMount, Secret};
use onrecord_value::{Number, Object, Value, object};

const MOUNT: Flag = Flag::new(
    "mount",
    Kind::Text,
    "Path of the engine; PATH is then the path inside. Without it the mount is the beginning of PATH.",
);
const CAS: Flag = Flag::new(
    "cas",
    Kind::Integer,
    "Write only if the current version is this one; 0 only if there is none. By default nothing is checked.",
);

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "kv get",
        synopsis: "Retrieve data from the key/value engine",
        arguments: "[options] PATH",
        about: "Prints the secret at a path, with its metadata if the engine has version 2.",
        examples: &[
            ("Print a secret:", "kv get secret/app"),
            ("Print one field of an older version:", "kv get -field=password -version=1 -mount=secret app"),
        ],
        http: true,
        output: Output::Field,
        flags: &[MOUNT, Flag::new("version", Kind::Integer, "Version to print. By default the newest.")],
        run: get,
    },
    Command {
        words: "kv put",
        synopsis: "Set or update data in the key/value engine",
        arguments: "[options] PATH [DATA K=V...]",
        about: "Writes a secret. What was there before is replaced as a whole; version 2 keeps it as an older version. A \
                value that begins with @ is read from a file, a value of - from standard input.",
        examples: &[
            ("Write a secret:", "kv put secret/app user=web password=s3cr3t"),
            ("Write only if there is none yet:", "kv put -cas=0 secret/app password=@password.txt"),
        ],
        http: true,
        output: Output::Field,
        flags: &[CAS, MOUNT],
        run: put,
    },
    Command {
        words: "kv patch",
        synopsis: "Set or update parts of a secret without overwriting it",
        arguments: "[options] PATH [DATA K=V...]",
        about: "Changes the named keys of a secret and leaves the others. It makes a new version; the engine must have \
                version 2.",
        examples: &[("Change one key:", "kv patch secret/app password=n3w")],
        http: true,
        output: Output::Field,
        flags: &[
            CAS,
            Flag::new(
                "method",
                Kind::Text,
                "patch has the server change the secret; rw reads it and writes it back. By default patch, and rw where the server or the policy does not know patch.",
            ),
            MOUNT,
            Flag::new("remove-data", Kind::Texts, "A key to remove. May be given several times."),
        ],
        run: patch,
    },
    Command {
        words: "kv list",
        synopsis: "List data or secrets",
        arguments: "[options] PATH",
        about: "Lists the secrets below a path. Names that end in / have more below them.",
        examples: &[("List the secrets of a mount:", "kv list secret/")],
        http: true,
        output: Output::Format,
        flags: &[MOUNT],
        run: list,
    },
];

/// Where a command works: the mount, and the path as the API has it in a part of the mount.
struct Place {
    client: Client,
    mount: KvMount,
    path: String,
}

impl Place {
    fn is_v2(&self) -> bool {
        self.mount.version == 2
    }

    /// The path in a part of a version 2 mount; in version 1 there are no parts.
    fn part(&self, part: &str) -> String {
        if self.is_v2() { self.mount.part(part, &self.path) } else { self.path.clone() }
    }

    fn is_root(&self) -> bool {
        self.is_v2() && self.mount.rest(&self.path).is_empty()
    }
}

/// Asks the server which mount a path belongs to.
fn place(session: &mut Session<'_>, invocation: &Invocation, path: &str) -> Result<Place, Failure> {
    let client = session.client(invocation)?;
    let path = sanitize(path)?;
    let (path, asked) =
        match invocation.text("mount").map(sanitize).transpose()?.filter(|mount| !mount.is_empty()) {
            Some(mount) => (format!("{mount}/{path}").trim_end_matches('/').to_owned(), mount),
            None => (path.clone(), path),
        };
    let mount = session.wait(client.kv_mount(&asked))?.map_err(during(""))?;
    Ok(Place { client, mount, path })
}

const ROOT: &str = "Non-listing operations on the root of a K/V v2 mount are not supported.";

fn get(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [path] = exactly(&invocation.arguments)?;
    let place = place(session, invocation, path)?;
    if place.is_root() {
        session.warn(ROOT)?;
        return Ok(0);
    }
    let full = place.part("data");
    let version = invocation.integer("version").filter(|version| place.is_v2() && *version > 0);
    let query: Vec<_> = version.iter().map(|version| ("version".to_owned(), version.to_string())).collect();
    let found = session.wait(place.client.read(&full, &query))?.map_err(during(""))?;
    let Some(found) = found else {
        return Err(nothing_at(&full));
    };
    if let (Some(field), true) = (session.field.clone(), place.is_v2() && found.wrap_info.is_none()) {
        return get_field(session, &found, &full, &field);
    }
    if session.format != Format::Table || found.wrap_info.is_some() || session.field.is_some() {
        return secret::print(session, &found);
    }
    secret::warnings(session, &found)?;
    if !place.is_v2() {
        print_object(session, "Data", &found.data.unwrap_or_default())?;
        return Ok(0);
    }
    print_path(session, "Secret Path", &full)?;
    let data = found.data.unwrap_or_default();
    if let Some(metadata) = data.object("metadata").filter(|metadata| !metadata.is_empty()) {
        print_object(session, "Metadata", metadata)?;
        session.say("")?;
    }
    if let Some(data) = data.object("data") {
        print_object(session, "Data", data)?;
    }
    Ok(0)
}

/// A field of version 2 is one of the inner data; `data` is the inner data itself unless a key has that name.
fn get_field(session: &mut Session<'_>, found: &Secret, full: &str, field: &str) -> Done {
    let inner = found.data.as_ref().and_then(|data| data.object("data"));
    let Some(inner) = inner else {
        return Err(Failure::server(format!("No data found at {full}")));
    };
    let value = match inner.get(field) {
        Some(value) => Some(value.clone()),
        None if field == "data" => Some(Value::Object(inner.clone())),
        None => None,
    };
    secret::print_field(session, value, field)
}

/// A banner over a path, and an empty line.
fn print_path(session: &mut Session<'_>, title: &str, path: &str) -> Result<(), Failure> {
    session.say(&table::banner(title, path.chars().count()))?;
    session.say(path)?;
    session.say("")
}

/// A banner over a table.
fn print_object(session: &mut Session<'_>, title: &str, object: &Object) -> Result<(), Failure> {
    session.say(&table::object_banner(title, object))?;
    session.say(&secret::data_table(object))
}

/// What `put` and `patch` print.
fn print_version(session: &mut Session<'_>, answer: Option<&Secret>, path: &str) -> Done {
    let table = session.format == Format::Table && session.field.is_none();
    let Some(answer) = answer.filter(|answer| table && answer.data.is_some()) else {
        return written(session, answer, path);
    };
    secret::warnings(session, answer)?;
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

fn put(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let (path, words) = path_and_data(invocation)?;
    if words.is_empty() {
        return Err(Failure::usage("Must supply data"));
    }
    let data = data(session, invocation, words)?;
    let place = place(session, invocation, path)?;
    let full = place.part("data");
    if !place.is_v2() {
        let answer = session.wait(place.client.write(&full, &Value::Object(data)))?.map_err(during(""))?;
        return written(session, answer.as_ref(), &full);
    }
    if place.is_root() {
        session.warn(ROOT)?;
    }
    let body = version_body(data, invocation.integer("cas"));
    let answer = session.wait(place.client.write(&full, &body))?.map_err(during(""))?;
    print_version(session, answer.as_ref(), &full)
}

fn version_body(data: Object, cas: Option<i64>) -> Value {
    let mut options = Object::new();
    if let Some(cas) = cas.filter(|cas| *cas >= 0) {
        options.insert("cas", cas);
    }
    Value::Object(object! { "data" => data, "options" => options })
}

fn patch(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let (path, words) = path_and_data(invocation)?;
    let removed = invocation.texts("remove-data");
    if words.is_empty() && removed.is_empty() {
        return Err(Failure::usage("Must supply data"));
    }
    let method = invocation.text("method").unwrap_or_default().to_lowercase();
    if !matches!(method.as_str(), "" | "patch" | "rw") {
        return Err(Failure::usage(format!(
            "Unsupported method provided to -method flag: {method} (patch and rw are known)"
        )));
    }
    let mut data = data(session, invocation, words)?;
    data.extend(removed.iter().map(|key| (key.clone(), Value::Null)));
    let place = place(session, invocation, path)?;
    if !place.is_v2() {
        return Err(Failure::server("K/V engine mount must be version 2 for patch support"));
    }
    if place.is_root() {
        session.warn(ROOT)?;
    }
    let full = place.part("data");
    let cas = invocation.integer("cas");
    if method != "rw" {
        let body = version_body(data.clone(), cas);
        match session.wait(place.client.patch(&full, &body))? {
            // A server or a policy that knows no patch: read and write instead, unless the user insists.
            Err(Error::Api(error)) if method.is_empty() && matches!(error.status, 403 | 405) => {}
            answer => return print_version(session, answer.map_err(during(""))?.as_ref(), &full),
        }
    }
    read_and_write(session, &place, &full, data, cas)
}

fn read_and_write(
    session: &mut Session<'_>,
    place: &Place,
    full: &str,
    changes: Object,
    cas: Option<i64>,
) -> Done {
    let found = session.wait(place.client.plain().read(full, &[]))?.map_err(during(""))?;
    let Some(current) = found.and_then(|found| found.data) else {
        return Err(nothing_at(full));
    };
    let Some(mut data) = current.object("data").cloned() else {
        return Err(Failure::server(format!("No data found at {full}")));
    };
    data.extend(changes);
    data.retain(|_, value| !value.is_null());
    let cas = cas.filter(|cas| *cas >= 0).or_else(|| version_of(&current));
    let answer = session.wait(place.client.write(full, &version_body(data, cas)))?.map_err(during(""))?;
    print_version(session, answer.as_ref(), full)
}

fn version_of(data: &Object) -> Option<i64> {
    data.object("metadata")?.get("version").and_then(Value::as_number).and_then(Number::as_i64)
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let path = match invocation.arguments.as_slice() {
        [path] => path.as_str(),
        [] if invocation.text("mount").is_some() => "",
        [] => return Err(not_enough("1", 0)),
        more => return Err(too_many("1", more.len())),
    };
    let place = place(session, invocation, path)?;
    let full = place.part("metadata");
    let found = session.wait(place.client.list(&full))?.map_err(during(""))?;
    keys(session, found.as_ref(), &full)
}
