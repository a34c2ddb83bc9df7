//! Drills: an enabled device fails on command, and works again by itself, so that operators can prove their alarms. The
//! drill stands between a device's writer and the device, of whatever kind that is.
//! Never in it: who may begin one, or the server's log.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// A drill lasts no longer than this.
pub const DRILL_MAX: Duration = Duration::from_hours(1);

/// What a device is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drill {
    /// It takes nothing and answers nothing, until the drill ends; then it goes on.
    Hang,
    /// It refuses everything.
    Refuse,
    /// It takes everything, each batch with this delay.
    Slow(Duration),
}

impl Drill {
    /// `hang`, `refuse`, `slow`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Refuse => "refuse",
            Self::Slow(_) => "slow",
        }
    }
}

impl fmt::Display for Drill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A drill under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrillStatus {
    /// What the device is made to do.
    pub drill: Drill,
    /// For how long yet.
    pub left: Duration,
}

/// What an observer learns about a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillNews {
    /// It has begun, and ends by itself after this time.
    Begun(Drill, Duration),
    /// It has ended.
    Ended(Drill),
}

/// Why no drill was begun or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// The rules do not allow drills ([`Rules::drills`](crate::Rules::drills)).
    #[error("drills are not enabled")]
    Off,
    /// No device of this path is enabled.
    #[error("no audit device is enabled at this path")]
    NoDevice,
    /// The device throws everything away: it cannot fail.
    #[error("this audit device throws everything away and cannot fail")]
    Discards,
    /// The time asked for is zero, or more than [`DRILL_MAX`].
    #[error("a drill lasts more than nothing and at most {} seconds", DRILL_MAX.as_secs())]
    Time,
}

/// Begins and ends the drills of one device.
pub(crate) struct DrillControl {
    state: Mutex<State>,
    /// Notified when a drill begins or is ended.
    changed: Condvar,
    /// Whether a drill may be running: all that a device without one looks at.
    running: AtomicBool,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    /// The drill under way, and when it ends.
    running: Option<(Drill, Duration)>,
    /// The drill that ended and was not reported yet.
    ended: Option<Drill>,
}

impl State {
    /// The drill at a time, and when it ends; one whose time is over ends here.
    fn at(&mut self, now: Duration) -> Option<(Drill, Duration)> {
        if let Some((drill, _)) = self.running.take_if(|(_, until)| *until <= now) {
            self.ended = Some(drill);
        }
        self.running
    }
}

impl DrillControl {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), running: AtomicBool::new(false), clock }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, drill: Drill, time: Duration) {
        let until = self.clock.monotonic().saturating_add(time);
        self.state().running = Some((drill, until));
        self.running.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    pub(crate) fn end(&self) -> bool {
        let mut state = self.state();
        let Some((drill, _)) = state.running.take() else { return false };
        state.ended = Some(drill);
        drop(state);
        self.changed.notify_all();
        true
    }

    pub(crate) fn status(&self) -> Option<DrillStatus> {
        if !self.running.load(Ordering::Relaxed) {
            return None;
        }
        let now = self.clock.monotonic();
        let (drill, until) = self.state().at(now)?;
        Some(DrillStatus { drill, left: until.saturating_sub(now) })
    }

    /// How long until there is an end to report; none without a drill.
    pub(crate) fn due(&self) -> Option<Duration> {
        let running = self.running.load(Ordering::Relaxed);
        running.then(|| self.status().map_or(Duration::ZERO, |status| status.left))
    }

    /// The drill that has ended since this was last asked.
    pub(crate) fn take_ended(&self) -> Option<Drill> {
        if !self.running.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.state();
        if state.at(self.clock.monotonic()).is_none() {
            self.running.store(false, Ordering::Relaxed);
        }
        state.ended.take()
    }

    /// Waits as long as the drill wants a batch to wait. Then whether the device refuses it.
    pub(crate) fn refuses(&self) -> bool {
        if !self.running.load(Ordering::Relaxed) {
            return false;
        }
        let began = self.clock.monotonic();
        let mut state = self.state();
        loop {
            let now = self.clock.monotonic();
            let until = match state.at(now) {
                None => return false,
                Some((Drill::Refuse, _)) => return true,
                Some((Drill::Hang, until)) => until,
                Some((Drill::Slow(delay), until)) => until.min(began.saturating_add(delay)),
            };
            if until <= now {
                return false;
            }
            let waited = self.changed.wait_timeout(state, until.saturating_sub(now));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
