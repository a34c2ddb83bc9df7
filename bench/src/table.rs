//! Printing figures: medians over rounds, and ratios taken round by round.

use std::time::Duration;

use crate::load::LoadResult;

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

/// The figures of one kind of load on one variant, a round each.
#[derive(Clone, Default)]
pub struct LoadFigures {
    rates: Vec<f64>,
    middles: Vec<f64>,
    tails: Vec<f64>,
    cpu_micros: Vec<f64>,
}

impl LoadFigures {
    /// Adds those of a round.
    pub fn add(&mut self, found: &LoadResult, cpu_micros: f64) {
        self.rates.push(found.rate);
        self.middles.push(found.percentile(0.5).as_secs_f64());
        self.tails.push(found.percentile(0.99).as_secs_f64());
        self.cpu_micros.push(cpu_micros);
    }

    /// Prints the head of the table whose rows [`LoadFigures::print`] prints.
    pub fn print_head() {
        println!(
            "| variant | requests/s (median) | p50 µs | p99 µs | server's CPU µs a request | ratio to the first |\n\
             |---|---:|---:|---:|---:|---:|"
        );
    }

    /// Prints the medians, and the ratio of the rates to those of the first variant.
    pub fn print(&self, name: &str, first: &Self) {
        let to_first = ratio(&self.rates, &first.rates);
        let of = |figures: &Vec<f64>| median(&mut figures.clone());
        let [p50, p99] =
            [&self.middles, &self.tails].map(|figures| micros(Duration::from_secs_f64(of(figures))));
        let (rate, cpu_micros) = (of(&self.rates), of(&self.cpu_micros));
        println!("| {name} | {rate:.0} | {p50} | {p99} | {cpu_micros:.1} | {to_first:.2} |");
    }
}
