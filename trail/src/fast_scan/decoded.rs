//! Reads a line with the decoder.
//! Never in it: a shortcut.

use memchr::memmem;
use onrecord_entry::decode::DecodedEntry;
use onrecord_entry::gap::{self, PROBE_PATH};
use onrecord_entry::{EntryType, decode, oversize};
use onrecord_value::Object;

use super::{BEGINNINGS, Detail, Gap, Part, Scanned, ScannedEntry, UnusualEntry};
use crate::id::Id;

/// Reads a line, given without its newline.
pub(super) fn scan(line: &[u8]) -> Scanned {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Scanned::Blank;
    }
    match decode(line) {
        Ok(decoded) => entry(line, &decoded),
        Err(_) => scan_end(line),
    }
}

/// More beginnings than this are not tried: they may be keys of data, and each costs a decoding of the rest.
const TRIES_MAX: usize = 16;

/// Reads a line that does not decode as a whole: its end may decode, where an entry follows a torn one at once.
fn scan_end(line: &[u8]) -> Scanned {
    let mut begun = false;
    for beginning in BEGINNINGS {
        for at in memmem::find_iter(line, beginning).take(TRIES_MAX) {
            begun = true;
            let Some((rest, decoded)) =
                line.get(at..).filter(|_| at > 0).and_then(|rest| Some((rest, decode(rest).ok()?)))
            else {
                continue;
            };
            if let Scanned::Unusual(unusual) = entry(rest, &decoded) {
                return Scanned::Unusual(Box::new(UnusualEntry {
                    torn_before: at + unusual.torn_before,
                    ..*unusual
                }));
            }
        }
    }
    if begun { Scanned::Torn } else { Scanned::NotAnEntry }
}

fn entry(line: &[u8], decoded: &DecodedEntry) -> Scanned {
    let entry = decoded.entry();
    let object = decoded.object();
    // A prefix in which an entry begins is a torn entry.
    let prefix = decoded.prefix().as_bytes();
    let torn = BEGINNINGS.iter().any(|beginning| memmem::find(prefix, beginning).is_some());
    let torn_before = if torn { prefix.len() } else { 0 };
    debug_assert!(torn_before <= line.len(), "a prefix is a part of its line");
    // A client's request for the same path has more keys than a probe.
    let bare =
        |request: &Object| request.keys().all(|key| matches!(key, "id" | "operation" | "namespace" | "path"));
    let is_probe = entry.request.path == PROBE_PATH.into() && object.object("request").is_some_and(bare);
    let detail = if let Some(gap) = &entry.gap {
        Detail::Gap(gap_of(gap))
    } else if entry.checkpoint.is_some() && decoded.record().is_some() {
        Detail::Checkpoint
    } else if let Some(part) = &entry.part {
        Detail::Part(part_of(part))
    } else if let (Some(refused), EntryType::Request) = (&entry.refused, entry.entry_type()) {
        Detail::Refused(refused.count)
    } else if entry.elided.is_some() {
        Detail::Elided
    } else if is_probe && entry.entry_type() == EntryType::Request && decoded.record().is_some() {
        Detail::Probe
    } else {
        Detail::None
    };
    Scanned::Unusual(Box::new(UnusualEntry {
        entry: ScannedEntry {
            entry_type: entry.entry_type(),
            id: Id::of(entry.request.id.as_str()),
            record: decoded.record(),
        },
        detail,
        torn_before,
    }))
}

fn gap_of(gap: &gap::Gap<'_>) -> Gap {
    Gap {
        missed: gap.missed,
        ranges: gap.ranges.iter().collect(),
        boot: gap.boot,
        torn: gap.torn.map(|torn| (torn.bytes, torn.sha256.as_str().to_owned())),
        ended: gap.ended,
    }
}

fn part_of(part: &oversize::Part<'_>) -> Part {
    Part {
        number: part.number,
        of: part.of,
        bytes: part.bytes,
        sha256: part.sha256.as_str().to_owned(),
        text: part.text.as_str().to_owned(),
    }
}
