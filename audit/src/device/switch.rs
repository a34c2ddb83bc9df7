//! A state whose changes can be waited for: how a device on a thread of its own is controlled.
//! Never in it: what the state means.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A state behind a lock. Clones are one state.
#[derive(Default)]
pub(crate) struct Switch<T>(Arc<(Mutex<T>, Condvar)>);

impl<T> Switch<T> {
    /// The state. Call [`Switch::changed`] after a change.
    pub(crate) fn state(&self) -> MutexGuard<'_, T> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all that wait for a change.
    pub(crate) fn changed(&self) {
        self.0.1.notify_all();
    }

    /// Waits for a change, at most for this time. It may end early.
    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, T>, most: Duration) -> MutexGuard<'a, T> {
        self.0.1.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until a condition holds.
    #[cfg(feature = "test-support")]
    pub(crate) fn wait_until(&self, mut met: impl FnMut(&mut T) -> bool) -> MutexGuard<'_, T> {
        self.wait_while(self.state(), |state| !met(state))
    }

    /// Waits while a condition holds.
    #[cfg(feature = "test-support")]
    pub(crate) fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, T>,
        condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.0.1.wait_while(state, condition).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Switch<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Switch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}
