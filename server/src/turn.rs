//! Turns: what is large on one connection waits for what is small on the others, in either direction.
//! Never in it: how fast a client must be (`transfer.rs`), or what is transferred.

use std::cell::OnceCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// How many bytes a transfer may have at its beginning: what a small request or its answer needs.
const FIRST: usize = 16 * 1024;
/// How many bytes each further turn has, at most.
const FURTHER: usize = 64 * 1024;

thread_local! {
    /// The right of this thread's connections to a further turn: one after another. Sixty large answers or forty uploads
    /// would otherwise each have a turn before a small request has its own.
    static FURTHER_TURN: Arc<Semaphore> = Arc::new(Semaphore::new(1));
    /// The thread of lower priority, which this thread waits for before each further turn: the one that takes the bodies of
    /// large requests (`serve-bodies`), so that no more is read than it can take.
    static PACER: OnceCell<Handle> = const { OnceCell::new() };
}

/// The longest that a turn waits for the pacing thread, but for the millisecond by which timers may be late: where the machine is full, uploads must still arrive in time.
const PACE_MAX: Duration = Duration::from_millis(1);

/// Has each further turn of this thread's connections begin when a thread of lower priority has run. In effect large transfers
/// have that priority, and this thread sleeps between two of their turns. A thread that never sleeps keeps its processor for a
/// millisecond or more (the slice of Linux's scheduler), which small requests of another serving thread on the same processor
/// would wait for.
pub(crate) fn set_pacer(lower: Handle) {
    // The first one stays.
    PACER.with(|pacer| pacer.set(lower).unwrap_or_default());
}

/// Returns when the pacing thread has run, or has had its time, and the runtime has looked for what has arrived for others.
async fn wait_for_pacer() {
    let pacer = PACER.with(|pacer| pacer.get().cloned());
    match pacer {
        // Late or shut down: the transfer goes on all the same.
        Some(pacer) => {
            let mut run = pacer.spawn(async {});
            if tokio::time::timeout(PACE_MAX, &mut run).await.is_err() {
                run.abort();
            }
        }
        None => tokio::task::yield_now().await,
    }
}

/// Waits for the right to a further turn.
type Acquiring = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// The turns of one transfer.
pub(crate) struct Turn {
    /// What is left of this turn, in bytes.
    left: usize,
    /// The right to a further turn, until its first operation is done.
    permit: Option<OwnedSemaphorePermit>,
    /// The wait for it.
    acquiring: Option<Acquiring>,
}

impl Turn {
    /// The first turn, which needs no right.
    pub(crate) const fn first() -> Self {
        Self { left: FIRST, permit: None, acquiring: None }
    }

    /// How many bytes are left of this turn.
    pub(crate) const fn left(&self) -> usize {
        self.left
    }

    /// How many bytes may be transferred now. Is pending when the turn is over, until all other tasks of the thread and the
    /// large transfers before this one have had theirs: many bytes would otherwise be copied to or from the kernel as far
    /// as it has them, and the small requests of the thread would wait for that.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        if self.left > 0 {
            return Poll::Ready(self.left);
        }
        let acquiring = self.acquiring.get_or_insert_with(|| {
            let next = FURTHER_TURN.with(Arc::clone).acquire_owned();
            Box::pin(async move {
                let permit = next.await;
                wait_for_pacer().await;
                permit
            })
        });
        // It is never closed.
        let permit = ready!(acquiring.as_mut().poll(context)).ok();
        *self = Self { left: FURTHER, permit, acquiring: None };
        Poll::Ready(FURTHER)
    }

    /// Whether it waits for the right to a further turn, or has it and has not used it yet.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.acquiring.is_some()
    }

    /// Leaves the right to others, and the place in the queue for it.
    pub(crate) fn give_up(&mut self) {
        self.acquiring = None;
    }

    /// Counts what an operation transferred. The right to a further turn is for one operation: what a connection would do next
    /// may be to wait for its own request, and others must not wait for that. What is left of the turn is for later operations,
    /// so that slow clients, whose bytes come in small pieces, seldom wait for a turn.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.permit = None;
        self.left = self.left.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests;
