//! Events of the Open Cybersecurity Schema Framework, version 1.5: the class API Activity.
//! Never in it: escaping (`serde_json`).

use serde_json::{Map, Value, json};

use super::facts::{self, Act, Outcome, PRODUCT, VERSION};
use crate::query::{Field, Row};

const SCHEMA: &str = "1.5.0";
const CATEGORY: i64 = 6;
const CLASS: i64 = 6003;

/// The event of a row.
pub(super) fn event(row: &Row) -> Value {
    let operation = row.text(Field::Operation).unwrap_or_default();
    let (activity, activity_name) = match facts::act(&operation) {
        Act::Create => (1, "Create"),
        Act::Read => (2, "Read"),
        Act::Update => (3, "Update"),
        Act::Delete => (4, "Delete"),
        Act::Other => (99, "Other"),
    };
    let (status, status_name) = match facts::outcome(row) {
        Outcome::Success => (1, "Success"),
        Outcome::Failure => (2, "Failure"),
        Outcome::Unknown => (0, "Unknown"),
    };
    let (severity, severity_name) = if row.denied() { (3, "Medium") } else { (1, "Informational") };
    let mut event = object(vec![
        ("activity_id", Some(activity.into())),
        ("activity_name", Some(activity_name.into())),
        ("category_uid", Some(CATEGORY.into())),
        ("category_name", Some("Application Activity".into())),
        ("class_uid", Some(CLASS.into())),
        ("class_name", Some("API Activity".into())),
        ("type_uid", Some((CLASS * 100 + activity).into())),
        ("type_name", Some(format!("API Activity: {activity_name}").into())),
        ("severity_id", Some(severity.into())),
        ("severity", Some(severity_name.into())),
        ("status_id", Some(status.into())),
        ("status", Some(status_name.into())),
        ("status_detail", row.text(Field::Error).map(Value::from)),
        ("time", Some(milliseconds(row.time().unix_nanos()))),
        ("duration", row.number(Field::Duration).map(|nanos| (nanos / 1_000_000).into())),
        ("message", Some(format!("{operation} {}", row.text(Field::Path).unwrap_or_default()).into())),
    ]);
    event.insert("metadata".to_owned(), metadata(row));
    event.insert("actor".to_owned(), actor(row));
    event.insert("api".to_owned(), api(row, &operation));
    event.insert("src_endpoint".to_owned(), endpoint(row));
    if let Some(resource) = resource(row) {
        event.insert("resources".to_owned(), json!([resource]));
    }
    event.insert("unmapped".to_owned(), unmapped(row));
    event.into()
}

fn object(members: Vec<(&str, Option<Value>)>) -> Map<String, Value> {
    members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn milliseconds(nanos: i128) -> Value {
    i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(0).into()
}

fn metadata(row: &Row) -> Value {
    let mut metadata = object(vec![
        ("version", Some(SCHEMA.into())),
        ("uid", row.text(Field::Id).map(Value::from)),
        ("log_name", Some("audit".into())),
        ("log_provider", row.text(Field::Device).map(Value::from)),
        ("sequence", row.number(Field::Seq).map(Value::from)),
    ]);
    metadata
        .insert("product".to_owned(), json!({ "name": PRODUCT, "vendor_name": PRODUCT, "version": VERSION }));
    metadata.into()
}

fn actor(row: &Row) -> Value {
    let groups: Vec<Value> = row.list(Field::Policy).iter().map(|name| json!({ "name": name })).collect();
    let user = object(vec![
        // The schema wants a name or an id; requests without a token have neither.
        ("name", Some(row.text(Field::Who).unwrap_or_else(|| "anonymous".into()).into())),
        ("uid", row.text(Field::Entity).map(Value::from)),
        ("groups", (!groups.is_empty()).then(|| groups.into())),
    ]);
    let session = object(vec![
        ("uid", row.text(Field::Token).map(Value::from)),
        ("created_time", row.instant(Field::TokenIssued).map(|time| milliseconds(time.unix_nanos()))),
    ]);
    let session = session.contains_key("uid").then(|| session.into());
    object(vec![("user", Some(user.into())), ("session", session)]).into()
}

fn api(row: &Row, operation: &str) -> Value {
    let response = object(vec![
        ("code", row.number(Field::Status).map(Value::from)),
        ("error_message", row.text(Field::Error).map(Value::from)),
    ]);
    object(vec![
        ("operation", Some(if operation.is_empty() { "unknown" } else { operation }.into())),
        ("request", row.text(Field::Id).map(|id| json!({ "uid": id }))),
        ("response", (!response.is_empty()).then(|| response.into())),
        ("service", row.text(Field::Mount).map(|mount| json!({ "name": mount }))),
    ])
    .into()
}

fn endpoint(row: &Row) -> Value {
    let ip = facts::ip(row).map(|ip| Value::from(ip.to_string()));
    let name =
        if ip.is_some() { None } else { Some(row.text(Field::Address).unwrap_or_else(|| "unknown".into())) };
    object(vec![("ip", ip), ("name", name.map(Value::from)), ("port", facts::port(row).map(Value::from))])
        .into()
}

fn resource(row: &Row) -> Option<Value> {
    let path = row.text(Field::Path)?;
    Some(
        object(vec![
            ("name", Some(path.into())),
            ("type", row.text(Field::MountType).map(Value::from)),
            ("namespace", row.text(Field::Namespace).map(Value::from)),
        ])
        .into(),
    )
}

/// What the schema has no attribute for.
fn unmapped(row: &Row) -> Value {
    let denied_by = row.list(Field::DeniedBy);
    object(vec![
        ("denied", Some(row.denied().into())),
        ("typed_path", row.typed_path().map(Value::from)),
        ("issued_token", row.text(Field::Issued).map(Value::from)),
        ("lease", row.text(Field::Lease).map(Value::from)),
        ("version", row.number(Field::Version).map(Value::from)),
        ("boot", row.text(Field::Boot).map(Value::from)),
        ("denied_by", (!denied_by.is_empty()).then(|| denied_by.join(" ").into())),
    ])
    .into()
}
