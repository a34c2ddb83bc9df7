//! What waits for the tree of a device: the lines that were written, in the order of the file, as bytes while there is
//! room, then as digests, and at last as a number. So a tree that cannot be written costs bounded memory.
//! Never in it: locks, threads.

use std::fs::File;
use std::ops::Range;

use onrecord_evidence::{Digest, line_digest};

use crate::device::FileId;

/// How many bytes wait at most.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// How many digests wait at most: those of lines for which there was no room.
const DIGESTS_MAX: usize = 2_000_000;

/// A file that the device writes to from now on.
#[derive(Debug)]
pub(super) struct OpenedFile {
    pub(super) file: File,
    pub(super) id: FileId,
    /// Where it ended when it was opened.
    pub(super) end: u64,
    /// Its permissions.
    pub(super) mode: u32,
    /// It was not there before it was opened.
    pub(super) created: bool,
    /// The inode of the file before it; 0 for none.
    pub(super) previous: u64,
}

#[derive(Debug)]
pub(super) enum Record {
    File(Box<OpenedFile>),
    Lines {
        file: FileId,
        start: u64,
        end: u64,
        content: Content,
    },
    /// Lines for which there was no room at all.
    Lost {
        file: FileId,
        end: u64,
        lines: u64,
    },
}

#[derive(Debug)]
pub(super) enum Content {
    /// Where they are among the bytes.
    Bytes(Range<usize>),
    Digests(Vec<Digest>),
}

#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) records: Vec<Record>,
    pub(super) bytes: Vec<u8>,
    /// How many lines they are.
    pub(super) lines: u64,
    digests: usize,
    files: usize,
}

impl Feed {
    /// An empty one, with a buffer that was used before.
    pub(super) fn with_buffer(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether another file follows.
    pub(super) const fn has_file(&self) -> bool {
        self.files > 0
    }

    pub(super) fn add_file(&mut self, file: OpenedFile) {
        self.files += 1;
        self.records.push(Record::File(Box::new(file)));
    }

    /// Adds whole lines, which were written to a file at `start`.
    pub(super) fn add(&mut self, file: FileId, start: u64, text: &[u8], lines: u64) {
        self.lines += lines;
        let end = start + text.len() as u64;
        if self.bytes.len() + text.len() <= BYTES_MAX {
            self.add_bytes(file, start, end, text);
        } else if self.digests < DIGESTS_MAX {
            self.add_digests(file, start, end, text);
        } else if let Some(Record::Lost { file: last, end: to, lines: lost }) = self.records.last_mut()
            && *last == file
        {
            (*to, *lost) = (end, *lost + lines);
        } else {
            self.records.push(Record::Lost { file, end, lines });
        }
    }

    fn add_bytes(&mut self, file: FileId, start: u64, end: u64, text: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(text);
        if let Some(Record::Lines { file: last, end: to, content: Content::Bytes(range), .. }) =
            self.records.last_mut()
            && *last == file
            && *to == start
        {
            (*to, range.end) = (end, self.bytes.len());
            return;
        }
        let content = Content::Bytes(from..self.bytes.len());
        self.records.push(Record::Lines { file, start, end, content });
    }

    fn add_digests(&mut self, file: FileId, start: u64, end: u64, text: &[u8]) {
        let before = self.digests;
        let digests = each_line(text).map(line_digest).inspect(|_| self.digests += 1);
        if let Some(Record::Lines { file: last, end: to, content: Content::Digests(all), .. }) =
            self.records.last_mut()
            && *last == file
            && *to == start
        {
            all.extend(digests);
            *to = end;
        } else {
            let all: Vec<_> = digests.collect();
            self.records.push(Record::Lines { file, start, end, content: Content::Digests(all) });
        }
        debug_assert!(self.digests > before, "whole lines are at least one");
    }

    /// Brings lines that two devices wrote to one file at a time into the order of the file.
    pub(super) fn sort(&mut self) {
        let key = |record: &Record| match record {
            Record::Lines { file, start, .. } => Some((file.dev, file.ino, *start)),
            Record::File(_) | Record::Lost { .. } => None,
        };
        let file = |record: &Record| key(record).map(|(dev, ino, _)| (dev, ino));
        for run in self.records.chunk_by_mut(|a, b| file(a).is_some() && file(a) == file(b)) {
            run.sort_by_key(key);
        }
    }
}

/// The lines of a text that ends in a newline, without it.
pub(super) fn each_line(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId { dev: 1, ino: 1 };

    #[test]
    fn what_waits_is_bounded_and_counted_beyond_that() {
        let mut feed = Feed::default();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for at in 0..BYTES_MAX / 1024 {
            feed.add(FILE, at as u64 * 1024, &line, 1);
        }
        assert_eq!((feed.records.len(), feed.bytes.len()), (1, BYTES_MAX));
        let start = BYTES_MAX as u64;
        feed.add(FILE, start, b"a\nb\n", 2);
        feed.add(FILE, start + 4, b"c\n", 1);
        let [_, Record::Lines { end, content: Content::Digests(digests), .. }] = &feed.records[..] else {
            panic!("{}", feed.records.len())
        };
        assert_eq!(
            (*end, digests.as_slice()),
            (start + 6, &[b"a", b"b", b"c"].map(|line| line_digest(line))[..])
        );
        feed.digests = DIGESTS_MAX;
        feed.add(FILE, start + 6, b"d\ne\n", 2);
        feed.add(FILE, start + 10, b"f\n", 1);
        assert!(matches!(feed.records[2], Record::Lost { lines: 3, end, .. } if end == start + 12));
        assert_eq!(feed.lines, BYTES_MAX as u64 / 1024 + 6);
    }

    #[test]
    fn lines_of_two_devices_are_in_the_order_of_the_file() {
        let mut feed = Feed::default();
        for (start, text) in [(4, "c\n"), (0, "a\n"), (2, "b\n")] {
            feed.add(FILE, start, text.as_bytes(), 1);
        }
        feed.sort();
        let starts: Vec<_> = feed
            .records
            .iter()
            .map(|record| if let Record::Lines { start, .. } = record { *start } else { 9 })
            .collect();
        assert_eq!(starts, [0, 4], "what follows at once is one record");
    }
}
