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
