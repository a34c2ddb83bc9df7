//! Joins the halves of requests, drops doubles, and delivers the rows that are asked for. It takes the chunks in their order.
//! Never in it: reading a line, except where its other half decides that it is asked for.

mod special;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SaltId, SeqSet};
use onrecord_value::Time;

use super::entry::read;
use super::field::Field;
use super::pieces::Pieces;
use super::read::LINE_MAX;
use super::row::{Bytes, Position, Row};
use super::scan::{Head, LineReader, Scanned, time_at};
use super::seen::Seen;
use super::waiting::Waiting;
use super::{Gap, Query, Sink, Summary};
use crate::id::Id;

/// Requests that wait for their answers, at most; and answers that wait for their requests.
const WAITING_MAX: usize = 60_000;
/// The bytes of requests: the longest line fits.
const ASKED_BYTES_MAX: usize = LINE_MAX + 1024 * 1024;
/// The bytes of answers.
const ALONE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// A request whose answer was not read yet.
struct Asked {
    time: Time,
    at: Position,
    has_text: bool,
    /// Its line: as long as its chunk is being joined, and then if lines are kept.
    line: Option<Bytes>,
    /// The row without an answer, if that may be asked for. It is made at the end of its chunk.
    row: Option<Box<Row>>,
}

/// An answer whose request was not read yet.
struct Alone {
    /// If it may be asked for.
    row: Option<Box<Row>>,
    has_text: bool,
}

pub(super) struct Joiner<'q> {
    query: &'q Query,
    reader: &'q LineReader<'q>,
    /// The paths that the filter asks for and that have other spellings.
    paths: Vec<&'q str>,
    summary: Summary,
    asked: Waiting<Asked>,
    alone: Waiting<Alone>,
    seen: Seen,
    pieces: Pieces,
    /// Gaps within the asked time, and their numbers.
    gaps: Vec<(Gap, Boot, SeqSet)>,
    declared: HashMap<Boot, SeqSet>,
    ranges: usize,
    gap_ids: HashSet<Id>,
    devices: BTreeSet<u64>,
    last_device: Option<SaltId>,
    /// Lines of each source so far.
    lines: Vec<u64>,
    /// Requests of the chunk that is being joined.
    fresh: Vec<Id>,
}

impl<'q> Joiner<'q> {
    pub(super) fn new(query: &'q Query, reader: &'q LineReader<'q>) -> Self {
        Self {
            query,
            reader,
            paths: query.filter.paths(),
            summary: Summary::default(),
            asked: Waiting::new(WAITING_MAX, ASKED_BYTES_MAX),
            alone: Waiting::new(WAITING_MAX, ALONE_BYTES_MAX),
            seen: Seen::default(),
            pieces: Pieces::default(),
            gaps: Vec::new(),
            declared: HashMap::new(),
            ranges: 0,
            gap_ids: HashSet::new(),
            devices: BTreeSet::new(),
            last_device: None,
            lines: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// How many lines of a source were read.
    pub(super) fn lines_of(&self, source: usize) -> u64 {
        self.lines.get(source).copied().unwrap_or(0)
    }

    /// Takes the next chunk.
    pub(super) fn chunk(
        &mut self,
        scanned: Scanned,
        name: &Arc<str>,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        let Scanned {
            source,
            bytes,
            skipped_before,
            lines,
            passed_over,
            entries,
            others,
            not_entries,
            torn,
            times,
            ..
        } = scanned;
        if self.lines.len() <= source {
            self.lines.resize(source + 1, 0);
        }
        let before = self.lines_of(source) + skipped_before;
        if let Some(count) = self.lines.get_mut(source) {
            *count = before + lines;
        }
        self.summary.lines += skipped_before + lines;
        self.summary.passed_over += passed_over;
        self.summary.not_entries += not_entries;
        self.summary.torn += torn;
        for time in times.into_iter().flat_map(|(first, last)| [first, last]) {
            self.cover(time);
        }
        let at = |line| Position { source: Arc::clone(name), line: before + line + 1 };
        for head in entries {
            let (start, end) = (head.start, head.end);
            self.entry(head, &at, || Bytes::Shared(Arc::clone(&bytes), start, end), sink)?;
        }
        for other in others {
            self.other(other, &at, sink)?;
        }
        self.end_chunk(sink)
    }

    fn cover(&mut self, time: Time) {
        let (first, last) = self.summary.covered.unwrap_or((time, time));
        self.summary.covered = Some((first.min(time), last.max(time)));
    }

    fn note_device(&mut self, record: Option<&Record>) {
        let Some(device) = record.map(Record::device_id).filter(|device| self.last_device != Some(*device))
        else {
            return;
        };
        self.last_device = Some(device);
        self.devices.insert(device.number());
    }

    fn entry(
        &mut self,
        head: Head,
        at: &impl Fn(u64) -> Position,
        line: impl FnOnce() -> Bytes,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        self.note_device(head.record.as_ref());
        let is_new = self.seen.insert(head.entry_type, &head.id, head.record.as_ref());
        self.summary.entries += 1;
        self.summary.doubles += u64::from(!is_new);
        match head.entry_type {
            EntryType::Request if is_new => self.request(head, at, line(), sink),
            EntryType::Request => ControlFlow::Continue(()),
            EntryType::Response => self.answer(head, is_new, at, line, sink),
        }
    }

    fn request(
        &mut self,
        head: Head,
        at: &impl Fn(u64) -> Position,
        line: Bytes,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        let Head { id, has_text, line: number, .. } = head;
        if let Some(alone) = self.alone.remove(&id) {
            let Some(mut row) = alone.row.filter(|_| has_text || alone.has_text) else {
                return ControlFlow::Continue(());
            };
            let asked =
                Asked { time: Time::UNIX_EPOCH, at: at(number), has_text, line: Some(line), row: None };
            self.complete(&mut row, asked);
            return self.deliver(&row, sink);
        }
        self.fresh.push(id.clone());
        // Its time is read when it is needed: until then the line is there.
        let asked = Asked { time: Time::UNIX_EPOCH, at: at(number), has_text, line: Some(line), row: None };
        self.asked.insert(id, asked, 0);
        ControlFlow::Continue(())
    }

    fn answer(
        &mut self,
        head: Head,
        is_new: bool,
        at: &impl Fn(u64) -> Position,
        line: impl FnOnce() -> Bytes,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        let asked = self.asked.remove(&head.id);
        if !is_new {
            return ControlFlow::Continue(());
        }
        let Head { id, mut row, has_text, line: number, .. } = head;
        // The request may be the half that has a text that is asked for.
        if !has_text && asked.as_ref().is_none_or(|asked| asked.has_text) {
            row = self.reader.row_of_line(&line());
        }
        if let Some(row) = &mut row {
            row.at.response = Some(at(number));
        }
        match (row, asked) {
            (Some(mut row), Some(asked)) => {
                self.complete(&mut row, asked);
                self.deliver(&row, sink)
            }
            (None, Some(_)) => ControlFlow::Continue(()),
            (row, None) => {
                // A clone does not keep its chunk.
                let row = row.map(|row| Box::new(Row::clone(&row)));
                let bytes = row.as_ref().map_or(0, |row| row.memory());
                self.alone.insert(id, Alone { row, has_text }, bytes);
                ControlFlow::Continue(())
            }
        }
    }

    /// Adds the request to the row of its answer.
    fn complete(&self, row: &mut Row, asked: Asked) {
        let time = asked.line.as_ref().map_or(Some(asked.time), |line| time_of(line.get()));
        row.time = time.map_or(row.time, |time| time.min(row.time));
        row.at.request = Some(asked.at);
        if self.query.keep_lines {
            row.request_line = asked.line;
        }
    }

    /// Delivers a row, if it is asked for.
    fn deliver(&mut self, row: &Row, sink: &mut dyn Sink) -> ControlFlow<()> {
        if !self.query.covers(row.time) || self.reader.asks_time && !self.query.filter.matches(row) {
            return ControlFlow::Continue(());
        }
        let summary = &mut self.summary;
        if !self.query.own_questions && row.is_own_question() {
            summary.own_questions_left_out += 1;
            return ControlFlow::Continue(());
        }
        summary.rows += 1;
        summary.unanswered += u64::from(!row.answered);
        summary.answers_alone += u64::from(row.at.request.is_none());
        summary.elided += u64::from(row.flag(Field::Elided) == Some(true));
        if !self.paths.is_empty() {
            let path = row.text(Field::Path).unwrap_or_default();
            summary.other_spellings += u64::from(!self.paths.contains(&path.as_ref()));
        }
        sink.row(row)
    }

    /// Lets go of the chunk, and of what waits too long.
    fn end_chunk(&mut self, sink: &mut dyn Sink) -> ControlFlow<()> {
        let (reader, keep_lines) = (self.reader, self.query.keep_lines);
        for id in self.fresh.drain(..) {
            self.asked.update(&id, |asked| {
                let Some(line) = asked.line.take() else { return 0 };
                asked.time = time_of(line.get()).unwrap_or_default();
                if asked.has_text {
                    let row = reader.row_of_line(&line);
                    asked.row = row.map(|row| Box::new(Row::clone(&row)));
                }
                if let Some(row) = &mut asked.row {
                    row.at.request = Some(asked.at.clone());
                }
                asked.line = keep_lines.then(|| line.clone());
                let line = asked.line.as_ref().map_or(0, |line| line.get().len());
                line + asked.row.as_ref().map_or(0, |row| row.memory())
            });
        }
        let (asked, alone) = (self.asked.take_excess(), self.alone.take_excess());
        self.summary.join_is_partial |= !asked.is_empty() || !alone.is_empty();
        self.alone_rows(asked, alone, sink)
    }

    /// Delivers rows that have one half only.
    fn alone_rows(&mut self, asked: Vec<Asked>, alone: Vec<Alone>, sink: &mut dyn Sink) -> ControlFlow<()> {
        for row in alone.into_iter().filter(|alone| alone.has_text).filter_map(|alone| alone.row) {
            self.deliver(&row, sink)?;
        }
        for row in asked.into_iter().filter_map(|asked| asked.row) {
            self.deliver(&row, sink)?;
        }
        ControlFlow::Continue(())
    }
}

/// The time of a line that is known to be an entry.
fn time_of(line: &[u8]) -> Option<Time> {
    if line.first() == Some(&b'{')
        && let Some(time) = time_at(line, 0)
    {
        return Some(time);
    }
    Some(read(line).ok()?.facts.time)
}
