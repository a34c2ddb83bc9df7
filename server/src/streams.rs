//! The requests of one HTTP/2 connection, from their heads until the last byte of their answers is sent: how many there are,
//! and whether their answers leave in time. The socket cannot tell: a client that grants no window keeps an answer in memory
//! while nothing waits to be written.
//! Never in it: HTTP types.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::http::Bounds;

/// How many requests may be given up by the client; beyond them it may give up as many as it has let end.
const ABANDONED_FREE: u64 = 256;
/// How often answers under way are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The requests of a connection.
#[derive(Debug)]
pub(crate) struct Streams {
    state: Mutex<State>,
    /// Told when the client has given up too many.
    flood: Notify,
}

#[derive(Debug)]
struct State {
    open: usize,
    /// Since when none is open.
    idle_since: Instant,
    has_carried: bool,
    completed: u64,
    abandoned: u64,
    next: u64,
    /// The answers under way.
    answers: HashMap<u64, Progress>,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    since: Instant,
    last: Instant,
    bytes: u64,
}

/// What is to be done with the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing, until this time.
    Look(Instant),
    /// It is told to end, because it has carried nothing for too long.
    Idle,
    /// It is cut off, for the reason given.
    Cut(&'static str),
}

impl Streams {
    pub(crate) fn new() -> Arc<Self> {
        let state = Mutex::new(State {
            open: 0,
            idle_since: Instant::now(),
            has_carried: false,
            completed: 0,
            abandoned: 0,
            next: 0,
            answers: HashMap::new(),
        });
        Arc::new(Self { state, flood: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head has come. None if the client has given up too many: nothing more of it is looked at.
    pub(crate) fn open(self: &Arc<Self>) -> Option<Stream> {
        let mut state = self.state();
        if Self::floods(&state) {
            return None;
        }
        state.open += 1;
        state.has_carried = true;
        state.next += 1;
        Some(Stream { streams: Arc::clone(self), id: state.next, is_complete: AtomicBool::new(false) })
    }

    /// Waits until the client has given up too many.
    pub(crate) async fn flooded(&self) {
        self.flood.notified().await;
    }

    /// Whether there was any request.
    pub(crate) fn has_carried(&self) -> bool {
        self.state().has_carried
    }

    /// How many requests are under way.
    pub(crate) fn count(&self) -> usize {
        self.state().open
    }

    /// Whether the client gives up more of its requests than one does that means them.
    fn floods(state: &State) -> bool {
        state.abandoned > ABANDONED_FREE.saturating_add(state.completed)
    }

    /// What is to be done now.
    pub(crate) fn check(&self, bounds: &Bounds, now: Instant) -> Next {
        let state = self.state();
        if Self::floods(&state) {
            return Next::Cut("the client gives up its requests");
        }
        let late = |answer: &Progress| {
            let slow = bounds.least_rate.deadline(answer.since, answer.bytes);
            let stopped = answer.last + bounds.write_timeout;
            slow.map_or(stopped, |slow| slow.min(stopped)) <= now
        };
        if state.answers.values().any(late) {
            return Next::Cut("the client takes its answers too slowly");
        }
        if state.open > 0 {
            return Next::Look(now + LOOK);
        }
        let idle = state.idle_since + bounds.header_timeout;
        if idle <= now { Next::Idle } else { Next::Look(idle) }
    }
}

/// A request, until this is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    streams: Arc<Streams>,
    id: u64,
    is_complete: AtomicBool,
}

impl Stream {
    /// Its answer begins to leave.
    pub(crate) fn begin_answer(&self) {
        let now = Instant::now();
        self.streams.state().answers.insert(self.id, Progress { since: now, last: now, bytes: 0 });
    }

    /// This number of further bytes of its answer was asked for.
    pub(crate) fn sent(&self, bytes: usize) {
        if let Some(progress) = self.streams.state().answers.get_mut(&self.id) {
            (progress.last, progress.bytes) = (Instant::now(), progress.bytes.saturating_add(bytes as u64));
        }
    }

    /// All of its answer was asked for.
    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::Relaxed);
    }

    /// Keeps it as long as the bytes of its answer are.
    pub(crate) fn held_by(self: &Arc<Self>, body: Bytes) -> Bytes {
        struct Held(Bytes, #[allow(dead_code, reason = "held, not read")] Arc<Stream>);
        impl AsRef<[u8]> for Held {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Held(body, Arc::clone(self)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.answers.remove(&self.id);
        state.open = state.open.saturating_sub(1);
        state.idle_since = Instant::now();
        if self.is_complete.load(Ordering::Relaxed) {
            state.completed += 1;
        } else {
            state.abandoned += 1;
        }
        if Streams::floods(&state) {
            self.streams.flood.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_without_requests_is_idle_after_the_header_time_out() {
        let (streams, bounds) = (Streams::new(), Bounds::default());
        let stream = streams.open().unwrap();
        let later = |after| Instant::now() + after;
        let check = |after| streams.check(&bounds, later(after));
        assert!(matches!(check(bounds.header_timeout * 2), Next::Look(_)), "a request is under way");
        drop(stream);
        assert!(matches!(check(Duration::ZERO), Next::Look(_)));
        assert_eq!(check(bounds.header_timeout), Next::Idle);
    }

    #[test]
    fn an_answer_that_is_held_too_long_ends_the_connection() {
        let (streams, bounds) = (Streams::new(), Bounds::default());
        let stream = Arc::new(streams.open().unwrap());
        stream.begin_answer();
        stream.sent(16 * 1024);
        let piece = stream.held_by(Bytes::from_static(b"answer")).slice(1..3);
        stream.complete();
        drop(stream);
        let check = |seconds| streams.check(&bounds, Instant::now() + Duration::from_secs(seconds));
        assert!(matches!(check(15), Next::Look(_)), "16 KiB buy 16 s");
        assert!(matches!(check(16), Next::Cut(_)));
        drop(piece);
        assert!(!matches!(check(16), Next::Cut(_)), "it is sent");
        assert_eq!(streams.count(), 0);
    }

    #[tokio::test]
    async fn a_client_that_gives_up_its_requests_is_cut_off() {
        let (streams, bounds) = (Streams::new(), Bounds::default());
        for _ in 0..10 {
            streams.open().unwrap().complete();
        }
        for _ in 0..ABANDONED_FREE + 10 {
            drop(streams.open());
        }
        assert!(
            matches!(streams.check(&bounds, Instant::now()), Next::Look(_)),
            "as many as ended, and some"
        );
        drop(streams.open());
        assert!(matches!(streams.check(&bounds, Instant::now()), Next::Cut(_)));
        assert!(streams.open().is_none());
        streams.flooded().await;
    }
}
