//! Two reports compared: which values are new, which rose, which are gone. Counts are compared as rates, because the times of the
//! reports may differ in length.
//! Never in it: what the difference means.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::model::{ActivityReport, Ranked, Ranking, Stamp, Totals};

/// How many values each list of a comparison has.
const LISTED: usize = 50;
/// A value rose if its rate is at least this many times the other one,
const ROSE: u64 = 2;
/// and it has at least this many requests.
const ROSE_COUNT: u64 = 10;

/// The differences of a report from another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// The time of the other report.
    pub covered: Option<(Stamp, Stamp)>,
    /// When the other was made.
    pub made: Stamp,
    /// How many seconds the other's requests cover.
    pub seconds: i64,
    /// How many seconds those of this report cover.
    pub own_seconds: i64,
    /// The counts of the other.
    pub totals: Totals,
    /// The differences by field.
    pub groups: Vec<ComparisonGroup>,
}

/// The differences in one field.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComparisonGroup {
    /// Which field.
    pub name: String,
    /// Values that the other report does not have.
    pub new: Vec<ComparedValue>,
    /// Values whose rate is at least twice that of the other.
    pub rose: Vec<ComparedValue>,
    /// Values that only the other has.
    pub gone: Vec<ComparedValue>,
    /// Whether both reports have all values of this field. Otherwise a value may be called new or gone because the other report
    /// lists only the most frequent ones.
    pub complete: bool,
}

/// A value in both reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComparedValue {
    /// The value.
    pub value: String,
    /// Its count in this report.
    pub count: u64,
    /// Its count in the other.
    pub before: u64,
}

impl ActivityReport {
    /// Adds the differences from another report.
    pub fn compare(&mut self, other: &Self) {
        let (own_seconds, seconds) = (self.seconds(), other.seconds());
        let group = |name: &str, ranking: fn(&Self) -> &Ranking| {
            group(name, (ranking(self), own_seconds), (ranking(other), seconds))
        };
        let groups = vec![
            group("paths", |report| &report.paths),
            group("identities", |report| &report.identities),
            group("addresses", |report| &report.addresses),
            group("operations", |report| &report.operations),
            group("mounts", |report| &report.mounts),
            group("errors", |report| &report.errors),
            group("denied paths", |report| &report.denied_paths),
        ];
        self.comparison = Some(Comparison {
            covered: other.span(),
            made: other.made,
            seconds,
            own_seconds,
            totals: other.totals,
            groups,
        });
    }

    /// How long the time is that it is about: what was asked for, as far as the logs cover it.
    pub(super) fn seconds(&self) -> i64 {
        let Some((from, until)) = self.span() else { return 1 };
        until.0.unix_seconds().saturating_sub(from.0.unix_seconds()).max(1)
    }

    /// The time that was asked for, as far as the logs cover it.
    fn span(&self) -> Option<(Stamp, Stamp)> {
        let (first, last) = self.covered?;
        let from = self.asked.since.map_or(first, |since| since.max(first));
        let until = self.asked.until.map_or(last, |until| until.min(last));
        Some((from, until))
    }
}

fn group(
    name: &str,
    (own, own_seconds): (&Ranking, i64),
    (other, seconds): (&Ranking, i64),
) -> ComparisonGroup {
    let counts = |ranking: &Ranking| {
        ranking.rows.iter().map(|row| (row.value.clone(), row.count)).collect::<HashMap<_, _>>()
    };
    let (here, before) = (counts(own), counts(other));
    let value = |row: &Ranked| ComparedValue {
        value: row.value.clone(),
        count: here.get(&row.value).copied().unwrap_or(0),
        before: before.get(&row.value).copied().unwrap_or(0),
    };
    // Both sides as counts in the same time: that of one report times that of the other.
    let scaled = |count: u64, seconds: i64| u128::from(count) * u128::from(seconds.unsigned_abs());
    let rises = |row: &&Ranked| {
        let old = before.get(&row.value).copied().unwrap_or(0);
        old > 0
            && row.count >= ROSE_COUNT
            && scaled(row.count, seconds) >= scaled(old.saturating_mul(ROSE), own_seconds)
    };
    let is_complete = |ranking: &Ranking| ranking.exact && ranking.different == ranking.rows.len() as u64;
    ComparisonGroup {
        name: name.to_owned(),
        new: own.rows.iter().filter(|row| !before.contains_key(&row.value)).take(LISTED).map(value).collect(),
        rose: own.rows.iter().filter(rises).take(LISTED).map(value).collect(),
        gone: other
            .rows
            .iter()
            .filter(|row| !here.contains_key(&row.value))
            .take(LISTED)
            .map(value)
            .collect(),
        complete: is_complete(own) && is_complete(other),
    }
}
