//! The report of `log check` as text.
//! Never in it: the decision what is missing.

use onrecord_trail::{BootReport, DeviceReport, Judge, Place, Report, Sample, Spans};

use onrecord_value::printable::printable;

use crate::printer::table::table;

/// The report.
pub(super) fn text(report: &Report, judge: Judge) -> String {
    let mut parts = vec![sources(report), devices(report)];
    let findings = findings(report);
    if !findings.is_empty() {
        // Ids come from the logs and may contain any character.
        let lines: Vec<String> = findings.iter().map(|line| printable(line)).collect();
        parts.push(lines.join("\n"));
    }
    parts.push(verdict(report, judge));
    parts.join("\n\n")
}

fn sources(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .sources
        .iter()
        .map(|source| {
            vec![
                printable(&source.name),
                source.bytes.to_string(),
                source.lines.to_string(),
                source.entries.to_string(),
            ]
        })
        .collect();
    table(&["Log", "Bytes", "Lines", "Entries"], &rows)
}

fn devices(report: &Report) -> String {
    let mut rows: Vec<Vec<String>> = report
        .devices
        .iter()
        .map(|device| {
            let counts = [device.requests, device.responses, device.pairs];
            row(name(device), counts, &device.boots, device.doubles.count)
        })
        .collect();
    if rows.len() > 1 {
        let union = &report.union;
        let counts = [union.requests, union.responses, union.pairs];
        rows.push(row("all devices".to_owned(), counts, &union.boots, 0));
    }
    let headers =
        ["Device (salt)", "Boots", "Requests", "Responses", "Pairs", "Missing", "Undeclared", "Duplicates"];
    table(&headers, &rows)
}

fn row(name: String, counts: [u64; 3], boots: &[BootReport], doubles: u64) -> Vec<String> {
    let sum = |of: fn(&BootReport) -> &Spans| boots.iter().map(|boot| of(boot).count).sum::<u64>();
    let mut row = vec![name, boots.len().to_string()];
    row.extend(counts.iter().map(u64::to_string));
    row.extend([sum(|boot| &boot.holes), sum(|boot| &boot.undeclared), doubles].iter().map(u64::to_string));
    row
}

fn name(device: &DeviceReport) -> String {
    device.salt.map_or_else(|| "without numbers".to_owned(), |salt| salt.to_string())
}

/// One line each, with examples.
fn findings(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for device in &report.devices {
        of_device(device, &mut lines);
    }
    if report.devices.len() > 1 {
        boots("all devices", &report.union.boots, &mut lines);
    }
    alone(
        "Request",
        "response entry in these files (the server may have ended in between)",
        &report.union.requests_alone,
        &mut lines,
    );
    alone(
        "Response",
        "request entry in these files (the device was enabled while the request was in progress)",
        &report.union.responses_alone,
        &mut lines,
    );
    let unanswered = &report.union.unanswered;
    for one in &unanswered.first {
        let entry = |there: bool| if there { "present" } else { "missing" };
        lines.push(format!(
            "answered, but not recorded: {} (request {}, response {})",
            one.id,
            entry(one.request),
            entry(one.response)
        ));
    }
    more(unanswered, "answered, but not recorded", &mut lines);
    for torn in &report.torn.first {
        let declared = if torn.declared { "declared" } else { "not declared" };
        lines.push(format!("torn line: {}, {} bytes, {declared}", place(&torn.place), torn.bytes));
    }
    more(&report.torn, "torn line", &mut lines);
    lines.extend(report.no_entries.first.iter().map(|at| format!("not an entry: {}", place(at))));
    more(&report.no_entries, "not an entry", &mut lines);
    lines
}

fn of_device(device: &DeviceReport, lines: &mut Vec<String>) {
    let name = name(device);
    boots(&name, &device.boots, lines);
    let mut count = |what: &str, count: u64| {
        if count > 0 {
            lines.push(format!("{name}: {what}: {count}"));
        }
    };
    count("gap entries", device.gaps);
    count("entries that gap entries declare missing", device.missed);
    count("entries elided", device.elided);
    count("entries sent in parts", device.split);
    count("entries with missing parts", device.incomplete_parts);
    count("entries whose parts do not match their digest", device.wrong_parts);
    count("requests without response", device.requests_alone.count);
    count("responses without request", device.responses_alone.count);
    for double in &device.doubles.first {
        lines.push(format!("{name}: boot {:016x}: duplicate: {}", double.boot.number(), double.seq));
    }
    more(&device.doubles, "duplicate", lines);
}

fn boots(name: &str, boots: &[BootReport], lines: &mut Vec<String>) {
    for boot in boots {
        let kinds = [
            ("MISSING, NOT DECLARED", &boot.undeclared),
            ("missing", &boot.holes),
            ("declared missing", &boot.declared),
            ("declared missing, but present", &boot.surplus),
        ];
        for (what, spans) in kinds {
            if spans.count > 0 {
                lines.push(format!("{name}: boot {:016x}: {what}: {}", boot.boot.number(), ranges(spans)));
            }
        }
    }
}

fn ranges(spans: &Spans) -> String {
    let mut texts: Vec<String> =
        spans
            .first
            .iter()
            .map(|span| {
                if span.from == span.to {
                    span.from.to_string()
                } else {
                    format!("{}-{}", span.from, span.to)
                }
            })
            .collect();
    if spans.ranges > texts.len() as u64 {
        texts.push("...".to_owned());
    }
    format!("{} ({})", texts.join(", "), spans.count)
}

/// Entries whose other half is in no file.
fn alone(kind: &str, lacks: &str, sample: &Sample<String>, lines: &mut Vec<String>) {
    lines.extend(sample.first.iter().map(|id| format!("{kind} {id} has no {lacks}.")));
    more(sample, &format!("{kind} entries alone"), lines);
}

fn more<T>(sample: &Sample<T>, what: &str, lines: &mut Vec<String>) {
    let left = sample.count.saturating_sub(sample.first.len() as u64);
    if left > 0 {
        lines.push(format!("{what}: {left} more"));
    }
}

fn place(place: &Place) -> String {
    format!("{}, line {}, byte {}", place.source, place.line, place.offset)
}

fn verdict(report: &Report, judge: Judge) -> String {
    let scope = match judge {
        Judge::EachDevice => "",
        Judge::Union => ", with all devices taken as one",
    };
    if report.nothing_lost(judge) {
        format!("Complete{scope}: every entry is present, or its absence is declared by a gap entry.")
    } else {
        format!("Incomplete{scope}: an entry is missing, and no gap entry declares it.")
    }
}

#[cfg(test)]
mod tests {
    use onrecord_trail::{Input, Options, check};

    use super::*;

    #[test]
    fn control_characters_of_a_log_are_escaped() {
        let line = |kind: &str, id: &str| {
            format!(
                r#"{{"time":"2026-01-01T00:00:00Z","type":"{kind}","auth":{{}},"request":{{"id":"{id}"}}}}"#
            )
        };
        let request = line("request", r"\u001b[2J\u009b31mone\nNothing \u202eis missing");
        let log = [request, line("response", r"two\r\u2028"), "\u{1b}no entry".to_owned()].join("\n") + "\n";
        let input = Input::stream("a\u{1b}]0;log\u{7}", std::io::Cursor::new(log));
        let options = Options { answered: vec!["three\u{1b}".to_owned()], ..Options::default() };
        let report = check(vec![input], &options, &mut |_| {}).unwrap();
        let shown = text(&report, Judge::EachDevice);
        assert!(shown.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{shown:?}");
        assert!(
            shown
                .contains(r"Request \u{1b}[2J\u{9b}31mone\nNothing \u{202e}is missing has no response entry"),
            "{shown}"
        );
        assert!(shown.contains(r"a\u{1b}]0;log\u{7}, line 3"), "{shown}");
        assert!(shown.contains(r"answered, but not recorded: three\u{1b}"), "{shown}");
    }
}
