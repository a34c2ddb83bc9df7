//! What a device has not told yet, as a server keeps it across its own end: a process that is killed takes the record
//! of misses with it, and a device that nobody can read back has no other memory (I9).
//! Never in it: keeping it, or formatting it.

use std::sync::Arc as StdArc;

use onrecord_value::Time;

use super::Broker;
use super::health_tracker::Health;
use super::misses::Misses;
use super::queue::Queue;
use super::slot::Slot;
use crate::device::Notice;
use onrecord_entry::{Boot, SeqRange};

/// Notices of the device itself that could not be told yet; the oldest are kept, for they tell when it began.
const NOTICES_MAX: usize = 64;

/// What a device missed of one start of the server and has not told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The start.
    pub boot: Boot,
    /// How many entries.
    pub count: u64,
    /// Which, ascending.
    pub ranges: Vec<SeqRange>,
    /// Since when.
    pub since: Option<Time>,
}

impl Missed {
    /// Adds ranges that were found out otherwise; what is known already counts once.
    fn add(&mut self, ranges: &[SeqRange]) {
        let before = SeqRange::count(&self.ranges);
        let mut all = united(std::mem::take(&mut self.ranges), ranges);
        // Before ranges are joined that do not touch: the number stays exact.
        self.count = self.count.saturating_add(SeqRange::count(&all.ranges).saturating_sub(before));
        all.bound();
        self.ranges = all.ranges;
    }
}

/// Ranges and others, each number once.
fn united(ranges: Vec<SeqRange>, others: &[SeqRange]) -> Misses {
    let mut all = Misses { ranges, ..Misses::default() };
    for range in others {
        all.unite(*range);
    }
    all
}

impl Broker {
    /// What each device has not told yet, of this start and of those before it ([`DeviceConfig::missed`]). A device that
    /// is not healthy may never get to write what waits for it: that counts as missed here until it is written.
    ///
    /// [`DeviceConfig::missed`]: super::DeviceConfig::missed
    pub fn missed(&self) -> Vec<(StdArc<str>, Vec<Missed>)> {
        let boot = self.shared.boot;
        self.shared
            .devices
            .read()
            .slots
            .iter()
            .map(|slot| (StdArc::clone(&slot.path), slot.missed(boot)))
            .collect()
    }
}

impl Slot {
    fn missed(&self, boot: Boot) -> Vec<Missed> {
        let queue = self.queue();
        let mut all = queue.inherited.clone();
        let mut now = queue.telling.clone();
        now.restore(queue.misses.clone());
        if queue.health_tracker.health() != Health::Healthy {
            for pending in queue.in_flight.iter().chain(&queue.waiting) {
                now.count += 1;
                now.insert(SeqRange { from: pending.seq, to: pending.seq });
            }
        }
        if !now.is_empty() {
            all.push(Missed { boot, count: now.count, ranges: now.ranges, since: now.since });
        }
        all
    }
}

/// Adds what was found out of an earlier start to what is kept until it is told.
pub(super) fn inherit(inherited: &mut Vec<Missed>, boot: Boot, ranges: &[SeqRange]) {
    if let Some(known) = inherited.iter_mut().find(|missed| missed.boot == boot) {
        known.add(ranges);
        return;
    }
    let mut missed = Missed { boot, count: 0, ranges: Vec::new(), since: None };
    missed.add(ranges);
    inherited.push(missed);
}

/// What is inherited and still to be told, when these notices are all that is left to tell.
pub(super) fn keep_untold(queue: &mut Queue, notices: &[Notice]) {
    let left: Vec<Boot> = notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Missed(missed) => Some(missed.boot),
            Notice::Unfinished { boot, .. } => Some(*boot),
            _ => None,
        })
        .chain(queue.bequeathed.iter().map(|missed| missed.boot))
        .collect();
    queue.inherited.retain(|missed| left.contains(&missed.boot));
}

/// Adds a notice to those that are to be told. Those of the same start become one, what was kept and what a file shows,
/// so that there are no more of them than starts. There are at most so many others.
pub(super) fn add_notice(notices: &mut Vec<Notice>, found: Notice) {
    if let Notice::Unfinished { boot, ranges } = &found {
        for notice in notices.iter_mut() {
            match notice {
                Notice::Missed(missed) if missed.boot == *boot => return missed.add(ranges),
                Notice::Unfinished { boot: of, ranges: known } if of == boot => {
                    *known = united(std::mem::take(known), ranges).ranges;
                    return;
                }
                _ => {}
            }
        }
    } else if notices.iter().filter(|notice| !is_of_a_start(notice)).count() >= NOTICES_MAX {
        return;
    }
    notices.push(found);
}

const fn is_of_a_start(notice: &Notice) -> bool {
    matches!(notice, Notice::Missed(_) | Notice::Unfinished { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_and_what_a_file_shows_is_told_once() {
        let boot = Boot::new(3);
        let range = |from, to| SeqRange { from, to };
        let missed = Missed { boot, count: 5, ranges: vec![range(5, 9)], since: None };
        let mut notices = vec![Notice::Missed(missed)];
        add_notice(&mut notices, Notice::Unfinished { boot, ranges: vec![range(2, 2), range(8, 11)] });
        add_notice(&mut notices, Notice::Unfinished { boot: Boot::new(4), ranges: vec![range(1, 1)] });
        let expected = Missed { boot, count: 8, ranges: vec![range(2, 2), range(5, 11)], since: None };
        assert_eq!(notices.first(), Some(&Notice::Missed(expected)));
        assert_eq!(notices.len(), 2);
    }

    #[test]
    fn the_number_of_missed_entries_stays_exact_where_ranges_are_joined() {
        let boot = Boot::new(3);
        let ranges = (0..128).map(|at| SeqRange { from: 10 * at, to: 10 * at }).collect();
        let mut notices = vec![Notice::Missed(Missed { boot, count: 128, ranges, since: None })];
        let far = (200..210).map(|at| SeqRange { from: 10 * at, to: 10 * at }).collect();
        add_notice(&mut notices, Notice::Unfinished { boot, ranges: far });
        let Some(Notice::Missed(missed)) = notices.first() else { panic!("{notices:?}") };
        assert_eq!((missed.count, missed.ranges.len()), (138, 128));
    }

    #[test]
    fn what_a_file_shows_again_is_told_once() {
        let boot = Boot::new(3);
        let range = |from, to| SeqRange { from, to };
        let mut notices = Vec::new();
        for ranges in [vec![range(2, 3), range(7, 7)], vec![range(3, 4)], vec![range(2, 4), range(9, 9)]] {
            add_notice(&mut notices, Notice::Unfinished { boot, ranges });
        }
        let ranges = vec![range(2, 4), range(7, 7), range(9, 9)];
        assert_eq!(notices, [Notice::Unfinished { boot, ranges }]);
    }
}
