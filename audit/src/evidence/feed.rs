//! What waits for the tree of a device: the lines that were written, in the order of the file, as bytes while there is
//! room, then as digests, and at last as a number. So a tree that cannot be written costs bounded memory.
//! Never in it: locks, threads.

use std::fs::File;
use std::ops::Range;

use onrecord_evidence::{Digest, line_digests};

use crate::device::FileId;

/// How much room for bytes there is at most.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// A chunk never grows, so nothing is copied or wiped twice. It is small beside the cache of a core, which the hashing of
/// it would else take from the other threads, and large beside what it costs to wake the thread that hashes it.
pub(super) const CHUNK: usize = 128 * 1024;
/// How many chunks that were read are kept to be filled again.
const SPARE_MAX: usize = 8;
/// How many files wait at most: each is open. The lines of further ones are lost to the tree.
const FILES_MAX: usize = 64;
/// How many digests wait at most: those of lines for which there was no room.
const DIGESTS_MAX: usize = 2_000_000;

/// A file that the device writes to from now on.
#[derive(Debug)]
pub(super) struct OpenedFile {
    pub(super) file: File,
    pub(super) id: FileId,
    /// Where it ended when it was opened, or before the device wrote to it.
    pub(super) end: u64,
    /// Its permissions.
    pub(super) mode: u32,
    /// It was not there before it was opened.
    pub(super) created: bool,
    /// The inode of the file before it; 0 for none.
    pub(super) previous: u64,
}

impl OpenedFile {
    /// With the end that it has now: the device that it was opened in place of may have written its last lines since.
    pub(super) fn measured(self) -> Self {
        let length = rustix::fs::fstat(&self.file).ok().and_then(|stat| u64::try_from(stat.st_size).ok());
        Self { end: self.end.max(length.unwrap_or(0)), ..self }
    }
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
    /// In which chunk they are, and where.
    Bytes(usize, Range<usize>),
    Digests(Vec<Digest>),
}

#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) records: Vec<Record>,
    /// The bytes, in chunks that are filled one after the other.
    chunks: Vec<Vec<u8>>,
    /// Chunks to be filled.
    spare: Vec<Vec<u8>>,
    /// The room in all chunks, filled or not.
    room: usize,
    /// How many lines they are.
    pub(super) lines: u64,
    digests: usize,
    files: usize,
    /// The file that there was no room for.
    left_out: Option<FileId>,
}

impl Feed {
    /// Hands out what waits. The chunks of one that was handed out before are filled from now on.
    pub(super) fn replace(&mut self, mut read: Self) -> Self {
        read.spare.append(&mut self.spare);
        read.spare.truncate(SPARE_MAX);
        // The tree does not know of that file, whenever its lines come.
        let left_out = self.left_out;
        std::mem::replace(self, Self { spare: read.spare, left_out, ..Self::default() })
    }

    /// Empties one that was read.
    pub(super) fn clear(&mut self) {
        let Self { chunks, spare, .. } = std::mem::take(self);
        // One that was made for a text longer than it would hold its memory for ever.
        let mut spare: Vec<_> = chunks
            .into_iter()
            .filter(|chunk| chunk.capacity() == CHUNK)
            .chain(spare)
            .take(SPARE_MAX)
            .collect();
        spare.iter_mut().for_each(Vec::clear);
        self.spare = spare;
    }

    /// Whether a chunk is full, or nearly.
    pub(super) const fn has_chunk(&self) -> bool {
        self.chunks.len() > 1
    }

    /// The bytes of a record.
    pub(super) fn bytes(&self, chunk: usize, range: Range<usize>) -> &[u8] {
        self.chunks.get(chunk).and_then(|chunk| chunk.get(range)).unwrap_or_default()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether another file follows.
    pub(super) const fn has_file(&self) -> bool {
        self.files > 0
    }

    pub(super) fn add_file(&mut self, file: OpenedFile) {
        if self.files >= FILES_MAX {
            self.left_out = Some(file.id);
            return;
        }
        self.left_out = None;
        self.files += 1;
        self.records.push(Record::File(Box::new(file)));
    }

    /// Adds whole lines, which were written to a file at `start`.
    pub(super) fn add(&mut self, file: FileId, start: u64, text: &[u8], lines: u64) {
        self.lines += lines;
        let end = start + text.len() as u64;
        if self.left_out == Some(file) {
            self.lose(file, end, lines);
        } else if self.has_room(text.len()) {
            self.add_bytes(file, start, end, text);
        } else if self.digests < DIGESTS_MAX {
            self.add_digests(file, start, end, text);
        } else {
            self.lose(file, end, lines);
        }
    }

    fn lose(&mut self, file: FileId, end: u64, lines: u64) {
        if let Some(Record::Lost { file: last, end: to, lines: lost }) = self.records.last_mut()
            && *last == file
        {
            (*to, *lost) = (end, *lost + lines);
        } else {
            self.records.push(Record::Lost { file, end, lines });
        }
    }

    /// Makes sure that the last chunk has room for this number of bytes. False if too much waits.
    fn has_room(&mut self, length: usize) -> bool {
        if self.chunks.last().is_some_and(|chunk| chunk.capacity() - chunk.len() >= length) {
            return true;
        }
        let capacity = length.max(CHUNK);
        if self.room + capacity > BYTES_MAX {
            return false;
        }
        let spare = if length <= CHUNK { self.spare.pop() } else { None };
        let chunk = spare.unwrap_or_else(|| Vec::with_capacity(capacity));
        self.room += chunk.capacity();
        self.chunks.push(chunk);
        true
    }

    fn add_bytes(&mut self, file: FileId, start: u64, end: u64, text: &[u8]) {
        let at = self.chunks.len().saturating_sub(1);
        let Some(chunk) = self.chunks.last_mut() else { return };
        let from = chunk.len();
        chunk.extend_from_slice(text);
        if let Some(Record::Lines { file: last, end: to, content: Content::Bytes(last_at, range), .. }) =
            self.records.last_mut()
            && (*last, *to, *last_at) == (file, start, at)
        {
            (*to, range.end) = (end, chunk.len());
            return;
        }
        let content = Content::Bytes(at, from..chunk.len());
        self.records.push(Record::Lines { file, start, end, content });
    }

    fn add_digests(&mut self, file: FileId, start: u64, end: u64, text: &[u8]) {
        let digests = line_digests(each_line(text));
        debug_assert!(!digests.is_empty(), "whole lines are at least one");
        self.digests += digests.len();
        if let Some(Record::Lines { file: last, end: to, content: Content::Digests(all), .. }) =
            self.records.last_mut()
            && *last == file
            && *to == start
        {
            all.extend(digests);
            *to = end;
        } else {
            self.records.push(Record::Lines { file, start, end, content: Content::Digests(digests) });
        }
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
    let mut from = 0;
    memchr::memchr_iter(b'\n', text).map(move |end| {
        let line = text.get(from..end).unwrap_or_default();
        from = end + 1;
        line
    })
}

#[cfg(test)]
mod tests {
    use onrecord_evidence::line_digest;

    use super::*;

    const FILE: FileId = FileId { dev: 1, ino: 1 };

    #[test]
    fn what_waits_is_bounded_and_counted_beyond_that() {
        let mut feed = Feed::default();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for at in 0..BYTES_MAX / 1024 {
            feed.add(FILE, at as u64 * 1024, &line, 1);
        }
        let waits: usize = feed.chunks.iter().map(Vec::len).sum();
        assert_eq!((feed.records.len(), waits, feed.room), (BYTES_MAX / CHUNK, BYTES_MAX, BYTES_MAX));
        let start = BYTES_MAX as u64;
        feed.add(FILE, start, b"a\nb\n", 2);
        feed.add(FILE, start + 4, b"c\n", 1);
        let Some(Record::Lines { end, content: Content::Digests(digests), .. }) = feed.records.last() else {
            panic!("{:?}", feed.records.last())
        };
        assert_eq!(
            (*end, digests.as_slice()),
            (start + 6, &[b"a", b"b", b"c"].map(|line| line_digest(line))[..])
        );
        feed.digests = DIGESTS_MAX;
        feed.add(FILE, start + 6, b"d\ne\n", 2);
        feed.add(FILE, start + 10, b"f\n", 1);
        let [.., Record::Lines { .. }, Record::Lost { lines: 3, end, .. }] = &feed.records[..] else {
            panic!("{:?}", feed.records.last())
        };
        assert_eq!(*end, start + 12);
        assert_eq!(feed.lines, BYTES_MAX as u64 / 1024 + 6);
    }

    #[test]
    fn chunks_are_filled_again_but_for_those_of_longer_texts() {
        let line = |length: usize| [vec![b'x'; length - 1], vec![b'\n']].concat();
        let (mut feed, mut start) = (Feed::default(), 0);
        let mut add = |feed: &mut Feed, length: usize| {
            feed.add(FILE, start, &line(length), 1);
            start += length as u64;
        };
        for length in [CHUNK - 1, 1, 10, CHUNK * 3, 20] {
            add(&mut feed, length);
        }
        let lengths = |feed: &Feed| -> Vec<usize> { feed.chunks.iter().map(Vec::len).collect() };
        assert_eq!(lengths(&feed), [CHUNK, 10, CHUNK * 3, 20]);
        let mut read = feed.replace(Feed::default());
        let texts = read.records.iter().map(|record| match record {
            Record::Lines { start, end, content: Content::Bytes(chunk, range), .. } => {
                let bytes = read.bytes(*chunk, range.clone());
                assert_eq!(bytes.len() as u64, end - start);
                each_line(bytes).map(<[u8]>::len).collect::<Vec<_>>()
            }
            _ => panic!("{record:?}"),
        });
        let texts: Vec<_> = texts.collect();
        assert_eq!(texts, [vec![CHUNK - 2, 0], vec![9], vec![CHUNK * 3 - 1], vec![19]]);
        read.clear();
        assert_eq!((read.spare.len(), read.is_empty(), read.room), (3, true, 0));
        assert!(feed.is_empty() && !feed.has_chunk());
        add(&mut feed, 5);
        assert_eq!(lengths(&feed.replace(read)), [5]);
        add(&mut feed, 6);
        assert_eq!((feed.spare.len(), lengths(&feed)), (2, vec![6]), "what was read before is filled");
    }

    #[test]
    fn only_so_many_files_stay_open_and_lines_of_others_are_counted() {
        let mut feed = Feed::default();
        let id = |ino| FileId { dev: 1, ino };
        let opened = |ino| {
            let file = tempfile::tempfile().unwrap();
            OpenedFile { file, id: id(ino), end: 0, mode: 0o600, created: true, previous: 0 }
        };
        for ino in 0..=FILES_MAX as u64 + 1 {
            feed.add_file(opened(ino));
            feed.add(id(ino), 0, b"a\n", 1);
        }
        let files =
            |feed: &Feed| feed.records.iter().filter(|record| matches!(record, Record::File(_))).count();
        assert_eq!(files(&feed), FILES_MAX);
        let left_out = id(FILES_MAX as u64 + 1);
        assert!(
            matches!(feed.records.last(), Some(Record::Lost { lines: 1, file, .. }) if *file == left_out)
        );
        drop(feed.replace(Feed::default()));
        feed.add(left_out, 2, b"b\n", 1);
        assert!(matches!(feed.records[..], [Record::Lost { lines: 1, .. }]), "its beginning is not known");
        feed.add_file(opened(1000));
        feed.add(id(1000), 0, b"a\n", 1);
        assert!(matches!(feed.records.last(), Some(Record::Lines { .. })));
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
