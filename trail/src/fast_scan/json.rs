//! The fast scan of a line in JSON. [`super`] says why it is right.
//! Never in it: a line that is not exactly as our formatter writes it; the decoder reads those.

use memchr::memchr;
use memchr::memmem::Finder;
use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SaltId};

use super::{ScannedEntry, after_prefix, hex, number};
use crate::id::{Id, uuid};

/// How a line begins after its prefix.
pub(super) const BEGINNING: &[u8] = b"{\"time\":\"";
const REQUEST: &[u8] = b",\"request\":{";
const RECORD: &[u8] = b",\"record\":{\"seq\":";
const PROBE: &[u8] = b"\"path\":\"sys/audit/test\"}";
/// A time is shorter.
const TIME_MAX: usize = 40;

#[derive(Debug)]
pub(super) struct Json {
    beginning: Finder<'static>,
    request: Finder<'static>,
    unusual: [Finder<'static>; 5],
}

impl Default for Json {
    fn default() -> Self {
        Self {
            beginning: Finder::new(BEGINNING),
            request: Finder::new(REQUEST),
            unusual: [
                "\"gap\":{\"missed\":",
                "\"elided\":{\"bytes\":",
                "\"part\":{\"number\":",
                "\"refused\":{\"count\":",
                "\"checkpoint\":{\"origin\":",
            ]
            .map(Finder::new),
        }
    }
}

impl Json {
    pub(super) fn entry(&self, line: &[u8]) -> Option<ScannedEntry> {
        self.entry_and_object(line).map(|(entry, _)| entry)
    }

    /// The entry, and its object without the prefix.
    pub(super) fn entry_and_object<'l>(&self, line: &'l [u8]) -> Option<(ScannedEntry, &'l [u8])> {
        // Skips lines in the other format.
        if !line.ends_with(b"}}") {
            return None;
        }
        let object = after_prefix(line, BEGINNING, &self.beginning)?;
        let (record, body) = record(object)?;
        let (entry_type, rest) = entry_type(body.get(BEGINNING.len()..)?)?;
        // With a second beginning or a zero byte it may be two lines, or parts of them.
        if self.beginning.find(rest).is_some() || memchr(0, line).is_some() {
            return None;
        }
        let request = rest.get(self.request.find(rest)? + REQUEST.len()..)?;
        let id = request.strip_prefix(b"\"id\":\"")?.get(..37)?;
        let id = id.strip_suffix(b"\"").and_then(uuid)?;
        if !ends_with_duration(request) {
            let unusual =
                request.ends_with(PROBE) || self.unusual.iter().any(|part| part.find(request).is_some());
            if unusual {
                return None;
            }
        }
        Some((ScannedEntry { entry_type, id: Id::Uuid(id), record: Some(record) }, object))
    }
}

/// The `record` at the end of a line, and the text before it.
fn record(line: &[u8]) -> Option<(Record, &[u8])> {
    let (rest, last) = last_hex(line.strip_suffix(b"\"}}")?)?;
    let (rest, salt, device) = match rest.strip_suffix(b"\",\"device\":\"") {
        Some(rest) => last_hex(rest).map(|(rest, salt)| (rest, salt, Some(SaltId::from_number(last))))?,
        None => (rest, last, None),
    };
    let (rest, boot) = last_hex(rest.strip_suffix(b"\",\"salt\":\"")?)?;
    let rest = rest.strip_suffix(b",\"boot\":\"")?;
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, seq) = rest.split_at_checked(rest.len() - digits)?;
    let record = Record { seq: number(seq)?, boot: Boot::new(boot), salt: SaltId::from_number(salt), device };
    Some((record, rest.strip_suffix(RECORD)?))
}

/// The 16 hex digits at the end, as a number, and the text before them.
fn last_hex(text: &[u8]) -> Option<(&[u8], u64)> {
    let (rest, digits) = text.split_at_checked(text.len().checked_sub(16)?)?;
    Some((rest, hex(digits)?))
}

/// The type of a line that is given from its time on, and the text after it.
fn entry_type(line: &[u8]) -> Option<(EntryType, &[u8])> {
    let end = memchr(b'"', line.get(..line.len().min(TIME_MAX))?)?;
    let rest = line.get(end..)?.strip_prefix(b"\",\"type\":\"")?;
    let (entry_type, rest) = match rest.strip_prefix(b"request\"") {
        Some(rest) => (EntryType::Request, rest),
        None => (EntryType::Response, rest.strip_prefix(b"response\"")?),
    };
    rest.starts_with(b",\"auth\":{").then_some((entry_type, rest))
}

fn ends_with_duration(body: &[u8]) -> bool {
    let digits = body.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && body.get(..body.len() - digits).is_some_and(|body| body.ends_with(b",\"duration_ns\":"))
}
