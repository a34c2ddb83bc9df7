//! The audit rule: its values, which may change while entries are recorded, and the rule itself as a pure function.
//! Never in it: clocks, devices, waiting.

use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The audit rule, and what waiting and memory are bounded by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many devices must have an entry. Devices that discard count only where all do. 0 is taken as 1.
    pub minimum: usize,
    /// How long a healthy device is waited for after the rule is met. A device that takes longer is `lagging`
    /// and not waited for until it has caught up. Default 5 ms.
    pub settle_grace: Duration,
    /// How long devices that block are waited for while the rule is not met. Default 30 s.
    pub audit_timeout: Duration,
    /// How many bytes may wait for one device; it does not get entries beyond. Default 16 MiB.
    pub queue_bytes: usize,
    /// Whether drills may be held ([`Broker::drill`](crate::broker::Broker::drill)). Default false.
    pub drills: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            minimum: 1,
            settle_grace: Duration::from_millis(5),
            audit_timeout: Duration::from_secs(30),
            queue_bytes: 16 * 1024 * 1024,
            drills: false,
        }
    }
}

/// The rules in force. Each is read alone: none depends on another's value of the same moment.
#[derive(Default)]
pub(crate) struct RulesInForce {
    minimum: AtomicUsize,
    /// In nanoseconds, as the next one.
    settle_grace: AtomicU64,
    audit_timeout: AtomicU64,
    queue_bytes: AtomicUsize,
    drills: AtomicBool,
}

impl RulesInForce {
    pub(crate) fn new(rules: &Rules) -> Self {
        let new = Self::default();
        new.set(rules);
        new
    }

    pub(crate) fn set(&self, rules: &Rules) {
        self.minimum.store(rules.minimum, Ordering::Relaxed);
        self.settle_grace.store(nanos(rules.settle_grace), Ordering::Relaxed);
        self.audit_timeout.store(nanos(rules.audit_timeout), Ordering::Relaxed);
        self.queue_bytes.store(rules.queue_bytes, Ordering::Relaxed);
        self.drills.store(rules.drills, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Rules {
        Rules {
            minimum: self.minimum(),
            settle_grace: self.settle_grace(),
            audit_timeout: self.audit_timeout(),
            queue_bytes: self.queue_bytes.load(Ordering::Relaxed),
            drills: self.drills.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn minimum(&self) -> usize {
        self.minimum.load(Ordering::Relaxed)
    }

    pub(crate) fn settle_grace(&self) -> Duration {
        Duration::from_nanos(self.settle_grace.load(Ordering::Relaxed))
    }

    pub(crate) fn audit_timeout(&self) -> Duration {
        Duration::from_nanos(self.audit_timeout.load(Ordering::Relaxed))
    }
}

/// Five hundred years are as good as for ever.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) minimum: i64,
    /// How many devices that count have it.
    pub(crate) held: i64,
    /// How many devices that count have yet to answer.
    pub(crate) open: i64,
    pub(crate) required_open: i64,
    pub(crate) required_lost: i64,
    /// How many healthy devices have yet to answer; one that overran the grace is not healthy any more.
    pub(crate) awaited: i64,
    pub(crate) timed_out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wait,
    Settled,
    Refused,
}

/// An entry settles when the rule is met and no healthy device is still to answer. It is refused as soon as the
/// rule cannot be met any more, or after `audit_timeout` while only devices that block could still meet it.
pub(crate) fn verdict(tally: &Tally) -> Verdict {
    let required = tally.required_open == 0 && tally.required_lost == 0;
    if tally.held >= tally.minimum && required {
        return if tally.awaited == 0 { Verdict::Settled } else { Verdict::Wait };
    }
    let possible = tally.required_lost == 0 && tally.held + tally.open >= tally.minimum;
    if possible && !tally.timed_out { Verdict::Wait } else { Verdict::Refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_the_rule() {
        const W: Verdict = Verdict::Wait;
        const S: Verdict = Verdict::Settled;
        const R: Verdict = Verdict::Refused;
        // minimum, held, open, required open, required lost, awaited, timed out
        let table = [
            ("one device, it has it", (1, 1, 0, 0, 0, 0, false), S),
            ("one device, it has yet to answer", (1, 0, 1, 0, 0, 1, false), W),
            ("one lagging device has yet to answer", (1, 0, 1, 0, 0, 0, false), W),
            ("one device, it failed", (1, 0, 0, 0, 0, 0, false), R),
            ("one device blocked too long", (1, 0, 1, 0, 0, 0, true), R),
            ("one has it, a healthy one is awaited", (1, 1, 1, 0, 0, 1, false), W),
            ("one has it, the other is lagging", (1, 1, 1, 0, 0, 0, false), S),
            ("one has it, the other failed", (1, 1, 0, 0, 0, 0, false), S),
            ("one failed, the other may still take it", (1, 0, 1, 0, 0, 0, false), W),
            ("one failed, the other blocked too long", (1, 0, 1, 0, 0, 0, true), R),
            ("it has come to the time-out, but the rule is met", (1, 1, 1, 0, 0, 0, true), S),
            ("two wanted, one has it, one to come", (2, 1, 1, 0, 0, 1, false), W),
            ("two wanted, one has it, one failed", (2, 1, 0, 0, 0, 0, false), R),
            ("two wanted, both have it", (2, 2, 0, 0, 0, 0, false), S),
            ("two wanted, only one is enabled", (2, 0, 1, 0, 0, 1, false), R),
            ("the required one is lagging", (1, 1, 1, 1, 0, 0, false), W),
            ("the required one blocked too long", (1, 1, 1, 1, 0, 0, true), R),
            ("the required one failed", (1, 1, 0, 0, 1, 0, false), R),
            ("the required one failed, a healthy one is to come", (1, 0, 1, 0, 1, 1, false), R),
        ];
        for (what, (minimum, held, open, required_open, required_lost, awaited, timed_out), expected) in table
        {
            let tally = Tally { minimum, held, open, required_open, required_lost, awaited, timed_out };
            assert_eq!(verdict(&tally), expected, "{what}");
        }
    }

    #[test]
    fn more_time_or_failures_never_settle_and_more_answers_never_refuse() {
        for bits in 0..5_i64.pow(4) * 2 {
            let digit = |at: u32| bits / 2 / 5_i64.pow(at) % 5;
            let tally = Tally {
                minimum: digit(0).max(1),
                held: digit(1),
                open: digit(2),
                awaited: digit(3).min(digit(2)),
                timed_out: bits % 2 == 1,
                ..Tally::default()
            };
            if tally.open > 0 {
                let awaited = (tally.awaited - 1).max(0);
                let lost = Tally { open: tally.open - 1, awaited, ..tally };
                let held = Tally { held: tally.held + 1, open: tally.open - 1, awaited, ..tally };
                if verdict(&tally) == Verdict::Refused && !tally.timed_out {
                    assert_eq!(verdict(&held), Verdict::Refused, "{tally:?}");
                    assert_eq!(verdict(&lost), Verdict::Refused, "{tally:?}");
                }
                if verdict(&tally) == Verdict::Settled {
                    assert_eq!(verdict(&lost), Verdict::Settled, "{tally:?}");
                }
            }
            assert!(verdict(&tally) != Verdict::Settled || tally.held >= tally.minimum);
        }
    }
}
