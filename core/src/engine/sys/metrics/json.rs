//! Metrics in Vault's JSON form: `Timestamp`, `Gauges`, `Points`, `Counters`, `Samples`. Counts run from the start of the
//! process, not over the last ten seconds as there. Never in it: what is measured.

use std::time::Duration;

use onrecord_audit::status::Distribution;
use onrecord_value::{Object, Time, Value, json, object};

use super::{Family, Reading};

pub(super) fn body(families: &[Family], now: Time, uptime: Duration) -> Vec<u8> {
    let (mut gauges, mut counters, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    let seconds = uptime.as_secs_f64().max(1.0);
    for family in families {
        let unit_of_times = if family.is_ours() { 1e9 } else { 1e6 };
        for (labels, reading) in &family.readings {
            let (list, mut metric) = match reading {
                Reading::Gauge(number) => (&mut gauges, object! { "Value" => number.clone() }),
                Reading::Counter(count) => {
                    let rate = float(*count) / seconds;
                    (&mut counters, object! { "Count" => *count, "Rate" => rate, "Sum" => *count })
                }
                Reading::Times(times) => (&mut samples, described(times, unit_of_times, seconds)),
                Reading::Numbers(numbers) => (&mut samples, described(numbers, 1.0, seconds)),
            };
            metric.insert("Name", family.name.as_str());
            let labels: Object = labels.iter().map(|(key, value)| (*key, value.as_str())).collect();
            metric.insert("Labels", labels);
            list.push(metric);
        }
    }
    let whole = object! {
        "Counters" => counters,
        "Gauges" => gauges,
        "Points" => Value::Array(Vec::new()),
        "Samples" => samples,
        "Timestamp" => stamp(now),
    };
    let mut out = Vec::with_capacity(8192);
    json::write_object(&whole, &mut out);
    out.push(b'\n');
    out
}

fn described(samples: &Distribution, unit: f64, seconds: f64) -> Object {
    let sum = float(samples.sum()) / unit;
    object! {
        "Count" => samples.count(),
        "Max" => float(samples.max()) / unit,
        "Mean" => samples.mean() / unit,
        "Min" => float(samples.min()) / unit,
        "Rate" => sum / seconds,
        "Stddev" => samples.deviation() / unit,
        "Sum" => sum,
    }
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
        let family = |name: &str, reading| Family {
            name: name.to_owned(),
            help: "",
            readings: vec![(vec![("path", "file/".to_owned())], reading)],
        };
        let families = [
            family("vault.core.unsealed", Reading::Gauge(1.into())),
            family("vault.audit.log_request_failure", Reading::Counter(4)),
            family("vault.audit.log_request", Reading::Times(times)),
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
