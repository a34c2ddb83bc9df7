//! What a report lacks beside what any answer of these logs does: its own bounds, as sentences.
//! Never in it: what the logs lack (`query::warnings`).

use super::model::ActivityReport;
use crate::query::Warning;

/// Said if not all was read.
pub(super) fn interrupted() -> Warning {
    Warning::new("interrupted", "Reading was interrupted: the report shows what was read until then.", None)
}

/// What a report lacks by its own bounds.
pub(super) fn of_report(report: &ActivityReport) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |kind: &str, text: String| {
        found.push(Warning::new(kind, text, None));
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
