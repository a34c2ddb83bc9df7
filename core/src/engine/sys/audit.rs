//! `sys/audit` and `sys/audit-hash`: devices listed, enabled, disabled; a text hashed as a device's lines hash it.
//! Never in it: the table of devices (`devices`), or what a device does.

use std::borrow::Cow;
use std::collections::BTreeMap;

use onrecord_value::{Object, Value, object, quote};

use crate::devices::{self, Device, DevicesError};
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::settings::EnableRequest;

pub(super) async fn enable(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let text = |field| fields::text(call.data, field).map(|text| text.unwrap_or_default().into_owned());
    let wanted = EnableRequest {
        path: call.captured.to_owned(),
        kind: text("type")?,
        description: text("description")?,
        local: fields::flag(call.data, "local")?.unwrap_or(false),
        options: options(call.data.get("options"))?,
    };
    unsealed.devices.enable(&unsealed.broker, wanted, call.now).await.map_err(refused)
}

pub(super) async fn disable(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    unsealed.devices.disable(&unsealed.broker, call.captured, call.now).await.map_err(refused)?;
    Ok(())
}

pub(super) fn list(unsealed: &Unsealed) -> Outcome {
    let table = unsealed.devices.table();
    Outcome::data(table.iter().map(|(path, device)| (path.as_str(), shown(device))).collect())
}

fn shown(device: &Device) -> Object {
    let options: Object = device.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    object! {
        "description" => device.description.as_str(),
        "local" => device.local,
        "options" => options,
        "path" => device.path.as_str(),
        "type" => device.kind.as_str(),
    }
}

pub(super) fn refused(error: DevicesError) -> Refusal {
    match error {
        DevicesError::Storage(error) => {
            tracing::error!(%error, "enable audit mount failed: the audit table could not be stored");
            Refusal { text: Some("failed to update audit table".to_owned()), ..Refusal::internal() }
        }
        DevicesError::Entropy(_) | DevicesError::NoThread => {
            tracing::error!(%error, "enable audit mount failed");
            Refusal::internal()
        }
        other => Refusal::invalid(other.to_string()),
    }
}

/// Options are texts by name; other forms are converted as the API converts them.
fn options(value: Option<&Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let pair = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(fields::refused("options", format!("invalid key pair {}", quote::quote(text)))),
        }
    };
    match value {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(map)) => {
            map.iter().map(|(key, value)| Ok((key.to_owned(), text(key, value)?))).collect()
        }
        Some(Value::Array(pairs)) => pairs.iter().map(pair).collect(),
        Some(one @ Value::String(_)) => Ok(BTreeMap::from([pair(one)?])),
        Some(other) => Err(fields::refused("options", format!("expected a map, got {}", other.kind()))),
    }
}

fn text(key: &str, value: &Value) -> Result<String, Refusal> {
    if value.is_null() {
        return Ok(String::new());
    }
    let why = || format!("{} expected type string, got {}", quote::quote(key), value.kind());
    fields::scalar(value).map(Cow::into_owned).ok_or_else(|| fields::refused("options", why()))
}

/// Hashes a text as the lines of a device hash it.
pub(super) fn hash(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let input = input(call)?;
    let path = call.captured.strip_prefix('/').unwrap_or(call.captured);
    devices::hash(&unsealed.broker, path, &input).map(|hash| hashed(call, hash)).ok_or_else(|| unknown(path))
}

pub(super) fn input<'a>(call: &Call<'a>) -> Result<Cow<'a, str>, Refusal> {
    let input = fields::text(call.data, "input")?.unwrap_or_default();
    if input.is_empty() { Err(Refusal::bad_request("the \"input\" parameter is empty")) } else { Ok(input) }
}

pub(super) fn hashed(call: &Call<'_>, hash: String) -> Reply {
    fields::answer(object! { "hash" => hash }, call.data, &["input"])
}

/// No device is enabled at a path.
pub(super) fn unknown(path: &str) -> Refusal {
    let path = format!("{}/", path.strip_suffix('/').unwrap_or(path));
    Refusal::bad_request(format!("unknown audit backend {}", quote::quote(&path)))
}

#[cfg(test)]
mod tests {
    use onrecord_value::json;

    use super::options;

    fn converted(text: &str) -> Result<Vec<(String, String)>, String> {
        let value = json::parse(text.as_bytes(), json::Limits::default()).unwrap();
        options(Some(&value)).map(|map| map.into_iter().collect()).map_err(|refusal| refusal.text.unwrap())
    }

    #[test]
    fn every_form_of_options_becomes_texts() {
        let one = |value: &str| Ok(vec![("k".to_owned(), value.to_owned())]);
        for (given, expected) in [
            ("{\"k\":\"v\"}", one("v")),
            ("{\"k\":true}", one("1")),
            ("{\"k\":false}", one("0")),
            ("{\"k\":2.50}", one("2.50")),
            ("{\"k\":null}", one("")),
            ("[\"k=v=w\"]", one("v=w")),
            ("\"k=v\"", one("v")),
            ("{}", Ok(vec![])),
        ] {
            assert_eq!(converted(given), expected, "{given}");
        }
        for (given, part) in [
            ("[\"=v\"]", "invalid key pair \"=v\""),
            ("\"k\"", "invalid key pair \"k\""),
            ("{\"k\":{}}", "\"k\" expected type string, got object"),
            ("7", "expected a map"),
        ] {
            let text = converted(given).unwrap_err();
            assert!(text.contains("field \"options\"") && text.contains(part), "{text}");
        }
    }
}
