//! Step 0: fixed budgets for requests in flight and for the memory that they and their answers hold, for all clients
//! together and for each. What does not fit is refused at once and counted. No client can hold more than its share, and
//! no kind of request can take the part that is kept for a more urgent one.
//! Never in it: what a request means, or who sent it beyond its address.

mod budget;
mod permit;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use self::budget::Budget;
pub use self::permit::Permit;
pub(crate) use self::permit::Priority;

/// A peer holds at most one part of so many of each budget.
const PEER_PARTS: usize = 4;
/// Work memory is counted in pieces of this size, in bytes.
const PIECE: usize = 1024;

/// The budgets of all clients together.
pub struct Admission {
    slots: Budget,
    bytes: Budget,
    /// The largest request's bytes: what one peer may hold even where its part of the budget is less.
    largest: usize,
    refused: AtomicU64,
    /// What large requests need beside their bodies while they are worked on. They wait for it in turn.
    work: Arc<Semaphore>,
    work_pieces: u32,
    accounts: Mutex<HashMap<IpAddr, Weak<Account>>>,
}

/// What the connections of one peer hold together: of an IPv4 address, of an IPv6 network of 64 bits, or of the process
/// itself.
pub struct Account {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
    slots: Budget,
    bytes: Budget,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

impl Admission {
    /// Budgets of `slots` requests and `bytes` bytes: one half for bodies as they arrive and answers until they are
    /// written, the other for the work on large requests. A request and its answer have at most `largest` bytes each.
    pub fn new(slots: usize, bytes: usize, largest: usize) -> Arc<Self> {
        let pieces = (bytes / 2 / PIECE).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Arc::new(Self {
            slots: Budget::new(slots),
            bytes: Budget::new(bytes - bytes / 2),
            largest,
            refused: AtomicU64::new(0),
            work: Arc::new(Semaphore::new(pieces)),
            work_pieces: u32::try_from(pieces).unwrap_or(u32::MAX),
            accounts: Mutex::default(),
        })
    }

    /// The account of a peer. The process itself (`None`) is not held to a part of the budgets.
    pub fn account(self: &Arc<Self>, address: Option<IpAddr>) -> Arc<Account> {
        let Some(address) = address.map(network) else { return Arc::new(Account::new(self, None, 1)) };
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(&address).and_then(Weak::upgrade) {
            return account;
        }
        let account = Arc::new(Account::new(self, Some(address), PEER_PARTS));
        accounts.insert(address, Arc::downgrade(&account));
        account
    }

    /// Requests that hold a slot.
    pub fn in_flight(&self) -> usize {
        self.slots.used()
    }

    /// Bytes that bodies and answers hold.
    pub fn bytes_held(&self) -> usize {
        self.bytes.used()
    }

    /// Requests refused for want of room since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn refuse(&self) -> Overloaded {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Overloaded
    }
}

impl Account {
    fn new(admission: &Arc<Admission>, address: Option<IpAddr>, parts: usize) -> Self {
        Self {
            slots: Budget::new((admission.slots.limit() / parts).max(1)),
            // One request of the largest size, and the answer to it, fit whatever is kept for smaller ones.
            bytes: Budget::new((admission.bytes.limit() / parts).max(admission.largest.saturating_mul(3))),
            admission: Arc::clone(admission),
            address,
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut accounts = self.admission.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Another connection of the peer may have opened a new account meanwhile.
        if accounts.get(&address).is_some_and(|account| account.strong_count() == 0) {
            accounts.remove(&address);
        }
    }
}

/// What of an address stands for one peer: a host of an IPv6 network has as many addresses as it likes.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn peer(admission: &Arc<Admission>, text: &str) -> Arc<Account> {
        admission.account(Some(text.parse().unwrap()))
    }

    #[test]
    fn connections_of_one_peer_share_an_account_and_it_goes_with_the_last() {
        let admission = Admission::new(8, MIB, 1);
        let (one, same) = (peer(&admission, "192.0.2.1"), peer(&admission, "::ffff:192.0.2.1"));
        assert!(Arc::ptr_eq(&one, &same));
        let (host, neighbour) = (peer(&admission, "2001:db8::1"), peer(&admission, "2001:db8::2"));
        assert!(Arc::ptr_eq(&host, &neighbour));
        assert!(!Arc::ptr_eq(&host, &peer(&admission, "2001:db8:0:1::1")));
        drop((one, same, host, neighbour));
        assert!(admission.accounts.lock().unwrap().is_empty());
    }

    #[test]
    fn one_peer_holds_at_most_a_quarter() {
        let admission = Admission::new(64, 80 * MIB, 1);
        let attacker = peer(&admission, "192.0.2.1");
        let taken: Vec<_> = (0..64)
            .map(|_| attacker.arrive(Priority::Ordinary))
            .take_while(|permit| permit.take_slot().is_ok())
            .collect();
        assert_eq!(taken.len(), 15, "a sixteenth of its sixteen is kept for operators");
        let other = peer(&admission, "192.0.2.2").arrive(Priority::Ordinary);
        assert!(other.take_slot().is_ok());
        let body = attacker.arrive(Priority::Ordinary);
        assert_eq!(body.grow(10 * MIB), Err(Overloaded));
        assert_eq!(body.grow(7 * MIB), Ok(()));
        assert_eq!(other.grow(7 * MIB), Ok(()));
        assert!(admission.refused() >= 2);
        drop((taken, body, other));
        assert_eq!((admission.in_flight(), admission.bytes_held()), (0, 0));
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones_and_those_for_operators() {
        let admission = Admission::new(64, 128 * MIB, 1);
        let account = peer(&admission, "192.0.2.1");
        let large = account.arrive(Priority::Ordinary);
        assert_eq!(large.grow(12 * MIB), Ok(()));
        assert_eq!(large.grow(1), Err(Overloaded), "three quarters of its sixteen");
        let small: Vec<_> = (0..100)
            .map(|_| account.arrive(Priority::Ordinary))
            .take_while(|permit| permit.grow(60 * 1024).is_ok())
            .collect();
        assert!(small.len() > 40, "{}", small.len());
        assert_eq!(account.arrive(Priority::Operator).grow(60 * 1024), Ok(()));
    }

    #[test]
    fn the_largest_request_fits_whatever_the_budget() {
        let admission = Admission::new(64, 128 * MIB, 32 * MIB);
        let account = peer(&admission, "192.0.2.1");
        let one = account.arrive(Priority::Ordinary);
        assert_eq!(one.grow(32 * MIB), Ok(()));
    }

    #[test]
    fn a_finished_request_holds_its_answer_alone() {
        let admission = Admission::new(64, 128 * MIB, 1);
        let account = peer(&admission, "192.0.2.1");
        let permit = account.arrive(Priority::Ordinary);
        permit.grow(5 * MIB).unwrap();
        permit.take_slot().unwrap();
        permit.finish(2 * MIB);
        assert_eq!((admission.in_flight(), admission.bytes_held()), (0, 2 * MIB));
        drop(permit);
        assert_eq!(admission.bytes_held(), 0);
    }

    #[tokio::test]
    async fn large_work_waits_for_its_turn() {
        let admission = Admission::new(64, 16 * MIB, 1);
        let account = peer(&admission, "192.0.2.1");
        let (first, second) = (account.arrive(Priority::Ordinary), account.arrive(Priority::Ordinary));
        first.work(7 * MIB).await;
        let mut waiting = std::pin::pin!(second.work(2 * MIB));
        assert!(futures_pending(waiting.as_mut()).await);
        first.finish(0);
        waiting.await;
        // More than there is takes all of it, instead of waiting for ever.
        second.finish(0);
        second.work(1 << 40).await;
    }

    async fn futures_pending(mut future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending()))
            .await
    }
}
