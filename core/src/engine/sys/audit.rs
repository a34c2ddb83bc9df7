//! `sys/audit` and what goes with it: devices enabled, disabled, made to fail for a while and opened again; texts hashed
//! as their lines hash them, and the request headers that are recorded.
//! Never in it: the tables of devices (`devices`) and headers (`crate::audited_headers`), or what a device does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::broker::{DrillError, Why};
use onrecord_audit::device::{DRILL_MAX, Drill};
use onrecord_seal::age::AgeError;
use onrecord_storage::BarrierError;
use onrecord_value::{Object, Value, object, quote};

use crate::audit_errors::WARN_UNKNOWN_OPTION;
use crate::blocking_task::BlockingTask;
use crate::devices::{self, Device, DevicesError};
use crate::engine::{Call, Unsealed, fields};
use crate::names::{check_description, check_name};
use crate::outcome::{Afterwards, Outcome, Refusal, Reply, Warning};
use crate::settings::EnableRequest;

/// How long a drill lasts that does not say.
const USUAL: Duration = Duration::from_mins(1);
/// How much later a slow device takes a batch, if the drill does not say.
const DELAY: Duration = Duration::from_secs(1);
/// How long devices are waited for. One that hangs is named, and opens again as soon as it can.
const REOPEN_TIMEOUT: Duration = Duration::from_secs(5);

const FIELDS: [&str; 4] = ["description", "local", "options", "type"];

pub(super) async fn enable(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let text = |field| fields::text(call.data, field).map(|text| text.unwrap_or_default().into_owned());
    let wanted = EnableRequest {
        path: call.captured.to_owned(),
        kind: text("type")?,
        description: text("description")?,
        local: fields::flag(call.data, "local")?.unwrap_or(false),
        options: options(call.data.get("options"))?,
    };
    check_description("description", &wanted.description)?;
    let now = unsealed.machine_clock.now();
    let unknown = unsealed.devices.enable(&unsealed.broker, wanted, now).await.map_err(refused)?;
    let unknown = unknown.into_iter().map(|text| Warning { text, template: WARN_UNKNOWN_OPTION });
    let warnings = unknown.chain(fields::unrecognized(call.data, &FIELDS)).collect();
    Ok(Reply { warnings, ..Reply::default() })
}

pub(super) async fn disable(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let now = unsealed.machine_clock.now();
    unsealed.devices.disable(&unsealed.broker, call.captured, now).await.map_err(refused)?;
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
        DevicesError::Entropy(_) | DevicesError::NoThread | DevicesError::Seal(AgeError::Library) => {
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

pub(super) fn unknown(path: &str) -> Refusal {
    let path = format!("{}/", path.strip_suffix('/').unwrap_or(path));
    Refusal::bad_request(format!("unknown audit backend {}", quote::quote(&path)))
}

/// Begins when the answer leaves, so that its own response entry never waits for the device that it makes hang.
pub(super) fn drill(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let path = format!("{}/", call.captured.trim_matches('/'));
    let refused = |error| match error {
        DrillError::NoDevice => unknown(&path),
        DrillError::Off => Refusal::bad_request(
            "audit drills are switched off: set drills = true in the audit stanza of the server's configuration",
        ),
        other => Refusal::bad_request(other.to_string()),
    };
    unsealed.broker.may_drill(&path).map_err(refused)?;
    let kind = fields::text(call.data, "kind")?.unwrap_or_default();
    let time = span(call, "for", USUAL)?;
    let drill = match &*kind {
        "hang" => Drill::Hang,
        "refuse" => Drill::Refuse,
        "slow" => Drill::Slow(span(call, "delay", DELAY)?),
        "stop" => {
            let ended = unsealed.broker.end_drill(&path).map_err(refused)?;
            let stopped = object! { "path" => path, "stopped" => ended };
            return Ok(Reply { data: Some(stopped), ..Reply::default() });
        }
        _ => return Err(Refusal::bad_request("\"kind\" must be hang, refuse, slow or stop")),
    };
    if time > DRILL_MAX {
        let most = DRILL_MAX.as_secs() / 60;
        return Err(Refusal::bad_request(format!("a drill lasts at most {most} minutes")));
    }
    let data = object! { "for" => time.as_secs_f64(), "kind" => drill.as_str(), "path" => path.as_str() };
    let afterwards = Some(Afterwards::Drill { path, drill, time });
    Ok(Reply { afterwards, ..fields::answer(data, call.data, &["kind", "for", "delay"]) })
}

fn span(call: &Call<'_>, field: &str, usual: Duration) -> Result<Duration, Refusal> {
    let Some(given) = fields::span(call.data, field)? else { return Ok(usual) };
    let time = given.to_std().filter(|time| !time.is_zero());
    time.ok_or_else(|| Refusal::bad_request(format!("{field:?} must be more than nothing")))
}

/// Opens all devices again, or the one of the path, and says what came of each.
pub(super) async fn reopen(unsealed: &Unsealed, call: &Call<'_>) -> Outcome {
    let path = call.captured.trim_matches('/');
    let wanted = (!path.is_empty()).then(|| format!("{path}/"));
    if let Some(path) = &wanted
        && !unsealed.devices.table().contains_key(path)
    {
        return unknown(path).into();
    }
    // It blocks, and for this request alone.
    let broker = Arc::clone(&unsealed.broker);
    let reopen = move || broker.reopen(wanted.as_deref(), REOPEN_TIMEOUT);
    let Ok(reopening) = BlockingTask::begin("onrecord-reopen", reopen) else {
        return Refusal::internal().into();
    };
    let done = reopening.done().await.unwrap_or_default();
    let devices: Object = done.iter().map(|(path, done)| (&**path, reopened(done))).collect();
    Outcome::data(object! { "devices" => devices })
}

fn reopened(done: &Result<(), Why>) -> Object {
    match done {
        Ok(()) => object! { "result" => "reopened" },
        Err(why) => {
            let result = if matches!(why, Why::TimedOut) { "hangs" } else { "failed" };
            object! { "error" => why.to_string(), "result" => result }
        }
    }
}

pub(super) fn list_headers(unsealed: &Unsealed) -> Outcome {
    let headers = unsealed.audited_headers.current();
    let all: Object = headers.iter().map(|(name, hmac)| (name.as_str(), header(*hmac))).collect();
    Outcome::data(object! { "headers" => all })
}

/// A recorded request header, by its name as it was typed, not as it is stored.
pub(super) fn read_header(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let headers = unsealed.audited_headers.current();
    let hmac = headers.get(&call.captured.to_ascii_lowercase());
    let hmac = hmac.ok_or_else(|| Refusal::bad_request("Could not find header in config"))?;
    Ok(Outcome::data(object! { call.captured => header(*hmac) }))
}

pub(super) async fn set_header(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let hmac = fields::flag(call.data, "hmac")?.unwrap_or(false);
    check_name("the name of a header", call.captured)?;
    unsealed.audited_headers.change(call.captured, Some(hmac)).await.map_err(|error| not_stored(&error))
}

pub(super) async fn remove_header(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    unsealed.audited_headers.change(call.captured, None).await.map_err(|error| not_stored(&error))
}

fn not_stored(error: &BarrierError) -> Refusal {
    tracing::error!(%error, "the audited headers could not be stored");
    Refusal::internal()
}

fn header(hmac: bool) -> Object {
    object! { "hmac" => hmac }
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
