//! A close look at a line, by the decoder.
//! Never in it: a shortcut.

use memchr::memmem;
use onrecord_entry::{DecodedEntry, Kind, PROBE_PATH, decode};
use onrecord_value::{Object, Value};

use super::{Gap, Glance, Part, Seen, Unusual, What};
use super::{json, jsonx};
use crate::id::Id;

const BEGINNINGS: [&[u8]; 2] = [json::BEGINNING, jsonx::BEGINNING];

/// What the line is.
pub(super) fn look(line: &[u8]) -> Glance {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Glance::Blank;
    }
    match decode(line) {
        Ok(decoded) => entry(line, &decoded),
        Err(_) => later_beginning(line),
    }
}

/// More beginnings than this are not tried: they may be keys of data, and each costs a decoding of what follows.
const TRIES: usize = 16;

/// A line that does not decode. The end of it may: after a torn entry that was not ended, the next follows at once.
fn later_beginning(line: &[u8]) -> Glance {
    let mut begun = false;
    for beginning in BEGINNINGS {
        for at in memmem::find_iter(line, beginning).take(TRIES) {
            begun = true;
            let Some((rest, decoded)) =
                line.get(at..).filter(|_| at > 0).and_then(|rest| Some((rest, decode(rest).ok()?)))
            else {
                continue;
            };
            if let Glance::Unusual(unusual) = entry(rest, &decoded) {
                return Glance::Unusual(Box::new(Unusual {
                    torn_before: at + unusual.torn_before,
                    ..*unusual
                }));
            }
        }
    }
    if begun { Glance::Torn } else { Glance::NoEntry }
}

fn entry(line: &[u8], decoded: &DecodedEntry) -> Glance {
    let entry = decoded.entry();
    let object = decoded.object();
    let id = object.object("request").and_then(|request| request.str("id")).unwrap_or_default();
    // A prefix in which an entry begins is none.
    let prefix = decoded.prefix().as_bytes();
    let torn = BEGINNINGS.iter().any(|beginning| memmem::find(prefix, beginning).is_some());
    let torn_before = if torn { prefix.len() } else { 0 };
    debug_assert!(torn_before <= line.len(), "a prefix is a part of its line");
    // A client that asks for the same path has more in its request than a probe has.
    let bare =
        |request: &Object| request.keys().all(|key| matches!(key, "id" | "operation" | "namespace" | "path"));
    let ours = entry.request.path == PROBE_PATH.into() && object.object("request").is_some_and(bare);
    let what = if let Some(gap) = object.object("gap") {
        What::Gap(gap_of(gap, decoded))
    } else if let Some(part) = object.object("part").and_then(part_of) {
        What::Part(part)
    } else if object.object("elided").is_some() {
        What::Elided
    } else if ours && entry.kind() == Kind::Request && decoded.record().is_some() {
        What::Probe
    } else {
        What::Nothing
    };
    Glance::Unusual(Box::new(Unusual {
        seen: Seen { kind: entry.kind(), id: Id::of(id), record: decoded.record() },
        what,
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
