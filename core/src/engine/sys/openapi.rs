//! `sys/internal/specs/openapi`: one document about the paths of all mounts that the caller can see, from the rows of
//! their engines. Never in it: a path.

use onrecord_value::{Object, Value, object};

use crate::VERSION;
use crate::engine::{Call, Mount, Unsealed};
use crate::exchange::Media;
use crate::operation::Operation;
use crate::outcome::{Raw, Refusal, Reply};
use crate::routes::{Access, Captured, ExemptEndpoint, Recording, Route};

/// The statuses that any request may be answered with, and what they mean.
const STATUSES: [(&str, &str); 12] = [
    ("200", "OK"),
    ("204", "Done; there is nothing to say."),
    ("400", "The request cannot be understood, or is refused: the text says why."),
    ("403", "No valid token was sent, or its policies do not allow this."),
    ("404", "Nothing is stored there, or nothing takes this path."),
    ("405", "The path does not take this operation."),
    ("408", "The request body arrived too slowly."),
    ("412", "What the request depends on has changed."),
    ("413", "The request body is too large."),
    ("429", "Too many requests of this address were refused."),
    ("500", "The request or its response could not be put on record, or the storage failed."),
    ("503", "The server is sealed, or at its limit."),
];
/// Those that `sys/health` answers beside these.
const HEALTH_STATUSES: [(&str, &str); 3] = [
    ("472", "Reserved for replication."),
    ("473", "Reserved for replication."),
    ("501", "The server is not initialised."),
];

pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let caller = call.caller.ok_or_else(Refusal::no_valid_token)?;
    let mut paths = Object::new();
    for mount in unsealed.mounts.snapshot().iter().filter(|mount| caller.acl.reaches_below(&mount.path)) {
        for row in mount.kind.routes() {
            let (template, parameter) = row.template();
            let name = format!("/{}{template}", mount.path);
            let described = path(mount, row, &name, parameter);
            match paths.get_mut(&name).and_then(Value::as_object_mut) {
                // Two rows may differ in a final slash alone: what the first takes stays its own.
                Some(first) => add_missing(first, &described),
                None => drop(paths.insert(name, described)),
            }
        }
    }
    let document = object! {
        "components" => components(),
        "info" => object! {
            "description" => "HTTP API of an audit-first server: each request and its response are on record.",
            "license" => object! { "name" => "Apache-2.0", "url" => "https://www.apache.org/licenses/LICENSE-2.0" },
            "title" => "OnRecord",
            "version" => VERSION,
        },
        "openapi" => "3.0.2",
        "paths" => paths,
        "servers" => vec![object! { "url" => "/v1" }],
    };
    let body = Value::Object(document).to_json().into();
    Ok(Reply { raw: Some(Raw { media: Media::Json, body }), ..Reply::default() })
}

fn add_missing(first: &mut Object, second: &Object) {
    for (key, value) in second {
        if first.get(key).is_none() {
            first.insert(key, value.clone());
        }
    }
}

/// How a token is sent, and what errors look like.
fn components() -> Object {
    let header = |name: &str| object! { "in" => "header", "name" => name, "type" => "apiKey" };
    let texts = object! { "items" => object! { "type" => "string" }, "type" => "array" };
    let errors = object! {
        "properties" => object! { "errors" => texts },
        "required" => vec!["errors"],
        "type" => "object",
    };
    let bearer = object! { "scheme" => "bearer", "type" => "http" };
    object! {
        "schemas" => object! { "Errors" => errors, "Reply" => object! { "type" => "object" } },
        "securitySchemes" => object! { "bearer" => bearer, "token" => header("X-Vault-Token") },
    }
}

fn path(mount: &Mount, row: &Route, name: &str, parameter: Option<&str>) -> Object {
    let mut path = object! { "description" => row.synopsis };
    if let Some(name) = parameter {
        let mut parameter =
            parameter_of("path", name, true, object! { "minLength" => 1, "type" => "string" });
        if row.captured == Captured::Secret {
            parameter.insert("description", "Secret: hashed on record.");
        }
        path.insert("parameters", vec![parameter]);
    }
    match row.access {
        Access::Policy => None,
        Access::Sudo => path.insert("x-vault-sudo", true),
        Access::Anybody => path.insert("x-vault-unauthenticated", true),
    };
    if let Some(why) = row.refused {
        path.insert("x-onrecord-refused", why);
    }
    for operation in row.operations() {
        // A list is a read that asks for one: a path that can be read says so in the read's parameters.
        let method = match operation {
            Operation::Read | Operation::List => "get",
            Operation::Create | Operation::Update => "post",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
            Operation::Header => "head",
            _ => continue,
        };
        path.insert(method, described(mount, row, name, method, operation));
    }
    path
}

fn described(mount: &Mount, row: &Route, name: &str, method: &str, operation: Operation) -> Object {
    let mut described = object! {
        "description" => row.description,
        "operationId" => operation_id(method, name),
        "responses" => responses(row, method),
        "summary" => row.synopsis,
        "tags" => vec![mount.kind.name],
    };
    let schemes = || ["token", "bearer"].map(|scheme| object! { scheme => Vec::<String>::new() });
    if row.access == Access::Anybody {
        described.insert("security", Vec::<Value>::new());
    } else {
        described.insert("security", schemes().to_vec());
    }
    if row.refused.is_some() {
        described.insert("deprecated", true);
    }
    if row.takes(Operation::List) && matches!(operation, Operation::Read | Operation::List) {
        let word = object! { "enum" => vec!["true"], "type" => "string" };
        let mut list = parameter_of("query", "list", !row.takes(Operation::Read), word);
        list.insert("description", "Return a list if `true`");
        described.insert("parameters", vec![list]);
    }
    if matches!(operation, Operation::Create | Operation::Update | Operation::Patch) {
        described.insert("requestBody", request_body(row, operation));
    }
    described
}

/// `get_sys_mounts_path`: unique, as a path and a method are.
fn operation_id(method: &str, name: &str) -> String {
    let mut id = method.to_owned();
    for letter in name.chars() {
        match letter {
            '/' => id.push('_'),
            '{' | '}' => {}
            '_' => id.push_str("__"),
            letter if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.') => id.push(letter),
            letter => id.extend(["_x", &format!("{:x}", u32::from(letter)), "_"]),
        }
    }
    id
}

fn responses(row: &Route, method: &str) -> Object {
    let health = matches!(row.recording, Recording::Exempt(_, ExemptEndpoint::Health));
    let statuses = STATUSES.iter().chain(HEALTH_STATUSES.iter().filter(|_| health));
    let response = |(status, meaning): &(&'static str, &'static str)| {
        let mut response = object! { "description" => *meaning };
        let schema = match *status {
            "204" => None,
            // A health check and a deleted version have bodies of their own.
            "200" | "404" | "429" | "472" | "473" | "501" | "503" => Some("Reply"),
            _ => Some("Errors"),
        };
        if let Some(schema) = schema.filter(|_| method != "head") {
            let schema = object! { "$ref" => format!("#/components/schemas/{schema}") };
            let json = || object! { "schema" => schema.clone() };
            let mut content = object! { "application/json" => json() };
            if *status == "200" {
                // Metrics, snapshots, certificates.
                let text = object! { "schema" => object! { "type" => "string" } };
                content.insert("text/plain", text.clone());
                content.insert("application/octet-stream", text);
            }
            response.insert("content", content);
        }
        (*status, response)
    };
    statuses.map(response).collect()
}

fn request_body(row: &Route, operation: Operation) -> Object {
    let secret = || object! { "format" => "password" };
    let properties: Object = row.sensitive_fields.iter().map(|field| (*field, secret())).collect();
    let schema = object! { "properties" => properties, "type" => "object" };
    let mut content = object! { "application/json" => object! { "schema" => schema.clone() } };
    if operation == Operation::Patch {
        content.insert("application/merge-patch+json", object! { "schema" => schema });
    }
    object! { "content" => content }
}

fn parameter_of(place: &str, name: &str, required: bool, schema: Object) -> Object {
    object! { "in" => place, "name" => name, "required" => required, "schema" => schema }
}
