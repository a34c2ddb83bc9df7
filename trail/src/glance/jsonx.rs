//! The glance at a line in JSONx: a walk over its objects, past everything else.
//! Never in it: a line that our formatter did not write in exactly this way; the decoder has it.
//!
//! # Why a walk over objects is enough
//!
//! In texts and names every `<` and `>` is escaped, so each one is of a tag, and the tags of objects alone say what is in
//! which object, whatever a client named its own. A line that was torn in an object has not ended it, and one that was
//! torn outside of all of them has no end: what follows on the same line begins with a second `auth`. Keys are sorted, so
//! `record` comes before `request`, and the line ends with `time` and `type`.

use memchr::memchr;
use memchr::memmem::Finder;
use onrecord_entry::{Boot, Kind, Record, SaltId};

use super::{Seen, behind_prefix, hex, number};
use crate::id::{Id, uuid};

/// How a line begins behind its prefix.
pub(super) const BEGINNING: &[u8] = b"<json:object name=\"auth\">";
/// In each tag of an object, and in no tag of anything else.
const OBJECT: &[u8] = b"json:object";
const ID: &[u8] = b"<json:string name=\"id\">";
const PROBE: &[u8] = b"<json:string name=\"path\">sys/audit/test<";
const END: &[u8] = b"</json:string>";
/// A time is shorter, and so is a number.
const SHORT_MAX: usize = 40;

/// What is looked for, made ready once.
#[derive(Debug)]
pub(super) struct Jsonx {
    beginning: Finder<'static>,
    object: Finder<'static>,
    id: Finder<'static>,
    probe: Finder<'static>,
}

impl Default for Jsonx {
    fn default() -> Self {
        Self {
            beginning: Finder::new(BEGINNING),
            object: Finder::new(OBJECT),
            id: Finder::new(ID),
            probe: Finder::new(PROBE),
        }
    }
}

/// The tag of an object.
enum Tag<'a> {
    /// With its name, which is empty in a list.
    Opens(&'a [u8]),
    Closes,
}

impl Jsonx {
    /// The entry of a usual line.
    pub(super) fn entry(&self, line: &[u8]) -> Option<Seen> {
        let (objects, kind) = ending(line)?;
        let objects = behind_prefix(objects, BEGINNING, &self.beginning)?;
        // The decoder takes a prefix that is a tag for a part of the entry.
        let tagged = !line.starts_with(BEGINNING) && line.starts_with(b"<");
        if tagged || memchr(0, line).is_some() {
            return None;
        }
        let (record, id) = self.walk(objects, kind)?;
        Some(Seen { kind, id: Id::Uuid(id), record: Some(record) })
    }

    /// One pass over the tags of objects, which is all that is left of the line. `None` where anything is unusual.
    fn walk(&self, objects: &[u8], kind: Kind) -> Option<(Record, u128)> {
        let (mut record, mut id) = (None, None);
        // How many objects are open, whether the outermost is `request`, and where the last tag ended.
        let (mut depth, mut in_request, mut content) = (0_usize, false, 0);
        for at in self.object.find_iter(objects) {
            let Some((tag, begin, end)) = tag(objects, at)? else { continue };
            if in_request && depth == 1 {
                let members = objects.get(content..begin)?;
                if kind == Kind::Request && self.probe.find(members).is_some() {
                    return None;
                }
                if let (None, Some(at)) = (id, self.id.find(members)) {
                    id = Some(id_of(members.get(at + ID.len()..)?)?);
                }
            }
            match tag {
                Tag::Opens(name) => {
                    if depth == 0 {
                        match name {
                            b"auth" if begin == 0 => {}
                            b"record" if record.is_none() => record = Some(record_of(objects.get(end..)?)?),
                            b"request" if id.is_none() => {}
                            b"response" if id.is_some() => {}
                            // Gaps, parts, and two lines that ran together.
                            _ => return None,
                        }
                        in_request = name == b"request";
                    }
                    depth += 1;
                }
                Tag::Closes => depth = depth.checked_sub(1)?,
            }
            content = end;
        }
        (depth == 0 && content == objects.len()).then_some((record?, id?))
    }
}

/// The tag in which `json:object` stands, where it begins and where it ends; nothing if it stands in a text. `None` if
/// the tag is not written as ours are.
#[expect(clippy::option_option, reason = "the two say different things of the line")]
fn tag(line: &[u8], at: usize) -> Option<Option<(Tag<'_>, usize, usize)>> {
    let (before, after) = (line.get(..at)?, line.get(at + OBJECT.len()..)?);
    let behind = at + OBJECT.len();
    if before.ends_with(b"</") {
        return after.starts_with(b">").then_some(Some((Tag::Closes, at - 2, behind + 1)));
    }
    if !before.ends_with(b"<") {
        return Some(None);
    }
    if after.starts_with(b">") {
        return Some(Some((Tag::Opens(b""), at - 1, behind + 1)));
    }
    let name = after.strip_prefix(b" name=\"")?;
    let length = memchr(b'"', name)?;
    let (name, rest) = name.split_at_checked(length)?;
    // A line was torn in this tag, and the next one's beginning would be taken for a part of it.
    let whole = rest.starts_with(b"\">") && memchr(b'<', name).is_none();
    whole.then_some(Some((Tag::Opens(name), at - 1, behind + b" name=\"\">".len() + length)))
}

/// What stands before `time` and `type` at the end of a line, and the type.
fn ending(line: &[u8]) -> Option<(&[u8], Kind)> {
    let rest = line.strip_suffix(END)?;
    let (rest, kind) = match rest.strip_suffix(b"<json:string name=\"type\">request") {
        Some(rest) => (rest, Kind::Request),
        None => (rest.strip_suffix(b"<json:string name=\"type\">response")?, Kind::Response),
    };
    let rest = rest.strip_suffix(END)?;
    let short = rest.get(rest.len().saturating_sub(SHORT_MAX)..)?;
    let time = short.iter().rev().position(|byte| *byte == b'>')?;
    let rest = rest.get(..rest.len() - time)?.strip_suffix(b"<json:string name=\"time\">")?;
    Some((rest, kind))
}

/// The UUID that a string begins with and ends with.
fn id_of(text: &[u8]) -> Option<u128> {
    let (id, rest) = text.split_at_checked(36)?;
    if rest.starts_with(END) { uuid(id) } else { None }
}

/// The content of `record`, with the end of it.
fn record_of(content: &[u8]) -> Option<Record> {
    let (boot, rest) = digits(content.strip_prefix(b"<json:string name=\"boot\">")?)?;
    let (device, rest) = match rest.strip_prefix(b"<json:string name=\"device\">") {
        Some(rest) => digits(rest).map(|(device, rest)| (Some(device), rest))?,
        None => (None, rest),
    };
    let (salt, rest) = digits(rest.strip_prefix(b"<json:string name=\"salt\">")?)?;
    let rest = rest.strip_prefix(b"<json:number name=\"seq\">")?;
    let (seq, rest) = rest.split_at_checked(memchr(b'<', rest.get(..rest.len().min(SHORT_MAX))?)?)?;
    if !rest.starts_with(b"</json:number></json:object>") {
        return None;
    }
    Some(Record {
        seq: number(seq)?,
        boot: Boot::new(boot),
        salt: SaltId::from_number(salt),
        device: device.map(SaltId::from_number),
    })
}

/// The 16 hex digits of a string that began before them, and what comes after it.
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, rest) = text.split_at_checked(16)?;
    Some((hex(digits)?, rest.strip_prefix(END)?))
}
