//! The times of the lines that findings name, read once more from their files.
//! Never in it: other lines.

use std::collections::BTreeMap;

use onrecord_entry::decode;
use onrecord_value::Time;

use super::classify::Findings;
use crate::input::Input;
use crate::lines::Lines;

/// Adds the times of lines of this source. Without it, and for lines that are not entries, there are none.
pub(crate) fn add(findings: &mut Findings, input: Option<&Input>) {
    let Some(input) = input.and_then(Input::again) else { return };
    let name = input.name().to_owned();
    let mut times: BTreeMap<u64, Option<String>> = findings
        .values()
        .flat_map(|sample| &sample.first)
        .filter(|finding| finding.source == name && finding.line > 0)
        .map(|finding| (finding.line, None))
        .collect();
    let Some(last) = times.keys().next_back().copied() else { return };
    let Ok(opened) = input.open() else { return };
    let mut lines = Lines::new(opened.reader);
    let mut number = 0;
    while number < last
        && let Ok(Some(line)) = lines.next()
    {
        number += 1;
        if let Some(time) = times.get_mut(&number).filter(|_| !line.too_long) {
            *time = decode(line.text).ok().map(|entry| entry.time().to_string());
        }
    }
    for finding in findings.values_mut().flat_map(|sample| &mut sample.first) {
        if finding.source == name
            && let Some(time) = times.get(&finding.line)
        {
            finding.time.clone_from(time);
        }
    }
}

/// By so much two entries of a log may be out of order.
const OUT_OF_ORDER_NANOS: i128 = 60_000_000_000;

/// Whether the last entry of a source is older than the first one of another. False if that cannot be read.
pub(crate) fn is_before(source: Option<&Input>, other: Option<&Input>) -> bool {
    let nanos = |time: Time| time.unix_nanos();
    let end = source.and_then(|input| each_time(input, |last, time| last.max(Some(nanos(time))), false));
    let begin = other.and_then(|input| each_time(input, |first, time| first.or(Some(nanos(time))), true));
    end.zip(begin).is_some_and(|(end, begin)| end <= begin.saturating_add(OUT_OF_ORDER_NANOS))
}

/// Folds the times of a source's entries, to its end or until there is one.
fn each_time(
    input: &Input,
    fold: impl Fn(Option<i128>, Time) -> Option<i128>,
    only_first: bool,
) -> Option<i128> {
    let mut lines = Lines::new(input.again()?.open().ok()?.reader);
    let mut found = None;
    while let Ok(Some(line)) = lines.next() {
        if let Some(entry) = (!line.too_long).then(|| decode(line.text).ok()).flatten() {
            found = fold(found, entry.time());
            if only_first {
                break;
            }
        }
    }
    found
}
