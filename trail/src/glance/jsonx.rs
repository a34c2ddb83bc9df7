//! The glance at a line in JSONx: a walk over its tags which looks at few of them, and past what is in `auth`,
//! in `response` and in data.
//! Never in it: a line that our formatter did not write in exactly this way; the decoder has it.
//!
//! In texts and names every `<` and `>` is escaped, so each one is of a tag, and the tags alone say what is in what.

use memchr::{memchr, memchr_iter, memmem};
use onrecord_audit::{Boot, Kind, Record, SaltId};

use super::Seen;
use crate::id::{Id, uuid};

const BEGINNING: &[u8] = b"<json:object name=\"auth\">";
/// Prefix and header of syslog before an entry are not longer.
const BEFORE_MAX: usize = 1024;

/// What is found on the way.
#[derive(Default)]
struct Found<'a> {
    kind: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    seq: Option<&'a [u8]>,
    boot: Option<&'a [u8]>,
    salt: Option<&'a [u8]>,
    device: Option<&'a [u8]>,
}

/// The entry of a usual line.
pub(super) fn entry(line: &[u8]) -> Option<Seen> {
    if line.last() != Some(&b'>') || memchr(0, line).is_some() {
        return None;
    }
    let start = if line.starts_with(BEGINNING) {
        0
    } else {
        memmem::find(line.get(..line.len().min(BEFORE_MAX))?, BEGINNING)?
    };
    let (before, object) = line.split_at_checked(start)?;
    if start > 0 && (line.first() == Some(&b'<') || std::str::from_utf8(before).is_err()) {
        return None;
    }
    let found = walk(object)?;
    let seq = std::str::from_utf8(found.seq?).ok()?;
    if seq != "0" && seq.starts_with(['0', '+']) {
        return None;
    }
    let hex = |digits: Option<&[u8]>| SaltId::parse(std::str::from_utf8(digits?).ok()?);
    let record = Record {
        seq: seq.parse().ok()?,
        boot: Boot::new(hex(found.boot)?.number()),
        salt: hex(found.salt)?,
        device: if found.device.is_some() { Some(hex(found.device)?) } else { None },
    };
    let kind = match found.kind? {
        b"request" => Kind::Request,
        b"response" => Kind::Response,
        _ => return None,
    };
    Some(Seen { kind, id: Id::Uuid(uuid(found.id?)?), record: Some(record) })
}

/// One pass over the tags. `None` where they do not fit each other, or anything is unusual.
fn walk(object: &[u8]) -> Option<Found<'_>> {
    let mut found = Found::default();
    let (mut rest, mut depth, mut within) = (object, 0_usize, &b""[..]);
    let (mut path, mut begun) = (&b""[..], false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b"</json:") {
            depth = depth.checked_sub(1)?;
            rest = after.strip_prefix(b"object>").or_else(|| after.strip_prefix(b"array>"))?;
            continue;
        }
        let tag = rest.strip_prefix(b"<json:")?;
        let end = memchr(b'>', tag)?;
        let (tag, after) = (tag.get(..end)?, tag.get(end + 1..)?);
        // A line was torn in this tag, and the next one's beginning would be taken for a part of it.
        if memchr(b'<', tag).is_some() {
            return None;
        }
        let name = tag.split(|byte| *byte == b'"').nth(1).unwrap_or_default();
        if tag.starts_with(b"object") || tag.starts_with(b"array") {
            if depth == 0 {
                within = name;
                // A second beginning: two lines that ran together.
                if matches!(name, b"gap" | b"elided" | b"part") || (begun && name == b"auth") {
                    return None;
                }
                begun = true;
            }
            if depth > 0 || matches!(name, b"auth" | b"response") {
                rest = behind(after)?;
            } else {
                depth += 1;
                rest = after;
            }
            continue;
        }
        if tag.ends_with(b" /") {
            rest = after;
            continue;
        }
        let text = after.get(..memchr(b'<', after)?)?;
        let closing = after.get(text.len()..)?.strip_prefix(b"</json:")?;
        let (kind, after) = closing.split_at_checked(memchr(b'>', closing)?)?;
        if !tag.starts_with(kind) {
            return None;
        }
        rest = after.get(1..)?;
        match (depth, within, name) {
            (0, _, b"type") => found.kind = Some(text),
            (1, b"request", b"id") => found.id = Some(text),
            (1, b"request", b"path") => path = text,
            (1, b"record", b"seq") => found.seq = Some(text),
            (1, b"record", b"boot") => found.boot = Some(text),
            (1, b"record", b"salt") => found.salt = Some(text),
            (1, b"record", b"device") => found.device = Some(text),
            _ => {}
        }
    }
    (depth == 0 && path != b"sys/audit/test").then_some(found)
}

/// What comes after the end of an object or array, whose content this is. Nothing in it is looked at but where what is
/// in it begins and ends: a line that was torn in it has no end of it, whatever follows.
fn behind(content: &[u8]) -> Option<&[u8]> {
    let mut depth = 1_usize;
    for at in memchr_iter(b'<', content) {
        let tag = content.get(at + 1..)?;
        if let Some(closing) = tag.strip_prefix(b"/json:") {
            if !matches!(closing.first(), Some(b'o' | b'a')) {
                continue;
            }
            let after = closing.strip_prefix(b"object>").or_else(|| closing.strip_prefix(b"array>"))?;
            depth -= 1;
            if depth == 0 {
                return Some(after);
            }
        } else if matches!(tag.get(b"json:".len()), Some(b'o' | b'a')) {
            depth += 1;
        }
    }
    None
}
