//! A bound on what is said about the same thing: the first event at once, the next ones together, once a pause.
//! Never in it: the log, the clock.

use std::time::Duration;

/// The pause between two lines about the same thing.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct RateLimiter {
    told_at: Option<Duration>,
    untold: u64,
}

impl RateLimiter {
    /// An event. How many are to be told now, this one included, unless they have to wait.
    pub(crate) fn event(&mut self, now: Duration) -> Option<u64> {
        self.untold += 1;
        self.due(now)
    }

    /// How many are to be told now, if any.
    pub(crate) fn due(&mut self, now: Duration) -> Option<u64> {
        if self.untold == 0 || !self.is_quiet(now) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }

    pub(crate) fn is_quiet(&self, now: Duration) -> bool {
        self.told_at.is_none_or(|at| now.saturating_sub(at) >= PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_next_ones_once_a_pause() {
        let mut limiter = RateLimiter::default();
        let seconds = Duration::from_secs;
        assert_eq!(limiter.due(seconds(0)), None);
        assert_eq!(limiter.event(seconds(100)), Some(1));
        assert_eq!(limiter.event(seconds(101)), None);
        assert_eq!(limiter.event(seconds(109)), None);
        assert_eq!(limiter.due(seconds(109)), None);
        assert_eq!(limiter.due(seconds(110)), Some(2));
        assert_eq!(limiter.due(seconds(130)), None, "nothing is left");
        assert_eq!(limiter.event(seconds(130)), Some(1));
    }

    #[test]
    fn a_storm_is_one_line_a_pause() {
        let mut limiter = RateLimiter::default();
        let told: Vec<u64> =
            (0..60_000).filter_map(|millis| limiter.event(Duration::from_millis(millis))).collect();
        assert_eq!(told, [1, 10_000, 10_000, 10_000, 10_000, 10_000]);
    }
}
