//! Reads the facts that the checker needs from a line: by a fast scan where the line is as our own formatter writes it,
//! and by the decoder where anything about it is unusual. Never in it: conclusions from several lines.
//!
//! # Why the fast scan is right on hostile text
//!
//! A line that our formatter wrote is one object of JSON after a prefix (docs/FORMAT.md, rules 1 to 5), and in any text
//! in it each `"` comes after a `\`. Each mark that is searched for here has a `"` that comes after `,`, `{` or `:`, and
//! not after a `\`. So such a `"` begins or ends a string. If it ended one, the next byte would be `,`, `:`, `}` or `]`;
//! in the marks it is a letter. So it begins a string, and the rest of the mark is what it seems to be: a key, its colon,
//! the beginning of its value. A text cannot imitate it. *Data* can, because a client chooses its keys: it can have any
//! mark as a whole, but only inside of itself.
//!
//! * The beginning is searched for only at the beginning, after the prefix.
//! * `record` is searched for only at the end. Its two braces close its own object and the object around it; nothing
//!   follows, so the outer object is the whole line, and `record` is its last key. A line torn in its data cannot end
//!   like this: the keys of data are sorted, and there `boot` comes before `seq`.
//! * `request` is the first `,"request":{` of the line: only `auth` comes before, in which the register has no object of
//!   that name and no `data`.
//! * `gap`, `elided`, `part`, `refused` and `checkpoint` come after `duration_ns` and before `record`. With `duration_ns` directly before
//!   `record` there are none. Without it (in request entries) they are searched for in the whole line: one found in `data`
//!   costs a decoding, and has no other effect.
//! * Damaged lines (two lines joined, a hole of zeros where a disk lost a block) are decoded: every line is searched for
//!   a second beginning and for a zero byte.
//!
//! The tests compare it with the decoder, on lines with keys and texts in `data` that imitate all of this.

mod decoded;
mod json;
mod jsonx;

use memchr::memmem::{self, Finder};
use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SeqSet};

use crate::id::Id;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// A usual entry of a request.
    Entry(ScannedEntry),
    /// An entry that had to be decoded.
    Unusual(Box<UnusualEntry>),
    /// The beginning of an entry whose end is missing.
    Torn,
    NotAnEntry,
    Blank,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScannedEntry {
    pub(crate) entry_type: EntryType,
    pub(crate) id: Id,
    /// Lines of other servers have none.
    pub(crate) record: Option<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnusualEntry {
    pub(crate) entry: ScannedEntry,
    pub(crate) detail: Detail,
    /// The number of bytes of a torn entry before this one: what seems to be the prefix has the beginning of an entry.
    pub(crate) torn_before: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// It is a usual entry, only written in another way than ours.
    None,
    /// It tested the device.
    Probe,
    /// It declares what the device missed, or what happened to the log.
    Gap(Gap),
    /// It keeps the checkpoint of another device's tree.
    Checkpoint,
    /// It stands for this many requests that were refused without entries of their own: it has no response.
    Refused(u64),
    /// It replaces a line that was too long.
    Elided,
    /// It is a piece of one.
    Part(Part),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) missed: u64,
    pub(crate) ranges: SeqSet,
    /// The earlier start that the ranges belong to.
    pub(crate) boot: Option<Boot>,
    /// Length and SHA-256 of a torn line that was kept.
    pub(crate) torn: Option<(u64, String)>,
    /// The device was disabled.
    pub(crate) ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) number: u64,
    pub(crate) of: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct Scanner {
    json: json::Json,
    jsonx: jsonx::Jsonx,
    /// Whether every line is decoded.
    thorough: bool,
}

impl Scanner {
    pub(crate) fn new(thorough: bool) -> Self {
        Self { thorough, json: json::Json::default(), jsonx: jsonx::Jsonx::default() }
    }

    /// An entry in JSON that is exactly as our formatter writes it, given without its newline, and its object.
    pub(crate) fn json_entry<'l>(&self, line: &'l [u8]) -> Option<(ScannedEntry, &'l [u8])> {
        self.json.entry_and_object(line)
    }

    /// Reads a line, given without its newline.
    pub(crate) fn scan(&self, line: &[u8]) -> Scanned {
        // Receivers of syslog may end lines with CR LF.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let fast = || self.json.entry(line).or_else(|| self.jsonx.entry(line));
        match if self.thorough { None } else { fast() } {
            Some(entry) => Scanned::Entry(entry),
            None => decoded::scan(line),
        }
    }
}

/// How entries begin after their prefix, in both formats.
pub(crate) const BEGINNINGS: [&[u8]; 2] = [json::BEGINNING, jsonx::BEGINNING];

/// Prefix and syslog header before an entry are not longer.
pub(crate) const PREFIX_MAX: usize = 1024;

/// The entry after its prefix. A prefix that is not text, or in which an entry begins, is a torn entry: `None`.
fn after_prefix<'l>(line: &'l [u8], beginning: &[u8], finder: &Finder<'_>) -> Option<&'l [u8]> {
    if line.starts_with(beginning) {
        return Some(line);
    }
    let (prefix, entry) = line.split_at_checked(finder.find(line.get(..line.len().min(PREFIX_MAX))?)?)?;
    let begins = |other| memmem::find(prefix, other).is_some();
    let torn = std::str::from_utf8(prefix).is_err() || begins(json::BEGINNING) || begins(jsonx::BEGINNING);
    (!torn).then_some(entry)
}

/// The value of at most 16 lower-case hex digits.
pub(crate) fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

/// A number without a sign or leading zeros.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    if text != "0" && text.starts_with(['0', '+']) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests;
