//! Locks by key that wait without blocking a thread, first come, first served. Never in it: what is done
//! while one is held.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A lock for every key; only those that are held take room.
#[derive(Default)]
pub(crate) struct KeyLocks {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// By the hash of the key: two keys with the same hash share a lock.
    held: HashMap<u64, Held>,
    last_ticket: u64,
}

/// A key's lock while somebody has it.
struct Held {
    owner: u64,
    waiting: VecDeque<(u64, Waker)>,
}

/// Orders the writers of one key from their read to their commit call, also where the read is waited for.
pub struct KeyLock<'a> {
    locks: &'a KeyLocks,
    hash: u64,
    ticket: u64,
}

/// Waits for a [`KeyLock`].
#[must_use = "a lock is taken when this is awaited"]
pub struct Acquire<'a> {
    locks: &'a KeyLocks,
    hash: u64,
    /// Its place in the line, once it has one.
    ticket: Option<u64>,
}

impl KeyLocks {
    pub(crate) fn acquire(&self, key: &str) -> Acquire<'_> {
        // FNV-1a: any spread will do, and it must be the same for all.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Acquire { locks: self, hash, ticket: None }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock to the first in line, or up.
    fn release(&self, hash: u64, ticket: u64) {
        let mut table = self.table();
        let Some(held) = table.held.get_mut(&hash).filter(|held| held.owner == ticket) else { return };
        if let Some((next, waker)) = held.waiting.pop_front() {
            held.owner = next;
            drop(table);
            waker.wake();
        } else {
            table.held.remove(&hash);
        }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = KeyLock<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<KeyLock<'a>> {
        let (locks, hash) = (self.locks, self.hash);
        let mut table = locks.table();
        let ticket = self.ticket.unwrap_or(table.last_ticket + 1);
        table.last_ticket = table.last_ticket.max(ticket);
        match table.held.entry(hash) {
            Entry::Vacant(free) => {
                free.insert(Held { owner: ticket, waiting: VecDeque::new() });
            }
            Entry::Occupied(mut held) if held.get().owner != ticket => {
                let waiting = &mut held.get_mut().waiting;
                match waiting.iter_mut().find(|(waiting, _)| *waiting == ticket) {
                    Some((_, waker)) => waker.clone_from(context.waker()),
                    None => waiting.push_back((ticket, context.waker().clone())),
                }
                self.ticket = Some(ticket);
                return Poll::Pending;
            }
            Entry::Occupied(_) => {}
        }
        // From here on the lock releases it.
        self.ticket = None;
        Poll::Ready(KeyLock { locks, hash, ticket })
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        if let Some(held) = self.locks.table().held.get_mut(&self.hash) {
            held.waiting.retain(|(waiting, _)| *waiting != ticket);
        }
        // It may have been given the lock already.
        self.locks.release(self.hash, ticket);
    }
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        self.locks.release(self.hash, self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<'a>(acquire: &mut Acquire<'a>) -> Option<KeyLock<'a>> {
        match Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(lock) => Some(lock),
            Poll::Pending => None,
        }
    }

    fn held(locks: &KeyLocks) -> usize {
        locks.table().held.len()
    }

    #[test]
    fn a_key_is_locked_by_one_at_a_time_in_the_order_of_asking() {
        let locks = KeyLocks::default();
        let first = poll(&mut locks.acquire("a")).unwrap();
        let (mut second, mut third) = (locks.acquire("a"), locks.acquire("a"));
        assert!(poll(&mut second).is_none() && poll(&mut third).is_none());
        drop(first);
        assert!(poll(&mut third).is_none() && poll(&mut locks.acquire("a")).is_none());
        let second = poll(&mut second).unwrap();
        assert!(poll(&mut third).is_none());
        drop(second);
        drop(poll(&mut third).unwrap());
        assert_eq!(held(&locks), 0);
    }

    #[test]
    fn other_keys_are_not_held_up() {
        let locks = KeyLocks::default();
        let all: Vec<_> = (0..1000).map(|n| poll(&mut locks.acquire(&format!("key/{n}"))).unwrap()).collect();
        assert_eq!(held(&locks), 1000);
        drop(all);
        assert_eq!(held(&locks), 0);
    }

    #[test]
    fn one_that_leaves_the_line_gives_its_place_to_the_next() {
        let locks = KeyLocks::default();
        let first = poll(&mut locks.acquire("a")).unwrap();
        let (mut second, mut third, mut fourth) =
            (locks.acquire("a"), locks.acquire("a"), locks.acquire("a"));
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
