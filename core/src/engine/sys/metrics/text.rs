//! Metrics as Prometheus' text exposition, format 0.0.4. Never in it: what is measured.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use onrecord_audit::status::Distribution;

use super::{Family, Labels, Reading};

/// Writes all of them.
pub(super) fn body(families: &[Family]) -> String {
    let mut out = String::with_capacity(8192);
    let mut written = BTreeSet::new();
    for family in families.iter().filter(|family| !family.readings.is_empty()) {
        let name = name(family);
        // Two paths can have one name here ("a-b/" and "a_b/"): the first has it, and ours tell them apart by label.
        if written.insert(name.clone()) {
            write(family, &name, &mut out);
        }
    }
    out
}

/// Only letters, digits and `_`; what counts is called so at its end.
fn name(family: &Family) -> String {
    let mut name = family.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    if !family.known && matches!(family.readings.first(), Some((_, Reading::Counter(_)))) {
        name.push_str("_total");
    }
    name
}

fn write(family: &Family, name: &str, out: &mut String) {
    let kind = match family.readings.first() {
        Some((_, Reading::Counter(_))) => "counter",
        Some((_, Reading::Times(_))) if family.known => "summary",
        Some((_, Reading::Times(_) | Reading::Numbers(_))) => "histogram",
        Some((_, Reading::Gauge(_))) | None => "gauge",
    };
    // Writing to a string cannot fail.
    write!(out, "# HELP {name} {}\n# TYPE {name} {kind}\n", family.help).ok();
    for (labels, reading) in &family.readings {
        match reading {
            Reading::Counter(count) => line(out, name, "", labels, None, &count.to_string()),
            Reading::Gauge(number) => line(out, name, "", labels, None, number.text()),
            Reading::Times(times) if family.known => {
                let sum = Duration::from_nanos(times.sum()).as_secs_f64() * 1000.0;
                line(out, name, "_sum", labels, None, &sum.to_string());
                line(out, name, "_count", labels, None, &times.count().to_string());
            }
            Reading::Times(times) => {
                histogram(out, name, labels, times, |nanos| {
                    Duration::from_nanos(nanos).as_secs_f64().to_string()
                });
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
    let all =
        labels.iter().map(|(key, value)| (*key, value.as_str())).chain(bound.map(|bound| ("le", bound)));
    for (at, (key, value)) in all.enumerate() {
        out.push(if at == 0 { '{' } else { ',' });
        out.extend([key, "=\""]);
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() || bound.is_some() {
        out.push('}');
    }
    out.extend([" ", value, "\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str, known: bool, labels: &[(&'static str, &str)], reading: Reading) -> Family {
        let labels = labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Family { name: name.to_owned(), help: "Help.", known, readings: vec![(labels, reading)] }
    }

    #[test]
    fn each_kind_has_its_form() {
        let mut times = Distribution::of_times();
        times.add_time(Duration::from_micros(1500));
        let text = body(&[
            family("onrecord.a", false, &[("path", "a\"b\\c/")], Reading::Counter(3)),
            family("vault.audit.file/.log_request", true, &[], Reading::Times(times.clone())),
            family("vault.failure", true, &[], Reading::Counter(0)),
            family("onrecord.t_seconds", false, &[("x", "y")], Reading::Times(times)),
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
            .map(|name| family(name, true, &[], Reading::Counter(1)));
        assert_eq!(body(&twice).matches("# TYPE").count(), 1);
    }
}
