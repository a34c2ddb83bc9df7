//! A set of sequence numbers: what a device missed, what a log holds, what a file lacks.
//! The ranges are sorted, and neither overlap nor touch, so that two equal sets are equal values.
//! Never in it: what a number stands for, or to which start of the server it belongs.

/// Entries from one counter to another, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeqRange {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// A set of sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeqSet {
    ranges: Vec<SeqRange>,
}

impl SeqSet {
    /// The empty set. Allocates nothing.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Whether it holds no number.
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers it holds; `u64::MAX` for all of them.
    pub fn count(&self) -> u64 {
        let length = |range: &SeqRange| (range.to - range.from).saturating_add(1);
        self.ranges.iter().map(length).fold(0, u64::saturating_add)
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[SeqRange] {
        &self.ranges
    }

    /// The ranges, ascending, by value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SeqRange> + Clone {
        self.ranges.iter().copied()
    }

    /// The smallest number.
    pub fn first(&self) -> Option<u64> {
        self.ranges.first().map(|range| range.from)
    }

    /// The largest number.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|range| range.to)
    }

    /// From the smallest number to the largest.
    pub fn bounds(&self) -> Option<SeqRange> {
        Some(SeqRange { from: self.first()?, to: self.last()? })
    }

    /// Whether it holds a number.
    pub fn contains(&self, seq: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.to < seq);
        self.ranges.get(at).is_some_and(|range| range.from <= seq)
    }

    /// Adds a number.
    pub fn insert(&mut self, seq: u64) {
        self.insert_range(SeqRange { from: seq, to: seq });
    }

    /// Adds all numbers of a range. A range that ends before it begins holds none. Appending to the last range, or after
    /// it, takes the logarithm of the number of ranges; many ranges in any order are better collected.
    pub fn insert_range(&mut self, range: SeqRange) {
        if range.from > range.to {
            return;
        }
        // The known ranges from `start` to `end` overlap or touch the new one.
        let start = self.ranges.partition_point(|known| known.to.saturating_add(1) < range.from);
        let end = self.ranges.partition_point(|known| known.from <= range.to.saturating_add(1));
        match self.ranges.get_mut(start..end) {
            Some([first, others @ ..]) => {
                let last = others.last().map_or(first.to, |last| last.to);
                *first = SeqRange { from: first.from.min(range.from), to: last.max(range.to) };
                if end - start > 1 {
                    self.ranges.drain(start + 1..end);
                }
            }
            _ => self.ranges.insert(start, range),
        }
    }

    /// What is in this set, in the other, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut others = other.iter().peekable();
        for range in self.iter() {
            let mut from = range.from;
            loop {
                while others.next_if(|other| other.to < from).is_some() {}
                match others.peek() {
                    Some(other) if other.from <= range.to => {
                        if other.from > from {
                            left.push(SeqRange { from, to: other.from - 1 });
                        }
                        if other.to >= range.to {
                            break;
                        }
                        from = other.to + 1;
                    }
                    _ => {
                        left.push(SeqRange { from, to: range.to });
                        break;
                    }
                }
            }
        }
        Self { ranges: left }
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }

    /// What of it is within a range, which holds no number if it ends before it begins. Takes the logarithm of the number of
    /// ranges, and the number of those that are found.
    #[must_use]
    pub fn within(&self, range: SeqRange) -> Self {
        let start = self.ranges.partition_point(|known| known.to < range.from);
        let clipped =
            |known: &SeqRange| SeqRange { from: known.from.max(range.from), to: known.to.min(range.to) };
        let rest = self.ranges.get(start..).unwrap_or_default();
        Self {
            ranges: rest
                .iter()
                .take_while(|known| known.from <= range.to)
                .map(clipped)
                .filter(|found| found.from <= found.to)
                .collect(),
        }
    }

    /// Joins the two ranges with the smallest distance, and adds the numbers between them. False if there are not two.
    pub fn join_nearest(&mut self) -> bool {
        let distances =
            self.ranges.iter().zip(self.ranges.iter().skip(1)).map(|(left, right)| right.from - left.to);
        let nearest = distances.enumerate().min_by_key(|(_, distance)| *distance);
        let Some((at, _)) = nearest else { return false };
        let right = self.ranges.remove(at + 1);
        if let Some(left) = self.ranges.get_mut(at) {
            left.to = right.to;
        }
        true
    }

    /// Joins the nearest ranges until there are at most `most`. The set then also holds the numbers between them: a loss
    /// that is kept so names too many entries, and never too few.
    pub fn limit_ranges(&mut self, most: usize) {
        while self.ranges.len() > most.max(1) && self.join_nearest() {}
    }

    /// The same numbers in sets of at most `most` ranges each, ascending.
    pub fn chunks(&self, most: usize) -> impl ExactSizeIterator<Item = Self> {
        self.ranges.chunks(most.max(1)).map(|ranges| Self { ranges: ranges.to_vec() })
    }
}

impl From<SeqRange> for SeqSet {
    fn from(range: SeqRange) -> Self {
        let mut set = Self::new();
        set.insert_range(range);
        set
    }
}

/// Of ranges in any order, which may overlap.
impl FromIterator<SeqRange> for SeqSet {
    fn from_iter<I: IntoIterator<Item = SeqRange>>(ranges: I) -> Self {
        let mut ranges: Vec<SeqRange> = ranges.into_iter().filter(|range| range.from <= range.to).collect();
        // Nothing is moved where they come in order.
        ranges.sort_by_key(|range| range.from);
        ranges.dedup_by(|next, last| {
            let joined = next.from <= last.to.saturating_add(1);
            if joined {
                last.to = last.to.max(next.to);
            }
            joined
        });
        Self { ranges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn range(from: u64, to: u64) -> SeqRange {
        SeqRange { from, to }
    }

    fn set_of(ranges: &[(u64, u64)]) -> SeqSet {
        ranges.iter().map(|&(from, to)| range(from, to)).collect()
    }

    fn pairs(set: &SeqSet) -> Vec<(u64, u64)> {
        set.iter().map(|range| (range.from, range.to)).collect()
    }

    fn numbers(set: &SeqSet) -> BTreeSet<u64> {
        set.iter().flat_map(|range| range.from..=range.to).collect()
    }

    /// Sorted, and each range ends at least two before the next begins.
    fn is_normal(set: &SeqSet) -> bool {
        set.iter().all(|range| range.from <= range.to)
            && set.ranges().windows(2).all(|pair| pair[0].to.saturating_add(1) < pair[1].from)
    }

    fn one_by_one(numbers: &BTreeSet<u64>) -> SeqSet {
        numbers.iter().map(|&seq| range(seq, seq)).collect()
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_set_of_numbers(a in btree_set(0_u64..40, 0..30), b in btree_set(0_u64..40, 0..30)) {
            let (x, y) = (one_by_one(&a), one_by_one(&b));
            prop_assert_eq!(&numbers(&x), &a);
            prop_assert_eq!((x.count(), x.is_empty()), (a.len() as u64, a.is_empty()));
            prop_assert_eq!((x.first(), x.last()), (a.first().copied(), a.last().copied()));
            prop_assert!((0..41).all(|seq| x.contains(seq) == a.contains(&seq)));
            prop_assert_eq!(numbers(&x.union(&y)), &a | &b);
            prop_assert_eq!(numbers(&x.difference(&y)), &a - &b);
            prop_assert_eq!(numbers(&x.intersection(&y)), &a & &b);
            for set in [&x, &x.union(&y), &x.difference(&y), &x.intersection(&y)] {
                prop_assert!(is_normal(set), "{:?}", set);
            }
        }

        #[test]
        fn ranges_inserted_in_any_order_make_the_same_set_as_collected_ones(
            ranges in vec((0_u64..60, 0_u64..8), 0..30).prop_map(|all| {
                all.into_iter().map(|(from, length)| range(from, (from + length).saturating_sub(2))).collect::<Vec<_>>()
            }),
        ) {
            let mut set = SeqSet::new();
            for &range in &ranges {
                set.insert_range(range);
                prop_assert!(is_normal(&set), "{:?}", set);
            }
            prop_assert_eq!(numbers(&set), ranges.iter().flat_map(|range| range.from..=range.to).collect());
            prop_assert_eq!(set, ranges.into_iter().collect());
        }

        #[test]
        fn a_limited_set_holds_all_its_numbers_in_as_many_ranges_as_it_may(
            seqs in btree_set(0_u64..500, 1..60), most in 1_usize..20,
        ) {
            let whole = one_by_one(&seqs);
            let mut limited = whole.clone();
            limited.limit_ranges(most);
            prop_assert_eq!(limited.ranges().len(), whole.ranges().len().min(most));
            prop_assert!(whole.difference(&limited).is_empty() && is_normal(&limited));
            prop_assert_eq!(limited.bounds(), whole.bounds());
        }

        #[test]
        fn chunks_are_the_set_in_parts(seqs in btree_set(0_u64..200, 0..60), most in 0_usize..9) {
            let whole = one_by_one(&seqs);
            let chunks: Vec<SeqSet> = whole.chunks(most).collect();
            prop_assert!(chunks.iter().all(|chunk| (1..=most.max(1)).contains(&chunk.ranges().len())));
            prop_assert_eq!(chunks.iter().map(SeqSet::count).sum::<u64>(), whole.count());
            prop_assert_eq!(chunks.iter().flat_map(SeqSet::iter).collect::<SeqSet>(), whole);
        }

        #[test]
        fn what_is_within_a_range_is_what_it_has_in_common_with_it(
            seqs in btree_set(0_u64..60, 0..40), from in 0_u64..70, to in 0_u64..70,
        ) {
            let within = one_by_one(&seqs).within(range(from, to));
            let common: BTreeSet<u64> = seqs.into_iter().filter(|seq| (from..=to).contains(seq)).collect();
            prop_assert!(is_normal(&within));
            prop_assert_eq!(numbers(&within), common);
        }
    }

    #[test]
    fn neighbours_become_one_range_in_any_order() {
        for (seqs, expected) in [
            (&[1, 2, 3][..], &[(1, 3)][..]),
            (&[3, 1, 2, 9, 8], &[(1, 3), (8, 9)]),
            (&[5, 1, 3], &[(1, 1), (3, 3), (5, 5)]),
        ] {
            let mut set = SeqSet::new();
            for &seq in seqs {
                set.insert(seq);
            }
            assert_eq!(pairs(&set), expected);
        }
    }

    #[test]
    fn a_range_swallows_those_that_it_spans() {
        let mut set = set_of(&[(1, 2), (5, 6), (9, 9), (20, 30)]);
        set.insert_range(range(4, 10));
        assert_eq!(pairs(&set), [(1, 2), (4, 10), (20, 30)]);
        set.insert_range(range(3, 19));
        assert_eq!(pairs(&set), [(1, 30)]);
        set.insert_range(range(40, 39));
        assert_eq!(pairs(&set), [(1, 30)], "a range that ends before it begins holds nothing");
    }

    #[test]
    fn the_nearest_ranges_are_joined_first_and_of_equal_distances_the_lower() {
        let mut set = set_of(&[(1, 2), (10, 11), (14, 15), (18, 18)]);
        assert!(set.join_nearest());
        assert_eq!(pairs(&set), [(1, 2), (10, 15), (18, 18)]);
        set.limit_ranges(1);
        assert_eq!(pairs(&set), [(1, 18)]);
        assert!(!set.join_nearest() && !SeqSet::new().join_nearest());
        set.limit_ranges(0);
        assert_eq!(pairs(&set), [(1, 18)], "no limit empties a set");
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let all = set_of(&[(0, u64::MAX)]);
        let mut end = set_of(&[(u64::MAX, u64::MAX), (3, 2)]);
        assert_eq!((all.count(), end.count()), (u64::MAX, 1));
        assert_eq!(pairs(&all.difference(&end)), [(0, u64::MAX - 1)]);
        assert_eq!(all.intersection(&end), end);
        end.insert(u64::MAX);
        end.insert(0);
        assert_eq!(pairs(&end), [(0, 0), (u64::MAX, u64::MAX)]);
        end.insert_range(range(1, u64::MAX - 1));
        assert_eq!(end, all);
        assert!(all.contains(0) && all.contains(u64::MAX) && !SeqSet::new().contains(0));
    }
}
