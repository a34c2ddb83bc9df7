//! What a report lacks, as sentences: an answer never looks more complete than its log.
//! Never in it: anything that the summary does not say.

use onrecord_value::Time;

use super::model::{ActivityReport, Warning};
use crate::query::{Summary, Zone};

/// What an answer lacks, the weightiest first: for requests from `since` to `until`.
pub fn warnings(summary: &Summary, since: Option<Time>, until: Option<Time>, zone: &Zone) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |kind: &str, text: String, command: Option<&str>| {
        found.push(Warning { kind: kind.to_owned(), text, command: command.map(str::to_owned) });
    };
    if summary.interrupted {
        warn(
            "interrupted",
            "Reading was interrupted: the report shows what was read until then.".to_owned(),
            None,
        );
    }
    for damaged in summary.damaged.iter().take(5) {
        let lines = count(damaged.lines, "line", "lines");
        warn(
            "damaged",
            format!("{} could be read only in part ({lines}): {}.", damaged.name, damaged.reason),
            None,
        );
    }
    gaps(summary, &mut warn);
    if summary.missing > 0 {
        let text = format!(
            "{} missing, and no gap declares them.",
            count(summary.missing, "entry is", "entries are")
        );
        warn("missing", text, Some("onrecord log check FILE..."));
    }
    not_covered(summary.covered, (since, until), zone, &mut warn);
    if summary.unanswered > 0 {
        let text = format!(
            "{} no answer in these logs: in progress when the log ended, or cut off.",
            count(summary.unanswered, "request has", "requests have")
        );
        warn("unanswered", text, None);
    }
    if summary.answers_alone > 0 {
        let text = format!(
            "{} no request entry in these logs: a file before the first one may be missing.",
            count(summary.answers_alone, "answer has", "answers have")
        );
        warn("answers_alone", text, None);
    }
    let unread = summary.not_entries + summary.torn + summary.too_long + summary.incomplete_parts;
    if unread > 0 {
        let text = format!(
            "{} not entries that can be read, and not in this report.",
            count(unread, "line is", "lines are")
        );
        warn("not_entries", text, Some("onrecord log check FILE..."));
    }
    if summary.join_is_partial {
        let text =
            "Memory did not allow to join every answer with its request, or to recognise every double.";
        warn("join_is_partial", text.to_owned(), None);
    }
    found
}

/// What a report lacks beside that.
pub(super) fn of_report(report: &ActivityReport) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |kind: &str, text: String| {
        found.push(Warning { kind: kind.to_owned(), text, command: None });
    };
    if report.series.outside > 0 {
        let text = format!(
            "{} far from all others in time; the plots leave them out, the counts do not.",
            count(report.series.outside, "request is", "requests are")
        );
        warn("stray_times", text);
    }
    sketched(report, &mut warn);
    found
}

fn gaps(summary: &Summary, warn: &mut impl FnMut(&str, String, Option<&str>)) {
    let missed: u64 = summary.gaps.iter().map(|gap| gap.missed).sum();
    let missing: u64 = summary.gaps.iter().map(|gap| gap.missing).sum();
    let number = summary.gaps.iter().filter(|gap| gap.missed > 0).count() as u64 + summary.more_gaps;
    if number == 0 {
        return;
    }
    let elsewhere = match missing {
        0 => "other devices of these logs have all of them".to_owned(),
        _ if missing == missed => "no other device of these logs has them".to_owned(),
        _ => format!("no other device of these logs has {} of them", grouped(missing)),
    };
    let (gaps, missed) = (count(number, "gap", "gaps"), count(missed, "entry", "entries"));
    let text = format!("Devices declared {gaps} in this time, of {missed}; {elsewhere}.");
    warn("gaps", text, Some("onrecord log check FILE..."));
}

fn not_covered(
    covered: Option<(Time, Time)>,
    (since, until): (Option<Time>, Option<Time>),
    zone: &Zone,
    warn: &mut impl FnMut(&str, String, Option<&str>),
) {
    let Some((first, last)) = covered else {
        warn("empty", "The logs have no entry.".to_owned(), None);
        return;
    };
    let show = |time| zone.show(time, 0);
    if let Some(since) = since.filter(|since| *since < first) {
        let text = format!("The logs begin at {}, after the asked beginning ({}).", show(first), show(since));
        warn("not_covered", text, None);
    }
    if let Some(until) = until.filter(|until| *until > last) {
        let text = format!("The logs end at {}, before the asked end ({}).", show(last), show(until));
        warn("not_covered", text, None);
    }
}

fn sketched(report: &ActivityReport, warn: &mut impl FnMut(&str, String)) {
    let rankings = [
        ("paths", &report.paths),
        ("identities", &report.identities),
        ("addresses", &report.addresses),
        ("operations", &report.operations),
        ("mounts", &report.mounts),
        ("errors", &report.errors),
        ("denied paths", &report.denied_paths),
    ];
    let names: Vec<&str> =
        rankings.iter().filter(|(_, ranking)| !ranking.exact).map(|(name, _)| *name).collect();
    if !names.is_empty() {
        let text = format!(
            "There are more different {} than are kept in memory: their counts may be too high, by at most what is said \
             beside them, and rare ones are missing.",
            names.join(", ")
        );
        warn("sketched", text);
    }
}

/// A number with its noun, or with noun and verb.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number with spaces between groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped() {
        for (number, text) in
            [(7, "7"), (123, "123"), (1_234, "1\u{202f}234"), (1_234_567, "1\u{202f}234\u{202f}567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
