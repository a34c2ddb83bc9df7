//! The most frequent of many texts in bounded memory: exact while there are at most [`KEPT`] different ones, and after that with
//! a bound for the error of each count.
//! Never in it: what the texts are.

use std::borrow::Cow;
use std::collections::HashMap;

use onrecord_value::Time;

use super::model::{Ranked, Ranking, Stamp};

/// How many texts are kept when there are too many.
const KEPT: usize = 5_000;
/// How many texts lead to that.
const MOST: usize = 2 * KEPT;
/// Longer texts are cut.
const TEXT_MAX: usize = 256;
/// How many rows a ranking has.
const ROWS: usize = 200;

/// Counts of texts.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    counts: HashMap<Box<str>, Counted>,
    /// No text that was dropped had a higher count.
    floor: u64,
    /// How many texts were dropped; a text that came back counts again.
    dropped: bool,
    /// The highest number of different texts that is certain.
    different: u64,
}

/// The counts of one text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) count: u64,
    pub(super) over: u64,
    pub(super) marked: u64,
    pub(super) first: Time,
    pub(super) last: Time,
}

impl Sketch {
    /// Counts a text once more. `marked` counts a second number beside it: the refused ones.
    pub(super) fn add(&mut self, text: &str, at: Time, marked: bool) {
        let text = cut(text);
        if let Some(counted) = self.counts.get_mut(text.as_ref()) {
            counted.count += 1;
            counted.marked += u64::from(marked);
            counted.first = counted.first.min(at);
            counted.last = counted.last.max(at);
            return;
        }
        if self.counts.len() >= MOST {
            self.drop_rare();
        }
        let (count, over) = (self.floor + 1, self.floor);
        let counted = Counted { count, over, marked: u64::from(marked), first: at, last: at };
        self.counts.insert(text.into_owned().into(), counted);
        self.different = self.different.max(self.counts.len() as u64);
    }

    /// Keeps the most frequent half.
    fn drop_rare(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().map(|counted| counted.count).collect();
        let (_, bound, _) = counts.select_nth_unstable_by(KEPT, |one, other| other.cmp(one));
        let bound = *bound;
        self.counts.retain(|_, counted| counted.count > bound);
        self.floor = self.floor.max(bound);
        self.dropped = true;
    }

    /// The texts with their counts, the most frequent first.
    pub(super) fn into_sorted(self) -> Vec<(Box<str>, Counted)> {
        let mut all: Vec<(Box<str>, Counted)> = self.counts.into_iter().collect();
        all.sort_unstable_by(|(text, one), (other_text, other)| {
            other.count.cmp(&one.count).then_with(|| text.cmp(other_text))
        });
        all
    }

    /// Whether counts may be too high and rare texts are missing.
    pub(super) const fn is_partial(&self) -> bool {
        self.dropped
    }

    /// The first rows.
    pub(super) fn into_ranking(self) -> Ranking {
        let (different, exact) = (self.different, !self.dropped);
        let row = |(value, counted): (Box<str>, Counted)| Ranked {
            value: value.into(),
            count: counted.count,
            over: counted.over,
            denied: counted.marked,
            first: Stamp(counted.first),
            last: Stamp(counted.last),
        };
        Ranking { rows: self.into_sorted().into_iter().take(ROWS).map(row).collect(), different, exact }
    }
}

/// The beginning of a text that is longer than [`TEXT_MAX`] bytes, with an ellipsis; else the text.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= TEXT_MAX {
        return text.into();
    }
    let begin = text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or_default();
    format!("{begin}\u{2026}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix(seconds, 0)
    }

    #[test]
    fn few_texts_are_counted_exactly() {
        let mut sketch = Sketch::default();
        for second in 0..300 {
            sketch.add(["a", "b", "a"][usize::try_from(second % 3).unwrap()], at(second), second < 3);
        }
        let ranking = sketch.into_ranking();
        let rows: Vec<_> =
            ranking.rows.iter().map(|row| (row.value.as_str(), row.count, row.denied)).collect();
        assert_eq!((rows, ranking.different, ranking.exact), (vec![("a", 200, 2), ("b", 100, 1)], 2, true));
        assert_eq!((ranking.rows[1].first, ranking.rows[1].last), (Stamp(at(1)), Stamp(at(298))));
    }

    #[test]
    fn among_too_many_texts_the_frequent_ones_stay_and_each_count_is_within_its_bound() {
        let mut sketch = Sketch::default();
        for round in 0..30_000_u64 {
            sketch.add(&format!("rare/{round}"), at(0), false);
            sketch.add(&format!("often/{}", round % 10), at(0), false);
        }
        assert!(sketch.counts.len() <= MOST);
        let ranking = sketch.into_ranking();
        assert!(!ranking.exact && ranking.different >= MOST as u64);
        for row in &ranking.rows[..10] {
            assert!(row.value.starts_with("often/"), "{row:?}");
            assert!(row.count >= 3000 && row.count - row.over <= 3000, "{row:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut sketch = Sketch::default();
        sketch.add(&"ä".repeat(1000), at(0), false);
        assert_eq!(sketch.into_ranking().rows[0].value, "ä".repeat(128) + "…");
    }
}
