//! A store that is far away, for tests: it holds its data in memory and answers each read after a time, from a
//! thread of its own. Never in it: anything a server would run on.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::backend::memory::Memory;
use crate::backend::{Backend, Visitor};
use crate::batch::Batch;
use crate::error::{BackendError, Conflict};
use crate::read::Read;
use crate::table_digests::TableDigests;

/// A store whose reads take their time. Clones are one store. An answer says what was stored when the read was
/// made, as one that comes over a network may.
#[derive(Clone)]
pub struct Far {
    shared: Arc<Shared>,
}

struct Shared {
    memory: Memory,
    delay: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Reads that are not answered, by the time they were made and their number.
    waiting: BTreeMap<(Instant, u64), Option<Waker>>,
    made: u64,
    most_waiting: usize,
    held: bool,
    counts: BTreeMap<String, usize>,
}

impl Far {
    /// An empty store that answers each read after `delay`.
    ///
    /// # Errors
    /// The system has no thread for its timer.
    pub fn new(delay: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            memory: Memory::new(),
            delay,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let timer = Arc::clone(&shared);
        std::thread::Builder::new().name("far-store".to_owned()).spawn(move || timer.run())?;
        Ok(Self { shared })
    }

    /// From now on, reads are not answered before [`Far::answer`].
    pub fn hold(&self) {
        self.shared.state().held = true;
    }

    /// Answers reads again, those that were held up as well.
    pub fn answer(&self) {
        self.shared.state().held = false;
        self.shared.changed.notify_all();
    }

    /// Blocks the thread until this many reads wait for their answers at once.
    pub fn until_waiting(&self, count: usize) {
        let mut state = self.shared.state();
        while state.waiting.len() < count {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many reads wait for their answers now.
    pub fn waiting(&self) -> usize {
        self.shared.state().waiting.len()
    }

    /// The most reads that waited at once.
    pub fn most_waiting(&self) -> usize {
        self.shared.state().most_waiting
    }

    /// The reads of each key, and of each list by its folder, since this was last called.
    pub fn take_counts(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.shared.state().counts)
    }

    fn later<'a, T: Send + 'a>(&self, what: &str, answer: T) -> Read<'a, T> {
        let key = {
            let mut state = self.shared.state();
            *state.counts.entry(what.to_owned()).or_default() += 1;
            let key = (Instant::now(), state.made);
            state.made += 1;
            state.waiting.insert(key, None);
            state.most_waiting = state.most_waiting.max(state.waiting.len());
            key
        };
        self.shared.changed.notify_all();
        let waiting = Waiting { shared: Arc::clone(&self.shared), key };
        let mut answer = Some(answer);
        Read::pending(poll_fn(move |context| {
            match waiting.shared.state().waiting.get_mut(&waiting.key) {
                Some(waker) => *waker = Some(context.waker().clone()),
                None => {
                    if let Some(answer) = answer.take() {
                        return Poll::Ready(answer);
                    }
                }
            }
            Poll::Pending
        }))
    }
}

/// A read that was made. Dropped, it waits no more.
struct Waiting {
    shared: Arc<Shared>,
    key: (Instant, u64),
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.key);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The timer thread: it ends with the process, as the tests do.
    fn run(&self) {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let due = state.waiting.first_key_value().map(|((made, _), _)| *made + self.delay);
            state = match due.filter(|_| !state.held) {
                Some(due) if due <= now => {
                    let answered = state.waiting.pop_first();
                    drop(state);
                    if let Some(waker) = answered.and_then(|(_, waker)| waker) {
                        waker.wake();
                    }
                    self.state()
                }
                Some(due) => {
                    let waited = self.changed.wait_timeout(state, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Backend for Far {
    fn kind(&self) -> &'static str {
        "far"
    }

    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>> {
        match self.shared.memory.read(key).now() {
            Ok(answer) => self.later(key, answer),
            Err(read) => read,
        }
    }

    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        match self.shared.memory.list(prefix, after, limit).now() {
            Ok(answer) => self.later(prefix, answer),
            Err(read) => read,
        }
    }

    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>> {
        match self.shared.memory.keys(prefix, after, limit).now() {
            Ok(answer) => self.later(prefix, answer),
            Err(read) => read,
        }
    }

    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        self.shared.memory.commit(batches)
    }

    fn commit_with_digests(
        &self,
        batches: &[Batch],
        digests: &mut TableDigests,
    ) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        self.shared.memory.commit_with_digests(batches, digests)
    }

    fn for_each(&self, prefix: &str, visit: Visitor<'_>) -> Result<ControlFlow<()>, BackendError> {
        self.shared.memory.for_each(prefix, visit)
    }

    fn reopen(&self) -> Result<(), BackendError> {
        Ok(())
    }
}
