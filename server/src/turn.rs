//! Turns: what is large on one connection waits for what is small on the others, in either direction.
//! Never in it: how fast a client must be (`transfer.rs`), or what is transferred.

use std::cell::OnceCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

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
    /// The thread of lower priority that this thread waits for before each further turn.
    static PACER: OnceCell<Handle> = const { OnceCell::new() };
}

/// Has each further turn of this thread's connections begin when a thread of lower priority has had a processor. In effect
/// large transfers have that priority, and this thread sleeps between two of their turns. A thread that never sleeps keeps
/// its processor for a millisecond or more (the slice of Linux's scheduler), which small requests of another serving thread
/// on the same processor would wait for.
pub(crate) fn pace_by(lower: Handle) {
    // The first one stays.
    PACER.with(|pacer| pacer.set(lower).unwrap_or_default());
}

/// Returns when the pacing thread has had a processor and the runtime has looked for what has arrived for others.
async fn be_paced() {
    let pacer = PACER.with(|pacer| pacer.get().cloned());
    match pacer {
        // A runtime that is shut down paces nothing, and the connection ends soon.
        Some(pacer) => pacer.spawn(async {}).await.unwrap_or_default(),
        None => tokio::task::yield_now().await,
    }
}

/// Waits for the right to a further turn.
type Acquiring = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// The turns of one transfer.
pub(crate) struct Turn {
    /// What is left of this turn, in bytes.
    left: usize,
    /// The right to a further turn, until its operation is done.
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
                be_paced().await;
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

    /// Counts what an operation transferred. In a further turn there is one operation: what a connection would do next
    /// may be to wait for its own request, and others must not wait for that.
    pub(crate) fn spend(&mut self, bytes: usize) {
        let is_further = self.permit.take().is_some();
        self.left = if is_further { 0 } else { self.left.saturating_sub(bytes) };
    }
}

#[cfg(test)]
mod tests;
