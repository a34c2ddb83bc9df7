//! The sources of a query, in the order of their first entries, as chunks of whole lines.
//! Never in it: what a line is.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use memchr::{memchr, memrchr};
use onrecord_value::Time;

use super::entry::read as read_entry;
use super::scan::Chunk;
use crate::input::Input;
use crate::lines::Lines;

/// Small beside the cache of a core, and large beside the cost of handing it over.
pub(super) const CHUNK: usize = 1024 * 1024;
/// A longer line is not read: chunks of such lines would not fit the memory that a query may use.
pub const LINE_MAX: usize = 16 * 1024 * 1024;
/// How many lines of a file are looked at for the time of its first entry.
const FIRST_LINES: usize = 64;

/// Reads one source after the other.
pub(super) struct Reader {
    waiting: std::vec::IntoIter<Input>,
    current: Option<Source>,
    /// The names of those that were reached.
    pub(super) names: Vec<Arc<str>>,
    /// Those that could be read only in part, or not at all.
    pub(super) damaged: Vec<Damage>,
    /// Lines that were too long.
    pub(super) too_long: u64,
    /// Bytes of the sources that were read to their ends.
    bytes: u64,
    /// Chunks so far.
    chunks: u64,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
}

/// Why a source could not be read to its end.
pub(super) struct Damage {
    /// Its place among the names.
    pub(super) source: usize,
    pub(super) reason: String,
    pub(super) opened: bool,
}

struct Source {
    reader: Box<dyn Read>,
    taken: Rc<Cell<u64>>,
    total: Option<u64>,
    /// The beginning of a line, read with the chunk before.
    rest: Vec<u8>,
    /// The line whose beginning was dropped because it is too long goes on.
    in_long_line: bool,
    /// Lines that were too long, since the last chunk.
    skipped: u64,
    ended: bool,
}

/// What a step of reading brought.
pub(super) enum Step {
    Chunk(Chunk),
    /// No whole line: one that is too long goes on, or a source ended.
    Nothing,
    End,
}

impl Reader {
    pub(super) fn new(inputs: Vec<Input>) -> Self {
        Self {
            waiting: in_order(inputs).into_iter(),
            current: None,
            names: Vec::new(),
            damaged: Vec::new(),
            too_long: 0,
            bytes: 0,
            chunks: 0,
            spare: Vec::new(),
        }
    }

    /// Gives back the memory of a chunk.
    pub(super) fn recycle(&mut self, chunk: Arc<Vec<u8>>) {
        if let Ok(buffer) = Arc::try_unwrap(chunk)
            && buffer.capacity() <= 2 * CHUNK
            && self.spare.len() < 16
        {
            self.spare.push(buffer);
        }
    }

    /// How many bytes were read of all sources, as they are stored.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes + self.current.as_ref().map_or(0, |source| source.taken.get())
    }

    /// The source that is being read: its name, what was read of it, and its length.
    pub(super) fn progress(&self) -> (&str, u64, Option<u64>) {
        let name = self.names.last().map_or("", AsRef::as_ref);
        self.current.as_ref().map_or((name, 0, None), |source| (name, source.taken.get(), source.total))
    }

    /// Reads on, no more than a bounded number of bytes: what has no newline must not keep the caller from its deadline.
    pub(super) fn step(&mut self) -> Step {
        if self.current.is_none() {
            let Some(input) = self.waiting.next() else { return Step::End };
            self.open(input);
        }
        let Some(source) = &mut self.current else { return Step::Nothing };
        let mut buffer = self.spare.pop().unwrap_or_default();
        let before = source.skipped;
        let failure = source.fill(&mut buffer);
        self.too_long += source.skipped - before;
        let at = self.names.len().saturating_sub(1);
        if let Some(error) = failure {
            self.damaged.push(Damage { source: at, reason: error.to_string(), opened: true });
        }
        let whole = !source.ended;
        let skipped_before = if buffer.is_empty() { 0 } else { std::mem::take(&mut source.skipped) };
        if source.ended {
            self.bytes += source.taken.get();
            self.too_long += u64::from(source.in_long_line);
            self.current = None;
        }
        if buffer.is_empty() {
            self.spare.push(buffer);
            return Step::Nothing;
        }
        self.chunks += 1;
        Step::Chunk(Chunk { source: at, number: self.chunks, bytes: buffer, skipped_before, whole })
    }

    fn open(&mut self, input: Input) {
        let at = self.names.len();
        self.names.push(input.name().into());
        match input.open() {
            Ok(opened) => {
                self.current = Some(Source {
                    reader: opened.reader,
                    taken: opened.taken,
                    total: opened.total,
                    rest: Vec::new(),
                    in_long_line: false,
                    skipped: 0,
                    ended: false,
                });
            }
            Err(error) => {
                self.damaged.push(Damage { source: at, reason: error.to_string(), opened: false });
            }
        }
    }
}

impl Source {
    /// Fills a buffer with whole lines; the last line of a source need not have an end. It stays empty after a read within a line
    /// that is too long. The buffer keeps its old bytes as memory, so that they need not be cleared. Returns why the source
    /// ended early.
    fn fill(&mut self, buffer: &mut Vec<u8>) -> Option<io::Error> {
        let mut failure = None;
        let mut used = self.rest.len();
        // What was kept may be nearly as long as a line may be.
        buffer.resize(CHUNK.max(2 * used).min(LINE_MAX.max(used + 1)), 0);
        if let Some(start) = buffer.get_mut(..used) {
            start.copy_from_slice(&self.rest);
        }
        self.rest.clear();
        // No newline is before here.
        let mut looked = used;
        let end = loop {
            if used == buffer.len() {
                buffer.resize((used * 2).min(LINE_MAX.max(used + 1)), 0);
            }
            let count = self.read(buffer.get_mut(used..).unwrap_or_default(), &mut failure);
            let read_until = used + count;
            if self.in_long_line {
                if let Some(at) = memchr(b'\n', buffer.get(used..read_until).unwrap_or_default()) {
                    self.in_long_line = false;
                    self.skipped += 1;
                    buffer.copy_within(used + at + 1..read_until, 0);
                    used = count - at - 1;
                } else if !self.ended {
                    break 0;
                }
            } else {
                used = read_until;
            }
            if self.ended {
                break used;
            }
            if used < buffer.len() && !(self.is_slow() && count > 0) {
                continue;
            }
            if let Some(at) = memrchr(b'\n', buffer.get(looked..used).unwrap_or_default()) {
                break looked + at + 1;
            }
            looked = used;
            if used >= LINE_MAX {
                self.in_long_line = true;
                (used, looked) = (0, 0);
            }
        };
        self.rest.extend_from_slice(buffer.get(end..used).unwrap_or_default());
        buffer.truncate(end);
        failure
    }

    /// Whether lines should not wait for others: a stream may be one that is being written.
    fn is_slow(&self) -> bool {
        self.total.is_none()
    }

    fn read(&mut self, into: &mut [u8], failure: &mut Option<io::Error>) -> usize {
        loop {
            match self.reader.read(into) {
                Ok(0) => self.ended = true,
                Ok(count) => return count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    *failure = Some(error);
                }
            }
            return 0;
        }
    }
}

/// The sources by the time of their first entry: a request and its answer may be in two files. Streams come last, as they were given.
fn in_order(inputs: Vec<Input>) -> Vec<Input> {
    let first = |input: &Input| input.again().and_then(first_time);
    let mut timed: Vec<_> = inputs.into_iter().map(|input| (first(&input), input)).collect();
    timed.sort_by_key(|(first, _)| (first.is_none(), *first));
    timed.into_iter().map(|(_, input)| input).collect()
}

/// The time of the first entry, as far as it can be read.
fn first_time(input: Input) -> Option<Time> {
    // What is beyond this need not be read now, least of all a line without end.
    let mut lines = Lines::new(input.open().ok()?.reader.take(CHUNK as u64));
    for _ in 0..FIRST_LINES {
        let line = lines.next().ok()??;
        let text = line.text.strip_suffix(b"\r").unwrap_or(line.text);
        if let Ok(found) = read_entry(text) {
            return Some(found.facts.time);
        }
    }
    None
}
