//! The progress of long work, as a line on a terminal: bytes done, bytes a second, the time that is left.
//! Never in it: writing it.

use std::time::{Duration, Instant};

use onrecord_trail::Progress;
use onrecord_value::printable::printable;

pub(crate) struct ProgressBar {
    /// What comes before the source.
    step: &'static str,
    source: String,
    began: Instant,
    /// Whether there was a text to show.
    pub(crate) shown: bool,
}

impl ProgressBar {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { step: "", source: String::new(), began: now, shown: false }
    }

    /// Says before the source what is done with it.
    pub(crate) fn of_step(self, step: &'static str) -> Self {
        Self { step, ..self }
    }

    /// The text to show; none in the first half second of a file.
    pub(crate) fn text(&mut self, progress: &Progress<'_>, now: Instant) -> Option<String> {
        if self.source != progress.source {
            progress.source.clone_into(&mut self.source);
            self.began = now;
        }
        let time = now.saturating_duration_since(self.began);
        if time < Duration::from_millis(500) {
            return None;
        }
        self.shown = true;
        let a_second = u64::try_from(u128::from(progress.read) * 1000 / time.as_millis().max(1)).unwrap_or(0);
        let done = format!("{}{}: {}", self.step, printable(progress.source), bytes(progress.read));
        let speed = format!("{}/s", bytes(a_second));
        Some(match progress.total {
            None => format!("{done}, {speed}"),
            Some(total) => {
                let left = total.saturating_sub(progress.read) / a_second.max(1);
                format!("{done} of {}, {speed}, {left} s left", bytes(total))
            }
        })
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{} kB", count / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", count / 1_000_000),
        _ => format!("{}.{} GB", count / 1_000_000_000, count / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_pass_is_said_before_the_source() {
        let began = Instant::now();
        let mut bar = ProgressBar::new(began).of_step("names of tokens, ");
        let progress = Progress { source: "a.log", read: 3_000_000_000, total: None };
        assert_eq!(bar.text(&progress, began), None);
        let text = bar.text(&progress, began + Duration::from_secs(3));
        assert_eq!(text.as_deref(), Some("names of tokens, a.log: 3.0 GB, 1.0 GB/s"));
    }

    #[test]
    fn progress_shows_bytes_speed_and_remaining_time() {
        let began = Instant::now();
        let mut bar = ProgressBar::new(began);
        let progress = Progress { source: "a.log", read: 3_000_000_000, total: Some(9_500_000_000) };
        assert_eq!(bar.text(&progress, began + Duration::from_millis(100)), None);
        let text = bar.text(&progress, began + Duration::from_secs(3));
        assert_eq!(text.as_deref(), Some("a.log: 3.0 GB of 9.5 GB, 1.0 GB/s, 6 s left"));
        let stream = Progress { source: "-", read: 12_345_678, total: None };
        assert_eq!(bar.text(&stream, began), None, "another source starts from zero");
        let text = bar.text(&stream, began + Duration::from_secs(1));
        assert_eq!(text.as_deref(), Some("-: 12 MB, 12 MB/s"));
    }
}
