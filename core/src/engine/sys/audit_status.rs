//! `sys/audit-status`: whether the audit rule can be met, and how each device is.
//! Never in it: a judgement of its own; all of it is the broker's.

use onrecord_audit::device::DrillStatus;
use onrecord_audit::status::{DeviceStatus, Distribution};
use onrecord_entry::SeqSet;
use onrecord_value::{Object, Value, object};

use super::evidence_status;
use crate::boots::UnknownBoot;
use crate::engine::unsealed::Unsealed;
use crate::outcome::Outcome;

pub(super) fn read(unsealed: &Unsealed) -> Outcome {
    let devices = unsealed.broker.status();
    let (outlook, met) = unsealed.outlook_of(&devices);
    let paths = |paths: &[std::sync::Arc<str>]| paths.iter().map(AsRef::as_ref).collect::<Value>();
    let ready = unsealed.alarm.is_ready(unsealed.host.clock.monotonic(), met);
    let rule = object! {
        "able" => outlook.able,
        "lost" => paths(&outlook.lost),
        "met" => met,
        "minimum" => outlook.minimum,
        "ready" => ready,
        "required" => paths(&outlook.required),
    };
    let table = unsealed.devices.table();
    let kind = |path: &str| table.get(path).map(|device| device.kind.as_str()).unwrap_or_default();
    let mut shown: Object =
        devices.iter().map(|device| (&*device.path, device_of(device, kind(&device.path)))).collect();
    for device in &devices {
        let evidence = evidence_status::shown(unsealed, device);
        if let (Some(Value::Object(shown)), Some(evidence)) = (shown.get_mut(&device.path), evidence) {
            shown.insert("evidence", evidence);
        }
    }
    // Devices whose options make none any more: they take nothing, and the rule knows nothing of them.
    for (path, device) in table.iter() {
        if !shown.contains(path) {
            let unopened =
                object! { "path" => path.as_str(), "state" => "unopened", "type" => device.kind.as_str() };
            shown.insert(path, unopened);
        }
    }
    let mut data = object! {
        "audited" => unsealed.broker.is_audited(),
        "boot" => format!("{:016x}", unsealed.broker.boot().number()),
        "devices" => shown,
        "last_seq" => unsealed.broker.last_seq(),
        "rule" => rule,
    };
    let ahead = unsealed.logs_ahead.ends();
    if !ahead.is_empty() {
        let ahead = ahead.iter().map(UnknownBoot::show);
        data.insert("storage_is_older_than", ahead.map(Value::from).collect::<Value>());
    }
    Outcome::data(data)
}

fn device_of(device: &DeviceStatus, kind: &str) -> Object {
    let last_error = device.faults.last_error.as_ref();
    // For how many seconds yet.
    let drill =
        |drill: DrillStatus| object! { "kind" => drill.drill.as_str(), "left" => drill.left.as_secs_f64() };
    object! {
        "able" => device.is_able(),
        "batches" => device.written.batches,
        "bytes" => device.written.bytes,
        "discards" => device.discards,
        "drill" => device.drill.map(drill),
        "entries" => device.written.entries,
        "failures" => device.faults.failures,
        "gaps" => object! {
            "last_told" => ranges(&device.losses.reported.last),
            "told" => device.losses.reported.gaps,
            "told_entries" => device.losses.reported.entries,
            "untold" => ranges(&device.losses.unreported),
            "untold_entries" => device.losses.unreported_entries,
            "untold_since" => device.losses.unreported_since,
        },
        "lag_ms" => u64::try_from(device.queue.lag.as_millis()).unwrap_or(u64::MAX),
        "last_error" => last_error.map(|last| object! { "text" => last.error.to_string(), "time" => last.at }),
        "latency" => object! {
            "request" => latency(&device.written.request_latency),
            "response" => latency(&device.written.response_latency),
        },
        "missed" => device.losses.entries,
        "overruns" => device.faults.overruns,
        "panics" => device.faults.panics,
        "path" => device.path.as_ref(),
        "queue" => object! {
            "bytes" => device.queue.bytes,
            "capacity_bytes" => device.queue.capacity,
            "entries" => device.queue.entries,
        },
        "reopens" => device.reopens,
        "required" => device.required,
        "since" => device.since,
        "state" => device.health.to_string(),
        "type" => kind,
    }
}

fn ranges(seqs: &SeqSet) -> Value {
    seqs.iter().map(|range| object! { "from" => range.from, "to" => range.to }).collect()
}

/// In microseconds; quantiles are bounds of buckets, so at most one bucket too large.
fn latency(times: &Distribution) -> Object {
    let micros = |nanos: u64| nanos / 1000;
    object! {
        "count" => times.count(),
        "max_us" => micros(times.max()),
        "mean_us" => micros(times.sum().checked_div(times.count()).unwrap_or(0)),
        "p50_us" => micros(times.quantile(0.5)),
        "p99_us" => micros(times.quantile(0.99)),
    }
}
