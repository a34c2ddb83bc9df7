//! Prints the response of an API call: as a table, as JSON or YAML, or one field of it.
//! Never in it: calls.

use crate::failure::{CommandResult, Failure, USAGE};
use crate::printer::table::{key_value, object_rows};
use crate::printer::{Format, Node, human_duration, json, plain, wrap, yaml};
use crate::session::Session;
use onrecord_client::{Auth, Secret, WrapInfo};
use onrecord_value::quote::Quoted;
use onrecord_value::{Object, Time, Value};

pub(crate) fn print(session: &mut Session<'_>, secret: &Secret) -> CommandResult {
    if let Some(name) = session.field.clone() {
        return print_field(session, field_of(secret, &name), &name);
    }
    if session.format != Format::Table {
        session.print_node(&node(secret))?;
        return Ok(0);
    }
    warnings(session, secret)?;
    let rows = rows(secret);
    if !rows.is_empty() {
        session.print_line(&key_value(&rows))?;
    }
    Ok(0)
}

pub(crate) fn warnings(session: &mut Session<'_>, secret: &Secret) -> Result<(), Failure> {
    let list = secret.warnings.as_deref().unwrap_or_default();
    if list.is_empty() {
        return Ok(());
    }
    session.warn("WARNING! The following warnings were returned from Vault:\n")?;
    for text in list {
        session.warn(&padded(&format!("* {text}")))?;
        session.warn("")?;
    }
    Ok(())
}

fn padded(text: &str) -> String {
    wrap(text, 76).iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Prints a field's value. A newline follows only on a terminal, and in JSON and YAML.
pub(crate) fn print_field(session: &mut Session<'_>, value: Option<Value>, name: &str) -> CommandResult {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Err(Failure::Message(USAGE, format!("Field {} not present in secret", Quoted(name))));
    };
    let text = match session.format {
        Format::Json => json::text(&Node::Value(value)),
        Format::Yaml => yaml::text(&Node::Value(value)).trim_end_matches('\n').to_owned(),
        Format::Table | Format::Raw | Format::Jsonl | Format::Csv => plain(&value),
    };
    let newline =
        if session.process.stdout_is_terminal || session.format != Format::Table { "\n" } else { "" };
    session.print(&format!("{text}{newline}"))?;
    Ok(0)
}

/// The fields of a wrapping token, by the names that tables show.
fn wrap_fields(info: &WrapInfo) -> [(&'static str, Value); 6] {
    [
        ("wrapping_token", info.token.clone()),
        ("wrapping_accessor", (&info.accessor).into()),
        ("wrapping_token_ttl", info.ttl.into()),
        ("wrapping_token_creation_time", go_time(&info.creation_time).into()),
        ("wrapping_token_creation_path", (&info.creation_path).into()),
        ("wrapped_accessor", (&info.wrapped_accessor).into()),
    ]
}

fn auth_fields(auth: &Auth) -> [(&'static str, Value); 7] {
    [
        ("token", auth.client_token.clone()),
        ("token_accessor", (&auth.accessor).into()),
        ("token_duration", auth.lease_duration.into()),
        ("token_renewable", auth.renewable.into()),
        ("token_policies", auth.token_policies.iter().collect()),
        ("identity_policies", auth.identity_policies.iter().flatten().collect()),
        ("policies", auth.policies.iter().collect()),
    ]
}

/// The value of a field, by the names that tables show.
pub(crate) fn field_of(secret: &Secret, name: &str) -> Option<Value> {
    let wrap = secret.wrap_info.iter().flat_map(wrap_fields);
    let auth = secret.auth.iter().flat_map(auth_fields);
    if let Some((_, value)) = wrap.chain(auth).find(|(field, _)| *field == name) {
        return Some(value);
    }
    if let Some(value) = secret.data.as_ref().and_then(|data| data.get(name)) {
        return Some(value.clone());
    }
    match name {
        "data" => secret.data.clone().map(Value::Object),
        "lease_id" => Some(Value::from(&secret.lease_id)),
        "lease_duration" | "refresh_interval" => Some(Value::from(secret.lease_duration)),
        "lease_renewable" => Some(Value::from(secret.renewable)),
        "request_id" => Some(Value::from(&secret.request_id)),
        _ => None,
    }
}

fn rows(secret: &Secret) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut add = |key: String, value: String| rows.push((key, value));
    for (name, value) in secret.wrap_info.iter().flat_map(wrap_fields) {
        match value.as_i64() {
            Some(seconds) => add(format!("{name}:"), human_duration(seconds)),
            None if name == "wrapped_accessor" && value.as_str() == Some("") => {}
            None => add(format!("{name}:"), plain(&value)),
        }
    }
    for (name, value) in secret.auth.iter().flat_map(auth_fields) {
        let text = match &value {
            Value::Number(_) if value.as_i64() == Some(0) => "∞".to_owned(),
            Value::Number(_) => human_duration(value.as_i64().unwrap_or_default()),
            Value::Array(list) => {
                let quoted = list.iter().filter_map(Value::as_str).map(|text| Quoted(text).to_string());
                format!("[{}]", quoted.collect::<Vec<_>>().join(" "))
            }
            _ => plain(&value),
        };
        add(name.to_owned(), text);
    }
    for (key, value) in secret.auth.iter().filter_map(|auth| auth.metadata.as_ref()).flatten() {
        add(format!("token_meta_{key}"), plain(value));
    }
    let leased = secret.auth.is_none() && secret.lease_duration > 0;
    if leased && secret.lease_id.is_empty() {
        add("refresh_interval".to_owned(), human_duration(secret.lease_duration));
    } else if leased {
        add("lease_id".to_owned(), secret.lease_id.clone());
        add("lease_duration".to_owned(), human_duration(secret.lease_duration));
        add("lease_renewable".to_owned(), secret.renewable.to_string());
    }
    rows.extend(secret.data.iter().flat_map(object_rows));
    rows
}

/// A response with the keys in the API's order.
pub(crate) fn node(secret: &Secret) -> Node {
    let mut node = Node::record([
        ("request_id", (&secret.request_id).into()),
        ("lease_id", (&secret.lease_id).into()),
        ("lease_duration", secret.lease_duration.into()),
        ("renewable", secret.renewable.into()),
        ("data", secret.data.clone().into()),
        ("warnings", secret.warnings.clone().into()),
    ]);
    if let Some(auth) = &secret.auth {
        node.push("auth", auth_node(auth));
    }
    if let Some(info) = &secret.wrap_info {
        node.push("wrap_info", wrap_node(info));
    }
    node
}

fn auth_node(auth: &Auth) -> Node {
    Node::record([
        ("client_token", auth.client_token.clone().into()),
        ("accessor", (&auth.accessor).into()),
        ("policies", Node::texts(&auth.policies)),
        ("token_policies", Node::texts(&auth.token_policies)),
        ("identity_policies", auth.identity_policies.clone().into()),
        ("metadata", auth.metadata.clone().into()),
        ("orphan", auth.orphan.into()),
        ("entity_id", (&auth.entity_id).into()),
        ("lease_duration", auth.lease_duration.into()),
        ("renewable", auth.renewable.into()),
        ("mfa_requirement", auth.mfa_requirement.clone().into()),
    ])
}

fn wrap_node(info: &WrapInfo) -> Node {
    let mut node = Node::record([
        ("token", info.token.clone().into()),
        ("accessor", (&info.accessor).into()),
        ("ttl", info.ttl.into()),
        ("creation_time", (&info.creation_time).into()),
        ("creation_path", (&info.creation_path).into()),
    ]);
    if !info.wrapped_accessor.is_empty() {
        node.push("wrapped_accessor", &info.wrapped_accessor);
    }
    node
}

/// An RFC 3339 text as Go prints a time: `2026-11-22 10:31:45.969147648 +0000 UTC`.
fn go_time(text: &str) -> String {
    match Time::parse(text) {
        Ok(time) => format!("{} +0000 UTC", time.to_string().trim_end_matches('Z').replacen('T', " ", 1)),
        Err(_) => text.to_owned(),
    }
}

pub(crate) fn data_table(data: &Object) -> String {
    key_value(&object_rows(data))
}
