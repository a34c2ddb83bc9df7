//! Locks, counters and threads of the broker. The model test (`model.rs`) puts a model checker's in their place.
//! Never in it: anything but names; the broker takes its synchronisation from nowhere else.

pub(crate) use std::hint::spin_loop as spin;
pub(crate) use std::sync::atomic;
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
pub(crate) use std::thread::{Thread, current, park};

use std::sync::PoisonError;

/// Whether the broker's watch has a thread. A model goes round by itself.
pub(crate) const WATCHED: bool = true;

/// How many batches of a single entry in a row show that a device has a single client.
pub(crate) const SINGLE_CLIENT_AFTER: u32 = 8;

/// More spins than fit into the longest one: they end it only where the clock stands still.
const SPINS_MAX: u32 = 1 << 14;

/// How often a thread may spin for what another thread does, before it sleeps.
pub(crate) fn spins() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if cores > 1 { SPINS_MAX } else { 0 }
}

/// Takes a lock. No code of the broker panics while it holds one, so a poisoned lock still guards sound data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name).spawn(body).map(drop)
}
