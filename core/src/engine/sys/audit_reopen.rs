//! `sys/audit-reopen`: devices opened again after a rotation, by a client that does not know the process id.
//! Never in it: what opening again does to a device.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::broker::Why;
use onrecord_value::{Object, object};

use super::audit::unknown;
use crate::blocking_task::BlockingTask;
use crate::engine::{Call, Unsealed};
use crate::outcome::{Outcome, Refusal};

/// How long devices are waited for. One that hangs is named, and opens again as soon as it can.
const REOPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens all devices again, or the one of the path, and says what came of each.
pub(super) async fn reopen(open: &Unsealed, call: &Call<'_>) -> Outcome {
    let path = call.captured.trim_matches('/');
    let wanted = (!path.is_empty()).then(|| format!("{path}/"));
    if let Some(path) = &wanted
        && !open.devices.table().contains_key(path)
    {
        return unknown(path).into();
    }
    // It blocks, and for this request alone.
    let broker = Arc::clone(&open.broker);
    let reopen = move || broker.reopen(wanted.as_deref(), REOPEN_TIMEOUT);
    let Ok(reopening) = BlockingTask::begin("onrecord-reopen", reopen) else {
        return Refusal::internal().into();
    };
    let done = reopening.done().await.unwrap_or_default();
    let devices: Object = done.iter().map(|(path, done)| (&**path, shown(done))).collect();
    Outcome::data(object! { "devices" => devices })
}

fn shown(done: &Result<(), Why>) -> Object {
    match done {
        Ok(()) => object! { "result" => "reopened" },
        Err(why) => {
            let result = if matches!(why, Why::TimedOut) { "hangs" } else { "failed" };
            object! { "error" => why.to_string(), "result" => result }
        }
    }
}
