//! `sys/internal/specs/openapi`: one document about the paths of all mounts that the caller can see, from the rows of
//! their engines. Never in it: a path.

use onrecord_value::{Object, Value, object};

use crate::VERSION;
use crate::engine::{Call, Mount, Unsealed};
use crate::exchange::Media;
use crate::operation::Operation;
use crate::outcome::{Raw, Refusal, Reply};
use crate::routes::{Access, Route};

pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let caller = call.caller.ok_or_else(Refusal::no_valid_token)?;
    let mut paths = Object::new();
    for mount in unsealed.mounts.snapshot().iter().filter(|mount| caller.acl.reaches_below(&mount.path)) {
        for row in mount.kind.routes() {
            let (template, parameter) = row.template();
            paths.insert(format!("/{}{template}", mount.path), path(mount, row, parameter));
        }
    }
    let document = object! {
        "info" => object! {
            "license" => object! { "name" => "Apache-2.0", "url" => "https://www.apache.org/licenses/LICENSE-2.0" },
            "title" => "OnRecord",
            "version" => VERSION,
        },
        "openapi" => "3.0.2",
        "paths" => paths,
    };
    let body = Value::Object(document).to_json().into();
    Ok(Reply { raw: Some(Raw { media: Media::Json, body }), ..Reply::default() })
}

fn path(mount: &Mount, row: &Route, parameter: Option<&str>) -> Object {
    let mut path = object! { "description" => row.synopsis };
    if let Some(name) = parameter {
        path.insert("parameters", vec![parameter_of("path", name, true)]);
    }
    match row.access {
        Access::Policy => None,
        Access::Sudo => path.insert("x-vault-sudo", true),
        Access::Anybody => path.insert("x-vault-unauthenticated", true),
    };
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
        path.insert(method, described(mount, row, operation));
    }
    path
}

fn described(mount: &Mount, row: &Route, operation: Operation) -> Object {
    let mut described = object! {
        "description" => row.description,
        "responses" => object! { "200" => object! { "description" => "OK" } },
        "summary" => row.synopsis,
        "tags" => vec![mount.kind.name],
    };
    if row.takes(Operation::List) && matches!(operation, Operation::Read | Operation::List) {
        let mut list = parameter_of("query", "list", !row.takes(Operation::Read));
        list.insert("description", "Return a list if `true`");
        described.insert("parameters", vec![list]);
    }
    if !row.sensitive_fields.is_empty() && operation == Operation::Update {
        let secret = || object! { "format" => "password", "type" => "string" };
        let properties: Object = row.sensitive_fields.iter().map(|field| (*field, secret())).collect();
        let schema = object! { "properties" => properties, "type" => "object" };
        let content = object! { "application/json" => object! { "schema" => schema } };
        described.insert("requestBody", object! { "content" => content });
    }
    described
}

fn parameter_of(place: &str, name: &str, required: bool) -> Object {
    let schema = object! { "type" => "string" };
    object! { "in" => place, "name" => name, "required" => required, "schema" => schema }
}
