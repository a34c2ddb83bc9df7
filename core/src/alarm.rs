//! What follows from entries that cannot be put on record: lines in the server's log, once an incident and then at a
//! bounded rate, and a server that is not ready until it has been well for a while.
//! Never in it: the verdict about an entry (the broker's), or anything of one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_audit::Refused;

use crate::rate_limiter::{PAUSE, RateLimiter};

/// How long all must have been well before the server is ready again: else it would come and go with a device that
/// fails and recovers.
pub(crate) const CALM: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The `request` entry: nothing was done.
    Request,
    /// The `response` entry: it was done, and the answer is withheld.
    Response,
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// The refusals of the audit rule of one unsealed server.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Mutex<AlarmState>);

#[derive(Debug, Default)]
struct AlarmState {
    incident: Option<Incident>,
    limiter: RateLimiter,
    /// When the rule was last seen unmet because of a device.
    trouble: Option<Duration>,
}

/// From the first refusal until none has come for a pause and the rule can be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Incident {
    since: Duration,
    last: Duration,
    refused: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// An incident begins.
    Begins,
    /// It goes on: how many were refused since the last line, and since it began.
    GoesOn(u64, u64),
    /// It is over: how many were refused, in which time.
    Ends(u64, Duration),
}

impl AlarmState {
    fn refused(&mut self, now: Duration, by_device: bool) -> Option<Line> {
        if by_device {
            self.trouble = Some(now);
        }
        let incident = self.incident.get_or_insert(Incident { since: now, last: now, refused: 0 });
        (incident.last, incident.refused) = (now, incident.refused + 1);
        let (first, refused) = (incident.refused == 1, incident.refused);
        let told = self.limiter.event(now)?;
        Some(if first { Line::Begins } else { Line::GoesOn(told, refused) })
    }

    fn report_incidents(&mut self, now: Duration, met: bool) -> Option<Line> {
        let incident = self.incident?;
        if let Some(told) = self.limiter.due(now) {
            return Some(Line::GoesOn(told, incident.refused));
        }
        if !met || now.saturating_sub(incident.last) < PAUSE || !self.limiter.is_quiet(now) {
            return None;
        }
        self.incident = None;
        Some(Line::Ends(incident.refused, incident.last.saturating_sub(incident.since)))
    }

    /// Whether requests should be sent here.
    fn is_ready(&mut self, now: Duration, met: bool) -> bool {
        if !met {
            self.trouble = Some(now);
        }
        self.trouble.is_none_or(|last| now.saturating_sub(last) >= CALM)
    }
}

impl Alarm {
    /// An entry was refused: by devices that are named, or because there is no device where one must be.
    pub(crate) fn refused(&self, phase: Phase, refused: Option<&Refused>, now: Duration) {
        let by_device =
            refused.is_none_or(|refused| refused.causes.iter().any(|cause| cause.why.lies_with_device()));
        let Some(line) = self.state().refused(now, by_device) else { return };
        let cause = refused.map_or_else(|| "no audit device is enabled".to_owned(), causes);
        say(&line, Some((phase, &cause)));
    }

    /// To be called now and then: says what is due. `met`: whether the rule can be met.
    pub(crate) fn report_incidents(&self, now: Duration, met: bool) {
        let line = self.state().report_incidents(now, met);
        if let Some(line) = line {
            say(&line, None);
        }
    }

    pub(crate) fn is_ready(&self, now: Duration, met: bool) -> bool {
        self.state().is_ready(now, met)
    }

    fn state(&self) -> MutexGuard<'_, AlarmState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn causes(refused: &Refused) -> String {
    let causes: Vec<String> = refused
        .causes
        .iter()
        .map(|cause| format!("{}: {}", cause.path, cause.why.without_options()))
        .collect();
    if causes.is_empty() {
        "fewer devices are enabled than the rule wants".to_owned()
    } else {
        causes.join("; ")
    }
}

fn say(line: &Line, last: Option<(Phase, &str)>) {
    let (entry, cause) = last.map_or((None, None), |(phase, cause)| (Some(phase.name()), Some(cause)));
    match line {
        Line::Begins => {
            tracing::error!(entry, cause, "the audit rule is not met: a request is refused with 500");
        }
        Line::GoesOn(since_last, refused) => {
            tracing::error!(
                entry,
                cause,
                since_last,
                refused,
                "the audit rule is not met: more requests were refused with 500"
            );
        }
        Line::Ends(refused, lasted) => {
            tracing::info!(refused, ?lasted, "the audit rule is met again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_incident_begins_goes_on_at_a_bounded_rate_and_ends_with_its_count() {
        let mut state = AlarmState::default();
        assert_eq!(state.refused(ms(1000), true), Some(Line::Begins));
        let said: Vec<Line> = (1001..25_000).filter_map(|now| state.refused(ms(now), true)).collect();
        assert_eq!(said, [Line::GoesOn(10_000, 10_001), Line::GoesOn(10_000, 20_001)]);
        assert_eq!(state.report_incidents(ms(30_000), true), None, "the last line is not long ago");
        assert_eq!(state.report_incidents(ms(31_000), true), Some(Line::GoesOn(3999, 24_000)));
        assert_eq!(state.report_incidents(ms(40_999), true), None);
        assert_eq!(state.report_incidents(ms(41_000), false), None, "the rule is not met");
        assert_eq!(state.report_incidents(ms(41_000), true), Some(Line::Ends(24_000, ms(23_999))));
        assert_eq!(state.report_incidents(ms(90_000), true), None);
    }

    #[test]
    fn incidents_that_follow_each_other_are_one() {
        let mut state = AlarmState::default();
        let mut lines = 0;
        for second in 0..120 {
            lines += usize::from(state.refused(ms(second * 1000), true).is_some());
            lines += usize::from(state.report_incidents(ms(second * 1000 + 500), true).is_some());
        }
        assert!(lines <= 12, "{lines} lines in two minutes");
    }

    #[test]
    fn readiness_goes_at_once_and_comes_back_after_a_calm() {
        let mut state = AlarmState::default();
        assert!(state.is_ready(ms(0), true));
        assert!(!state.is_ready(ms(1000), false));
        assert!(!state.is_ready(ms(1001), true));
        assert!(!state.is_ready(ms(5999), true));
        assert!(state.is_ready(ms(6000), true));
        // A refusal that nobody asked about in its moment counts as well, but not one that lies with the request.
        state.refused(ms(10_000), true);
        assert!(!state.is_ready(ms(14_999), true));
        assert!(state.is_ready(ms(15_000), true));
        state.refused(ms(20_000), false);
        assert!(state.is_ready(ms(20_001), true));
    }
}
