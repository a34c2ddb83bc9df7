//! Reads one line of any kind that the fast scan does not know: of other servers, in JSONx, after a header, behind a torn one.
//! Never in it: a line that our own formatter wrote in JSON, unless it is damaged or special.

use memchr::memmem;
use onrecord_entry::gap::{PROBE_PATH, Record};
use onrecord_entry::{Boot, EntryType, SaltId, decode};
use onrecord_value::{Object, Time, Value, json};

use super::leaf::{Leaf, Leaves};
use super::row::unquoted;
use crate::fast_scan::{BEGINNINGS, PREFIX_MAX, hex};

/// More beginnings than this are not tried: they may be keys of data, and each costs a walk over the rest.
const TRIES_MAX: usize = 16;

/// An entry that was found in a line.
pub(super) struct Found {
    /// The text of the entry: where it is in the line, or another in its place.
    pub(super) text: Text,
    pub(super) leaves: Leaves,
    pub(super) facts: Facts,
    /// The beginning of a torn entry comes before it.
    pub(super) after_torn: bool,
}

pub(super) enum Text {
    /// From here on.
    From(usize),
    Own(Vec<u8>),
}

impl Text {
    /// The text of the entry, found in this line.
    pub(super) fn of<'l>(&'l self, line: &'l [u8]) -> &'l [u8] {
        match self {
            Self::From(start) => line.get(*start..).unwrap_or_default(),
            Self::Own(text) => text,
        }
    }
}

/// What a reader needs of an entry.
pub(super) struct Facts {
    pub(super) entry_type: EntryType,
    pub(super) time: Time,
    /// Empty if it has none.
    pub(super) id: String,
    pub(super) record: Option<Record>,
}

pub(super) enum Missing {
    Torn,
    NotAnEntry,
}

/// Reads a line, given without its end.
pub(super) fn read(line: &[u8]) -> Result<Found, Missing> {
    if let Some(start) = start(line)
        && let Some(found) = in_json(line, start)
    {
        return Ok(found);
    }
    if let Some(found) = decoded(line) {
        return Ok(found);
    }
    // An entry may follow a torn one at once.
    let mut begun = false;
    for beginning in BEGINNINGS {
        for at in memmem::find_iter(line, beginning).take(TRIES_MAX) {
            begun = true;
            let Some(rest) = line.get(at..).filter(|_| at > 0) else { continue };
            let found = in_json(line, at).or_else(|| decoded(rest));
            if let Some(found) = found {
                return Ok(Found { after_torn: true, ..found });
            }
        }
    }
    Err(if begun { Missing::Torn } else { Missing::NotAnEntry })
}

/// The object of a line, given without its end, if it is an entry.
pub fn entry_object(line: &[u8]) -> Option<Object> {
    if let Ok(decoded) = decode(line) {
        return Some(decoded.object().clone());
    }
    // Its fields have values that no server writes, or it is behind a torn one.
    let Found { text, .. } = read(line).ok()?;
    match json::parse(text.of(line), json::Limits::default()) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Where the object of a line begins, if a line or a prefix of text comes before it.
fn start(line: &[u8]) -> Option<usize> {
    if line.first() == Some(&b'{') {
        return Some(0);
    }
    let [json, jsonx] = BEGINNINGS;
    let start = memmem::find(line.get(..line.len().min(PREFIX_MAX))?, json)?;
    let prefix = line.get(..start)?;
    (std::str::from_utf8(prefix).is_ok() && memmem::find(prefix, jsonx).is_none()).then_some(start)
}

/// An entry in JSON that begins here.
fn in_json(line: &[u8], start: usize) -> Option<Found> {
    let text = line.get(start..)?;
    let leaves = Leaves::of(text)?;
    let facts = Facts::of(text, &leaves)?;
    Some(Found { text: Text::From(start), leaves, facts, after_torn: false })
}

/// An entry that the decoder reads, written again as JSON.
fn decoded(line: &[u8]) -> Option<Found> {
    let decoded = decode(line).ok()?;
    let mut text = Vec::new();
    json::write(&decoded.object().clone().into(), &mut text);
    let leaves = Leaves::of(&text)?;
    let facts = Facts::of(&text, &leaves)?;
    let prefix = decoded.prefix().as_bytes();
    let after_torn = BEGINNINGS.iter().any(|beginning| memmem::find(prefix, beginning).is_some());
    Some(Found { text: Text::Own(text), leaves, facts, after_torn })
}

impl Facts {
    /// `None` for an object that is not an entry: without a time, a type and a request.
    pub(super) fn of(text: &[u8], leaves: &Leaves) -> Option<Self> {
        let str = |leaf| leaves.raw(text, leaf).and_then(unquoted);
        let entry_type = match str(Leaf::Type)?.as_ref() {
            "request" => EntryType::Request,
            "response" => EntryType::Response,
            _ => return None,
        };
        leaves.raw(text, Leaf::Request).filter(|raw| raw.starts_with(b"{"))?;
        let time = time_of(text, leaves)?;
        let id = str(Leaf::Id).unwrap_or_default().into_owned();
        Some(Self { entry_type, time, id, record: record_of(text, leaves) })
    }
}

pub(super) fn time_of(text: &[u8], leaves: &Leaves) -> Option<Time> {
    Time::parse(&unquoted(leaves.raw(text, Leaf::Time)?)?).ok()
}

pub(super) fn record_of(text: &[u8], leaves: &Leaves) -> Option<Record> {
    let digits = |leaf| {
        let raw = leaves.raw(text, leaf)?.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        hex(raw).filter(|_| raw.len() == 16)
    };
    Some(Record {
        seq: std::str::from_utf8(leaves.raw(text, Leaf::Seq)?).ok()?.parse().ok()?,
        boot: Boot::new(digits(Leaf::Boot)?),
        salt: SaltId::from_number(digits(Leaf::Salt)?),
        device: digits(Leaf::Device).map(SaltId::from_number),
    })
}

/// Whether a line that was walked over is, or may be, something else than an entry of a request.
pub(super) fn is_special(text: &[u8], leaves: &Leaves) -> bool {
    let special = [Leaf::Gap, Leaf::Part, Leaf::Refused, Leaf::Checkpoint];
    special.iter().any(|leaf| leaves.raw(text, *leaf).is_some())
        || leaves.raw(text, Leaf::Path).and_then(unquoted).is_some_and(|path| path == PROBE_PATH)
}

#[cfg(test)]
mod tests {
    use super::entry_object;

    #[test]
    fn an_entry_with_values_that_no_server_writes_and_one_behind_a_torn_one_are_objects_too() {
        let entry =
            r#"{"time":"2026-11-20T10:00:00Z","type":"request","request":{"operation":"\u001b","id":"1"}}"#;
        let other_time = entry.replace("10:00:00Z", "12:00:00.5+02:00");
        for before in ["", "prefix ", "{\"time\":\"2026-11-20T10:00:00Z\",\"type\":\"requ"] {
            for entry in [entry, other_time.as_str()] {
                let object = entry_object(format!("{before}{entry}").as_bytes()).unwrap();
                assert_eq!(object.object("request").unwrap().str("id"), Some("1"), "{before}{entry}");
            }
        }
        for line in [&b""[..], b"{}", b"\xff\xfe", b"{\"time\":\"2026", br#"{"time":"x","type":"request"}"#] {
            assert!(entry_object(line).is_none());
        }
        let deep =
            [br#"{"time":"x","type":"request","request":{},"a":"#.as_slice(), &b"[".repeat(10_000)].concat();
        assert!(entry_object(&deep).is_none());
    }
}
