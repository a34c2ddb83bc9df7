//! A report of the checker as text for people.
//! Never in it: a conclusion that is not in the report.

use onrecord_trail::{
    BootReport, DeviceReport, EntryNumber, Judge, LinePosition, OutOfOrder, RangeSample, Report, Sample,
    SourceReport, TornLine,
};

use onrecord_value::printable::printable;

use crate::printer::table::table;
use crate::session::Verdict;

/// The last line: what this command cannot find.
pub(super) const BOUNDS: &str = "This finds loss; `log verify` finds forgery.";

/// Without the verdict.
pub(super) fn text(report: &Report) -> String {
    let mut parts = vec![sources(report), devices(report)];
    let findings = findings(report);
    if !findings.is_empty() {
        // An id in a log may be any text.
        let lines: Vec<String> = findings.iter().map(|line| printable(line)).collect();
        parts.push(lines.join("\n"));
    }
    parts.join("\n\n")
}

fn sources(report: &Report) -> String {
    let row = |source: &SourceReport| {
        let counts = [source.bytes, source.lines, source.entries].map(|count| count.to_string());
        [printable(&source.name)].into_iter().chain(counts).collect()
    };
    let rows: Vec<Vec<String>> = report.sources.iter().map(row).collect();
    table("Log | Bytes | Lines | Entries", &rows)
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
        rows.push(row("all as one".to_owned(), counts, &union.boots, 0));
    }
    table("Device (salt) | Starts | Requests | Responses | Pairs | Holes | Undeclared | Doubles", &rows)
}

fn row(name: String, counts: [u64; 3], boots: &[BootReport], doubles: u64) -> Vec<String> {
    let sum = |of: fn(&BootReport) -> &RangeSample| boots.iter().map(|boot| of(boot).count).sum::<u64>();
    let mut row = vec![name, boots.len().to_string()];
    row.extend(counts.iter().map(u64::to_string));
    row.extend([sum(|boot| &boot.holes), sum(|boot| &boot.undeclared), doubles].iter().map(u64::to_string));
    row
}

fn name(device: &DeviceReport) -> String {
    device.salt.map_or_else(|| "without numbers".to_owned(), |salt| salt.to_string())
}

/// For each source that is not a log, a line with the reason; empty if all are logs.
pub(super) fn not_logs(report: &Report) -> String {
    let why = |source: &SourceReport| match source.lines {
        0 => "it is empty".to_owned(),
        1 => "its only line is not an audit entry".to_owned(),
        lines => format!("none of its {lines} lines is an audit entry"),
    };
    let reasons: Vec<String> = report
        .not_logs()
        .map(|source| format!("{} is not an audit log: {}.", printable(&source.name), why(source)))
        .collect();
    reasons.join("\n")
}

fn findings(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for device in &report.devices {
        of_device(device, &mut lines);
    }
    if report.devices.len() > 1 {
        boots("all as one", &report.union.boots, &mut lines);
    }
    unpaired(
        &report.union.requests_alone,
        ("Request", "response"),
        "the server stopped, or the device was disabled, before the answer",
        &mut lines,
    );
    unpaired(
        &report.union.responses_alone,
        ("Response", "request"),
        "normal for the response to `audit enable` and for other requests that were in progress then: their \
         request entries are older than the log",
        &mut lines,
    );
    let unanswered = &report.union.unanswered;
    let entry = |present: bool| if present { "present" } else { "missing" };
    for one in &unanswered.first {
        let (id, request, response) = (&one.id, entry(one.request), entry(one.response));
        lines.push(format!(
            "Request {id} was answered, but is not completely on record: request entry {request}, response entry \
             {response}."
        ));
    }
    more(unanswered, "requests that were answered", &mut lines);
    for torn in &report.torn.first {
        let declared = match torn {
            TornLine { declared: true, .. } => "declared by a gap entry",
            TornLine { missing: true, .. } => {
                "not declared, and no log has this entry: it is MISSING (a server that runs may be writing it: check again)"
            }
            _ => "not declared",
        };
        lines.push(format!("Torn line: {}, {} bytes, {declared}", position(&torn.position), torn.bytes));
    }
    more(&report.torn, "torn lines", &mut lines);
    let empty = report.sources.iter().filter(|source| source.is_log && source.entries == 0);
    lines.extend(empty.map(|source| format!("No entries: {}", source.name)));
    lines.extend(report.no_entries.first.iter().map(|at| format!("Not an entry: {}", position(at))));
    more(&report.no_entries, "lines that are not entries", &mut lines);
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
    count("missed entries declared by them", device.missed);
    count("entries that count refused requests", device.refused_entries);
    count("requests refused without entries of their own, counted by them", device.refused_requests);
    count("entries shortened (elided)", device.elided);
    count("entries joined from parts", device.split);
    count("entries with missing parts", device.incomplete_parts);
    count("entries whose parts have a wrong SHA-256", device.wrong_parts);
    count("requests without response", device.requests_alone.count);
    count("responses without request", device.responses_alone.count);
    for double in &device.doubles.first {
        lines.push(format!("{name}: boot {:016x}: double: {}", double.boot.number(), double.seq));
    }
    more(&device.doubles, &format!("doubles of {name}"), lines);
    lines.extend(out_of_order(&name, &device.out_of_order));
}

fn out_of_order(name: &str, lines: &OutOfOrder) -> Option<String> {
    let farthest = lines.farthest.as_ref()?;
    let (entry, after) = (farthest.entry, farthest.after);
    let number = |one: EntryNumber| {
        let boot = format!(" of boot {:016x}", one.boot.number());
        format!("{}{}", one.seq, if entry.boot == after.boot { "" } else { &boot })
    };
    Some(format!(
        "{name}: lines out of order: {}, the farthest at {}: number {} after {} (concurrent requests change places \
         by a few numbers; a larger distance means that lines were moved, or files joined in another order)",
        lines.count,
        position(&farthest.position),
        number(entry),
        number(after),
    ))
}

fn boots(name: &str, boots: &[BootReport], lines: &mut Vec<String>) {
    for boot in boots {
        let findings = [
            ("LOST, NOT DECLARED", &boot.undeclared),
            ("missing", &boot.holes),
            ("declared missing", &boot.declared),
            ("declared missing, but present", &boot.surplus),
        ];
        for (what, spans) in findings {
            if spans.count > 0 {
                lines.push(format!("{name}: boot {:016x}: {what}: {}", boot.boot.number(), ranges(spans)));
            }
        }
    }
}

fn ranges(spans: &RangeSample) -> String {
    let texts = spans.first.iter().map(|span| match (span.from, span.to) {
        (from, to) if from == to => from.to_string(),
        (from, to) => format!("{from}-{to}"),
    });
    let mut texts: Vec<String> = texts.collect();
    if spans.ranges > texts.len() as u64 {
        texts.push("...".to_owned());
    }
    format!("{} ({})", texts.join(", "), spans.count)
}

/// The ids of requests that have one entry and lack the other, with the usual cause.
fn unpaired(sample: &Sample<String>, (present, missing): (&str, &str), cause: &str, lines: &mut Vec<String>) {
    let finding = |id: &String| format!("{present} {id} has no {missing} entry in these files ({cause}).");
    lines.extend(sample.first.iter().map(finding));
    more(sample, &format!("{}s without {missing} entry", present.to_lowercase()), lines);
}

fn more<T>(sample: &Sample<T>, what: &str, lines: &mut Vec<String>) {
    let left = sample.count.saturating_sub(sample.first.len() as u64);
    if left > 0 {
        lines.push(format!("{left} more {what}"));
    }
}

fn position(at: &LinePosition) -> String {
    format!("{}, line {}, byte {}", at.source, at.line, at.offset)
}

/// What the report comes to, in a sentence.
pub(super) fn verdict(report: &Report, judge: Judge) -> (Verdict, &'static str) {
    if report.not_logs().next().is_some() {
        return (Verdict::Bad, "Not judged: not every file is an audit log.");
    }
    let is_complete = report.is_complete(judge);
    let text = match (is_complete, judge) {
        (true, Judge::EachDevice) => {
            "Complete: every entry is present, or its absence is declared by a gap entry."
        }
        (true, Judge::Union) => {
            "Complete: every entry is present on a device, or its absence is declared by a gap entry."
        }
        (false, Judge::EachDevice) => "Incomplete: entries are missing, and no gap entry declares them.",
        (false, Judge::Union) => {
            "Incomplete: entries are missing on all devices, and no gap entry declares them."
        }
    };
    (if is_complete { Verdict::Good } else { Verdict::Bad }, text)
}

#[cfg(test)]
mod tests {
    use onrecord_trail::{Input, Options, check};

    use super::*;

    #[test]
    fn a_file_that_is_not_a_log_is_named_with_the_reason() {
        for (log, why) in [
            ("", "it is empty"),
            ("text\n", "its only line is not an audit entry"),
            ("root:x:0\nbin:x:1\n", "none of its 2 lines is an audit entry"),
        ] {
            let input = Input::stream("a\nb", std::io::Cursor::new(log));
            let report = check(vec![input], &Options::default(), &mut |_| {}).unwrap();
            assert_eq!(not_logs(&report), format!("a\\nb is not an audit log: {why}."));
            let judged = verdict(&report, Judge::EachDevice);
            assert_eq!(judged, (Verdict::Bad, "Not judged: not every file is an audit log."));
        }
    }

    #[test]
    fn control_characters_of_a_hostile_log_are_shown_as_escapes() {
        let line = |kind: &str, id: &str| {
            format!(
                r#"{{"time":"2026-01-01T00:00:00Z","type":"{kind}","auth":{{}},"request":{{"id":"{id}"}}}}"#
            )
        };
        let request = line("request", r"\u001b[2J\u009b31mone\nComplete: \u202eevery");
        let log =
            [request, line("response", r"two\r\u2028"), "\u{1b}not an entry".to_owned()].join("\n") + "\n";
        let input = Input::stream("a\u{1b}]0;log\u{7}", std::io::Cursor::new(log));
        let options = Options { answered: vec!["three\u{1b}".to_owned()], ..Options::default() };
        let report = check(vec![input], &options, &mut |_| {}).unwrap();
        let shown = text(&report);
        assert!(shown.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{shown:?}");
        assert!(
            shown.contains(r"Request \u{1b}[2J\u{9b}31mone\nComplete: \u{202e}every has no response entry"),
            "{shown}"
        );
        assert!(shown.contains(r"a\u{1b}]0;log\u{7}, line 3"), "{shown}");
        assert!(shown.contains(r"Request three\u{1b} was answered"), "{shown}");
    }
}
