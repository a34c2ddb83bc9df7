//! Lines of a device itself: gaps, pieces of entries, counts of refused requests; and what the whole answer lacks.
//! Never in it: the joining of halves.

use std::ops::ControlFlow;

use onrecord_entry::gap::Record;
use onrecord_entry::{EntryType, SaltId, SeqSet};

use super::Joiner;
use crate::fast_scan;
use crate::id::Id;
use crate::parts::Assembly;
use crate::query::entry::read;
use crate::query::row::{Bytes, Position};
use crate::query::scan::{Head, Judged, Other, PassedOver};
use crate::query::{Gap, Sink, Summary};

/// Gaps that are kept; further ones are counted.
const GAPS_MAX: usize = 1000;
/// Ranges of numbers that are accounted for, at most, and ids of gaps.
const RANGES_MAX: usize = 100_000;

impl Joiner<'_> {
    pub(super) fn other(
        &mut self,
        other: Other,
        at: &impl Fn(u64) -> Position,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        match other {
            Other::Probe => self.summary.probes += 1,
            Other::Checkpoint => self.summary.checkpoints += 1,
            Other::Refused { requests, time, record } => {
                let is_new = record.is_none_or(|record| self.seen.insert_number(&record));
                if is_new && self.query.covers(time) {
                    self.summary.refused_entries += 1;
                    self.summary.refused_requests = self.summary.refused_requests.saturating_add(requests);
                }
            }
            Other::Gap { id, gap, ranges, record } => {
                if let Some(record) = record {
                    self.gap(id, *gap, &ranges, record);
                }
            }
            Other::Part { part, record, line } => {
                self.note_device(Some(&record));
                // Whether another device has it whole does not matter: that is under another salt.
                match self.parts.add(record, *part) {
                    Assembly::Incomplete => {}
                    Assembly::Corrupt => {
                        self.summary.incomplete_parts += 1;
                        if self.corrupt.len() < RANGES_MAX {
                            self.corrupt.push(record);
                        }
                    }
                    Assembly::Complete(text) => return self.joined(text.into_bytes(), line, at, sink),
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes the line that came in pieces.
    fn joined(
        &mut self,
        text: Vec<u8>,
        line: u64,
        at: &impl Fn(u64) -> Position,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        let Ok(found) = read(&text) else {
            self.summary.not_entries += 1;
            return ControlFlow::Continue(());
        };
        let facts = found.facts;
        let object = Some(found.text.of(&text));
        if let Some(why) = self.reader.passes_over(facts.record.as_ref(), || facts.time, object) {
            self.summary.passed_over += 1;
            if let PassedOver::Withheld(withheld) = why {
                self.withheld.insert(&withheld);
            }
            return ControlFlow::Continue(());
        }
        let is_new = facts.record.as_ref().is_none_or(|record| !self.seen.contains(record));
        self.summary.split += u64::from(is_new);
        let has_text = self.reader.has_text(&text);
        let bytes = Bytes::Own(text.into());
        let judged = if facts.entry_type == EntryType::Response && has_text {
            self.reader.judge_line(&bytes)
        } else {
            Judged::default()
        };
        let head = Head {
            entry_type: facts.entry_type,
            id: Id::of(&facts.id),
            record: facts.record,
            start: 0,
            end: 0,
            line,
            has_text,
            judged,
        };
        self.entry(head, at, || bytes, sink)
    }

    fn gap(&mut self, id: Id, gap: Gap, facts: &fast_scan::Gap, record: Record) {
        self.note_device(Some(&record));
        if self.gap_ids.len() >= RANGES_MAX || !self.gap_ids.insert(id) {
            return;
        }
        let boot = facts.boot.unwrap_or(record.boot);
        self.ranges += facts.ranges.ranges().len();
        if self.ranges <= RANGES_MAX {
            let declared = self.declared.entry(boot).or_default();
            facts.ranges.iter().for_each(|range| declared.insert_range(range));
        }
        // Without a beginning it may have begun at any time.
        let is_asked = self.query.since.is_none_or(|asked| gap.until >= asked)
            && self.query.until.zip(gap.since).is_none_or(|(asked, since)| since < asked);
        if gap.missed == 0 || !is_asked {
            return;
        }
        if self.gaps.len() >= GAPS_MAX {
            self.summary.more_gaps += 1;
            return;
        }
        let ranges = if self.ranges <= RANGES_MAX { facts.ranges.clone() } else { SeqSet::new() };
        self.gaps.push((gap, boot, ranges));
    }

    fn count_incomplete_parts(&mut self) {
        self.summary.incomplete_parts += self.parts.more_given_up();
        // Not before: a whole copy of another device must still be taken.
        for record in std::mem::take(&mut self.corrupt) {
            self.seen.insert_number(&record);
        }
        for (salt, boot, seq) in self.parts.incomplete() {
            // Its number is not missing. If it was seen, another device has the entry.
            let is_new = self.seen.insert_number(&Record { seq, boot, salt, device: None });
            self.summary.incomplete_parts += u64::from(is_new);
        }
    }

    /// Delivers the rows that have one half only, and sums up. With `interrupted` no further row is delivered.
    pub(in crate::query) fn end(mut self, interrupted: bool, sink: &mut dyn Sink) -> Summary {
        let (asked, alone) = (self.asked.take_all(), self.alone.take_all());
        let interrupted = interrupted || self.alone_rows(asked, alone, sink).is_break();
        if !interrupted {
            self.count_incomplete_parts();
        }
        let Self { mut summary, seen, gaps, declared, withheld, devices, .. } = self;
        for (mut gap, boot, ranges) in gaps {
            gap.missing = if ranges.is_empty() { gap.missed } else { seen.unseen(boot, &ranges) };
            summary.gaps.push(gap);
        }
        summary.gaps.sort_by_key(|gap| (gap.since, gap.until));
        summary.withheld = withheld.count_unseen(&seen);
        summary.missing = if interrupted { 0 } else { seen.missing(&declared, withheld.all()) };
        summary.doubles_missed = seen.doubles_missed();
        summary.devices = devices.into_iter().map(|device| SaltId::from_number(device).to_string()).collect();
        summary.interrupted = interrupted;
        summary
    }
}
