//! Locks, counters and threads of the broker. The model test (`model.rs`) puts a model checker's in their place.
//! Never in it: anything but names; the broker takes its synchronisation from nowhere else.

pub(crate) use std::sync::atomic;
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
pub(crate) use std::thread::{Thread, current, park};

use std::sync::PoisonError;

/// Whether the broker's watch has a thread. A model goes round by itself.
pub(crate) const WATCHED: bool = true;

/// Takes a lock. No code of the broker panics while it holds one, so a poisoned lock still guards sound data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a thread.
pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name).spawn(body).map(drop)
}
