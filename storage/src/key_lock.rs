//! Locks by key that wait without blocking a thread, first come, first served. Never in it: what is done
//! while one is held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::fnv;

/// By the hash of the key: two keys with the same hash share a lock.
type Table = HashMap<u64, Arc<tokio::sync::Mutex<()>>>;

/// A lock for every key; only those that are held or waited for take room.
#[derive(Default)]
pub(crate) struct KeyLocks {
    table: Mutex<Table>,
}

/// Orders the writers of one key from their read to their commit call, also where the read is waited for.
pub struct KeyLock<'a> {
    // In this order: the next in line has the lock before it is seen whether anybody needs it.
    _turn: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

/// A place in the line for a lock, or at its head.
struct Place<'a> {
    locks: &'a KeyLocks,
    hash: u64,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl KeyLocks {
    pub(crate) async fn acquire(&self, key: &str) -> KeyLock<'_> {
        // Any spread will do, and it must be the same for all.
        let hash = fnv::hash(key.as_bytes());
        let lock = Arc::clone(self.table().entry(hash).or_default());
        let place = Place { locks: self, hash, lock };
        KeyLock { _turn: Arc::clone(&place.lock).lock_owned().await, _place: place }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut table = self.locks.table();
        // Two references, the table's and this one: no other place exists, and none can be taken while the table is locked.
        if Arc::strong_count(&self.lock) == 2 {
            table.remove(&self.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Acquire<'a> = Pin<Box<dyn Future<Output = KeyLock<'a>> + 'a>>;

    fn acquire(locks: &KeyLocks, key: impl Into<String>) -> Acquire<'_> {
        let key = key.into();
        Box::pin(async move { locks.acquire(&key).await })
    }

    fn poll<'a>(acquire: &mut Acquire<'a>) -> Option<KeyLock<'a>> {
        match acquire.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(lock) => Some(lock),
            Poll::Pending => None,
        }
    }

    fn held(locks: &KeyLocks) -> usize {
        locks.table().len()
    }

    #[test]
    fn a_key_is_locked_by_one_at_a_time_in_the_order_of_asking() {
        let locks = KeyLocks::default();
        let first = poll(&mut acquire(&locks, "a")).unwrap();
        let (mut second, mut third) = (acquire(&locks, "a"), acquire(&locks, "a"));
        assert!(poll(&mut second).is_none() && poll(&mut third).is_none());
        drop(first);
        assert!(poll(&mut third).is_none() && poll(&mut acquire(&locks, "a")).is_none());
        let second = poll(&mut second).unwrap();
        assert!(poll(&mut third).is_none());
        drop(second);
        drop(poll(&mut third).unwrap());
        assert_eq!(held(&locks), 0);
    }

    #[test]
    fn other_keys_are_not_held_up() {
        let locks = KeyLocks::default();
        let all: Vec<_> =
            (0..1000).map(|n| poll(&mut acquire(&locks, format!("key/{n}"))).unwrap()).collect();
        assert_eq!(held(&locks), 1000);
        drop(all);
        assert_eq!(held(&locks), 0);
    }

    #[test]
    fn one_that_leaves_the_line_gives_its_place_to_the_next() {
        let locks = KeyLocks::default();
        let first = poll(&mut acquire(&locks, "a")).unwrap();
        let (mut second, mut third, mut fourth) =
            (acquire(&locks, "a"), acquire(&locks, "a"), acquire(&locks, "a"));
        for waiting in [&mut second, &mut third, &mut fourth] {
            assert!(poll(waiting).is_none());
        }
        drop(second);
        drop(first);
        assert!(poll(&mut fourth).is_none());
        // It was given the lock, and leaves without having looked.
        drop(third);
        drop(poll(&mut fourth).unwrap());
        assert_eq!(held(&locks), 0);
    }
}
