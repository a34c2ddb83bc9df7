//! How long answers took: counts in steps of a sixteenth of a power of two.
//! Never in it: which requests they were.

use super::model::Latency;

/// Steps for each power of two.
const FINE: u32 = 4;
const STEPS: usize = 64 << FINE;

#[derive(Debug)]
pub(super) struct Durations {
    steps: Box<[u64; STEPS]>,
    measured: u64,
    longest: i64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { steps: Box::new([0; STEPS]), measured: 0, longest: 0 }
    }
}

fn step(nanos: u64) -> usize {
    let power = nanos.max(1).ilog2();
    if power < FINE {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let part = (nanos >> (power - FINE)) & ((1 << FINE) - 1);
    usize::try_from((u64::from(power - FINE + 1) << FINE) + part).unwrap_or(0)
}

/// The middle of a step.
fn middle(step: usize) -> u64 {
    let (power, part) = (step >> FINE, (step & ((1 << FINE) - 1)) as u64);
    if power == 0 {
        return part;
    }
    let width = power - 1;
    let first = ((1 << FINE) + part) << width;
    first + ((1_u64 << width) >> 1)
}

impl Durations {
    pub(super) fn add(&mut self, nanos: i64) {
        let Ok(positive) = u64::try_from(nanos) else { return };
        if let Some(count) = self.steps.get_mut(step(positive)) {
            *count += 1;
        }
        self.measured += 1;
        self.longest = self.longest.max(nanos);
    }

    pub(super) fn summary(&self) -> Latency {
        let part = |percent: u64| {
            let wanted = (self.measured * percent).div_ceil(100);
            let mut seen = 0;
            let found = self.steps.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            let nanos = i64::try_from(middle(found.unwrap_or(0))).unwrap_or(i64::MAX);
            nanos.min(self.longest)
        };
        let Self { measured, longest, .. } = *self;
        Latency { measured, p50: part(50), p90: part(90), p99: part(99), longest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_five_percent() {
        let mut durations = Durations::default();
        (1..=100_000).for_each(|micros| durations.add(micros * 1000));
        let found = durations.summary();
        for (got, right) in [(found.p50, 50_000_000), (found.p90, 90_000_000), (found.p99, 99_000_000)] {
            assert!((got - right).abs() * 20 <= right, "{got} is not near {right}");
        }
        assert_eq!((found.longest, found.measured), (100_000_000, 100_000));
    }

    #[test]
    fn every_duration_is_in_a_step_whose_middle_is_near() {
        for nanos in (0..64).flat_map(|power| [0, 1, 3].map(|more| (1_u64 << power).saturating_add(more))) {
            let near = middle(step(nanos));
            assert!(near.abs_diff(nanos) <= nanos / 16 + 1, "{nanos}: {near}");
        }
        let mut durations = Durations::default();
        durations.add(i64::MAX);
        durations.add(-1);
        let (half, longest) = (durations.summary().p50, durations.summary().longest);
        assert_eq!(longest, i64::MAX);
        assert!(half > longest / 16 * 15 && half <= longest, "{half}");
    }
}
