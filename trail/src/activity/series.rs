//! Requests over time, in steps that grow with the time.
//! Never in it: how they are drawn.

use std::collections::BTreeMap;

use onrecord_value::Time;

use super::model::{Point, Series, Stamp};

/// The lengths of steps, in seconds: what clocks and calendars show.
const STEPS: [i64; 21] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800,
    2_592_000, 31_536_000,
];
/// At most this many steps are kept while reading.
const KEPT: usize = 4_000;
/// At most this many are shown.
const SHOWN: i64 = 150;

/// Counts by time.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    level: usize,
    steps: BTreeMap<i64, [u64; 3]>,
    /// Added to the seconds, so that steps begin at the hours and days of the zone.
    shift: i64,
}

impl Timeline {
    pub(super) fn new(shift: i64) -> Self {
        Self { shift, ..Self::default() }
    }

    fn step(&self) -> i64 {
        STEPS.get(self.level).copied().unwrap_or(31_536_000)
    }

    pub(super) fn add(&mut self, at: Time, denied: bool, error: bool) {
        let key = (at.unix_seconds() + self.shift).div_euclid(self.step());
        let counts = self.steps.entry(key).or_default();
        for (count, more) in counts.iter_mut().zip([true, denied, error]) {
            *count += u64::from(more);
        }
        while self.steps.len() > KEPT && self.level + 1 < STEPS.len() {
            self.widen();
        }
    }

    fn widen(&mut self) {
        let before = self.step();
        self.level += 1;
        let after = self.step();
        for (key, counts) in std::mem::take(&mut self.steps) {
            let sum = self.steps.entry((key * before).div_euclid(after)).or_default();
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }

    /// The steps that are shown. A few requests whose clock was far off would squeeze all others into one step: where at most one
    /// in a thousand lies outside a range that is a hundredth of the whole, that range is shown.
    pub(super) fn into_series(mut self) -> Series {
        let outside = self.leave_out_strays();
        let span = |timeline: &Self| {
            let first = timeline.steps.keys().next().copied().unwrap_or(0);
            timeline.steps.keys().next_back().copied().unwrap_or(0) - first + 1
        };
        while span(&self) > SHOWN && self.level + 1 < STEPS.len() {
            self.widen();
        }
        let (step, count) = (self.step(), span(&self).min(SHOWN * 10));
        let Some(first) = self.steps.keys().next().copied() else {
            return Series { step_seconds: step, points: Vec::new(), outside };
        };
        let point = |key: i64| {
            let [requests, denied, errors] = self.steps.get(&key).copied().unwrap_or_default();
            Point { at: Stamp(Time::from_unix(key * step - self.shift, 0)), requests, denied, errors }
        };
        Series { step_seconds: step, points: (first..first + count).map(point).collect(), outside }
    }

    fn leave_out_strays(&mut self) -> u64 {
        let total: u64 = self.steps.values().map(|[requests, ..]| requests).sum();
        let allowed = total / 1000;
        let (mut from, mut to) = (None, None);
        let mut seen = 0;
        for (key, [requests, ..]) in &self.steps {
            if from.is_none() && seen + requests > allowed / 2 {
                from = Some(*key);
            }
            seen += requests;
            if to.is_none() && seen >= total - allowed / 2 {
                to = Some(*key);
            }
        }
        let (Some(from), Some(to)) = (from, to) else { return 0 };
        let whole = self.steps.keys().next_back().unwrap_or(&to) - self.steps.keys().next().unwrap_or(&from);
        if whole < (to - from + 1).saturating_mul(100) {
            return 0;
        }
        self.steps.retain(|key, _| (from..=to).contains(key));
        total - self.steps.values().map(|[requests, ..]| requests).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_steps_of_ten_minutes_and_every_request_is_in_one() {
        let mut timeline = Timeline::default();
        for second in 0..86_400 {
            timeline.add(Time::from_unix(1_000_000_800 + second, 0), second % 10 == 0, false);
        }
        let series = timeline.into_series();
        assert_eq!((series.step_seconds, series.points.len(), series.outside), (600, 144, 0));
        assert_eq!(series.points.iter().map(|point| point.requests).sum::<u64>(), 86_400);
        assert_eq!(series.points.iter().map(|point| point.denied).sum::<u64>(), 8_640);
    }

    #[test]
    fn a_stray_time_does_not_squeeze_the_others() {
        let mut timeline = Timeline::default();
        timeline.add(Time::NEVER, false, false);
        for second in 0..10_000 {
            timeline.add(Time::from_unix(1_800_000_000 + second, 0), false, false);
        }
        timeline.add(Time::from_unix(i64::MAX, 0), false, false);
        let series = timeline.into_series();
        assert_eq!(series.outside, 2);
        assert!(series.points.len() > 50, "{}", series.points.len());
    }

    #[test]
    fn the_last_years_and_the_first_make_no_endless_plot() {
        let mut timeline = Timeline::default();
        timeline.add(Time::NEVER, false, false);
        timeline.add(Time::from_unix(i64::MAX, 0), false, false);
        assert!(timeline.into_series().points.len() <= 1500);
    }
}
