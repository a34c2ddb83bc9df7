//! The fast scan of a line in JSONx: a walk over the tags of its objects.
//! Never in it: a line that is not exactly as our formatter writes it; the decoder reads those.
//!
//! # Why a walk over objects is enough
//!
//! In texts and names every `<` and `>` is escaped, so each one belongs to a tag, and the tags of objects show what is in
//! which object, with any names that a client chose. A line torn in an object has not closed it, and a line torn outside
//! of all objects has no end: the next line, on the same line, begins with a second `auth`. Keys are sorted, so
//! `record` comes before `request`, and the line ends with `time` and `type`.

use memchr::memchr;
use memchr::memmem::Finder;
use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SaltId};

use super::{ScannedEntry, after_prefix, hex, number};
use crate::id::{Id, uuid};

/// How a line begins after its prefix.
pub(super) const BEGINNING: &[u8] = b"<json:object name=\"auth\">";
/// In each tag of an object, and in no tag of anything else.
const OBJECT: &[u8] = b"json:object";
const ID: &[u8] = b"<json:string name=\"id\">";
const PROBE: &[u8] = b"<json:string name=\"path\">sys/audit/test<";
const END: &[u8] = b"</json:string>";
/// A time is shorter, and so is a number.
const SHORT_MAX: usize = 40;

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

enum Tag<'a> {
    /// With its name, which is empty in a list.
    Opens(&'a [u8]),
    Closes,
}

impl Jsonx {
    pub(super) fn entry(&self, line: &[u8]) -> Option<ScannedEntry> {
        let (objects, entry_type) = ending(line)?;
        let objects = after_prefix(objects, BEGINNING, &self.beginning)?;
        // The decoder reads a prefix that is a tag as a part of the entry.
        let tagged = !line.starts_with(BEGINNING) && line.starts_with(b"<");
        if tagged || memchr(0, line).is_some() {
            return None;
        }
        let (record, id) = self.walk(objects, entry_type)?;
        Some(ScannedEntry { entry_type, id: Id::Uuid(id), record: Some(record) })
    }

    /// One pass over the tags of objects. `None` where anything is unusual.
    fn walk(&self, objects: &[u8], entry_type: EntryType) -> Option<(Record, u128)> {
        let (mut record, mut id) = (None, None);
        // How many objects are open, whether the outermost is `request`, and where the last tag ended.
        let (mut depth, mut in_request, mut content) = (0_usize, false, 0);
        for at in self.object.find_iter(objects) {
            let Some((tag, begin, end)) = tag(objects, at)? else { continue };
            if in_request && depth == 1 {
                let members = objects.get(content..begin)?;
                if entry_type == EntryType::Request && self.probe.find(members).is_some() {
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
                            // Gaps, parts, and two joined lines.
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

/// The tag around the `json:object` at `at`, where it begins and where it ends; `Some(None)` if it is in a text, `None`
/// if the tag is not written as our formatter writes it.
#[expect(clippy::option_option, reason = "the two have different meanings")]
fn tag(line: &[u8], at: usize) -> Option<Option<(Tag<'_>, usize, usize)>> {
    let (before, after) = (line.get(..at)?, line.get(at + OBJECT.len()..)?);
    let end = at + OBJECT.len();
    if before.ends_with(b"</") {
        return after.starts_with(b">").then_some(Some((Tag::Closes, at - 2, end + 1)));
    }
    if !before.ends_with(b"<") {
        return Some(None);
    }
    if after.starts_with(b">") {
        return Some(Some((Tag::Opens(b""), at - 1, end + 1)));
    }
    let name = after.strip_prefix(b" name=\"")?;
    let length = memchr(b'"', name)?;
    let (name, rest) = name.split_at_checked(length)?;
    // Otherwise a line was torn in this tag, and the beginning of the next one would seem to be a part of it.
    let whole = rest.starts_with(b"\">") && memchr(b'<', name).is_none();
    whole.then_some(Some((Tag::Opens(name), at - 1, end + b" name=\"\">".len() + length)))
}

/// The text before `time` and `type` at the end of a line, and the type.
fn ending(line: &[u8]) -> Option<(&[u8], EntryType)> {
    let rest = line.strip_suffix(END)?;
    let (rest, entry_type) = match rest.strip_suffix(b"<json:string name=\"type\">request") {
        Some(rest) => (rest, EntryType::Request),
        None => (rest.strip_suffix(b"<json:string name=\"type\">response")?, EntryType::Response),
    };
    let rest = rest.strip_suffix(END)?;
    let short = rest.get(rest.len().saturating_sub(SHORT_MAX)..)?;
    let time = short.iter().rev().position(|byte| *byte == b'>')?;
    let rest = rest.get(..rest.len() - time)?.strip_suffix(b"<json:string name=\"time\">")?;
    Some((rest, entry_type))
}

/// The UUID that is the whole string.
fn id_of(text: &[u8]) -> Option<u128> {
    let (id, rest) = text.split_at_checked(36)?;
    if rest.starts_with(END) { uuid(id) } else { None }
}

/// The `record` whose content begins here.
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

/// The 16 hex digits that are the rest of a string, and the text after it.
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, rest) = text.split_at_checked(16)?;
    Some((hex(digits)?, rest.strip_prefix(END)?))
}
