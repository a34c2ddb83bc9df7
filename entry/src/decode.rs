//! From a line back to its entry: any line of this server, hashed or raw, and of other servers that write this format.
//! Never in it: the search for lines, or a guess at the text behind a hash.

mod check;
mod jsonx;
pub(crate) mod reader;

use std::fmt;

use onrecord_value::{Object, Time, json};

use crate::entry::{Boot, Entry, Record};
use crate::format::write_line;
use crate::options::{Format, FormatOptions, Limits};
use crate::redact::Redactor;
use crate::register::{Field, entry, kind, record};
use crate::salt::{Salt, SaltId, parse_digits};
use reader::{Read as _, Reader};

/// What each line begins with after its prefix. Both hold a character that is escaped in the texts of their format, so that
/// they cannot occur in a text.
pub const BEGINNINGS: [(Format, &[u8]); 2] =
    [(Format::Json, b"{\"time\":\""), (Format::Jsonx, b"<json:object name=\"auth\">")];

/// Reads a line in either format: prefix, object and, if it is there, the newline.
///
/// Keys that are not in the register are accepted: they are listed by [`DecodedEntry::unknown`], are in
/// [`DecodedEntry::object`], and are missing from [`DecodedEntry::entry`] and [`DecodedEntry::format`]. The order of
/// the keys in the line does not matter. A null counts as an absent key.
pub fn decode(line: &[u8]) -> Result<DecodedEntry, DecodeError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let Split { prefix, format, object } = split(line)?;
    let unknown = check::line(&object)?;
    let time = exact_time(&object)?;
    let record = object.object(entry::RECORD.key()).map(record_of).transpose()?;
    Ok(DecodedEntry { prefix: prefix.to_owned(), format, object, time, record, unknown })
}

struct Split<'a> {
    prefix: &'a str,
    format: Format,
    object: Object,
}

/// Prefix, format and object of a line.
fn split(line: &[u8]) -> Result<Split<'_>, DecodeError> {
    let [_, (_, jsonx)] = BEGINNINGS;
    let format = if line.starts_with(b"<") { Format::Jsonx } else { Format::Json };
    let whole = parse(format, line).map(|object| Split { prefix: "", format, object });
    if whole.is_ok() && (line.starts_with(b"{") || line.starts_with(jsonx)) {
        return whole;
    }
    // A prefix may be any text, but the object of each line begins in the same way.
    let mut refused = None;
    for (format, beginning) in BEGINNINGS {
        let start = find(line, beginning).filter(|at| *at > 0);
        let Some((prefix, rest)) = start.and_then(|start| line.split_at_checked(start)) else { continue };
        let Ok(prefix) = std::str::from_utf8(prefix) else { continue };
        match parse(format, rest) {
            Ok(object) => return Ok(Split { prefix, format, object }),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(whole, Err)
}

fn parse(format: Format, text: &[u8]) -> Result<Object, DecodeError> {
    let limits = json::Limits { depth: usize::MAX, nodes: usize::MAX };
    match format {
        Format::Jsonx => jsonx::parse(text).map_err(|offset| DecodeError::Jsonx { offset }),
        Format::Json => match json::parse(text, limits) {
            Ok(onrecord_value::Value::Object(object)) => Ok(object),
            Ok(_) => Err(DecodeError::Field { at: String::new(), expected: "an object" }),
            Err(error) => Err(DecodeError::Json(error)),
        },
    }
}

fn find(line: &[u8], part: &[u8]) -> Option<usize> {
    line.windows(part.len()).position(|window| window == part)
}

/// The time, which can be written again to the same text.
fn exact_time(object: &Object) -> Result<Time, DecodeError> {
    let key = entry::TIME.key();
    let text = object.str(key).unwrap_or_default();
    let time = Time::parse(text).ok().filter(|time| time.to_string() == text);
    let expected = "a time in UTC as RFC 3339 with nanoseconds";
    time.ok_or_else(|| DecodeError::Field { at: key.to_owned(), expected })
}

fn record_of(object: &Object) -> Result<Record, DecodeError> {
    let mark = |field: &Field<kind::Mark>| {
        object.str(field.key()).and_then(parse_digits).ok_or_else(|| DecodeError::Field {
            at: format!("{}.{}", entry::RECORD.key(), field.key()),
            expected: "its value as the register says",
        })
    };
    let device = object.str(record::DEVICE.key()).map(|_| mark(&record::DEVICE)).transpose()?;
    Ok(Record {
        seq: Reader(object).number(&record::SEQ),
        boot: Boot::new(mark(&record::BOOT)?),
        salt: SaltId::from_number(mark(&record::SALT)?),
        device: device.map(SaltId::from_number),
    })
}

/// A line that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodedEntry {
    prefix: String,
    format: Format,
    object: Object,
    time: Time,
    record: Option<Record>,
    unknown: Vec<String>,
}

impl DecodedEntry {
    /// The entry, with each text as it is in the line: a hash stays a hash.
    pub fn entry(&self) -> Entry<'_> {
        Entry::read(Reader(&self.object))
    }

    /// When the line was formatted.
    pub const fn time(&self) -> Time {
        self.time
    }

    /// Counter, start and salt; lines of other servers have none.
    pub const fn record(&self) -> Option<Record> {
        self.record
    }

    /// The format of the line.
    pub const fn line_format(&self) -> Format {
        self.format
    }

    /// The prefix: the text before the object.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The whole object of the line.
    pub const fn object(&self) -> &Object {
        &self.object
    }

    /// The keys that are not in the register, as paths (`request.request_uri`). [`entry`](Self::entry) lacks them.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Appends the line again. The bytes are the same for every line that a [`Formatter`](crate::Formatter) wrote, and for
    /// lines of other servers that keep the usual order of keys and have no unknown ones (in JSONx: that also escape their
    /// texts and end in a newline).
    pub fn format(&self, out: &mut Vec<u8>) {
        self.format_as(self.format, out);
    }

    /// Appends the line in any format.
    pub fn format_as(&self, format: Format, out: &mut Vec<u8>) {
        self.format_entry(&self.entry(), format, out);
    }

    /// Appends another entry with the prefix, time and record of this line, and its texts as they are. Only for entries
    /// derived from this one, in which all hashing was done.
    pub(crate) fn format_entry(&self, entry: &Entry<'_>, format: Format, out: &mut Vec<u8>) {
        let limits =
            Limits { depth: usize::MAX, nodes: usize::MAX, hash_calls: usize::MAX, line_bytes: usize::MAX };
        let options = FormatOptions {
            log_raw: true,
            prefix: self.prefix.clone(),
            format,
            limits,
            ..FormatOptions::default()
        };
        // The salt is not used: the device is raw, because all hashing was done before.
        let salt = Salt::new("");
        let redactor = Redactor::new(&salt, &options, entry);
        if write_line(&options, redactor, entry, (self.time, self.record), out, None).is_err() {
            // Unreachable: without a limit a line cannot be too long.
            out.extend_from_slice(b"\n");
        }
    }
}

impl fmt::Debug for DecodedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodedEntry")
            .field("time", &self.time)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// Why a line is not an entry. Of the text of the line it shows only keys of the register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is not JSON.
    #[error("not a line of an audit log: byte {} is no JSON", .0.offset())]
    Json(#[source] json::ParseError),
    /// It begins like JSONx, and is not.
    #[error("not a line of an audit log: byte {offset} is no JSONx")]
    Jsonx {
        /// The byte, counted from where the object begins.
        offset: usize,
    },
    /// A field is not as the register says.
    #[error("not an entry: {at}{}expected {expected}", if at.is_empty() { "" } else { ": " })]
    Field {
        /// The path of the field; empty for the line as a whole.
        at: String,
        /// What was expected there.
        expected: &'static str,
    },
}
