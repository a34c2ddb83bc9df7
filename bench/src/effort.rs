//! How long and how often something is measured.

use std::time::Duration;

/// The effort of a run.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// One measurement.
    pub time: Duration,
    /// Measurements of each variant.
    pub rounds: usize,
    /// Only the variant of this name is measured; all of them where it is empty. For profilers.
    pub only: &'static str,
    /// How many requests to make; 0 measures for a time instead. For counters of instructions.
    pub count: u64,
    /// How many requests to make at once.
    pub at_once: u64,
}

impl Effort {
    /// What figures are made with.
    pub const USUAL: Self = Self { time: Duration::from_secs(3), rounds: 5, only: "", count: 0, at_once: 64 };
    /// Just long enough to see that everything runs.
    pub const SMOKE: Self =
        Self { time: Duration::from_millis(200), rounds: 1, only: "", count: 0, at_once: 64 };

    /// A share of the time, for what is steady sooner.
    #[must_use]
    pub fn part(self, of: u32) -> Duration {
        self.time / of
    }

    /// Whether a variant is to be measured.
    pub fn wants(self, name: &str) -> bool {
        self.only.is_empty() || self.only == name
    }
}
