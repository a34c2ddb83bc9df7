//! Counts of requests by some texts, bounded in memory: beyond a number of different texts the rarest are given up, and by how
//! much a count may then be too small is known (a Misra-Gries summary).
//! Never in it: which texts.

use std::collections::{BTreeSet, HashMap};

use onrecord_trail::query::{Field, Row};
use onrecord_value::Time;

/// Up to this many different texts are counted exactly.
pub(super) const DIFFERENT_MAX: usize = 32_768;
/// A longer text is cut for counting.
const TEXT_MAX: usize = 512;
/// At most this many versions of a secret are named for each group.
const VERSIONS_MAX: usize = 64;

/// What is known of the requests of a group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) times: u64,
    pub(super) refused: u64,
    pub(super) first: Time,
    pub(super) last: Time,
    pub(super) versions: BTreeSet<i64>,
}

#[derive(Debug)]
pub(super) struct Tally {
    groups: HashMap<Vec<String>, Group>,
    most: usize,
    /// How many requests of a group may not be counted, at most: beside its count, or, if the group was given up, in all.
    pub(super) missed_at_most: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self::with_most(DIFFERENT_MAX)
    }

    fn with_most(most: usize) -> Self {
        Self { groups: HashMap::new(), most: most.max(2), missed_at_most: 0 }
    }

    /// Counts a row.
    pub(super) fn add(&mut self, key: Vec<String>, row: &Row) {
        let versions = row.number(Field::Version);
        self.count(key, row.time(), row.denied(), versions);
    }

    fn count(&mut self, mut key: Vec<String>, time: Time, refused: bool, version: Option<i64>) {
        key.iter_mut().for_each(cut);
        if self.groups.len() >= self.most && !self.groups.contains_key(&key) {
            self.give_up_the_rarest();
        }
        let new = || Group { times: 0, refused: 0, first: time, last: time, versions: BTreeSet::new() };
        let group = self.groups.entry(key).or_insert_with(new);
        group.times += 1;
        group.refused += u64::from(refused);
        group.first = group.first.min(time);
        group.last = group.last.max(time);
        if let Some(version) = version.filter(|_| !refused && group.versions.len() < VERSIONS_MAX) {
            group.versions.insert(version);
        }
    }

    /// Takes the median count from all, and gives up those that have none left: at least half.
    fn give_up_the_rarest(&mut self) {
        let mut counts: Vec<u64> = self.groups.values().map(|group| group.times).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        self.missed_at_most += median;
        self.groups.retain(|_, group| {
            group.times = group.times.saturating_sub(median);
            group.times > 0
        });
    }

    pub(super) fn different(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (&Vec<String>, &Group)> {
        self.groups.iter()
    }

    /// The groups with most requests first; equal ones in the order of their texts.
    pub(super) fn most_first(self) -> Vec<(Vec<String>, Group)> {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(one, a), (other, b)| b.times.cmp(&a.times).then_with(|| one.cmp(other)));
        groups
    }

    /// Said above the counts if they are not exact.
    pub(super) fn warning(&self, what: &str) -> Option<String> {
        (self.missed_at_most > 0).then(|| {
            format!(
                "More than {} different {what}: those with few requests were given up. A count is at least the number shown, \
                 and at most {} more.",
                self.most, self.missed_at_most
            )
        })
    }
}

fn cut(text: &mut String) {
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        text.push('…');
    }
}

/// Numbers as ranges: `1-3, 5`.
pub(super) fn ranges(numbers: &BTreeSet<i64>) -> String {
    let mut parts: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, to)) if *to + 1 == *number => *to = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let part = |(from, to): &(i64, i64)| if from == to { from.to_string() } else { format!("{from}-{to}") };
    parts.iter().map(part).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_its_bound_a_tally_keeps_what_is_frequent_and_knows_its_error() {
        let mut tally = Tally::with_most(8);
        let now = Time::from_unix_nanos(0);
        for number in 0..10_000 {
            tally.count(vec!["often".to_owned()], now, false, None);
            tally.count(vec![format!("once {number}")], now, false, None);
        }
        assert!(tally.different() <= 8);
        let error = tally.missed_at_most;
        assert!(tally.warning("values").unwrap().contains("at most"));
        let groups = tally.most_first();
        assert_eq!(groups[0].0, ["often"]);
        assert!(groups[0].1.times <= 10_000 && groups[0].1.times + error >= 10_000, "{error}");
    }

    #[test]
    fn numbers_in_a_row_are_ranges() {
        assert_eq!(ranges(&BTreeSet::from([1, 2, 3, 5, 8, 9])), "1-3, 5, 8-9");
    }
}
