//! Events of the Elastic Common Schema, version 8.17.
//! Never in it: escaping (`serde_json`).

use serde_json::{Map, Value, json};

use super::facts::{self, Act, Outcome};
use crate::query::{Field, Row};

const SCHEMA: &str = "8.17.0";

/// The event of a row. What the schema has no field for is below `onrecord`.
pub(super) fn event(row: &Row) -> Value {
    let text = |field| row.text(field).map(Value::from);
    let operation = row.text(Field::Operation).unwrap_or_default();
    let who = text(Field::Who);
    let address = text(Field::Address);
    let ip = facts::ip(row).map(|ip| Value::from(ip.to_string()));
    let mut event = Map::new();
    event.insert("@timestamp".to_owned(), row.time().to_string().into());
    event.insert("ecs".to_owned(), json!({ "version": SCHEMA }));
    event.insert(
        "message".to_owned(),
        format!("{operation} {}", row.text(Field::Path).unwrap_or_default()).into(),
    );
    let mut object = |name: &str, members: Vec<(&str, Option<Value>)>| {
        let members: Map<String, Value> =
            members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        if !members.is_empty() {
            event.insert(name.to_owned(), members.into());
        }
    };
    object("event", categories(row, &operation));
    object(
        "user",
        vec![("name", who.clone()), ("id", text(Field::Entity)), ("roles", list(row, Field::Policy))],
    );
    object(
        "source",
        vec![("address", address), ("ip", ip.clone()), ("port", facts::port(row).map(Value::from))],
    );
    object("url", vec![("path", row.text(Field::Path).map(|path| format!("/v1/{path}").into()))]);
    let status = row.number(Field::Status).map(|status| json!({ "status_code": status }));
    object(
        "http",
        vec![("response", status), ("request", row.text(Field::Id).map(|id| json!({ "id": id })))],
    );
    object("error", vec![("message", text(Field::Error))]);
    object("trace", vec![("id", text(Field::Trace))]);
    object("related", vec![("ip", ip.map(|ip| json!([ip]))), ("user", who.map(|who| json!([who])))]);
    object(
        "onrecord",
        vec![
            ("typed_path", row.typed_path().map(Value::from)),
            ("denied", Some(row.denied().into())),
            ("mount", text(Field::Mount)),
            ("mount_type", text(Field::MountType)),
            ("namespace", text(Field::Namespace)),
            ("token", text(Field::Token)),
            ("issued_token", text(Field::Issued)),
            ("lease", text(Field::Lease)),
            ("version", row.number(Field::Version).map(Value::from)),
            ("device", text(Field::Device)),
            ("boot", text(Field::Boot)),
            ("denied_by", list(row, Field::DeniedBy)),
        ],
    );
    event.into()
}

/// The members of `event`.
fn categories<'e>(row: &Row, operation: &str) -> Vec<(&'e str, Option<Value>)> {
    let text = |field| row.text(field).map(Value::from);
    let outcome = match facts::outcome(row) {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Unknown => "unknown",
    };
    vec![
        ("id", text(Field::Id)),
        ("kind", Some("event".into())),
        ("category", Some(json!([if facts::is_login(row) { "authentication" } else { "api" }]))),
        ("type", Some(types(row, operation))),
        ("action", Some(operation.into())),
        ("outcome", Some(outcome.into())),
        ("duration", row.number(Field::Duration).map(Value::from)),
        ("dataset", Some("onrecord.audit".into())),
        ("module", Some("onrecord".into())),
        ("sequence", row.number(Field::Seq).map(Value::from)),
    ]
}

fn list(row: &Row, field: Field) -> Option<Value> {
    let texts = row.list(field);
    (!texts.is_empty()).then(|| texts.iter().map(|text| Value::from(text.as_ref())).collect())
}

/// The types that the schema expects for the category.
fn types(row: &Row, operation: &str) -> Value {
    if facts::is_login(row) {
        return json!(["start"]);
    }
    let act = match facts::act(operation) {
        Act::Create => "creation",
        Act::Read => "access",
        Act::Update => "change",
        Act::Delete => "deletion",
        Act::Other => "info",
    };
    json!([act, if row.denied() { "denied" } else { "allowed" }])
}
