//! `sys/audit-drill`: an audit device is made to fail for a while, on record. The drill begins when the answer leaves, so
//! that its own response entry never waits for the device that it makes hang.
//! Never in it: how a device fails (the audit library's).

use std::time::Duration;

use onrecord_audit::broker::DrillError;
use onrecord_audit::device::{DRILL_MAX, Drill};
use onrecord_value::object;

use super::audit::unknown;
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Afterwards, Refusal, Reply};

/// How long a drill lasts that does not say.
const USUAL: Duration = Duration::from_mins(1);
/// How much later a slow device takes a batch, if the drill does not say.
const DELAY: Duration = Duration::from_secs(1);

pub(super) fn drill(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let path = format!("{}/", call.captured.trim_matches('/'));
    let refused = |error| match error {
        DrillError::NoDevice => unknown(&path),
        DrillError::Off => Refusal::bad_request(
            "audit drills are switched off: set drills = true in the audit stanza of the server's configuration",
        ),
        other => Refusal::bad_request(other.to_string()),
    };
    open.broker.may_drill(&path).map_err(refused)?;
    let kind = fields::text(call.data, "kind")?.unwrap_or_default();
    let time = span(call, "for", USUAL)?;
    let drill = match &*kind {
        "hang" => Drill::Hang,
        "refuse" => Drill::Refuse,
        "slow" => Drill::Slow(span(call, "delay", DELAY)?),
        "stop" => {
            let ended = open.broker.end_drill(&path).map_err(refused)?;
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

/// A time of more than nothing.
fn span(call: &Call<'_>, field: &str, usual: Duration) -> Result<Duration, Refusal> {
    let Some(given) = fields::span(call.data, field)? else { return Ok(usual) };
    let time = given.to_std().filter(|time| !time.is_zero());
    time.ok_or_else(|| Refusal::bad_request(format!("{field:?} must be more than nothing")))
}
