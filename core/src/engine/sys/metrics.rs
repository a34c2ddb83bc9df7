//! `sys/metrics`: the metrics of a server, each with its name, what it means, and what it reads now. All of them exist before the
//! first request. Never in it: how they are written ([`text`] and [`json`]), or a client's text, not even in a label.

mod devices;
mod json;
mod text;

use onrecord_audit::status::Distribution;
use onrecord_value::{Number, quote};

use crate::VERSION;
use crate::alarm::Phase;
use crate::engine::unsealed::Unsealed;
use crate::engine::{Call, fields};
use crate::exchange::Media;
use crate::host::Host;
use crate::meters::Meters;
use crate::outcome::{Raw, Refusal, Reply};

/// All readings of one name.
pub(crate) struct Family {
    /// With dots between its parts.
    name: String,
    help: &'static str,
    /// Whether it is one of those that existing dashboards know: then its times are milliseconds, and its name stays as
    /// it is.
    known: bool,
    readings: Vec<(Labels, Reading)>,
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

/// Reads them.
pub(super) fn read(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let format = fields::text(call.data, "format")?.unwrap_or_default();
    let prometheus = match &*format {
        "" | "json" => false,
        "prometheus" => true,
        other => {
            let text = format!("metric response format {} unknown", quote::quote(other));
            return Err(Refusal::invalid(text));
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
        ours("audit.rule_met", "1 if the audit rule can be met.", [(vec![], gauge(u64::from(met)))]),
        ours("audit.minimum", "Devices that must have an entry.", [(vec![], count_of(outlook.minimum))]),
        ours("audit.devices", "Enabled devices.", [(vec![], count_of(outlook.devices))]),
        ours(
            "audit.devices_able",
            "Devices that can be expected to take entries.",
            [(vec![], count_of(outlook.able))],
        ),
        ours(
            "audit.entries",
            "Entries that were given a counter since the unsealing.",
            [(vec![], Reading::Counter(open.broker.last_seq()))],
        ),
    ]);
    let table = open.devices.table();
    let kind = |path: &str| table.get(path).map_or_else(String::new, |device| device.kind.clone());
    let devices: Vec<_> = devices.into_iter().map(|status| (kind(&status.path), status)).collect();
    families.extend(devices::families(&devices));
    families
}

fn of_server(meters: &Meters, host: &Host, open: Option<&Unsealed>) -> Vec<Family> {
    let times = |phase| [(vec![], Reading::Times(meters.times(phase)))];
    let failures = |phase| [(vec![], Reading::Counter(meters.failures(phase)))];
    let in_flight = || [(vec![], count_of(meters.admission.in_flight()))];
    let answers =
        meters.answers().map(|(class, count)| (vec![("class", class.to_owned())], Reading::Counter(count)));
    let uptime = host.clock.monotonic().saturating_sub(meters.began).as_secs_f64();
    let mut families = vec![
        known(
            "vault.audit.log_request",
            "Milliseconds to put a request entry on record.",
            times(Phase::Request),
        ),
        known(
            "vault.audit.log_response",
            "Milliseconds to put a response entry on record.",
            times(Phase::Response),
        ),
        known(
            "vault.audit.log_request_failure",
            "Request entries that could not be put on record.",
            failures(Phase::Request),
        ),
        known(
            "vault.audit.log_response_failure",
            "Response entries that could not be put on record.",
            failures(Phase::Response),
        ),
        known(
            "vault.core.unsealed",
            "1 if the server is unsealed.",
            [(vec![], gauge(u64::from(open.is_some())))],
        ),
        known("vault.core.in_flight_requests", "Requests in flight.", in_flight()),
        ours("requests_in_flight", "Requests in flight.", in_flight()),
        ours(
            "requests_refused",
            "Requests refused before they were looked at, for want of room.",
            [(vec![], Reading::Counter(meters.admission.refused()))],
        ),
        ours("answers", "Answers by the class of their status.", answers),
        ours(
            "build_info",
            "1; the version is its label.",
            [(vec![("version", VERSION.to_owned())], gauge(1))],
        ),
        ours("uptime_seconds", "Seconds since the process began to serve.", [(vec![], real(uptime))]),
    ];
    let started = Number::from(meters.started.unix_seconds());
    let process = [
        (
            "start_time_seconds",
            "When the process began to serve, in seconds since 1970.",
            Some(Reading::Gauge(started)),
        ),
        ("resident_memory_bytes", "Resident memory.", host.process.resident_bytes().map(gauge)),
        ("open_fds", "Open file descriptors.", host.process.open_files().map(gauge)),
    ];
    for (name, help, reading) in process {
        let readings: Vec<_> = reading.into_iter().map(|reading| (vec![], reading)).collect();
        families.push(Family { name: format!("process.{name}"), help, known: true, readings });
    }
    families
}

fn known(name: &str, help: &'static str, readings: impl IntoIterator<Item = (Labels, Reading)>) -> Family {
    Family { name: name.to_owned(), help, known: true, readings: readings.into_iter().collect() }
}

fn ours(name: &str, help: &'static str, readings: impl IntoIterator<Item = (Labels, Reading)>) -> Family {
    Family { name: format!("onrecord.{name}"), help, known: false, readings: readings.into_iter().collect() }
}

fn gauge(value: u64) -> Reading {
    Reading::Gauge(value.into())
}

fn count_of(value: usize) -> Reading {
    gauge(value as u64)
}

fn real(value: f64) -> Reading {
    Reading::Gauge(Number::from_f64(value).unwrap_or_else(|| 0.into()))
}
