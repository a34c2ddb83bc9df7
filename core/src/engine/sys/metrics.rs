//! `sys/metrics`: the metrics of a server, each with its name, what it means, and what it reads now. All of them exist before the
//! first request. Never in it: how they are written ([`text`] and [`json`]), or a client's text, not even in a label.

mod json;
mod text;

use onrecord_audit::status::{DeviceStatus, Distribution, Health};
use onrecord_value::{Number, quote};

use super::evidence_status;
use crate::VERSION;
use crate::alarm::Phase::{Request, Response};
use crate::engine::{Call, Unsealed, fields};
use crate::exchange::Media;
use crate::host::Host;
use crate::meters::Meters;
use crate::outcome::{Raw, Refusal, Reply};

pub(crate) struct Family {
    /// With dots between its parts.
    name: String,
    help: &'static str,
    readings: Vec<(Labels, Reading)>,
}

impl Family {
    /// Whether it is not one of those that existing dashboards know: the times of those are milliseconds, and their names
    /// stay as they are.
    fn is_ours(&self) -> bool {
        self.name.starts_with("onrecord.")
    }
}

/// Names and values; the values are an operator's words or the server's own.
pub(super) type Labels = Vec<(&'static str, String)>;

pub(super) enum Reading {
    /// It only grows.
    Counter(u64),
    /// It comes and goes.
    Gauge(Number),
    /// Times in nanoseconds.
    Times(Distribution),
    /// Numbers of entries.
    Numbers(Distribution),
}

pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let format = fields::text(call.data, "format")?.unwrap_or_default();
    let prometheus = match &*format {
        "" | "json" => false,
        "prometheus" => true,
        other => {
            let other = quote::quote(other);
            return Err(Refusal::invalid(format!("metric response format {other} unknown")));
        }
    };
    let raw = body(&unsealed.meters, &unsealed.host, Some(unsealed), prometheus);
    Ok(Reply { raw: Some(raw), ..Reply::default() })
}

/// The metrics of a server, sealed or not, as a body in Vault's JSON form or in Prometheus' text form.
pub(crate) fn body(meters: &Meters, host: &Host, unsealed: Option<&Unsealed>, prometheus: bool) -> Raw {
    let families = all(meters, host, unsealed);
    let uptime = host.clock.monotonic().saturating_sub(meters.began);
    if prometheus {
        Raw { media: Media::Prometheus, body: text::body(&families).into() }
    } else {
        Raw { media: Media::Json, body: json::body(&families, host.clock.now(), uptime).into() }
    }
}

fn all(meters: &Meters, host: &Host, unsealed: Option<&Unsealed>) -> Vec<Family> {
    let mut families = of_server(meters, host, unsealed);
    let Some(unsealed) = unsealed else { return families };
    let devices = unsealed.broker.status();
    let (outlook, met) = unsealed.outlook_of(&devices);
    let audited = unsealed.broker.is_audited();
    families.extend([
        one(
            "onrecord.clock_behind_seconds",
            "How far the machine's clock is behind the time by which expiry is judged.",
            real(unsealed.mark.machine_is_behind_by().as_secs_f64()),
        ),
        one("onrecord.audit.audited", "1 if an enabled device keeps entries.", gauge(u64::from(audited))),
        one("onrecord.audit.rule_met", "1 if the audit rule can be met.", gauge(u64::from(met))),
        one("onrecord.audit.minimum", "Devices that must have an entry.", gauge(outlook.minimum)),
        one("onrecord.audit.devices", "Enabled devices.", gauge(outlook.devices)),
        one(
            "onrecord.audit.devices_able",
            "Devices that can be expected to take entries.",
            gauge(outlook.able),
        ),
        one(
            "onrecord.audit.entries",
            "Entries that were given a counter since the unsealing.",
            Reading::Counter(unsealed.broker.last_seq()),
        ),
    ]);
    let table = unsealed.devices.table();
    let kind = |path: &str| table.get(path).map_or_else(String::new, |device| device.kind.clone());
    let devices: Vec<_> = devices.into_iter().map(|status| (kind(&status.path), status)).collect();
    families.extend(of_devices(&devices));
    families.extend(evidence_status::families(unsealed, &devices));
    families
}

fn of_server(meters: &Meters, host: &Host, unsealed: Option<&Unsealed>) -> Vec<Family> {
    let times = |phase| Reading::Times(meters.times(phase));
    let failures = |phase| Reading::Counter(meters.failures(phase));
    let in_flight = || gauge(meters.admission.in_flight());
    let answers =
        meters.answers().map(|(class, count)| (vec![("class", class.to_owned())], Reading::Counter(count)));
    let version = vec![("version", VERSION.to_owned())];
    let uptime = host.clock.monotonic().saturating_sub(meters.began).as_secs_f64();
    vec![
        one("vault.audit.log_request", "Milliseconds to put a request entry on record.", times(Request)),
        one("vault.audit.log_response", "Milliseconds to put a response entry on record.", times(Response)),
        one(
            "vault.audit.log_request_failure",
            "Request entries that could not be put on record.",
            failures(Request),
        ),
        one(
            "vault.audit.log_response_failure",
            "Response entries that could not be put on record.",
            failures(Response),
        ),
        one("vault.core.unsealed", "1 if the server is unsealed.", gauge(u64::from(unsealed.is_some()))),
        one("vault.core.in_flight_requests", "Requests in flight.", in_flight()),
        one("onrecord.requests_in_flight", "Requests in flight.", in_flight()),
        one(
            "onrecord.requests_refused",
            "Requests refused before they were looked at, for want of room.",
            Reading::Counter(meters.admission.refused()),
        ),
        one(
            "onrecord.requests_over_rate",
            "Requests refused because their address sends too many that are refused.",
            Reading::Counter(meters.requests_over_rate()),
        ),
        one(
            "onrecord.key_shares_refused",
            "Key shares that were wrong, or that came too soon after wrong ones.",
            Reading::Counter(meters.key_shares_refused()),
        ),
        family("onrecord.answers", "Answers by the class of their status.", answers),
        family("onrecord.build_info", "1; the version is its label.", [(version, gauge(1))]),
        one("onrecord.uptime_seconds", "Seconds since the process began to serve.", real(uptime)),
        one(
            "process.start_time_seconds",
            "When the process began to serve, in seconds since 1970.",
            gauge(meters.started.unix_seconds()),
        ),
        one("process.resident_memory_bytes", "Resident memory.", host.process.resident_bytes().map(gauge)),
        one("process.open_fds", "Open file descriptors.", host.process.open_files().map(gauge)),
    ]
}

/// A name below `onrecord.audit.device`, what it means, and how it is read.
type Plain = (&'static str, &'static str, fn(&DeviceStatus) -> Reading);

/// Those with one reading a device.
const PLAIN: [Plain; 17] = [
    ("entries", "Entries the device has.", |device| Reading::Counter(device.written.entries)),
    ("bytes", "Bytes the device has.", |device| Reading::Counter(device.written.bytes)),
    ("failures", "Writes that failed.", |device| Reading::Counter(device.faults.failures)),
    ("missed", "Entries the device missed.", |device| Reading::Counter(device.losses.entries)),
    ("panics", "Times the device or its formatter panicked.", |device| {
        Reading::Counter(device.faults.panics)
    }),
    ("overruns", "Times the device took longer than the grace.", |device| {
        Reading::Counter(device.faults.overruns)
    }),
    ("reopens", "Times the device was opened again.", |device| Reading::Counter(device.reopens)),
    ("gaps", "Gap entries the device has written.", |device| Reading::Counter(device.losses.reported.gaps)),
    ("gap_entries", "Missed entries told by its gap entries.", |device| {
        Reading::Counter(device.losses.reported.entries)
    }),
    ("untold_entries", "Missed entries that no gap entry has told yet.", |device| {
        gauge(device.losses.unreported_entries)
    }),
    ("queue_entries", "Entries that wait for the device.", |device| gauge(device.queue.entries)),
    ("queue_bytes", "Bytes that wait for the device.", |device| gauge(device.queue.bytes)),
    ("queue_capacity_bytes", "Bytes that may wait for the device.", |device| gauge(device.queue.capacity)),
    ("lag_seconds", "How long the oldest entry has been waiting.", |device| {
        real(device.queue.lag.as_secs_f64())
    }),
    ("required", "1 if entries settle only with this device.", |device| gauge(u64::from(device.required))),
    ("last_error_time_seconds", "When it last failed, in seconds since 1970; 0 for never.", |device| {
        gauge(device.faults.last_error.as_ref().map_or(0, |last| last.at.unix_seconds()))
    }),
    ("batch_entries", "Entries a write.", |device| Reading::Numbers(device.written.batch_entries.clone())),
];

fn of_devices(devices: &[(String, DeviceStatus)]) -> Vec<Family> {
    let mut families = Vec::new();
    let mut latency = Vec::new();
    for (kind, device) in devices {
        let times =
            [("request", &device.written.request_latency), ("response", &device.written.response_latency)];
        for (entry, times) in times {
            let name = format!("vault.audit.{}.log_{entry}", device.path);
            let readings = [(vec![], Reading::Times(times.clone()))];
            families.push(family(name, "Milliseconds until this device had an entry.", readings));
            latency.push((labels(kind, device, Some(("entry", entry))), Reading::Times(times.clone())));
        }
    }
    for (name, help, read) in PLAIN {
        let readings = devices.iter().map(|(kind, device)| (labels(kind, device, None), read(device)));
        families.push(family(format!("onrecord.audit.device.{name}"), help, readings));
    }
    let help = "From accepting an entry to the device's answer.";
    families.push(family("onrecord.audit.device.latency_seconds", help, latency));
    let states = devices.iter().flat_map(|(kind, device)| {
        [Health::Healthy, Health::Lagging, Health::Failing, Health::Broken].map(|state| {
            let labels = labels(kind, device, Some(("state", &state.to_string())));
            (labels, gauge(u64::from(device.health == state)))
        })
    });
    families.push(family("onrecord.audit.device.state", "1 for the state the device is in.", states));
    families
}

pub(super) fn labels(kind: &str, device: &DeviceStatus, more: Option<(&'static str, &str)>) -> Labels {
    let usual = [("path", device.path.as_ref()), ("type", kind)];
    usual.into_iter().chain(more).map(|(key, value)| (key, value.to_owned())).collect()
}

pub(super) fn family(
    name: impl Into<String>,
    help: &'static str,
    readings: impl IntoIterator<Item = (Labels, Reading)>,
) -> Family {
    Family { name: name.into(), help, readings: readings.into_iter().collect() }
}

/// A family with one reading without labels, or with none.
fn one(name: &str, help: &'static str, reading: impl Into<Option<Reading>>) -> Family {
    family(name, help, reading.into().map(|reading| (vec![], reading)))
}

pub(super) fn gauge(value: impl Into<Number>) -> Reading {
    Reading::Gauge(value.into())
}

fn real(value: f64) -> Reading {
    Reading::Gauge(Number::from_f64(value).unwrap_or_else(|| 0.into()))
}
