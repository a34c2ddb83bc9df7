//! Sets of counters as runs: sorted, apart from each other, and what can be asked of two of them.
//! Never in it: what a counter stands for.

use onrecord_entry::SeqRange;

/// A set of counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs(Vec<SeqRange>);

impl Runs {
    /// A set of any ranges, in any order; those that end before they begin are empty.
    pub(crate) fn of(mut ranges: Vec<SeqRange>) -> Self {
        ranges.retain(|range| range.from <= range.to);
        ranges.sort_unstable_by_key(|range| range.from);
        let mut runs = Self::default();
        for range in ranges {
            runs.push(range);
        }
        runs
    }

    /// Adds a range which begins at or after the beginning of the last one.
    pub(crate) fn push(&mut self, range: SeqRange) {
        match self.0.last_mut() {
            Some(last) if range.from <= last.to.saturating_add(1) => last.to = last.to.max(range.to),
            _ => self.0.push(range),
        }
    }

    /// The runs, ascending.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = SeqRange> {
        self.0.iter().copied()
    }

    /// How many counters.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, run| sum.saturating_add((run.to - run.from).saturating_add(1)))
    }

    /// The smallest and the largest.
    pub(crate) fn bounds(&self) -> Option<SeqRange> {
        Some(SeqRange { from: self.0.first()?.from, to: self.0.last()?.to })
    }

    /// What is in this or in the other.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    /// What is in this and not in the other.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = Self::default();
        let mut others = other.0.iter().copied().peekable();
        for run in &self.0 {
            let mut from = run.from;
            loop {
                while others.next_if(|other| other.to < from).is_some() {}
                match others.peek() {
                    Some(other) if other.from <= run.to => {
                        if other.from > from {
                            left.push(SeqRange { from, to: other.from - 1 });
                        }
                        if other.to >= run.to {
                            break;
                        }
                        from = other.to + 1;
                    }
                    _ => {
                        left.push(SeqRange { from, to: run.to });
                        break;
                    }
                }
            }
        }
        left
    }

    /// What is in both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }
}

impl From<Option<SeqRange>> for Runs {
    fn from(range: Option<SeqRange>) -> Self {
        Self::of(range.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn runs(set: &BTreeSet<u64>) -> Runs {
        Runs::of(set.iter().map(|&seq| SeqRange { from: seq, to: seq }).collect())
    }

    fn set(runs: &Runs) -> BTreeSet<u64> {
        runs.iter().flat_map(|run| run.from..=run.to).collect()
    }

    proptest! {
        #[test]
        fn they_are_sets(a in btree_set(0_u64..40, 0..30), b in btree_set(0_u64..40, 0..30)) {
            let (x, y) = (runs(&a), runs(&b));
            prop_assert_eq!(&set(&x), &a);
            prop_assert_eq!(x.count(), a.len() as u64);
            prop_assert_eq!(set(&x.or(&y)), a.union(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(set(&x.without(&y)), a.difference(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(set(&x.and(&y)), a.intersection(&b).copied().collect::<BTreeSet<_>>());
            let apart = |runs: &Runs| runs.0.windows(2).all(|pair| pair[0].to + 1 < pair[1].from);
            prop_assert!(apart(&x) && apart(&x.or(&y)) && apart(&x.without(&y)));
        }
    }

    #[test]
    fn the_largest_counters_do_not_overflow() {
        let all = Runs::of(vec![SeqRange { from: 0, to: u64::MAX }]);
        let end = Runs::of(vec![SeqRange { from: u64::MAX, to: u64::MAX }, SeqRange { from: 3, to: 2 }]);
        assert_eq!(all.count(), u64::MAX);
        assert_eq!(all.without(&end).bounds(), Some(SeqRange { from: 0, to: u64::MAX - 1 }));
        assert_eq!(all.and(&end), end);
    }
}
