//! Counts and distributions: samples counted in fixed buckets, with their sum, extremes and deviation, and what is
//! counted of each device. Never in it: clocks, names of metrics, rendering.

use std::time::Duration;

use crate::sync::Mutex;
use crate::sync::atomic::AtomicU64;

/// Upper bounds of buckets for times, in nanoseconds: 50 µs to 30 s.
const TIMES: &[u64] = &[
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];
const NUMBERS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// Samples in buckets. Adding one costs a few nanoseconds and no memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    bounds: &'static [u64],
    /// One more than bounds: the last is what lies beyond them.
    counts: Vec<u64>,
    sum: u64,
    squares: f64,
    min: u64,
    max: u64,
}

impl Distribution {
    /// Of times, in nanoseconds.
    pub fn of_times() -> Self {
        Self::within(TIMES)
    }

    /// Of numbers of entries.
    pub fn of_numbers() -> Self {
        Self::within(NUMBERS)
    }

    fn within(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0, squares: 0.0, min: u64::MAX, max: 0 }
    }

    /// Adds a sample.
    #[expect(clippy::cast_precision_loss, reason = "a deviation needs no 64 bits")]
    pub fn add(&mut self, sample: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < sample);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(sample);
        self.squares += (sample as f64) * (sample as f64);
        self.min = self.min.min(sample);
        self.max = self.max.max(sample);
    }

    /// Adds a time.
    pub fn add_time(&mut self, time: Duration) {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all samples of another with the same buckets.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.squares += other.squares;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many samples there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The smallest; 0 if there was none.
    pub fn min(&self) -> u64 {
        if self.count() == 0 { 0 } else { self.min }
    }

    /// The largest; 0 if there was none.
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// Their mean; 0 if there was none.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no 64 bits")]
    pub fn mean(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }

    /// Their standard deviation; 0 for fewer than two.
    #[expect(clippy::cast_precision_loss, reason = "a deviation needs no 64 bits")]
    pub fn deviation(&self) -> f64 {
        let count = self.count();
        if count < 2 {
            return 0.0;
        }
        let (count, sum) = (count as f64, self.sum as f64);
        // Rounding can make it negative where all are the same.
        ((self.squares - sum * sum / count) / (count - 1.0)).max(0.0).sqrt()
    }

    /// For each bound, how many samples were not larger; those beyond the last bound are only in [`count`](Self::count).
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        self.bounds.iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((*bound, *below))
        })
    }

    /// The bound below which a share of the samples lies, so a value that is at most one bucket too large; 0 if there
    /// was none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count is a count"
    )]
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.count() as f64) * share.clamp(0.0, 1.0)).ceil() as u64;
        if wanted == 0 {
            return self.min();
        }
        let bound = self.cumulative().find(|(_, below)| *below >= wanted).map(|(bound, _)| bound);
        bound.unwrap_or(self.max).min(self.max)
    }
}

#[derive(Default)]
pub(crate) struct Statistics {
    pub(crate) lost: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) overruns: AtomicU64,
    pub(crate) reopens: AtomicU64,
    /// Changed once a batch, by the writer alone.
    pub(crate) written: Mutex<WriteStatus>,
}

/// What a device took.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WriteStatus {
    /// Entries it has.
    pub entries: u64,
    /// Bytes it has, those of its own gap entries included.
    pub bytes: u64,
    /// Writes it took for them.
    pub batches: u64,
    /// How many entries the writes had.
    pub batch_entries: Distribution,
    /// How long `request` entries took from being accepted to being answered, in nanoseconds.
    pub request_latency: Distribution,
    /// The same for `response` entries.
    pub response_latency: Distribution,
}

impl Default for WriteStatus {
    fn default() -> Self {
        Self {
            entries: 0,
            bytes: 0,
            batches: 0,
            batch_entries: Distribution::of_numbers(),
            request_latency: Distribution::of_times(),
            response_latency: Distribution::of_times(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_of_no_samples() {
        let none = Distribution::of_times();
        assert_eq!((none.count(), none.sum(), none.min(), none.max(), none.quantile(0.99)), (0, 0, 0, 0, 0));
        assert!(none.mean() == 0.0 && none.deviation() == 0.0);
        assert_eq!(none.cumulative().map(|(_, below)| below).sum::<u64>(), 0);
    }

    #[test]
    fn samples_lie_at_or_below_their_bound() {
        let mut numbers = Distribution::of_numbers();
        for sample in [1, 2, 2, 3, 64, 65, 5000] {
            numbers.add(sample);
        }
        let cumulative: Vec<_> = numbers.cumulative().collect();
        assert_eq!(&cumulative[..4], &[(1, 1), (2, 3), (4, 4), (8, 4)]);
        assert_eq!(&cumulative[6..8], &[(64, 5), (128, 6)]);
        assert_eq!((cumulative[10], numbers.count()), ((1024, 6), 7));
        assert_eq!((numbers.min(), numbers.max(), numbers.sum()), (1, 5000, 5137));
    }

    #[test]
    fn merged_parts_are_the_whole() {
        let (mut whole, mut parts) = (Distribution::of_times(), vec![Distribution::of_times(); 3]);
        for sample in 1..100_u64 {
            whole.add(sample * 77_777);
            parts[usize::try_from(sample % 3).unwrap()].add(sample * 77_777);
        }
        let mut merged = Distribution::of_times();
        for part in &parts {
            merged.merge(part);
        }
        assert!((merged.deviation() - whole.deviation()).abs() < 1.0);
        merged.squares = whole.squares;
        assert_eq!(merged, whole);
    }

    #[test]
    fn mean_deviation_and_quantiles() {
        let mut times = Distribution::of_times();
        for micros in [40, 60, 80, 100] {
            times.add_time(Duration::from_micros(micros));
        }
        assert!((times.mean() - 70_000.0).abs() < 1.0);
        assert!((times.deviation() - 25_819.888).abs() < 1.0, "{}", times.deviation());
        assert_eq!(
            (times.quantile(0.25), times.quantile(0.5), times.quantile(1.0)),
            (50_000, 100_000, 100_000)
        );
        times.add_time(Duration::from_mins(5));
        assert_eq!(times.quantile(1.0), 300_000_000_000);
        let mut same = Distribution::of_times();
        (0..1000).for_each(|_| same.add(33_333));
        assert!(same.deviation() < 1.0);
    }
}
