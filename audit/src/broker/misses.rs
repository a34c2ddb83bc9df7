//! What a device missed: ranges of counters, bounded in number, until a gap entry tells it.
//! Never in it: why a device misses something.

use onrecord_value::Time;

use onrecord_entry::SeqRange;

/// More ranges than this are joined: the number of missed entries stays exact, the ranges then also name some
/// that were not missed.
const RANGES_MAX: usize = 128;

/// What a device missed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Misses {
    /// How many entries.
    pub(crate) count: u64,
    /// Which, ascending.
    pub(crate) ranges: Vec<SeqRange>,
    /// Since when.
    pub(crate) since: Option<Time>,
    /// Why the first of them was missed.
    pub(crate) reason: &'static str,
}

impl Misses {
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The last missed.
    pub(crate) fn last(&self) -> Option<u64> {
        self.ranges.last().map(|range| range.to)
    }

    /// Adds one.
    pub(crate) fn add(&mut self, seq: u64, reason: &'static str, now: impl FnOnce() -> Time) {
        if self.count == 0 {
            self.since = Some(now());
            self.reason = reason;
        }
        self.count += 1;
        self.insert(SeqRange { from: seq, to: seq });
    }

    /// Takes back misses which could not be told after all, although newer ones may have come.
    pub(crate) fn restore(&mut self, older: Self) {
        if older.is_empty() {
            return;
        }
        let newer = std::mem::replace(self, older);
        self.count += newer.count;
        self.since = self.since.or(newer.since);
        for range in newer.ranges {
            self.insert(range);
        }
    }

    /// The same in parts of at most so many ranges each, whose counts add up to this one's.
    pub(super) fn parts(self, most: usize) -> Vec<Self> {
        if self.ranges.len() <= most {
            return if self.is_empty() { Vec::new() } else { vec![self] };
        }
        let (mut left, mut parts) = (self.count, Vec::new());
        let mut chunks = self.ranges.chunks(most.max(1)).peekable();
        while let Some(ranges) = chunks.next() {
            // Each counts at least one; those that are joined name more than they count.
            let later = chunks.len() as u64;
            let count =
                if later == 0 { left } else { SeqRange::count(ranges).min(left.saturating_sub(later)) };
            left -= count;
            parts.push(Self { count, ranges: ranges.to_vec(), since: self.since, reason: self.reason });
        }
        parts
    }

    pub(super) fn insert(&mut self, range: SeqRange) {
        self.unite(range);
        self.bound();
    }

    /// Joins the nearest ranges while there are too many.
    pub(super) fn bound(&mut self) {
        while self.ranges.len() > RANGES_MAX && SeqRange::join_nearest(&mut self.ranges) {}
    }

    /// Adds a range, joined with those it touches and no others.
    pub(super) fn unite(&mut self, range: SeqRange) {
        // Counters come nearly in order, so this is nearly always at the end.
        let at = self.ranges.partition_point(|known| known.from <= range.from);
        self.ranges.insert(at, range);
        self.join_around(at);
    }

    /// Joins the range at `at` with those it touches.
    fn join_around(&mut self, at: usize) {
        let mut at = at;
        if at > 0 && self.touches(at - 1) {
            SeqRange::join(&mut self.ranges, at - 1);
            at -= 1;
        }
        while self.touches(at) {
            SeqRange::join(&mut self.ranges, at);
        }
    }

    fn touches(&self, at: usize) -> bool {
        match (self.ranges.get(at), self.ranges.get(at + 1)) {
            (Some(left), Some(right)) => right.from <= left.to.saturating_add(1),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misses(seqs: &[u64]) -> Misses {
        let mut misses = Misses::default();
        for &seq in seqs {
            misses.add(seq, "test", || Time::from_unix_nanos(0));
        }
        misses
    }

    fn pairs(misses: &Misses) -> Vec<(u64, u64)> {
        misses.ranges.iter().map(|range| (range.from, range.to)).collect()
    }

    #[test]
    fn neighbours_become_one_range_in_any_order() {
        assert_eq!(pairs(&misses(&[1, 2, 3])), [(1, 3)]);
        assert_eq!(pairs(&misses(&[3, 1, 2, 9, 8])), [(1, 3), (8, 9)]);
        assert_eq!(pairs(&misses(&[5, 1, 3])), [(1, 1), (3, 3), (5, 5)]);
        assert_eq!(misses(&[5, 1, 3]).count, 3);
    }

    #[test]
    fn what_could_not_be_told_is_kept() {
        let mut newer = misses(&[7, 8]);
        newer.restore(misses(&[4, 5, 6]));
        assert_eq!((pairs(&newer), newer.count), (vec![(4, 8)], 5));
        newer.restore(Misses::default());
        assert_eq!(newer.count, 5);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let whole = misses(&[1, 2, 5, 9, 10, 20]);
        let parts = whole.clone().parts(2);
        let told: Vec<_> = parts.iter().map(|part| (part.count, pairs(part))).collect();
        assert_eq!(told, [(3, vec![(1, 2), (5, 5)]), (3, vec![(9, 10), (20, 20)])]);
        // A range that names more than was missed.
        let joined = Misses { count: 4, ..whole };
        assert_eq!(joined.parts(1).iter().map(|part| part.count).collect::<Vec<_>>(), [1, 1, 1, 1]);
        assert!(Misses::default().parts(1).is_empty());
    }

    #[test]
    fn ranges_are_bounded_and_cover_every_miss() {
        let seqs: Vec<u64> = (0..1000).map(|at| at * 3 + at / 7).collect();
        let many = misses(&seqs);
        assert_eq!((many.ranges.len(), many.count), (RANGES_MAX, 1000));
        assert!(seqs.iter().all(|seq| many.ranges.iter().any(|range| (range.from..=range.to).contains(seq))));
    }
}
