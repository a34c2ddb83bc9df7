//! The lines of a stream, with their positions: large reads into one buffer that is reused.
//! Never in it: the content of a line.

use std::io::{self, Read};

use memchr::memchr;

/// Small beside the cache of a core: what was read is there still when it is looked at.
const BLOCK: usize = 256 * 1024;
/// An entry is not longer: 64 MiB unless the configuration allows more, and a prefix. A longer line is skipped, so that
/// it does not keep a reader from the lines after it.
pub(crate) const LINE_MAX: usize = 256 * 1024 * 1024;

pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The line begins here,
    start: usize,
    /// holds no newline before here,
    looked: usize,
    /// and what was read ends here.
    end: usize,
    /// The offset of `start` in the stream.
    offset: u64,
    ended: bool,
    /// The line at `start` is the rest of one that is too long.
    too_long: bool,
    /// A longer line is skipped.
    line_max: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a [u8],
    /// Where the text begins, in bytes.
    pub(crate) offset: u64,
    pub(crate) whole: bool,
    /// Whether it is too long to be read; the text is its end.
    pub(crate) too_long: bool,
}

/// Where a line lies in the buffer, until more is read.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
    offset: u64,
    whole: bool,
    too_long: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; BLOCK],
            start: 0,
            looked: 0,
            end: 0,
            offset: 0,
            ended: false,
            too_long: false,
            line_max: LINE_MAX,
        }
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let found = self.find()?;
        Ok(found.map(|place| self.line(place)))
    }

    /// The next line, and up to `max` in all of those that were read together with it. None at the end.
    pub(crate) fn next_many(&mut self, max: usize) -> io::Result<Vec<Line<'_>>> {
        let mut places: Vec<Place> = self.find()?.into_iter().collect();
        while !places.is_empty()
            && places.len() < max
            && let Some(place) = self.find_read()
        {
            places.push(place);
        }
        Ok(places.into_iter().map(|place| self.line(place)).collect())
    }

    fn line(&self, place: Place) -> Line<'_> {
        let Place { start, end, offset, whole, too_long } = place;
        Line { text: self.buffer.get(start..end).unwrap_or_default(), offset, whole, too_long }
    }

    fn find(&mut self) -> io::Result<Option<Place>> {
        loop {
            if let Some(place) = self.find_read() {
                return Ok(Some(place));
            }
            if self.ended {
                let has_rest = self.end > self.start;
                return Ok(has_rest.then(|| self.pass(self.end, self.end)));
            }
            self.read_more()?;
        }
    }

    /// The next line, if its end was read already.
    fn find_read(&mut self) -> Option<Place> {
        let unseen = self.buffer.get(self.looked..self.end).unwrap_or_default();
        let Some(length) = memchr(b'\n', unseen) else {
            self.looked = self.end;
            return None;
        };
        let end = self.looked + length;
        Some(self.pass(end, end + 1))
    }

    /// Goes on to the line that begins at `next`.
    fn pass(&mut self, end: usize, next: usize) -> Place {
        let too_long = std::mem::take(&mut self.too_long);
        let place = Place { start: self.start, end, offset: self.offset, whole: next > end, too_long };
        self.offset += (next - self.start) as u64;
        (self.start, self.looked) = (next, next);
        place
    }

    /// Moves the current line to the beginning of the buffer, and reads more.
    fn read_more(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.end, self.looked) = (self.end - self.start, self.looked - self.start);
            self.start = 0;
        }
        if self.end >= self.line_max {
            self.too_long = true;
            self.offset += self.end as u64;
            (self.end, self.looked) = (0, 0);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.reader.read(free) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns few bytes at a time.
    struct SmallReads<'a>(&'a [u8], usize);

    impl Read for SmallReads<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            into[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn all(text: &[u8], size: usize) -> Vec<(Vec<u8>, u64, bool)> {
        let mut lines = Lines::new(SmallReads(text, size));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            assert!(!line.too_long);
            found.push((line.text.to_vec(), line.offset, line.whole));
        }
        found
    }

    #[test]
    fn lines_have_their_positions_with_reads_of_any_size() {
        for size in [1, 2, 3, 100] {
            let expected = [(b"one".to_vec(), 0, true), (Vec::new(), 4, true), (b"two".to_vec(), 5, false)];
            assert_eq!(all(b"one\n\ntwo", size), expected);
            assert_eq!(all(b"one\n", size), [(b"one".to_vec(), 0, true)]);
            assert!(all(b"", size).is_empty());
        }
    }

    #[test]
    fn many_lines_at_once_are_those_that_come_one_after_another() {
        let text = b"one\n\nthe third\n4\n5\n6\nseven, cut";
        for (size, most) in [(1, 3), (4, 2), (9, 1), (100, 3), (100, 1024)] {
            let mut lines = Lines::new(SmallReads(text, size));
            let mut found = Vec::new();
            loop {
                let some = lines.next_many(most).unwrap();
                assert!(some.len() <= most);
                if some.is_empty() {
                    break;
                }
                found.extend(some.iter().map(|line| (line.text.to_vec(), line.offset, line.whole)));
            }
            assert_eq!(found, all(text, 100), "reads of {size}, up to {most}");
        }
    }

    #[test]
    fn a_line_may_be_longer_than_a_block() {
        let mut text = vec![b'x'; 3 * BLOCK + 7];
        text.extend_from_slice(b"\nlast\n");
        let found = all(&text, BLOCK / 3);
        assert_eq!((found[0].0.len(), found[0].2), (3 * BLOCK + 7, true));
        assert_eq!(found[1], (b"last".to_vec(), 3 * BLOCK as u64 + 8, true));
    }

    #[test]
    fn r_oversize_read_a_line_without_end_is_skipped() {
        let mut text = vec![b'x'; 5 * BLOCK];
        text.extend_from_slice(b"\nafter\n");
        let lines = || Lines { line_max: 2 * BLOCK, ..Lines::new(&text[..]) };
        let mut together = lines();
        let [long, after] = together.next_many(9).unwrap().try_into().unwrap();
        assert!(long.too_long && !after.too_long && after.text == b"after");
        let mut lines = lines();
        let line = lines.next().unwrap().unwrap();
        assert!(line.too_long && line.whole && line.text.len() < 2 * BLOCK);
        let line = lines.next().unwrap().unwrap();
        assert_eq!((line.text, line.offset, line.too_long), (&b"after"[..], 5 * BLOCK as u64 + 1, false));
        assert!(lines.next().unwrap().is_none());
    }
}
