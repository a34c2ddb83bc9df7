//! Lines that two devices write to one file at a time, brought into the order of the file: one may hand over what it wrote
//! before the other hands over what stands in front of it.
//! Never in it: the tree, locks, threads.

use std::time::{Duration, Instant};

use onrecord_evidence::line_digests;

use super::feed::{Content, Feed, Record, each_line};
use crate::device::FileId;

/// How long lines wait for those in front of them. These were written already: only a thread that was interrupted between
/// writing and handing over needs so long, on a machine that has much else to do.
pub(super) const HOLD: Duration = Duration::from_secs(2);

/// Lines that wait for those in front of them.
#[derive(Debug, Default)]
pub(super) struct Held {
    records: Vec<Record>,
    since: Option<Instant>,
}

impl Held {
    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Until when they wait at most.
    pub(super) fn until(&self) -> Option<Instant> {
        self.since.map(|since| since + HOLD)
    }

    /// How many lines wait.
    pub(super) fn lines(&self) -> u64 {
        let lines = |record: &Record| match record {
            Record::Lines { content: Content::Digests(digests), .. } => digests.len() as u64,
            _ => 0,
        };
        self.records.iter().map(lines).sum()
    }

    /// Brings what was handed over into the order of the file, and holds back what follows a gap. `covered`: which file the
    /// tree covers, and up to where. `several`: more than one device writes; `last`: no lines come after these.
    pub(super) fn put_in_order(
        &mut self,
        feed: &mut Feed,
        covered: (FileId, u64),
        (several, last): (bool, bool),
        now: Instant,
    ) {
        if !several && self.is_empty() {
            return;
        }
        feed.records.splice(..0, self.records.drain(..));
        feed.sort();
        let waited = self.since.is_some_and(|since| now.saturating_duration_since(since) >= HOLD);
        let gap = if several && !last && !waited { gap_in(&feed.records, covered) } else { None };
        let Some(gap) = gap else {
            self.since = None;
            return;
        };
        let rest = feed.records.split_off(gap);
        self.records = rest.into_iter().map(|record| owned(feed, record)).collect();
        self.since.get_or_insert(now);
    }
}

/// The first record that does not follow the one in front of it. Where another file begins, all is handed over.
fn gap_in(records: &[Record], (current, mut covered): (FileId, u64)) -> Option<usize> {
    let mut gap = None;
    for (at, record) in records.iter().enumerate() {
        match record {
            Record::File(_) | Record::Lost { .. } => return None,
            Record::Lines { file, start, end, .. } if *file == current => {
                if *start > covered && gap.is_none() {
                    gap = Some(at);
                }
                covered = covered.max(*end);
            }
            Record::Lines { .. } => {}
        }
    }
    gap
}

/// A record without bytes in the feed.
fn owned(feed: &Feed, record: Record) -> Record {
    match record {
        Record::Lines { file, start, end, content: Content::Bytes(chunk, range) } => {
            let digests = line_digests(each_line(feed.bytes(chunk, range)));
            Record::Lines { file, start, end, content: Content::Digests(digests) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use onrecord_evidence::line_digest;

    use super::*;

    const FILE: FileId = FileId { dev: 1, ino: 1 };

    fn starts(feed: &Feed) -> Vec<u64> {
        let start = |record: &Record| if let Record::Lines { start, .. } = record { *start } else { 99 };
        feed.records.iter().map(start).collect()
    }

    fn feed(lines: &[(u64, &str)]) -> Feed {
        let mut feed = Feed::default();
        for (start, text) in lines {
            feed.add(FILE, *start, text.as_bytes(), 1);
        }
        feed
    }

    #[test]
    fn a_line_that_is_handed_over_before_the_one_in_front_of_it_waits_for_it() {
        let (mut held, now) = (Held::default(), Instant::now());
        let mut first = feed(&[(6, "d\n"), (0, "a\n")]);
        held.put_in_order(&mut first, (FILE, 0), (true, false), now);
        assert_eq!((starts(&first), held.is_empty()), (vec![0], false));
        let mut second = feed(&[(4, "c\n"), (2, "b\n")]);
        held.put_in_order(&mut second, (FILE, 2), (true, false), now);
        assert_eq!((starts(&second), held.is_empty()), (vec![2, 4, 6], true));
        let Some(Record::Lines { content: Content::Digests(digests), .. }) = second.records.last() else {
            panic!("{second:?}")
        };
        assert_eq!(digests, &[line_digest(b"d")]);
    }

    #[test]
    fn a_line_waits_neither_for_ever_nor_for_a_single_device_nor_over_a_rotation() {
        let now = Instant::now();
        for (several, later) in [(true, HOLD), (false, Duration::ZERO)] {
            let mut held = Held::default();
            held.put_in_order(&mut feed(&[(6, "d\n")]), (FILE, 0), (true, false), now);
            assert!(!held.is_empty());
            let mut next = Feed::default();
            held.put_in_order(&mut next, (FILE, 0), (several, false), now + later);
            assert_eq!((starts(&next), held.is_empty()), (vec![6], true));
        }
        let mut rotated = feed(&[(6, "d\n")]);
        rotated.records.push(Record::Lost { file: FILE, end: 9, lines: 1 });
        let mut held = Held::default();
        held.put_in_order(&mut rotated, (FILE, 0), (true, false), now);
        assert!(held.is_empty());
    }
}
