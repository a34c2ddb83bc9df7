//! The times of the lines that findings name, read once more from their files.
//! Never in it: other lines.

use std::collections::BTreeMap;

use onrecord_entry::decode;

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
/// The first entry of a source is looked for in this number of its first lines.
const FIRST_LINES: usize = 1000;

/// When a source was written of which no line is in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Before the first leaf.
    Before,
    /// After the last leaf.
    After,
    /// Neither, or that is not known.
    Unknown,
}

/// The era of a source beside those that have the first leaf and the last one.
pub(crate) fn era(source: Option<&Input>, first: Option<&Input>, last: Option<&Input>) -> Era {
    let Some((begin, end)) = source.and_then(ends) else { return Era::Unknown };
    let before = first.and_then(ends).map(|(first, _)| (end.saturating_sub(first).max(0), Era::Before));
    let after = last.and_then(ends).map(|(_, last)| (last.saturating_sub(begin).max(0), Era::After));
    let near = [before, after].into_iter().flatten().filter(|(apart, _)| *apart <= OUT_OF_ORDER_NANOS);
    near.min_by_key(|(apart, _)| *apart).map_or(Era::Unknown, |(_, era)| era)
}

/// The times of the first and the last entry of a source, in nanoseconds.
fn ends(input: &Input) -> Option<(i128, i128)> {
    let mut lines = Lines::new(input.again()?.open().ok()?.reader);
    let time = |text: &[u8]| decode(text).ok().map(|entry| entry.time().unix_nanos());
    let (mut first, mut last, mut number) = (None, Vec::new(), 0);
    while let Ok(Some(line)) = lines.next() {
        if line.too_long || !line.whole {
            continue;
        }
        number += 1;
        if first.is_none() && number <= FIRST_LINES {
            first = time(line.text);
        }
        last.clear();
        last.extend_from_slice(line.text);
    }
    Some((first?, time(&last)?))
}
