//! Reads the lines of one chunk: what each is, and the rows of those answers that are asked for.
//! Never in it: what several lines have to do with each other.

use std::sync::Arc;

use memchr::memchr;
use memchr::memmem::Finder;
use onrecord_entry::gap::Record;
use onrecord_entry::{EntryType, decode};
use onrecord_value::Time;

use super::entry::{Facts, Found, Missing, Text, is_special, read, time_of};
use super::filter::Filter;
use super::hashed::is_hashed;
use super::leaf::Leaves;
use super::needles::{Needles, Texts};
use super::row::{At, Bytes, Row};
use super::{Gap, LinesOfSalt, Query};
use crate::fast_scan::{self, Detail, Part, Scanner};
use crate::id::Id;

/// Whole lines of one source.
pub(super) struct Chunk {
    /// Which source.
    pub(super) source: usize,
    /// Which chunk of the query.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    /// Lines of the source that come before it and were too long to be read.
    pub(super) skipped_before: u64,
    /// Whether its last line is known to be whole.
    pub(super) whole: bool,
}

/// What a chunk has.
pub(super) struct Scanned {
    pub(super) source: usize,
    pub(super) number: u64,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) skipped_before: u64,
    pub(super) lines: u64,
    pub(super) passed_over: u64,
    /// Those of them whose salts are asked for.
    pub(super) withheld: Vec<Withheld>,
    pub(super) entries: Vec<Head>,
    pub(super) others: Vec<Other>,
    pub(super) not_entries: u64,
    pub(super) torn: u64,
    /// The first and the last time.
    pub(super) times: Option<(Time, Time)>,
}

impl Scanned {
    fn pass_over(&mut self, why: PassedOver) {
        self.passed_over += 1;
        if let PassedOver::Withheld(withheld) = why {
            self.withheld.push(withheld);
        }
    }
}

/// A line that is withheld.
pub(super) struct Withheld {
    pub(super) record: Record,
    /// It is of a time that is asked for.
    pub(super) in_time: bool,
}

/// Why a line is passed over.
pub(super) enum PassedOver {
    /// Its salt is not asked for.
    Foreign,
    /// It may be in the clear.
    Withheld(Withheld),
}

/// An entry of a request or an answer.
pub(super) struct Head {
    pub(super) entry_type: EntryType,
    pub(super) id: Id,
    pub(super) record: Option<Record>,
    /// Where its line is in the chunk, and its number there, from 0 on.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) line: u64,
    /// Whether it has one of the texts that are asked for.
    pub(super) has_text: bool,
    /// Of an answer.
    pub(super) judged: Judged,
}

/// What the filter says of an entry.
#[derive(Default)]
pub(super) struct Judged {
    /// The row, if its fields may be as asked.
    pub(super) row: Option<Box<Row>>,
    /// It lacks a field that the filter names, because its device left it out or replaced it by a digest.
    pub(super) undecided: bool,
}

/// A line of another kind.
pub(super) enum Other {
    Gap { id: Id, gap: Box<Gap>, ranges: Box<fast_scan::Gap>, record: Option<Record> },
    Part { part: Box<Part>, record: Record, line: u64 },
    Refused { requests: u64, time: Time, record: Option<Record> },
    Probe,
    Checkpoint,
}

/// Reads lines.
pub(super) struct LineReader<'q> {
    query: &'q Query,
    scanner: Scanner,
    needles: Needles,
    texts: Texts,
    /// Finds entries whose data is a digest, if the filter names data.
    over_limit: Option<Finder<'static>>,
    /// Whether the filter asks for the time of the row, which is known when it is joined.
    pub(super) asks_time: bool,
    /// `since` as our formatter begins a time, without its fraction.
    since: Option<Vec<u8>>,
}

/// What comes before the time in a line of our formatter.
const BEFORE_TIME: usize = b"{\"time\":\"".len();
/// What an entry has whose data was replaced by a digest.
const OVER_LIMIT: &[u8] = b"\"data_over_limit\":\"";
/// The length of a time without its fraction.
const SECONDS: usize = 19;

/// The earliest and the latest line of those whose times are compared as texts: where their objects begin.
#[derive(Default)]
struct Times {
    known: Option<(Time, Time)>,
    texts: Option<(usize, usize)>,
}

impl Times {
    fn add(&mut self, time: Time) {
        let (first, last) = self.known.unwrap_or((time, time));
        self.known = Some((first.min(time), last.max(time)));
    }

    fn add_text(&mut self, chunk: &[u8], start: usize) {
        let text = |start: usize| chunk.get(start + BEFORE_TIME..start + BEFORE_TIME + SECONDS);
        let (first, last) = self.texts.unwrap_or((start, start));
        let earlier = text(start) < text(first);
        let later = text(start) >= text(last);
        self.texts = Some((if earlier { start } else { first }, if later { start } else { last }));
    }

    fn both(mut self, chunk: &[u8]) -> Option<(Time, Time)> {
        let (first, last) = self.texts.unwrap_or_default();
        if self.texts.is_some() {
            for start in [first, last] {
                if let Some(time) = time_at(chunk, start) {
                    self.add(time);
                }
            }
        }
        self.known
    }
}

/// The time of the object in our own form that begins here.
pub(super) fn time_at(chunk: &[u8], start: usize) -> Option<Time> {
    let text = chunk.get(start + BEFORE_TIME..)?;
    let text = text.get(..memchr(b'"', text.get(..text.len().min(40))?)?)?;
    Time::parse(std::str::from_utf8(text).ok()?).ok()
}

impl<'q> LineReader<'q> {
    pub(super) fn new(query: &'q Query) -> Self {
        let since = query.since.map(|since| {
            let mut text = Vec::new();
            since.rfc3339_seconds(&mut text);
            text.truncate(SECONDS);
            text
        });
        Self {
            query,
            scanner: Scanner::new(false),
            needles: Needles::of(&query.filter.expr),
            texts: Texts::of(&query.filter.texts),
            over_limit: query.filter.names_data().then(|| Finder::new(OVER_LIMIT)),
            asks_time: query.filter.asks_time(),
            since,
        }
    }

    /// Whether a line has one of the texts that are asked for, or none is.
    pub(super) fn has_text(&self, line: &[u8]) -> bool {
        self.texts.are_in(line)
    }

    fn filter(&self) -> &Filter {
        &self.query.filter
    }

    pub(super) fn chunk(&self, chunk: Chunk) -> Scanned {
        let Chunk { source, number, bytes, skipped_before, whole } = chunk;
        let bytes = Arc::new(bytes);
        let mut times = Times::default();
        let mut scanned = Scanned {
            source,
            number,
            bytes: Arc::clone(&bytes),
            skipped_before,
            lines: 0,
            passed_over: 0,
            withheld: Vec::new(),
            entries: Vec::new(),
            others: Vec::new(),
            not_entries: 0,
            torn: 0,
            times: None,
        };
        let mut start = 0;
        while start < bytes.len() {
            let rest = bytes.get(start..).unwrap_or_default();
            let found = memchr(b'\n', rest);
            let end = start + found.unwrap_or(rest.len());
            self.line(start, end, whole || found.is_some(), &mut times, &mut scanned);
            scanned.lines += 1;
            start = end + 1;
        }
        scanned.times = times.both(&bytes);
        scanned
    }

    fn line(&self, start: usize, end: usize, whole: bool, times: &mut Times, scanned: &mut Scanned) {
        let chunk = Arc::clone(&scanned.bytes);
        let line = chunk.get(start..end).unwrap_or_default();
        // Receivers of syslog may end lines with CR LF.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = start + line.len();
        let Some((entry, object)) = self.scanner.json_entry(line) else {
            return self.unusual(&chunk, start, end, whole, times, scanned);
        };
        let time = || time_at(&chunk, end - object.len()).unwrap_or_default();
        if let Some(why) = self.passes_over(entry.record.as_ref(), time, Some(object)) {
            return scanned.pass_over(why);
        }
        let has_text = self.texts.are_in(line);
        let mut judged = Judged::default();
        let object_start = end - object.len();
        if entry.entry_type == EntryType::Response && !self.is_refused(object, has_text) {
            let Some(leaves) = Leaves::of(object) else {
                return self.unusual(&chunk, start, end, whole, times, scanned);
            };
            let time = time_of(object, &leaves).unwrap_or_default();
            let bytes = Bytes::Shared(Arc::clone(&chunk), object_start, end);
            let line = || Bytes::Shared(Arc::clone(&chunk), start, end);
            judged = self.judge(bytes, &leaves, time, EntryType::Response, line);
        }
        times.add_text(&chunk, object_start);
        scanned.entries.push(Head {
            entry_type: entry.entry_type,
            id: entry.id,
            record: entry.record,
            start,
            end,
            line: scanned.lines,
            has_text,
            judged,
        });
    }

    /// Whether a line is passed over, and why; with its object if that has texts of a request.
    pub(super) fn passes_over(
        &self,
        record: Option<&Record>,
        time: impl FnOnce() -> Time,
        object: Option<&[u8]>,
    ) -> Option<PassedOver> {
        let salts = self.query.salts.as_ref()?;
        let Some((record, read)) = record.and_then(|record| Some((record, salts.get(&record.salt)?))) else {
            return Some(PassedOver::Foreign);
        };
        let is_read = match (read, object) {
            (LinesOfSalt::All, _) | (_, None) => true,
            (LinesOfSalt::Hashed, Some(object)) => is_hashed(object),
            (LinesOfSalt::None, Some(_)) => false,
        };
        let withheld = || Withheld { record: *record, in_time: self.query.covers(time()) };
        (!is_read).then(|| PassedOver::Withheld(withheld()))
    }

    /// Whether the bytes alone show that an answer in our own form is not asked for.
    fn is_refused(&self, object: &[u8], has_text: bool) -> bool {
        let is_early = |since: &Vec<u8>| {
            object.get(BEFORE_TIME..BEFORE_TIME + SECONDS).is_some_and(|time| time < since.as_slice())
        };
        let is_over_limit = || self.over_limit.as_ref().is_some_and(|mark| mark.find(object).is_some());
        self.since.as_ref().is_some_and(is_early)
            || !has_text
            || !self.needles.may_be_in(object) && !is_over_limit()
    }

    /// What the filter says of an answer, or of a request without one.
    fn judge(
        &self,
        entry: Bytes,
        leaves: &Leaves,
        time: Time,
        entry_type: EntryType,
        line: impl FnOnce() -> Bytes,
    ) -> Judged {
        let answered = entry_type == EntryType::Response;
        let mut row = Row {
            entry,
            leaves: *leaves,
            answered,
            time,
            at: At::default(),
            request_line: None,
            response_line: None,
        };
        let undecided = self.query.covers(time) && self.filter().is_undecided(&row);
        if !self.asks_time && !self.filter().matches(&row) {
            return Judged { row: None, undecided };
        }
        if self.query.keep_lines {
            *(if answered { &mut row.response_line } else { &mut row.request_line }) = Some(line());
        }
        Judged { row: Some(Box::new(row)), undecided }
    }

    /// What the filter says of an answer or of a request whose line was passed over.
    pub(super) fn judge_line(&self, line: &Bytes) -> Judged {
        let Ok(Found { text, leaves, facts, .. }) = read(line.get()) else { return Judged::default() };
        let entry = match (text, line) {
            (Text::Own(text), _) => Bytes::Own(text.into()),
            (Text::From(from), Bytes::Shared(chunk, start, end)) => {
                Bytes::Shared(Arc::clone(chunk), start + from, *end)
            }
            (Text::From(from), Bytes::Own(line)) => Bytes::Own(line.get(from..).unwrap_or_default().into()),
        };
        self.judge(entry, &leaves, facts.time, facts.entry_type, || line.share())
    }

    fn unusual(
        &self,
        chunk: &Arc<Vec<u8>>,
        start: usize,
        end: usize,
        whole: bool,
        times: &mut Times,
        scanned: &mut Scanned,
    ) {
        let line = chunk.get(start..end).unwrap_or_default();
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let Found { text, leaves, facts, after_torn } = match read(line) {
            Ok(found) => found,
            // The last line of a file may be torn before it can be recognised, or is being written at this moment.
            Err(Missing::NotAnEntry) if whole => return scanned.not_entries += 1,
            Err(Missing::NotAnEntry | Missing::Torn) => return scanned.torn += 1,
        };
        scanned.torn += u64::from(after_torn);
        let (text, from) = match text {
            Text::Own(text) => (Some(text), 0),
            Text::From(from) => (None, from),
        };
        let object = text.as_deref().or_else(|| line.get(from..)).unwrap_or_default();
        let other = is_special(object, &leaves)
            .then(|| self.special(line.get(from..).unwrap_or_default(), &facts, scanned.lines))
            .flatten();
        // Entries of other kinds have no texts of requests; the parts of one are judged when they are together.
        let texts = other.is_none().then_some(object);
        let passed_over = self.passes_over(facts.record.as_ref(), || facts.time, texts);
        if passed_over.is_none() {
            times.add(facts.time);
        }
        // Each probe has a salt that is thrown away.
        if let Some(why) = passed_over.filter(|_| !matches!(other, Some(Other::Probe))) {
            return scanned.pass_over(why);
        }
        if let Some(other) = other {
            return scanned.others.push(other);
        }
        let has_text = self.texts.are_in(line);
        let Facts { entry_type, time, id, record } = facts;
        let mut judged = Judged::default();
        if entry_type == EntryType::Response && has_text {
            let bytes = match text {
                Some(text) => Bytes::Own(text.into()),
                None => Bytes::Shared(Arc::clone(chunk), start + from, end),
            };
            let line = || Bytes::Shared(Arc::clone(chunk), start, end);
            judged = self.judge(bytes, &leaves, time, entry_type, line);
        }
        let id = match id.as_str() {
            // It has no other half.
            "" => Id::Text(format!("#{}:{}", scanned.number, scanned.lines).into()),
            id => Id::of(id),
        };
        let line = scanned.lines;
        scanned.entries.push(Head { entry_type, id, record, start, end, line, has_text, judged });
    }

    /// A line that is not an entry of a request. `None` if it is one.
    fn special(&self, line: &[u8], facts: &Facts, number: u64) -> Option<Other> {
        let fast_scan::Scanned::Unusual(unusual) = self.scanner.scan(line) else { return None };
        let record = unusual.entry.record;
        match unusual.detail {
            Detail::Gap(ranges) => {
                let decoded = decode(line).ok()?;
                let gap = decoded.entry().gap?;
                let gap = Gap {
                    device: record.map(|record| record.device_id().to_string()).unwrap_or_default(),
                    missed: gap.missed,
                    since: gap.since,
                    until: facts.time,
                    missing: gap.missed,
                    reason: gap.reason.as_str().to_owned(),
                };
                Some(Other::Gap {
                    id: unusual.entry.id,
                    gap: Box::new(gap),
                    ranges: Box::new(ranges),
                    record,
                })
            }
            Detail::Part(part) => Some(Other::Part { part: Box::new(part), record: record?, line: number }),
            Detail::Refused(requests) => Some(Other::Refused { requests, time: facts.time, record }),
            Detail::Probe => Some(Other::Probe),
            Detail::Checkpoint => Some(Other::Checkpoint),
            Detail::Elided | Detail::None => None,
        }
    }
}
