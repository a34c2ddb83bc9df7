//! A request whose answers were not all read yet: a copy of its entry from each device that has it.
//! Never in it: the answer.

use onrecord_entry::SaltId;
use onrecord_entry::gap::Record;
use onrecord_value::Time;

use super::{COPIES_MAX, time_of};
use crate::query::row::{Bytes, Position, Row};
use crate::query::scan::{Judged, LineReader};

/// The request entry of one device.
pub(super) struct RequestCopy {
    /// None on servers whose lines have no number.
    pub(super) record: Option<Record>,
    pub(super) at: Position,
    pub(super) has_text: bool,
    /// Its time, once its chunk has been joined: until then the line is there.
    time: Option<Time>,
    /// Its line: as long as its chunk is being joined, and then if lines are kept.
    pub(super) line: Option<Bytes>,
    /// The row without an answer, if that may be asked for. It is made at the end of its chunk.
    judged: Judged,
}

impl RequestCopy {
    pub(super) fn new(record: Option<Record>, at: Position, has_text: bool, line: Bytes) -> Self {
        Self { record, at, has_text, time: None, line: Some(line), judged: Judged::default() }
    }

    /// The same request for the answer of another device.
    pub(super) fn share(&self) -> Self {
        let line = self.line.as_ref().map(Bytes::share);
        Self {
            record: self.record,
            at: self.at.clone(),
            has_text: self.has_text,
            time: self.time,
            line,
            judged: Judged::default(),
        }
    }

    fn device(&self) -> Option<SaltId> {
        self.record.as_ref().map(Record::device_id)
    }

    pub(super) fn time(&self) -> Option<Time> {
        self.time.or_else(|| time_of(self.line.as_ref()?.get()))
    }

    /// Lets go of the chunk.
    fn settle(&mut self, reader: &LineReader<'_>, keep_lines: bool) {
        if self.time.is_some() {
            return;
        }
        self.time = Some(self.time().unwrap_or_default());
        let Some(line) = self.line.take() else { return };
        if self.has_text {
            self.judged = reader.judge_line(&line);
            // A clone does not keep its chunk.
            self.judged.row = self.judged.row.take().map(|row| Box::new(Row::clone(&row)));
        }
        if let Some(row) = &mut self.judged.row {
            row.at.request = Some(self.at.clone());
        }
        self.line = keep_lines.then(|| line.clone());
    }

    fn memory(&self) -> usize {
        let line = self.line.as_ref().map_or(0, |line| line.get().len());
        line + self.judged.row.as_ref().map_or(0, |row| row.memory())
    }
}

/// The copies of a request entry that wait for their answers.
pub(super) struct Asked {
    first: RequestCopy,
    more: Vec<RequestCopy>,
    /// A device has its answer: the row is not one without an answer.
    pub(super) answered: bool,
}

impl Asked {
    pub(super) const fn new(first: RequestCopy, answered: bool) -> Self {
        Self { first, more: Vec::new(), answered }
    }

    /// With a further copy.
    pub(super) fn with(mut self, copy: RequestCopy) -> Self {
        if self.more.len() + 1 < COPIES_MAX {
            self.more.push(copy);
        }
        self
    }

    /// The copy that belongs to the answer of a device, and the others: that of the same device, or else any, which then stays for
    /// the answer of its own.
    pub(super) fn take(mut self, device: Option<SaltId>) -> (RequestCopy, Option<Self>) {
        self.answered = true;
        if self.first.device() != device {
            let own = self.more.iter().position(|copy| copy.device() == device);
            let copy = match own {
                Some(at) => self.more.remove(at),
                None => self.first.share(),
            };
            return (copy, Some(self));
        }
        if self.more.is_empty() {
            return (self.first, None);
        }
        let next = self.more.remove(0);
        let copy = std::mem::replace(&mut self.first, next);
        (copy, Some(self))
    }

    /// Lets go of the chunks. Returns the bytes of memory that it takes.
    pub(super) fn settle(&mut self, reader: &LineReader<'_>, keep_lines: bool) -> usize {
        self.copies().for_each(|copy| copy.settle(reader, keep_lines));
        self.memory()
    }

    pub(super) fn memory(&self) -> usize {
        self.first.memory() + self.more.iter().map(RequestCopy::memory).sum::<usize>()
    }

    /// Whether it cannot be said that the request is asked for.
    pub(super) const fn is_undecided(&self) -> bool {
        self.first.judged.undecided && !self.answered
    }

    /// The rows of the request entry alone, of the devices whose entries are asked for.
    pub(super) fn into_rows(self) -> impl Iterator<Item = Box<Row>> {
        std::iter::once(self.first).chain(self.more).filter_map(|copy| copy.judged.row)
    }

    fn copies(&mut self) -> impl Iterator<Item = &mut RequestCopy> {
        std::iter::once(&mut self.first).chain(&mut self.more)
    }
}
