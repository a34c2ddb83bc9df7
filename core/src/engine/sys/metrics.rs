//! `sys/metrics`: the metrics of a server, each with its name, what it means, and what it reads now. All of them exist before the
//! first request. Never in it: how they are written ([`text`] and [`json`]), or a client's text, not even in a label.

mod devices;
mod json;
mod text;

use onrecord_audit::status::Distribution;
use onrecord_value::{Number, quote};

use crate::VERSION;
use crate::alarm::Phase::{Request, Response};
use crate::engine::{Call, Unsealed, fields};
use crate::exchange::Media;
use crate::host::Host;
use crate::meters::Meters;
use crate::outcome::{Raw, Refusal, Reply};

/// All readings of one name.
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
type Labels = Vec<(&'static str, String)>;

/// What is read.
enum Reading {
    /// It only grows.
    Counter(u64),
    /// It comes and goes.
    Gauge(Number),
    /// Times in nanoseconds.
    Times(Distribution),
    /// Numbers of entries.
    Numbers(Distribution),
}

pub(super) fn read(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let format = fields::text(call.data, "format")?.unwrap_or_default();
    let prometheus = match &*format {
        "" | "json" => false,
        "prometheus" => true,
        other => {
            let other = quote::quote(other);
            return Err(Refusal::invalid(format!("metric response format {other} unknown")));
        }
    };
    let raw = body(&open.meters, &open.host, Some(open), prometheus);
    Ok(Reply { raw: Some(raw), ..Reply::default() })
}

/// The metrics of a server, sealed or not, as a body in Vault's JSON form or in Prometheus' text form.
pub(crate) fn body(meters: &Meters, host: &Host, open: Option<&Unsealed>, prometheus: bool) -> Raw {
    let families = all(meters, host, open);
    let uptime = host.clock.monotonic().saturating_sub(meters.began);
    if prometheus {
        Raw { media: Media::Prometheus, body: text::body(&families).into() }
    } else {
        Raw { media: Media::Json, body: json::body(&families, host.clock.now(), uptime).into() }
    }
}

fn all(meters: &Meters, host: &Host, open: Option<&Unsealed>) -> Vec<Family> {
    let mut families = of_server(meters, host, open);
    let Some(open) = open else { return families };
    let devices = open.broker.status();
    let (outlook, met) = open.outlook_of(&devices);
    families.extend([
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
            Reading::Counter(open.broker.last_seq()),
        ),
    ]);
    let table = open.devices.table();
    let kind = |path: &str| table.get(path).map_or_else(String::new, |device| device.kind.clone());
    let devices: Vec<_> = devices.into_iter().map(|status| (kind(&status.path), status)).collect();
    families.extend(devices::families(&devices));
    families
}

fn of_server(meters: &Meters, host: &Host, open: Option<&Unsealed>) -> Vec<Family> {
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
        one("vault.core.unsealed", "1 if the server is unsealed.", gauge(u64::from(open.is_some()))),
        one("vault.core.in_flight_requests", "Requests in flight.", in_flight()),
        one("onrecord.requests_in_flight", "Requests in flight.", in_flight()),
        one(
            "onrecord.requests_refused",
            "Requests refused before they were looked at, for want of room.",
            Reading::Counter(meters.admission.refused()),
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

fn family(
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

fn gauge(value: impl Into<Number>) -> Reading {
    Reading::Gauge(value.into())
}

fn real(value: f64) -> Reading {
    Reading::Gauge(Number::from_f64(value).unwrap_or_else(|| 0.into()))
}
