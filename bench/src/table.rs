//! Printing figures: medians over rounds, and ratios taken round by round.

use std::time::Duration;

/// The middle of some figures.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of the ratios a/b, taken within each round, so that a machine that drifts cancels out.
pub fn ratio(a: &[f64], b: &[f64]) -> f64 {
    median(&mut a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>())
}

/// Microseconds, for people.
pub fn micros(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e6)
}
