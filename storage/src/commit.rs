//! One committer thread: it merges the batches that wait into one transaction and answers all waiters. Never
//! in it: how a transaction is made (the back end's), or what is in a value.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::backend::Backend;
use crate::batch::Batch;
use crate::error::{BackendError, CommitError, Conflict};
use crate::read::block_on;
use crate::table_digests::{TABLES, TableDigests};

/// The most batches of one transaction: bounds what one failure refuses, and the memory of a transaction.
const GROUP: usize = 1024;

/// The answer to a batch that is on its way. The batch took its place in the order when this was made;
/// dropping it withdraws nothing. A future for any runtime.
#[must_use = "a commit that is not awaited may have been refused"]
pub struct Commit(oneshot::Receiver<Result<(), CommitError>>);

impl Commit {
    /// Blocks the thread until it is decided. For threads that run no async tasks.
    pub fn wait(self) -> Result<(), CommitError> {
        block_on(self)
    }
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(CommitError::Closed)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the handles and the committer thread share.
pub(crate) struct Committer {
    pub(crate) backend: Box<dyn Backend>,
    queue: Mutex<Queue>,
    work: Condvar,
    failed: AtomicBool,
    /// Held over each transaction. `None` as long as the store has not been unsealed.
    digests: Mutex<Option<TableDigests>>,
}

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
    answer: oneshot::Sender<Result<(), CommitError>>,
}

type Stored = Option<Arc<[u8]>>;

impl Committer {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        let (queue, failed) = (Mutex::default(), AtomicBool::new(false));
        Self { backend, queue, work: Condvar::new(), failed, digests: Mutex::default() }
    }

    /// The digests that each transaction brings up to date. No transaction is made while they are held.
    pub(crate) fn digests(&self) -> MutexGuard<'_, Option<TableDigests>> {
        lock(&self.digests)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(crate) fn submit(&self, batch: Batch) -> Commit {
        let (answer, commit) = oneshot::channel();
        let commit = Commit(commit);
        let mut queue = lock(&self.queue);
        if batch.is_empty() || queue.closed {
            let nothing = batch.is_empty().then_some(()).ok_or(CommitError::Closed);
            answer.send(nothing).ok();
            return commit;
        }
        let number = queue.next;
        queue.next += 1;
        for change in batch.changes() {
            queue.pending.insert(change.key.clone(), (number, change.value.clone()));
        }
        queue.waiting.push(Waiting { number, batch, answer });
        let first = queue.waiting.len() == 1;
        drop(queue);
        if first {
            self.work.notify_one();
        }
        commit
    }

    /// What the last batch on its way that touches `key` will leave there; `None` if none does.
    pub(crate) fn pending(&self, key: &str) -> Option<Stored> {
        lock(&self.queue).pending.get(key).map(|(_, stored)| stored.clone())
    }

    /// Takes no more batches; those that wait are still committed.
    pub(crate) fn close(&self) {
        lock(&self.queue).closed = true;
        self.work.notify_one();
    }

    /// The committer thread: ends when closed and nothing waits.
    pub(crate) fn run(&self) {
        let mut last = Vec::new();
        loop {
            let mut queue = lock(&self.queue);
            while queue.waiting.is_empty() && !queue.closed {
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.waiting.is_empty() {
                return;
            }
            let size = queue.waiting.len().min(GROUP);
            let group: Vec<Waiting> = queue.waiting.drain(..size).collect();
            drop(queue);
            self.commit(group, &mut last);
        }
    }

    /// Commits one group and answers its waiters. `last` is the last group that became durable.
    fn commit(&self, group: Vec<Waiting>, last: &mut Vec<Batch>) {
        let (batches, waiters): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.batch, (waiting.number, waiting.answer))).unzip();
        let outcome = self.transact(&batches, last);
        // In this order: the commit is visible to readers, then it is no longer pending, then its waiters are answered.
        let mut queue = lock(&self.queue);
        for (batch, (number, _)) in batches.iter().zip(&waiters) {
            for change in batch.changes() {
                if queue.pending.get(&change.key).is_some_and(|(last, _)| last == number) {
                    queue.pending.remove(&change.key);
                }
            }
        }
        drop(queue);
        let verdicts = match outcome {
            Ok(verdicts) => verdicts.into_iter().map(|verdict| verdict.map_err(CommitError::from)).collect(),
            Err(error) => vec![Err(error); batches.len()],
        };
        let mut made = Vec::new();
        for ((batch, verdict), (_, answer)) in batches.into_iter().zip(verdicts).zip(waiters) {
            if verdict.is_ok() {
                made.push(batch);
            }
            // The caller may have stopped waiting.
            answer.send(verdict).ok();
        }
        if !made.is_empty() {
            *last = made;
        }
    }

    fn transact(
        &self,
        batches: &[Batch],
        last: &mut Vec<Batch>,
    ) -> Result<Vec<Result<(), Conflict>>, CommitError> {
        if self.has_failed() {
            return Err(CommitError::Failed);
        }
        let mut digests = self.digests();
        let mut next = digests.clone();
        let outcome = guarded("commit", || match &mut next {
            Some(next) => self.backend.commit_with_digests(batches, next),
            None => self.backend.commit(batches),
        });
        let outcome = outcome.and_then(|verdicts| {
            // A missing verdict would leave a waiter waiting for ever.
            if verdicts.len() == batches.len() {
                Ok(verdicts)
            } else {
                Err(BackendError::new("commit", "the back end did not answer every batch"))
            }
        });
        if outcome.is_ok() {
            let is_replaced = next.as_ref().is_some_and(|next| !next.are_ours());
            *digests = next;
            if is_replaced && !self.reload(&mut digests) {
                *digests = None;
            }
        }
        outcome.map_err(|error| {
            // Before the waiters are answered: one that was refused can ask at once whether the store has failed.
            let whole = guarded("reopen", || self.backend.reopen()).is_ok() && self.reload(&mut digests);
            match self.kept(batches, last) {
                Some(kept) if whole => *last = vec![kept],
                _ => self.failed.store(true, Ordering::Release),
            }
            CommitError::Backend(error)
        })
    }

    /// Takes over the digests that are stored. Whether that could be done.
    fn reload(&self, digests: &mut Option<TableDigests>) -> bool {
        let Some(old) = digests else { return true };
        let Ok(stored) = guarded("read", || block_on(self.backend.read(TABLES))) else { return false };
        let Some(stored) = stored else {
            // Those that were counted before the first commit, which has failed, are still those of what is stored.
            return old.are_ours() && !old.have_record();
        };
        let Some(reloaded) = old.reload(&stored) else { return false };
        *old = reloaded;
        true
    }

    /// Checks that the reopened store holds what the last acknowledged group left in it, or what the refused
    /// group would have left there (a device can do its work and report that it failed), and returns what it
    /// holds, to be checked the next time.
    fn kept(&self, refused: &[Batch], last: &[Batch]) -> Option<Batch> {
        let mut expected: HashMap<&str, Vec<Option<&[u8]>>> = HashMap::new();
        for change in last.iter().flat_map(Batch::changes) {
            expected.insert(&change.key, vec![change.value.as_deref()]);
        }
        for change in refused.iter().flat_map(Batch::changes) {
            if let Some(values) = expected.get_mut(change.key.as_str()) {
                values.push(change.value.as_deref());
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

/// A panic in an engine costs its transaction, not the committer.
fn guarded<T>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(BackendError::new(operation, "the storage engine panicked")))
}
