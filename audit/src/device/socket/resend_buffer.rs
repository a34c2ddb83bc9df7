//! The lines that a peer's kernel has taken and that its program may not have read: kept, bounded in bytes, to be
//! sent again after the connection was lost. Never in it: sending.

use std::collections::VecDeque;

use crate::device::batch::Batch;

/// The last lines that were written, oldest first.
pub(super) struct ResendBuffer {
    bytes: VecDeque<u8>,
    lengths: VecDeque<usize>,
    limit: usize,
}

impl ResendBuffer {
    pub(super) const fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), lengths: VecDeque::new(), limit }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Keeps these lines of a batch. The oldest go when there is no room; a line that is longer than all the room is
    /// not kept.
    pub(super) fn keep(&mut self, batch: &Batch<'_>, lines: std::ops::Range<usize>) {
        for line in batch.each().take(lines.end).skip(lines.start) {
            if line.len() > self.limit {
                continue;
            }
            while self.bytes.len() + line.len() > self.limit {
                let Some(oldest) = self.lengths.pop_front() else { break };
                self.bytes.drain(..oldest);
            }
            self.bytes.extend(line);
            self.lengths.push_back(line.len());
        }
    }

    /// What is kept, and where each line ends.
    pub(super) fn lines(&self) -> (Vec<u8>, Vec<usize>) {
        let ends = self.lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        (self.bytes.iter().copied().collect(), ends.collect())
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_whole_and_in_order() {
        let mut kept = ResendBuffer::new(10);
        let text = |kept: &ResendBuffer| String::from_utf8(kept.lines().0).unwrap();
        kept.keep(&Batch::new(b"one\ntwo\nsix\n", &[4, 8, 12]), 0..3);
        assert_eq!(text(&kept), "two\nsix\n");
        kept.keep(&Batch::new(b"0\n1\n2\n", &[2, 4, 6]), 1..2);
        assert_eq!((text(&kept), kept.lines().1), ("two\nsix\n1\n".to_owned(), vec![4, 8, 10]));
        kept.keep(&Batch::new(b"far too long\nx\n", &[13, 15]), 0..2);
        assert_eq!(text(&kept), "six\n1\nx\n");
        kept.clear();
        assert!(kept.is_empty());
        let mut none = ResendBuffer::new(0);
        none.keep(&Batch::new(b"x\n", &[2]), 0..1);
        assert!(none.is_empty());
    }
}
