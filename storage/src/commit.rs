//! One committer thread: it merges the batches that wait into one transaction and answers all waiters. Never
//! in it: how a transaction is made (the back end's), or what is in a value.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::backend::Backend;
use crate::batch::Batch;
use crate::blocking::block_on;
use crate::error::{BackendError, CommitError, Conflict};

/// The most batches of one transaction: bounds what one failure refuses, and the memory of a transaction.
const GROUP: usize = 1024;

/// The answer to a batch that is on its way. The batch took its place in the order when this was made;
/// dropping it withdraws nothing. A future for any runtime.
#[must_use = "a commit that is not awaited may have been refused"]
pub struct Commit {
    slot: Arc<Slot>,
}

impl Commit {
    /// A commit that is already decided.
    pub(crate) fn decided(result: Result<(), CommitError>) -> Self {
        let slot = Arc::new(Slot::default());
        slot.lock().result = Some(result);
        Self { slot }
    }

    /// Blocks the thread until it is decided. For threads that run no async tasks.
    pub fn wait(self) -> Result<(), CommitError> {
        block_on(self)
    }
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.lock();
        if let Some(result) = &state.result {
            return Poll::Ready(result.clone());
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

#[derive(Default)]
struct Slot {
    state: Mutex<Answer>,
}

#[derive(Default)]
struct Answer {
    result: Option<Result<(), CommitError>>,
    waker: Option<Waker>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Answer> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, result: Result<(), CommitError>) {
        let waker = {
            let mut state = self.lock();
            state.result = Some(result);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What the handles and the committer thread share.
pub(crate) struct Committer {
    pub(crate) backend: Box<dyn Backend>,
    queue: Mutex<Queue>,
    work: Condvar,
    health: AtomicU8,
}

pub(crate) const HEALTHY: u8 = 0;
pub(crate) const SUSPECT: u8 = 1;
pub(crate) const FAILED: u8 = 2;

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// What the batches on their way will leave at a key, with the number of the last of them.
    pending: HashMap<String, (u64, Stored)>,
    next: u64,
    closed: bool,
}

struct Waiting {
    number: u64,
    batch: Batch,
    slot: Arc<Slot>,
}

type Stored = Option<Arc<[u8]>>;

impl Committer {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        Self { backend, queue: Mutex::default(), work: Condvar::new(), health: AtomicU8::new(HEALTHY) }
    }

    pub(crate) fn health(&self) -> u8 {
        self.health.load(Ordering::Acquire)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn submit(&self, batch: Batch) -> Commit {
        if batch.is_empty() {
            return Commit::decided(Ok(()));
        }
        let slot = Arc::new(Slot::default());
        let mut queue = self.queue();
        if queue.closed {
            return Commit::decided(Err(CommitError::Closed));
        }
        let number = queue.next;
        queue.next += 1;
        for change in batch.changes() {
            queue.pending.insert(change.key().to_owned(), (number, change.value().cloned()));
        }
        queue.waiting.push(Waiting { number, batch, slot: Arc::clone(&slot) });
        let first = queue.waiting.len() == 1;
        drop(queue);
        if first {
            self.work.notify_one();
        }
        Commit { slot }
    }

    /// What the last batch on its way that touches `key` will leave there; `None` if none does.
    pub(crate) fn pending(&self, key: &str) -> Option<Stored> {
        self.queue().pending.get(key).map(|(_, stored)| stored.clone())
    }

    /// Takes no more batches; those that wait are still committed.
    pub(crate) fn close(&self) {
        self.queue().closed = true;
        self.work.notify_one();
    }

    /// The committer thread: ends when closed and nothing waits.
    pub(crate) fn run(&self) {
        let mut last = Vec::new();
        loop {
            let mut queue = self.queue();
            while queue.waiting.is_empty() && !queue.closed {
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.waiting.is_empty() {
                return;
            }
            let group: Vec<Waiting> = if queue.waiting.len() <= GROUP {
                std::mem::take(&mut queue.waiting)
            } else {
                queue.waiting.drain(..GROUP).collect()
            };
            drop(queue);
            self.commit(group, &mut last);
        }
    }

    /// Commits one group and answers its waiters. `last` is the last group that became durable.
    fn commit(&self, group: Vec<Waiting>, last: &mut Vec<Batch>) {
        let (mut batches, mut waiters) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for waiting in group {
            batches.push(waiting.batch);
            waiters.push((waiting.number, waiting.slot));
        }
        let outcome = self.transact(&batches, last);
        // In this order: the commit is visible to readers, then it is no longer pending, then its waiters are answered.
        {
            let mut queue = self.queue();
            for (batch, (number, _)) in batches.iter().zip(&waiters) {
                for change in batch.changes() {
                    if queue.pending.get(change.key()).is_some_and(|(last, _)| last == number) {
                        queue.pending.remove(change.key());
                    }
                }
            }
        }
        match outcome {
            Ok(verdicts) => {
                let mut made = Vec::with_capacity(batches.len());
                for ((batch, verdict), (_, slot)) in batches.into_iter().zip(verdicts).zip(waiters) {
                    if verdict.is_ok() {
                        made.push(batch);
                    }
                    slot.decide(verdict.map_err(CommitError::Conflict));
                }
                if !made.is_empty() {
                    *last = made;
                }
            }
            Err(error) => {
                for (_, slot) in waiters {
                    slot.decide(Err(error.clone()));
                }
            }
        }
    }

    fn transact(&self, batches: &[Batch], last: &mut Vec<Batch>) -> Result<Verdicts, CommitError> {
        if self.health() == FAILED {
            return Err(CommitError::Failed);
        }
        let outcome = guarded("commit", || self.backend.commit(batches)).and_then(|verdicts| {
            // A missing verdict would leave a waiter waiting for ever.
            if verdicts.len() == batches.len() {
                Ok(verdicts)
            } else {
                Err(BackendError::new("commit", "the back end did not answer every batch"))
            }
        });
        outcome.map_err(|error| {
            // Before the waiters are answered: one that was refused can ask at once for the health of the store.
            self.health.store(SUSPECT, Ordering::Release);
            let whole = guarded("reopen", || self.backend.reopen()).is_ok();
            match self.kept(batches, last) {
                Some(kept) if whole => {
                    *last = vec![kept];
                    self.health.store(HEALTHY, Ordering::Release);
                }
                _ => self.health.store(FAILED, Ordering::Release),
            }
            CommitError::Backend(error)
        })
    }

    /// Checks that the reopened store holds what the last acknowledged group left in it, or what the refused
    /// group would have left there (a device can do its work and report that it failed), and returns what it
    /// holds, to be checked the next time.
    fn kept(&self, refused: &[Batch], last: &[Batch]) -> Option<Batch> {
        let mut expected: HashMap<&str, Vec<Option<&[u8]>>> = HashMap::new();
        for change in last.iter().flat_map(Batch::changes) {
            expected.insert(change.key(), vec![change.value().map(|value| &**value)]);
        }
        for change in refused.iter().flat_map(Batch::changes) {
            if let Some(values) = expected.get_mut(change.key()) {
                values.push(change.value().map(|value| &**value));
            }
        }
        let mut kept = Batch::new();
        for (key, values) in expected {
            let stored = guarded("read", || block_on(self.backend.read(key))).ok()?;
            if !values.contains(&stored.as_deref()) {
                return None;
            }
            match stored {
                Some(stored) => kept.put(key, stored),
                None => kept.delete(key),
            }
        }
        Some(kept)
    }
}

type Verdicts = Vec<Result<(), Conflict>>;

/// A panic in an engine costs its transaction, not the committer.
fn guarded<T>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(BackendError::new(operation, "the storage engine panicked")))
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commit")
    }
}
