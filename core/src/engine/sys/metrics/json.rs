//! Metrics in Vault's JSON form: `Timestamp`, `Gauges`, `Points`, `Counters`, `Samples`. Counts run from the start of the
//! process, not over the last ten seconds as there. Never in it: what is measured.

use std::time::Duration;

use onrecord_audit::status::Distribution;
use onrecord_value::{Number, Object, Time, Value, json, object};

use super::{Family, Labels, Reading};

/// Writes all of them.
pub(super) fn body(families: &[Family], now: Time, uptime: Duration) -> Vec<u8> {
    let (mut gauges, mut counters, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    let seconds = uptime.as_secs_f64().max(1.0);
    for family in families {
        for (labels, reading) in &family.readings {
            let mut metric = object! { "Name" => family.name.as_str(), "Labels" => labelled(labels) };
            match reading {
                Reading::Gauge(number) => {
                    metric.insert("Value", Value::Number(number.clone()));
                    gauges.push(Value::Object(metric));
                }
                Reading::Counter(count) => {
                    metric.insert("Count", Value::from(*count));
                    metric.insert("Sum", Value::from(*count));
                    metric.insert("Rate", real(float(*count) / seconds));
                    counters.push(Value::Object(metric));
                }
                Reading::Times(times) => {
                    let unit = if family.known { 1e6 } else { 1e9 };
                    describe(&mut metric, times, unit, seconds);
                    samples.push(Value::Object(metric));
                }
                Reading::Numbers(numbers) => {
                    describe(&mut metric, numbers, 1.0, seconds);
                    samples.push(Value::Object(metric));
                }
            }
        }
    }
    let whole = object! {
        "Counters" => gathered(counters),
        "Gauges" => gathered(gauges),
        "Points" => Value::Array(Vec::new()),
        "Samples" => gathered(samples),
        "Timestamp" => stamp(now),
    };
    let mut out = Vec::with_capacity(8192);
    json::write_object(&whole, &mut out);
    out.push(b'\n');
    out
}

fn gathered(metrics: Vec<Value>) -> Value {
    Value::Array(metrics)
}

fn labelled(labels: &Labels) -> Object {
    labels.iter().map(|(key, value)| (*key, value.as_str())).collect()
}

fn describe(metric: &mut Object, samples: &Distribution, unit: f64, seconds: f64) {
    let sum = float(samples.sum()) / unit;
    metric.insert("Count", Value::from(samples.count()));
    for (key, value) in [
        ("Rate", sum / seconds),
        ("Sum", sum),
        ("Min", float(samples.min()) / unit),
        ("Max", float(samples.max()) / unit),
        ("Mean", samples.mean() / unit),
        ("Stddev", samples.deviation() / unit),
    ] {
        metric.insert(key, real(value));
    }
}

fn real(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no 64 bits")]
const fn float(value: u64) -> f64 {
    value as f64
}

/// `2026-11-22 16:00:00 +0000 UTC`, as Go prints it.
fn stamp(now: Time) -> String {
    let mut text = Vec::new();
    now.rfc3339_seconds(&mut text);
    String::from_utf8_lossy(&text).replace('T', " ").replace('Z', " +0000 UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_stands_in_its_list() {
        let mut times = Distribution::of_times();
        times.add_time(Duration::from_millis(2));
        let family = |name: &str, known, reading| Family {
            name: name.to_owned(),
            help: "",
            known,
            readings: vec![(vec![("path", "file/".to_owned())], reading)],
        };
        let families = [
            family("vault.core.unsealed", true, Reading::Gauge(1.into())),
            family("vault.audit.log_request_failure", true, Reading::Counter(4)),
            family("vault.audit.log_request", true, Reading::Times(times)),
        ];
        let body = body(&families, Time::UNIX_EPOCH, Duration::from_secs(2));
        let Ok(Value::Object(read)) = json::parse(&body, json::Limits::default()) else { panic!() };
        assert_eq!(read.str("Timestamp"), Some("1970-01-01 00:00:00 +0000 UTC"));
        let first = |list: &str| read.get(list).unwrap().as_array().unwrap()[0].as_object().unwrap().clone();
        assert_eq!(first("Gauges").get("Value"), Some(&Value::from(1)));
        assert_eq!(first("Counters").get("Rate"), Some(&Value::from(2)));
        let sample = first("Samples");
        assert_eq!((sample.get("Count"), sample.get("Mean")), (Some(&Value::from(1)), Some(&Value::from(2))));
        assert_eq!(sample.object("Labels").unwrap().str("path"), Some("file/"));
    }
}
