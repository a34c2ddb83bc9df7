//! Joins the halves of requests, drops doubles, and delivers the rows that are asked for. It takes the chunks in their order.
//! Never in it: reading a line, except where its other half decides that it is asked for.

mod asked;
mod special;
mod withheld;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SaltId, SeqSet};
use onrecord_value::Time;

use super::entry::{read, record_of};
use super::field::Field;
use super::read::LINE_MAX;
use super::row::{Bytes, Position, Row};
use super::scan::{Head, Judged, LineReader, Scanned, time_at};
use super::seen::{IDS_MAX, Seen};
use super::waiting::Waiting;
use super::{Gap, Query, Sink, Summary};
use crate::check::log_name;
use crate::id::Id;
use crate::parts::Parts;
use asked::{Asked, RequestCopy};
use withheld::WithheldNumbers;

/// Requests that wait for their answers, at most; and answers that wait for their requests.
const WAITING_MAX: usize = 60_000;
/// The bytes of requests: the longest line fits.
const ASKED_BYTES_MAX: usize = LINE_MAX + 1024 * 1024;
/// The bytes of answers.
const ALONE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// The bytes of pieces of entries.
const PARTS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Further copies of an entry, of other devices, are left out.
const COPIES_MAX: usize = 8;

/// An answer whose request was not read yet.
struct Alone {
    device: Option<SaltId>,
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
    /// The copies of an answer.
    alone: Waiting<Vec<Alone>>,
    seen: Seen,
    /// Answers whose rows were delivered: another device's copy of one is not a row again.
    delivered: Seen,
    parts: Parts,
    /// Entries whose pieces do not fit together: their numbers are not missing.
    corrupt: Vec<Record>,
    /// Gaps within the asked time, and their numbers.
    gaps: Vec<(Gap, Boot, SeqSet)>,
    /// The numbers that gaps declare, and how many ranges they are.
    declared: HashMap<Boot, SeqSet>,
    ranges: usize,
    withheld: WithheldNumbers,
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
            seen: Seen::new(IDS_MAX),
            delivered: Seen::new(IDS_MAX),
            parts: Parts::with_text(PARTS_BYTES_MAX),
            corrupt: Vec::new(),
            gaps: Vec::new(),
            declared: HashMap::new(),
            ranges: 0,
            withheld: WithheldNumbers::default(),
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
            withheld,
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
        for line in &withheld {
            self.withheld.insert(line);
        }
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
        mut head: Head,
        at: &impl Fn(u64) -> Position,
        line: impl FnOnce() -> Bytes,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        self.note_device(head.record.as_ref());
        let mut is_new = self.seen.insert(head.entry_type, &head.id, head.record.as_ref());
        self.summary.entries += 1;
        self.summary.doubles += u64::from(!is_new);
        if self.query.each_device {
            is_new = true;
            head.id = match &head.record {
                Some(record) => head.id.of_device(&record.device_id()),
                // Of other servers: the files of one log are one device.
                None => head.id.of_device(&log_name(&at(head.line).source)),
            };
        }
        match head.entry_type {
            EntryType::Request => self.request(head, is_new, at, line(), sink),
            EntryType::Response => self.answer(head, is_new, at, line, sink),
        }
    }

    fn request(
        &mut self,
        head: Head,
        is_new: bool,
        at: &impl Fn(u64) -> Position,
        line: Bytes,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        let Head { id, record, has_text, line: number, .. } = head;
        let device = record.as_ref().map(Record::device_id);
        let copy = RequestCopy::new(record, at(number), has_text, line);
        let mut answered = false;
        if let Some(alone) = self.alone.remove(&id) {
            let is_of_device = alone.iter().any(|alone| alone.device == device);
            for alone in alone {
                if let Some(row) = alone.row.filter(|_| has_text || alone.has_text)
                    && self.join(row, &id, copy.share(), sink)?
                {
                    break;
                }
            }
            if is_of_device {
                return ControlFlow::Continue(());
            }
            answered = true;
        }
        let waiting = if is_new { None } else { self.asked.remove(&id) };
        let asked = match waiting {
            Some(asked) => asked.with(copy),
            // If the first copy does not wait any more, it was answered.
            None => Asked::new(copy, answered || !is_new),
        };
        // Its bytes are counted at the end of the chunk: until then it has none of its own.
        self.asked.insert(id.clone(), asked, 0);
        self.fresh.push(id);
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
        let Head { id, record, judged: Judged { mut row, undecided }, has_text, line: number, .. } = head;
        self.summary.undecided += u64::from(is_new && undecided);
        let device = record.as_ref().map(Record::device_id);
        let asked = self.request_of(&id, device);
        if !is_new && self.delivered.has(EntryType::Response, &id, record.as_ref()) {
            return ControlFlow::Continue(());
        }
        // The request may be the half that has a text that is asked for.
        let may_have_text = asked.as_ref().map_or(is_new, |asked| asked.has_text);
        if !has_text && may_have_text {
            row = self.reader.judge_line(&line()).row;
        }
        if let Some(row) = &mut row {
            row.at.response = Some(at(number));
        }
        match (row, asked) {
            (Some(row), Some(asked)) => self.join(row, &id, asked, sink).map_continue(|_| ()),
            (None, Some(_)) => ControlFlow::Continue(()),
            (row, None) => {
                self.wait_for_request(id, is_new, Alone { device, row, has_text });
                ControlFlow::Continue(())
            }
        }
    }

    /// The request entry that belongs to an answer.
    fn request_of(&mut self, id: &Id, device: Option<SaltId>) -> Option<RequestCopy> {
        let (copy, others) = self.asked.remove(id)?.take(device);
        if let Some(others) = others {
            let bytes = others.memory();
            self.asked.insert(id.clone(), others, bytes);
        }
        Some(copy)
    }

    /// Keeps an answer until its request is read. Of several devices' copies, those that are asked for.
    fn wait_for_request(&mut self, id: Id, is_new: bool, alone: Alone) {
        let worth = |alone: &Alone| (alone.row.is_some(), alone.has_text);
        let mut copies = self.alone.remove(&id).unwrap_or_default();
        let is_double = |old: &Alone| old.device == alone.device && worth(old) >= worth(&alone);
        let leaves_out = match alone.row {
            None => !is_new || !copies.is_empty(),
            Some(_) => copies.len() >= COPIES_MAX || copies.iter().any(is_double),
        };
        if !leaves_out {
            // A clone does not keep its chunk.
            let row = alone.row.map(|row| Box::new(Row::clone(&row)));
            copies.push(Alone { row, ..alone });
        }
        if !copies.is_empty() {
            let bytes = copies.iter().filter_map(|copy| copy.row.as_ref()).map(|row| row.memory()).sum();
            self.alone.insert(id, copies, bytes);
        }
    }

    /// Adds the request to the row of its answer, and delivers that. Whether it is taken.
    fn join(
        &mut self,
        mut row: Box<Row>,
        id: &Id,
        asked: RequestCopy,
        sink: &mut dyn Sink,
    ) -> ControlFlow<(), bool> {
        row.time = asked.time().map_or(row.time, |time| time.min(row.time));
        row.at.request = Some(asked.at);
        if self.query.keep_lines {
            row.request_line = asked.line;
        }
        let is_taken = self.deliver(&row, sink)?;
        if is_taken && self.has_texts() {
            self.delivered.insert(EntryType::Request, id, asked.record.as_ref());
        }
        ControlFlow::Continue(is_taken)
    }

    fn has_texts(&self) -> bool {
        !self.query.filter.texts.is_empty()
    }

    /// What depends on the time of the row.
    fn is_asked_for(&self, row: &Row) -> bool {
        self.query.covers(row.time) && (!self.reader.asks_time || self.query.filter.matches(row))
    }

    /// Delivers a row, if it is asked for and the sink takes it: whether that is so.
    fn deliver(&mut self, row: &Row, sink: &mut dyn Sink) -> ControlFlow<(), bool> {
        let is_left_out = !self.query.own_questions && row.is_own_question();
        if !self.is_asked_for(row) || !is_left_out && !sink.takes(row) {
            return ControlFlow::Continue(false);
        }
        if row.answered {
            let (id, record) = key(row);
            self.delivered.insert(EntryType::Response, &id, record.as_ref());
        }
        let summary = &mut self.summary;
        if is_left_out {
            summary.own_questions_left_out += 1;
            return ControlFlow::Continue(true);
        }
        summary.rows += 1;
        summary.unanswered += u64::from(!row.answered);
        summary.answers_alone += u64::from(row.at.request.is_none());
        summary.elided += u64::from(row.flag(Field::Elided) == Some(true));
        if !self.paths.is_empty() {
            let path = row.text(Field::Path).unwrap_or_default();
            summary.other_spellings += u64::from(!self.paths.contains(&path.as_ref()));
        }
        sink.row(row).map_continue(|()| true)
    }

    /// Lets go of the chunk, and of what waits too long.
    fn end_chunk(&mut self, sink: &mut dyn Sink) -> ControlFlow<()> {
        let (reader, keep_lines) = (self.reader, self.query.keep_lines);
        for id in self.fresh.drain(..) {
            self.asked.update(&id, |asked| asked.settle(reader, keep_lines));
        }
        let (asked, alone) = (self.asked.take_excess(), self.alone.take_excess());
        self.summary.join_is_partial |= asked.iter().any(|asked| !asked.answered) || !alone.is_empty();
        self.alone_rows(asked, alone, sink)
    }

    /// Delivers rows that have one half only.
    fn alone_rows(
        &mut self,
        asked: Vec<Asked>,
        alone: Vec<Vec<Alone>>,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        for copies in alone {
            for row in copies.into_iter().filter(|alone| alone.has_text).filter_map(|alone| alone.row) {
                if self.deliver(&row, sink)? {
                    break;
                }
            }
        }
        for asked in asked {
            let answered = asked.answered;
            self.summary.undecided += u64::from(asked.is_undecided());
            for row in asked.into_rows() {
                let is_taken =
                    if answered { self.request_alone(row, sink)? } else { self.deliver(&row, sink)? };
                if is_taken {
                    break;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// A request entry of a device that lacks the answer, which another one has: only its texts may differ from the other one's.
    fn request_alone(&mut self, mut row: Box<Row>, sink: &mut dyn Sink) -> ControlFlow<(), bool> {
        let (id, record) = key(&row);
        if !self.has_texts() || self.delivered.has(EntryType::Request, &id, record.as_ref()) {
            return ControlFlow::Continue(false);
        }
        row.answered = true;
        self.deliver(&row, sink)
    }
}

/// What an entry is known by.
fn key(row: &Row) -> (Id, Option<Record>) {
    let id = row.text(Field::Id).unwrap_or_default();
    (Id::of(&id), record_of(row.entry.get(), &row.leaves))
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
