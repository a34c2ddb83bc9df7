//! The digests of the lines of a source, and the leaves that they would be, read ahead as far as a search needs.
//! Never in it: the text of a line after it was hashed.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

use onrecord_evidence::{Digest, Hash, hash_leaf, line_digests};

use super::tree_events::{TreeEvent, TreeEvents};
use crate::input::Input;
use crate::lines::{Line, Lines};

/// The most lines that are hashed at once.
const AT_ONCE: usize = 1024;

/// The digest of a line. Of one that is too long only the end is known: no entry and no leaf is like it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineDigest(Option<Digest>);

impl LineDigest {
    fn of_each(lines: &[Line<'_>]) -> impl Iterator<Item = Self> {
        let digests = line_digests(lines.iter().map(|line| if line.too_long { &[] } else { line.text }));
        lines.iter().zip(digests).map(|(line, digest)| Self((!line.too_long).then_some(digest)))
    }

    pub(crate) fn is(self, entry: &Digest) -> bool {
        self.0.as_ref() == Some(entry)
    }

    /// The hash of the leaf that the line would be.
    pub(crate) fn leaf(self) -> Hash {
        self.0.map_or_else(Hash::empty, |digest| hash_leaf(&digest))
    }
}

pub(crate) struct LineHashes {
    lines: Lines<Box<dyn Read>>,
    queue: VecDeque<LineDigest>,
    /// How many lines were taken out of the queue.
    passed: u64,
    /// Whether the last line that was read has its newline.
    whole: bool,
    ended: bool,
    /// Why reading ended before the end of the source.
    pub(crate) error: Option<io::Error>,
    taken: Rc<Cell<u64>>,
    total: Option<u64>,
    read: u64,
    events: TreeEvents,
}

impl LineHashes {
    pub(crate) fn open(input: Input) -> io::Result<Self> {
        let opened = input.open()?;
        Ok(Self {
            lines: Lines::new(opened.reader),
            queue: VecDeque::new(),
            passed: 0,
            whole: true,
            ended: false,
            error: None,
            taken: opened.taken,
            total: opened.total,
            read: 0,
            events: TreeEvents::default(),
        })
    }

    /// The next line; `None` at the end.
    pub(crate) fn peek(&mut self) -> Option<LineDigest> {
        if self.queue.is_empty() {
            self.read();
        }
        self.queue.front().copied()
    }

    /// Goes on to the line after the next.
    pub(crate) fn pop(&mut self) -> Option<LineDigest> {
        let line = self.peek()?;
        self.queue.pop_front();
        self.passed += 1;
        Some(line)
    }

    /// The next lines, up to this many, as leaves.
    pub(crate) fn ahead(&mut self, count: usize) -> Vec<Hash> {
        while self.queue.len() < count && !self.ended {
            self.read();
        }
        self.queue.iter().take(count).map(|line| line.leaf()).collect()
    }

    /// How many lines come before the next one.
    pub(crate) const fn passed(&self) -> u64 {
        self.passed
    }

    /// Whether the last line has no newline; known at the end.
    pub(crate) const fn is_cut(&self) -> bool {
        self.ended && !self.whole
    }

    /// The events of the tree that the lines report which were read until now.
    pub(crate) fn take_events(&mut self) -> Vec<TreeEvent> {
        self.events.take()
    }

    /// How many bytes of the source were read, and how many it has, if that is known.
    pub(crate) fn bytes(&self) -> (u64, Option<u64>) {
        (self.taken.get(), self.total)
    }

    fn read(&mut self) {
        if self.ended {
            return;
        }
        match self.lines.next_many(AT_ONCE) {
            Ok(lines) if lines.is_empty() => self.ended = true,
            Ok(lines) => {
                for line in &lines {
                    self.whole = line.whole;
                    self.read += 1;
                    if !line.too_long {
                        self.events.see(self.read, line.text);
                    }
                }
                self.queue.extend(LineDigest::of_each(&lines));
            }
            Err(error) => {
                self.ended = true;
                self.error = Some(error);
            }
        }
    }
}
