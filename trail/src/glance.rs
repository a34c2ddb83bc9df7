//! What the checker wants of a line, at a glance where the line is written as our own formatter writes them, and by
//! the decoder where anything about it is unusual. Never in it: what the entries of a log are together.
//!
//! # Why a glance is right on hostile text
//!
//! A line that our formatter wrote is one object of JSON behind a prefix (docs/FORMAT.md, rules 1 to 5), and a text
//! in it, whoever wrote that, has each `"` behind a `\`. The marks that are looked for here each have a `"` that comes
//! after `,`, `{` or `:`, never after a `\`. So such a `"` begins or ends a string, wherever it stands. If it ended one,
//! what follows it would be `,`, `:`, `}` or `]`; in the marks a letter follows. So it begins a string, and the rest of
//! the mark is read as it stands: a key, its colon, what its value begins with. No text can look like it. What is left
//! is *data*, whose keys a client chooses: it can have any mark as a whole, but only inside of itself.
//!
//! * The beginning is looked for at the beginning alone, behind the prefix.
//! * `record` is looked for at the end alone. Its two braces close the object that it is and the one that it is in;
//!   nothing follows, so that is the whole line, and `record` is its last key. A line torn in its data cannot end so:
//!   the keys of data are sorted, and there `boot` comes before `seq`.
//! * `request` is the first `,"request":{` of the line: only `auth` comes before, in which the register has no object of
//!   that name and no `data`.
//! * `gap`, `elided` and `part` come after `duration_ns` and before `record`. With `duration_ns` directly before
//!   `record` there are none. Without it (the request entries) they are looked for in the whole line: one found in
//!   `data` costs a decoding, and nothing else.
//! * What was written by nobody (two lines run together, a hole of zeros where a disk lost a block) is decoded: a second
//!   beginning or a zero byte are looked for in every line.
//!
//! The tests hold it against the decoder, with keys and texts in `data` that imitate all of this.

mod decoded;
mod json;
mod jsonx;

use memchr::memmem::{self, Finder};
use onrecord_entry::{Boot, Kind, Record, SeqRange};

use crate::id::Id;

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Glance {
    /// One entry of a request.
    Entry(Seen),
    /// A line that is more than that, or that has to be looked at closely.
    Unusual(Box<Unusual>),
    /// The beginning of an entry whose end is missing.
    Torn,
    /// No entry.
    NoEntry,
    /// Nothing at all.
    Blank,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: Kind,
    pub(crate) id: Id,
    /// Lines of other servers have none.
    pub(crate) record: Option<Record>,
}

/// What was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusual {
    pub(crate) seen: Seen,
    pub(crate) what: What,
    /// What stands before the entry and is no prefix, because an entry begins in it: so many bytes of a torn one.
    pub(crate) torn_before: usize,
}

/// What is unusual about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Nothing: it was only written in another way than ours.
    Nothing,
    /// The device was tried with it.
    Probe,
    /// It tells what the device missed, or what happened to the log.
    Gap(Gap),
    /// It stands for a line that was too long.
    Elided,
    /// It is a piece of one.
    Part(Part),
}

/// A gap entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) missed: u64,
    pub(crate) ranges: Vec<SeqRange>,
    /// The earlier start which the ranges belong to.
    pub(crate) boot: Option<Boot>,
    /// Length and SHA-256 of a torn line that was kept.
    pub(crate) torn: Option<(u64, String)>,
    /// The device was disabled.
    pub(crate) ended: bool,
}

/// A piece of a line that was too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) number: u64,
    pub(crate) of: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) text: String,
}

/// Looks at lines of one source.
#[derive(Debug)]
pub(crate) struct Reader {
    json: json::Json,
    jsonx: jsonx::Jsonx,
    /// Every line is decoded.
    thorough: bool,
}

impl Reader {
    pub(crate) fn new(thorough: bool) -> Self {
        Self { thorough, json: json::Json::default(), jsonx: jsonx::Jsonx::default() }
    }

    /// What a line is. It comes without its newline.
    pub(crate) fn look(&self, line: &[u8]) -> Glance {
        // Receivers of syslog may end lines as other systems do.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let quick = || self.json.entry(line).or_else(|| self.jsonx.entry(line));
        match if self.thorough { None } else { quick() } {
            Some(seen) => Glance::Entry(seen),
            None => decoded::look(line),
        }
    }
}

/// Prefix and header of syslog before an entry are not longer.
const BEFORE_MAX: usize = 1024;

/// The entry behind its prefix, which is text, and in which no entry begins: otherwise it was torn.
fn behind_prefix<'l>(line: &'l [u8], beginning: &[u8], finder: &Finder<'_>) -> Option<&'l [u8]> {
    if line.starts_with(beginning) {
        return Some(line);
    }
    let (prefix, entry) = line.split_at_checked(finder.find(line.get(..line.len().min(BEFORE_MAX))?)?)?;
    let begins = |other| memmem::find(prefix, other).is_some();
    let torn = std::str::from_utf8(prefix).is_err() || begins(json::BEGINNING) || begins(jsonx::BEGINNING);
    (!torn).then_some(entry)
}

/// The number that lower-case hex digits are, of which it has 16 at most.
fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

/// A number in its usual form.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    if text != "0" && text.starts_with(['0', '+']) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests;
