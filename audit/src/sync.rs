//! Locks, counters and threads of the broker, so that a model checker can take their place (feature `model`).
//! Never in it: anything but names; the broker takes its synchronisation from nowhere else.

#[cfg(feature = "model")]
pub(crate) use shuttle::{
    sync::atomic,
    sync::{Arc, Condvar, Mutex, MutexGuard, RwLock},
    thread,
};
#[cfg(not(feature = "model"))]
pub(crate) use std::{
    sync::atomic,
    sync::{Arc, Condvar, Mutex, MutexGuard, RwLock},
    thread,
};

use std::sync::PoisonError;

/// Takes a lock. No code of the broker panics while it holds one, so a poisoned lock still guards sound data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
