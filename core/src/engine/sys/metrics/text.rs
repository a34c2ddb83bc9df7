//! Metrics as Prometheus' text exposition, format 0.0.4. Never in it: what is measured.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use onrecord_audit::status::Distribution;

use super::{Family, Labels, Reading};

pub(super) fn body(families: &[Family]) -> String {
    let mut out = String::with_capacity(8192);
    let mut written = BTreeSet::new();
    for family in families {
        let Some((_, first)) = family.readings.first() else { continue };
        let name = name(family, first);
        // Two paths can have one name here ("a-b/" and "a_b/"): the first has it, and ours tell them apart by label.
        if written.insert(name.clone()) {
            write(family, first, &name, &mut out);
        }
    }
    out
}

/// Only letters, digits and `_`; what counts is called so at its end.
fn name(family: &Family, first: &Reading) -> String {
    let mut name = family.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    if family.is_ours() && matches!(first, Reading::Counter(_)) {
        name.push_str("_total");
    }
    name
}

fn write(family: &Family, first: &Reading, name: &str, out: &mut String) {
    let kind = match first {
        Reading::Counter(_) => "counter",
        Reading::Times(_) if !family.is_ours() => "summary",
        Reading::Times(_) | Reading::Numbers(_) => "histogram",
        Reading::Gauge(_) => "gauge",
    };
    // Writing to a string cannot fail.
    write!(out, "# HELP {name} {}\n# TYPE {name} {kind}\n", family.help).ok();
    for (labels, reading) in &family.readings {
        match reading {
            Reading::Counter(count) => line(out, name, "", labels, None, &count.to_string()),
            Reading::Gauge(number) => line(out, name, "", labels, None, number.text()),
            Reading::Times(times) if !family.is_ours() => {
                let sum = Duration::from_nanos(times.sum()).as_secs_f64() * 1000.0;
                line(out, name, "_sum", labels, None, &sum.to_string());
                line(out, name, "_count", labels, None, &times.count().to_string());
            }
            Reading::Times(times) => {
                let seconds = |nanos| Duration::from_nanos(nanos).as_secs_f64().to_string();
                histogram(out, name, labels, times, seconds);
            }
            Reading::Numbers(numbers) => histogram(out, name, labels, numbers, |number| number.to_string()),
        }
    }
}

fn histogram(
    out: &mut String,
    name: &str,
    labels: &Labels,
    samples: &Distribution,
    shown: impl Fn(u64) -> String,
) {
    for (bound, below) in samples.cumulative() {
        line(out, name, "_bucket", labels, Some(&shown(bound)), &below.to_string());
    }
    line(out, name, "_bucket", labels, Some("+Inf"), &samples.count().to_string());
    line(out, name, "_sum", labels, None, &shown(samples.sum()));
    line(out, name, "_count", labels, None, &samples.count().to_string());
}

fn line(out: &mut String, name: &str, suffix: &str, labels: &Labels, bound: Option<&str>, value: &str) {
    out.extend([name, suffix]);
    let labelled = !labels.is_empty() || bound.is_some();
    let labels = labels.iter().map(|(key, value)| (*key, value.as_str()));
    for (at, (key, value)) in labels.chain(bound.map(|bound| ("le", bound))).enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        out.extend([if at == 0 { "{" } else { "," }, key, "=\"", &value, "\""]);
    }
    if labelled {
        out.push('}');
    }
    out.extend([" ", value, "\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str, labels: &[(&'static str, &str)], reading: Reading) -> Family {
        let labels = labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Family { name: name.to_owned(), help: "Help.", readings: vec![(labels, reading)] }
    }

    #[test]
    fn each_kind_has_its_form() {
        let mut times = Distribution::of_times();
        times.add_time(Duration::from_micros(1500));
        let text = body(&[
            family("onrecord.a", &[("path", "a\"b\\c/")], Reading::Counter(3)),
            family("vault.audit.file/.log_request", &[], Reading::Times(times.clone())),
            family("vault.failure", &[], Reading::Counter(0)),
            family("onrecord.t_seconds", &[("x", "y")], Reading::Times(times)),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "# TYPE onrecord_a_total counter");
        assert_eq!(lines[2], "onrecord_a_total{path=\"a\\\"b\\\\c/\"} 3");
        assert_eq!(
            lines[4..7],
            [
                "# TYPE vault_audit_file__log_request summary",
                "vault_audit_file__log_request_sum 1.5",
                "vault_audit_file__log_request_count 1"
            ]
        );
        assert!(lines.contains(&"vault_failure 0"));
        assert!(lines.contains(&"onrecord_t_seconds_bucket{x=\"y\",le=\"0.001\"} 0"));
        assert!(lines.contains(&"onrecord_t_seconds_bucket{x=\"y\",le=\"0.0025\"} 1"));
        assert!(lines.contains(&"onrecord_t_seconds_bucket{x=\"y\",le=\"+Inf\"} 1"));
        assert!(lines.contains(&"onrecord_t_seconds_sum{x=\"y\"} 0.0015"));
    }

    #[test]
    fn one_name_is_written_once() {
        let twice = ["vault.audit.a-b/.log_request", "vault.audit.a_b/.log_request"]
            .map(|name| family(name, &[], Reading::Counter(1)));
        assert_eq!(body(&twice).matches("# TYPE").count(), 1);
    }
}
