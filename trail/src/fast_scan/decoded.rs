//! Reads a line with the decoder.
//! Never in it: a shortcut.

use memchr::memmem;
use onrecord_entry::decode::DecodedEntry;
use onrecord_entry::gap::PROBE_PATH;
use onrecord_entry::{EntryType, decode};
use onrecord_value::{Object, Value};

use super::{Detail, Gap, Part, Scanned, ScannedEntry, UnusualEntry};
use super::{json, jsonx};
use crate::id::Id;

const BEGINNINGS: [&[u8]; 2] = [json::BEGINNING, jsonx::BEGINNING];

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
    let id = object.object("request").and_then(|request| request.str("id")).unwrap_or_default();
    // A prefix in which an entry begins is a torn entry.
    let prefix = decoded.prefix().as_bytes();
    let torn = BEGINNINGS.iter().any(|beginning| memmem::find(prefix, beginning).is_some());
    let torn_before = if torn { prefix.len() } else { 0 };
    debug_assert!(torn_before <= line.len(), "a prefix is a part of its line");
    // A client's request for the same path has more keys than a probe.
    let bare =
        |request: &Object| request.keys().all(|key| matches!(key, "id" | "operation" | "namespace" | "path"));
    let is_probe = entry.request.path == PROBE_PATH.into() && object.object("request").is_some_and(bare);
    let detail = if let Some(gap) = object.object("gap") {
        Detail::Gap(gap_of(gap, decoded))
    } else if let Some(part) = object.object("part").and_then(part_of) {
        Detail::Part(part)
    } else if object.object("elided").is_some() {
        Detail::Elided
    } else if is_probe && entry.entry_type() == EntryType::Request && decoded.record().is_some() {
        Detail::Probe
    } else {
        Detail::None
    };
    Scanned::Unusual(Box::new(UnusualEntry {
        entry: ScannedEntry { entry_type: entry.entry_type(), id: Id::of(id), record: decoded.record() },
        detail,
        torn_before,
    }))
}

fn gap_of(object: &Object, decoded: &DecodedEntry) -> Gap {
    let Some(gap) = decoded.entry().gap else { return Gap::default() };
    Gap {
        missed: gap.missed,
        ranges: gap.ranges.iter().collect(),
        boot: gap.boot,
        torn: object
            .object("torn")
            .map(|torn| (number(torn, "bytes"), torn.str("sha256").unwrap_or_default().to_owned())),
        ended: gap.ended,
    }
}

fn part_of(object: &Object) -> Option<Part> {
    Some(Part {
        number: number(object, "number"),
        of: number(object, "of"),
        bytes: number(object, "bytes"),
        sha256: object.str("sha256")?.to_owned(),
        text: object.str("text")?.to_owned(),
    })
}

fn number(object: &Object, key: &str) -> u64 {
    object.get(key).and_then(Value::as_number).and_then(onrecord_value::Number::as_u64).unwrap_or(0)
}
