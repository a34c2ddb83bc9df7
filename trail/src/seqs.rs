//! Which counters of one start were seen: a bit each, in pages, so that a counter from nowhere costs one page and no
//! more. Never in it: which device saw them.

use std::collections::BTreeMap;

use onrecord_entry::SeqRange;

use crate::runs::Runs;

/// 64 words of 64 bits: half a kilobyte stands for 4096 entries that follow each other.
type Page = [u64; 64];
const BITS: u64 = 4096;

/// Counters that were seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seqs {
    pages: BTreeMap<u64, Box<Page>>,
    /// The page in use; counters come nearly in order.
    hot: Option<(u64, Box<Page>)>,
}

impl Seqs {
    /// Adds one. False if it was there.
    pub(crate) fn insert(&mut self, seq: u64) -> bool {
        let key = seq / BITS;
        if self.hot.as_ref().is_none_or(|(hot, _)| *hot != key) {
            self.turn_to(key);
        }
        let Some((_, page)) = &mut self.hot else { return false };
        let at = usize::try_from(seq % BITS / 64).unwrap_or(0);
        let Some(word) = page.get_mut(at) else { return false };
        let bit = 1 << (seq % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether one was seen.
    pub(crate) fn contains(&self, seq: u64) -> bool {
        let key = seq / BITS;
        let page = match &self.hot {
            Some((hot, page)) if *hot == key => Some(page),
            _ => self.pages.get(&key),
        };
        let at = usize::try_from(seq % BITS / 64).unwrap_or(0);
        page.and_then(|page| page.get(at)).is_some_and(|word| word & 1 << (seq % 64) != 0)
    }

    #[cold]
    fn turn_to(&mut self, key: u64) {
        self.cool();
        self.hot = Some((key, self.pages.remove(&key).unwrap_or_else(|| Box::new([0; 64]))));
    }

    fn cool(&mut self) {
        if let Some((key, page)) = self.hot.take() {
            self.pages.insert(key, page);
        }
    }

    /// What was seen, as runs.
    pub(crate) fn runs(&mut self) -> Runs {
        self.cool();
        let mut runs = Runs::default();
        for (key, page) in &self.pages {
            for (at, &word) in (0_u64..).zip(page.iter()) {
                push(&mut runs, key * BITS + at * 64, word);
            }
        }
        runs
    }
}

/// Adds the bits of a word, which stand for the counters from `base` on.
fn push(runs: &mut Runs, base: u64, mut word: u64) {
    while word != 0 {
        let skip = word.trailing_zeros();
        let length = (word >> skip).trailing_ones();
        let from = base + u64::from(skip);
        runs.push(SeqRange { from, to: from + u64::from(length - 1) });
        // The bits up to the end of this run; all of them if it ends the word.
        let done = u64::MAX.checked_shr(64 - skip - length).unwrap_or(0);
        word &= !done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set_of_counters(
            seqs in vec(prop_oneof![0_u64..300, 4000_u64..4200, Just(u64::MAX), any::<u64>()], 0..300),
        ) {
            let (mut seen, mut set) = (Seqs::default(), BTreeSet::new());
            for &seq in &seqs {
                prop_assert_eq!(seen.contains(seq), set.contains(&seq));
                prop_assert_eq!(seen.insert(seq), set.insert(seq));
                prop_assert!(seen.contains(seq));
            }
            let runs = seen.runs();
            prop_assert_eq!(runs.count(), set.len() as u64);
            prop_assert!(set.iter().all(|seq| runs.iter().any(|run| run.from <= *seq && *seq <= run.to)));
        }
    }

    #[test]
    fn what_follows_is_one_run() {
        let mut seqs = Seqs::default();
        assert!((1..=10_000).all(|seq| seqs.insert(seq)));
        assert_eq!(seqs.runs().iter().collect::<Vec<_>>(), [SeqRange { from: 1, to: 10_000 }]);
    }
}
