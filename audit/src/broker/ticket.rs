//! A ticket stands for one entry: how many devices have yet to answer, the verdict, and the one task that waits for it.
//! The devices that accepted the entry share it. Never in it: queues, threads.

use std::task::{Poll, Waker};

use crate::cause::{Cause, Refused};
use crate::rules::{Tally, Verdict, verdict};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, lock};

pub(crate) struct Ticket {
    /// Its counter; the first of them, if devices have it with others, too.
    pub(crate) seq: u64,
    pub(crate) response: bool,
    state: Mutex<State>,
    decided: AtomicBool,
    /// It is refused: lines not yet begun need not be written.
    refused: AtomicBool,
}

struct State {
    tally: Tally,
    /// All devices that are to answer are known; before that there is no verdict.
    complete: bool,
    verdict: Verdict,
    causes: Vec<Cause>,
    waker: Option<Waker>,
}

impl Ticket {
    pub(crate) fn new(seq: u64, response: bool, minimum: i64) -> Self {
        let state = State {
            tally: Tally { minimum, ..Tally::default() },
            complete: false,
            verdict: Verdict::Wait,
            causes: Vec::new(),
            waker: None,
        };
        let (decided, refused) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { seq, response, state: Mutex::new(state), decided, refused }
    }

    /// Sets which devices are to answer. `expected` holds what is known when the entry has been offered to all devices;
    /// answers that came before are added to it.
    pub(crate) fn complete(&self, expected: Tally, causes: Vec<Cause>) {
        let mut state = lock(&self.state);
        let tally = &mut state.tally;
        tally.held += expected.held;
        tally.open += expected.open;
        tally.required_open += expected.required_open;
        tally.required_lost += expected.required_lost;
        tally.awaited += expected.awaited;
        state.causes.extend(causes);
        state.complete = true;
        // No task waits yet: the caller has the recording in hand.
        let waker = self.judge(&mut state);
        drop(state);
        drop(waker);
    }

    /// A device that accepted the entry answers: it has the entry if there is no cause. `awaited`: it was healthy until now.
    /// The waker is to be woken when no lock is held.
    #[must_use]
    pub(crate) fn answer(&self, cause: Option<Cause>, required: bool, awaited: bool) -> Option<Waker> {
        let mut state = lock(&self.state);
        if state.verdict != Verdict::Wait {
            return None;
        }
        let tally = &mut state.tally;
        tally.open -= 1;
        tally.awaited -= i64::from(awaited);
        tally.required_open -= i64::from(required);
        match cause {
            None => tally.held += 1,
            Some(cause) => {
                tally.required_lost += i64::from(required);
                state.causes.push(cause);
            }
        }
        self.judge(&mut state)
    }

    /// A device that was awaited is not awaited any more; it may answer later.
    #[must_use]
    pub(crate) fn await_less(&self) -> Option<Waker> {
        let mut state = lock(&self.state);
        state.tally.awaited -= 1;
        self.judge(&mut state)
    }

    /// `audit_timeout` has passed while this device blocked.
    #[must_use]
    pub(crate) fn time_out(&self, cause: impl FnOnce() -> Cause) -> Option<Waker> {
        let mut state = lock(&self.state);
        if state.verdict != Verdict::Wait {
            return None;
        }
        state.tally.timed_out = true;
        state.causes.push(cause());
        self.judge(&mut state)
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether there is a verdict, for a task that gets it by [`poll`](Self::poll).
    pub(crate) fn is_decided(&self) -> bool {
        self.decided.load(Ordering::Relaxed)
    }

    fn judge(&self, state: &mut State) -> Option<Waker> {
        if !state.complete || state.verdict != Verdict::Wait {
            return None;
        }
        state.verdict = verdict(&state.tally);
        match state.verdict {
            Verdict::Wait => return None,
            Verdict::Settled => {}
            Verdict::Refused => self.refused.store(true, Ordering::Relaxed),
        }
        self.decided.store(true, Ordering::Relaxed);
        state.waker.take()
    }

    /// The verdict, or the waker is kept until there is one.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<(), Refused>> {
        let mut state = lock(&self.state);
        match state.verdict {
            Verdict::Settled => Poll::Ready(Ok(())),
            Verdict::Refused => {
                Poll::Ready(Err(Refused { seq: self.seq, causes: std::mem::take(&mut state.causes) }))
            }
            Verdict::Wait => {
                match &mut state.waker {
                    Some(kept) => kept.clone_from(waker),
                    kept => *kept = Some(waker.clone()),
                }
                Poll::Pending
            }
        }
    }
}
