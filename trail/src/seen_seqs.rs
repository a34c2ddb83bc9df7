//! The counters of one start that a reader has seen: a bit each, in pages, so that one far counter costs one page only.
//! A `SeqSet` would need sixteen bytes a number where every other number is missing, and move its ranges at each one.
//! Never in it: which device has them.

use std::collections::BTreeMap;

use onrecord_entry::{SeqRange, SeqSet};

/// 64 words of 64 bits: half a kilobyte for 4096 consecutive counters.
type Page = [u64; 64];
const BITS: u64 = 4096;

#[derive(Clone, Debug, Default)]
pub(crate) struct SeenSeqs {
    pages: BTreeMap<u64, Box<Page>>,
    /// The page in use: counters come nearly in order.
    hot: Option<(u64, Box<Page>)>,
}

impl SeenSeqs {
    /// Adds one. False if it was there.
    pub(crate) fn insert(&mut self, seq: u64) -> bool {
        let key = seq / BITS;
        if self.hot.as_ref().is_none_or(|(hot, _)| *hot != key) {
            self.make_hot(key);
        }
        let Some((_, page)) = &mut self.hot else { return false };
        let at = usize::try_from(seq % BITS / 64).unwrap_or(0);
        let Some(word) = page.get_mut(at) else { return false };
        let bit = 1 << (seq % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(crate) fn contains(&self, seq: u64) -> bool {
        let key = seq / BITS;
        let page = match &self.hot {
            Some((hot, page)) if *hot == key => Some(page),
            _ => self.pages.get(&key),
        };
        let at = usize::try_from(seq % BITS / 64).unwrap_or(0);
        page.and_then(|page| page.get(at)).is_some_and(|word| word & 1 << (seq % 64) != 0)
    }

    /// Whether the page of a counter is there, so that adding the counter takes no memory.
    pub(crate) fn has_page(&self, seq: u64) -> bool {
        let key = seq / BITS;
        self.hot.as_ref().is_some_and(|(hot, _)| *hot == key) || self.pages.contains_key(&key)
    }

    /// The first and the last one.
    pub(crate) fn bounds(&self) -> Option<SeqRange> {
        let bounds = |key: u64, page: &Page| {
            let words = || (0..).zip(page.iter()).filter(|(_, word)| **word != 0);
            let (first, last) = (words().next()?, words().last()?);
            let from = key * BITS + first.0 * 64 + u64::from(first.1.trailing_zeros());
            let to = key * BITS + last.0 * 64 + 63 - u64::from(last.1.leading_zeros());
            Some(SeqRange { from, to })
        };
        let ends = [self.pages.first_key_value(), self.pages.last_key_value()];
        let of_ends = ends.into_iter().flatten().filter_map(|(key, page)| bounds(*key, page));
        let hot = self.hot.as_ref().and_then(|(key, page)| bounds(*key, page));
        of_ends
            .chain(hot)
            .reduce(|one, other| SeqRange { from: one.from.min(other.from), to: one.to.max(other.to) })
    }

    /// How many there are in a range.
    pub(crate) fn count_in(&self, range: SeqRange) -> u64 {
        let (first, last) = (range.from / BITS, range.to / BITS);
        let hot = self
            .hot
            .iter()
            .map(|(key, page)| (*key, &**page))
            .filter(|(key, _)| (first..=last).contains(key));
        let in_page = |(key, page): (u64, &Page)| {
            let words = (0..).zip(page.iter());
            words
                .map(|(at, word)| u64::from((word & mask(key * BITS + at * 64, range)).count_ones()))
                .sum::<u64>()
        };
        self.pages.range(first..=last).map(|(key, page)| (*key, &**page)).chain(hot).map(in_page).sum()
    }

    #[cold]
    fn make_hot(&mut self, key: u64) {
        self.store_hot();
        self.hot = Some((key, self.pages.remove(&key).unwrap_or_else(|| Box::new([0; 64]))));
    }

    fn store_hot(&mut self) {
        if let Some((key, page)) = self.hot.take() {
            self.pages.insert(key, page);
        }
    }

    pub(crate) fn set(&mut self) -> SeqSet {
        self.store_hot();
        let words = self.pages.iter().flat_map(|(key, page)| {
            (0..).zip(page.iter()).map(move |(at, word)| (key * BITS + at * 64, *word))
        });
        words.flat_map(|(base, word)| ranges(base, word)).collect()
    }
}

/// The bits of a word, whose first is the counter `base`, that are in a range.
fn mask(base: u64, range: SeqRange) -> u64 {
    let end = base + 63;
    if range.to < base || range.from > end {
        return 0;
    }
    let low = range.from.saturating_sub(base);
    let high = end - range.to.min(end);
    u64::MAX << low & u64::MAX >> high
}

/// The ranges of the bits of a word, whose first bit is the counter `base`.
fn ranges(base: u64, mut word: u64) -> impl Iterator<Item = SeqRange> {
    std::iter::from_fn(move || {
        let skip = (word != 0).then(|| word.trailing_zeros())?;
        let length = (word >> skip).trailing_ones();
        let from = base + u64::from(skip);
        // Without the bits up to the end of this range; without all if it ends the word.
        word &= !u64::MAX.checked_shr(64 - skip - length).unwrap_or(0);
        Some(SeqRange { from, to: from + u64::from(length - 1) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_behaves_as_a_set_of_counters(
            seqs in vec(prop_oneof![0_u64..300, 4000_u64..4200, Just(u64::MAX), any::<u64>()], 0..300),
        ) {
            let (mut seen, mut set) = (SeenSeqs::default(), BTreeSet::new());
            for &seq in &seqs {
                prop_assert_eq!(seen.contains(seq), set.contains(&seq));
                prop_assert_eq!(seen.insert(seq), set.insert(seq));
                prop_assert!(seen.contains(seq));
            }
            let bounds = seen.bounds().map(|bounds| (bounds.from, bounds.to));
            prop_assert_eq!(bounds, set.first().copied().zip(set.last().copied()));
            for (from, to) in [(0, u64::MAX), (5, 5), (3, 4100), (4097, u64::MAX)] {
                prop_assert_eq!(seen.count_in(SeqRange { from, to }), set.range(from..=to).count() as u64);
            }
            let found = seen.set();
            prop_assert_eq!(found.count(), set.len() as u64);
            prop_assert!(set.iter().all(|seq| found.contains(*seq)));
        }
    }

    #[test]
    fn consecutive_counters_are_one_range() {
        let mut seqs = SeenSeqs::default();
        assert!((1..=10_000).all(|seq| seqs.insert(seq)));
        assert_eq!(seqs.set().iter().collect::<Vec<_>>(), [SeqRange { from: 1, to: 10_000 }]);
    }
}
