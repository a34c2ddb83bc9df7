//! The checker's locks and threads in the place of the system's.
//! Never in it: scenarios.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

pub(crate) use shuttle::sync::atomic;
pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard, RwLock};
pub(crate) use shuttle::thread::{Thread, current, park, yield_now as spin};

pub(crate) const WATCHED: bool = false;

pub(crate) const SINGLE_CLIENT_AFTER: u32 = 1;

pub(crate) fn spins() -> u32 {
    2
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

pub(crate) fn spawn(_name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    drop(shuttle::thread::spawn(body));
    Ok(())
}

/// How many waits with a limit may end by it, for each condition: enough for a try, a second one and what follows.
const TIME_OUTS: usize = 3;

/// The checker's condition, whose waits with a limit do reach it now and then: a thread of the checker ends them at
/// any moment, or too late. No scenario may depend on it.
pub(crate) struct Condvar(Arc<Timed>);

struct Timed {
    condition: shuttle::sync::Condvar,
    /// How many waits have had their limit. Kept outside of the checker: it is not part of what is modelled.
    begun: AtomicUsize,
    out: AtomicBool,
}

pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        let condition = shuttle::sync::Condvar::new();
        Self(Arc::new(Timed { condition, begun: AtomicUsize::new(0), out: AtomicBool::new(false) }))
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.condition.wait(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        self.0.out.store(false, Ordering::SeqCst);
        if self.0.begun.fetch_add(1, Ordering::SeqCst) < TIME_OUTS {
            let timed = Arc::clone(&self.0);
            drop(shuttle::thread::spawn(move || {
                shuttle::thread::yield_now();
                timed.out.store(true, Ordering::SeqCst);
                timed.condition.notify_all();
            }));
        }
        let guard = self.0.condition.wait(guard).unwrap_or_else(PoisonError::into_inner);
        Ok((guard, WaitTimeoutResult(self.0.out.swap(false, Ordering::SeqCst))))
    }

    pub(crate) fn notify_one(&self) {
        self.0.condition.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.condition.notify_all();
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}
