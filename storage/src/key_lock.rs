//! Locks by key that wait without blocking a thread, first come, first served. Never in it: what is done
//! while one is held.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How many mutexes the table of locks is spread over.
const STRIPES: u64 = 64;

/// A lock for every key; only those that are held take room.
pub(crate) struct KeyLocks {
    stripes: Vec<Mutex<Stripe>>,
}

#[derive(Default)]
struct Stripe {
    held: Vec<Held>,
    next_ticket: u64,
}

/// A key's lock while somebody has it.
struct Held {
    /// Stands for the key: two keys with the same hash share a lock.
    hash: u64,
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
    pub(crate) fn new() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::default()).collect() }
    }

    pub(crate) fn acquire(&self, key: &str) -> Acquire<'_> {
        // FNV-1a: any spread will do, and it must be the same for all.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Acquire { locks: self, hash, ticket: None }
    }

    fn stripe(&self, hash: u64) -> Option<MutexGuard<'_, Stripe>> {
        let stripe = self.stripes.get(usize::try_from(hash % STRIPES).unwrap_or(0))?;
        Some(stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the lock to the first in line, or up.
    fn release(&self, hash: u64, ticket: u64) {
        let Some(mut stripe) = self.stripe(hash) else { return };
        let Some(at) = stripe.held.iter().position(|held| held.hash == hash && held.owner == ticket) else {
            return;
        };
        let next = stripe.held.get_mut(at).and_then(|held| {
            let (ticket, waker) = held.waiting.pop_front()?;
            held.owner = ticket;
            Some(waker)
        });
        if next.is_none() {
            stripe.held.swap_remove(at);
        }
        drop(stripe);
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = KeyLock<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<KeyLock<'a>> {
        let (locks, hash) = (self.locks, self.hash);
        let Some(mut stripe) = locks.stripe(hash) else { return Poll::Pending };
        let stripe = &mut *stripe;
        let held = stripe.held.iter_mut().find(|held| held.hash == hash);
        let ticket = match (self.ticket, held) {
            (Some(ticket), Some(held)) if held.owner != ticket => {
                if let Some((_, waker)) = held.waiting.iter_mut().find(|(waiting, _)| *waiting == ticket) {
                    waker.clone_from(context.waker());
                }
                return Poll::Pending;
            }
            (Some(ticket), _) => ticket,
            (None, held) => {
                let ticket = stripe.next_ticket;
                stripe.next_ticket += 1;
                if let Some(held) = held {
                    held.waiting.push_back((ticket, context.waker().clone()));
                    self.ticket = Some(ticket);
                    return Poll::Pending;
                }
                stripe.held.push(Held { hash, owner: ticket, waiting: VecDeque::new() });
                ticket
            }
        };
        // From here on the lock releases it.
        self.ticket = None;
        Poll::Ready(KeyLock { locks, hash, ticket })
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        if let Some(mut stripe) = self.locks.stripe(self.hash) {
            for held in stripe.held.iter_mut().filter(|held| held.hash == self.hash) {
                held.waiting.retain(|(waiting, _)| *waiting != ticket);
            }
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
        locks.stripes.iter().map(|stripe| stripe.lock().unwrap().held.len()).sum()
    }

    #[test]
    fn a_key_is_locked_by_one_at_a_time_in_the_order_of_asking() {
        let locks = KeyLocks::new();
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
        let locks = KeyLocks::new();
        let all: Vec<_> = (0..1000).map(|n| poll(&mut locks.acquire(&format!("key/{n}"))).unwrap()).collect();
        assert_eq!(held(&locks), 1000);
        drop(all);
        assert_eq!(held(&locks), 0);
    }

    #[test]
    fn one_that_leaves_the_line_gives_its_place_to_the_next() {
        let locks = KeyLocks::new();
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
