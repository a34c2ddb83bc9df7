//! How many requests are inside the unsealed server, and who waits until they have left.
//! Never in it: limits (`admission`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Counts requests.
#[derive(Default)]
pub(crate) struct InFlight {
    count: AtomicUsize,
    /// Who waits until few are left.
    waiter: Mutex<Option<Waker>>,
    /// Whether anybody waits.
    waiting: AtomicUsize,
}

/// One request, counted until this is dropped.
pub(crate) struct Counted(Arc<InFlight>);

impl InFlight {
    /// Counts one more.
    pub(crate) fn enter(self: &Arc<Self>) -> Counted {
        self.count.fetch_add(1, Ordering::AcqRel);
        Counted(Arc::clone(self))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until at most `rest` are left. One waiter at a time.
    pub(crate) async fn drained(&self, rest: usize) {
        self.waiting.store(1, Ordering::SeqCst);
        std::future::poll_fn(|context| self.poll_drained(rest, context)).await;
        self.waiting.store(0, Ordering::SeqCst);
    }

    fn poll_drained(&self, rest: usize, context: &Context<'_>) -> Poll<()> {
        // The waker is set before the count is read: a request that leaves in between wakes it.
        *self.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if self.count.load(Ordering::SeqCst) <= rest { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let InFlight { count, waiter, waiting } = &*self.0;
        count.fetch_sub(1, Ordering::SeqCst);
        if waiting.load(Ordering::SeqCst) != 0 {
            let waker = waiter.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
