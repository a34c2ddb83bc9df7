//! Step 0: fixed budgets for requests in flight and for the memory that they and their answers hold, for all clients
//! together and for each. What does not fit is refused at once and counted. No client can hold more than its share, and
//! no kind of request can take the part that is kept for a more urgent one.
//! Never in it: what a request means, or who sent it beyond its address.

mod budget;
mod connected;
mod large_paths;
mod need;
mod permit;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use self::budget::Budget;
pub use self::connected::Connected;
use self::large_paths::LargePaths;
use self::need::most as most_demanding;
pub(crate) use self::permit::Priority;
pub use self::permit::{Load, Permit};
use crate::network::Network;

/// A peer holds at most this fraction of each budget: one part of this many.
const PEER_PARTS: usize = 4;
/// Work memory is counted in pieces of this size, in bytes.
const PIECE: usize = 1024;

/// The budgets of all clients together.
pub struct Admission {
    slots: Budget,
    bytes: Budget,
    /// What large requests need beside their bodies while they are worked on.
    work: WorkMemory,
    refused: AtomicU64,
    large_paths: LargePaths,
    accounts: Mutex<HashMap<Network, Weak<Account>>>,
}

/// Memory that is waited for in turn, in pieces of [`PIECE`] bytes.
struct WorkMemory {
    semaphore: Arc<Semaphore>,
    pieces: u32,
}

impl WorkMemory {
    fn new(bytes: usize) -> Self {
        let pieces = (bytes / PIECE).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let semaphore = Arc::new(Semaphore::new(pieces));
        Self { semaphore, pieces: u32::try_from(pieces).unwrap_or(u32::MAX) }
    }
}

/// What the connections of one peer hold together: of an IPv4 address, of an IPv6 network of 64 bits, or of the process
/// itself.
pub struct Account {
    admission: Arc<Admission>,
    address: Option<Network>,
    connections: AtomicUsize,
    slots: Budget,
    bytes: Budget,
    /// Whether one of its requests holds bytes beyond those: a share must not keep the largest request out.
    is_beyond: AtomicBool,
    work: WorkMemory,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

impl Admission {
    /// Budgets of `slots` requests and `bytes` bytes: one half for bodies as they arrive and answers until they are
    /// written, the other for the work on large requests.
    pub fn new(slots: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            slots: Budget::new(slots),
            bytes: Budget::new(bytes - bytes / 2),
            work: WorkMemory::new(bytes / 2),
            refused: AtomicU64::new(0),
            large_paths: LargePaths::default(),
            accounts: Mutex::default(),
        })
    }

    /// The least budget of bytes in which every request has room whose body has `largest` bytes and of which `values`
    /// values are parsed, and every answer to one: large ones have three quarters of one half.
    pub(crate) const fn least(largest: usize, values: usize) -> usize {
        most_demanding(largest, values).saturating_mul(8).div_ceil(3)
    }

    /// The account of a peer. The process itself (`None`) is not held to a part of the budgets.
    pub fn account(self: &Arc<Self>, address: Option<IpAddr>) -> Arc<Account> {
        let Some(address) = address.map(Network::of) else { return Arc::new(Account::new(self, None, 1)) };
        self.account_of(address)
    }

    /// The account of a client.
    pub(crate) fn account_of(self: &Arc<Self>, address: Network) -> Arc<Account> {
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
    fn new(admission: &Arc<Admission>, address: Option<Network>, parts: usize) -> Self {
        Self {
            connections: AtomicUsize::new(0),
            slots: Budget::new((admission.slots.limit() / parts).max(1)),
            bytes: Budget::new(admission.bytes.limit() / parts),
            is_beyond: AtomicBool::new(false),
            work: WorkMemory::new(admission.work.pieces as usize * PIECE / parts),
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Poll;

    use super::*;

    const MIB: usize = 1 << 20;

    fn peer(admission: &Arc<Admission>, text: &str) -> Arc<Account> {
        admission.account(Some(text.parse().unwrap()))
    }

    fn arrive(account: &Arc<Account>) -> Permit {
        account.arrive(Priority::Ordinary, "kv/a")
    }

    #[test]
    fn connections_of_one_peer_share_an_account_and_it_goes_with_the_last() {
        let admission = Admission::new(8, MIB);
        let (one, same) = (peer(&admission, "192.0.2.1"), peer(&admission, "::ffff:192.0.2.1"));
        assert!(Arc::ptr_eq(&one, &same));
        let (host, neighbour) = (peer(&admission, "2001:db8::1"), peer(&admission, "2001:db8::2"));
        assert!(Arc::ptr_eq(&host, &neighbour));
        assert!(!Arc::ptr_eq(&host, &peer(&admission, "2001:db8:0:1::1")));
        drop((one, same, host, neighbour));
        assert!(admission.accounts.lock().unwrap().is_empty());
    }

    #[test]
    fn one_peer_holds_at_most_a_quarter_and_one_request_beyond_it() {
        let admission = Admission::new(64, 80 * MIB);
        let attacker = peer(&admission, "192.0.2.1");
        let taken: Vec<_> =
            (0..64).map(|_| arrive(&attacker)).take_while(|permit| permit.take_slot().is_ok()).collect();
        assert_eq!(taken.len(), 15, "a sixteenth of its sixteen is kept for operators");
        let other = arrive(&peer(&admission, "192.0.2.2"));
        assert!(other.take_slot().is_ok());
        let (body, large) = (arrive(&attacker), arrive(&attacker));
        assert_eq!(body.grow(7 * MIB), Ok(()));
        assert_eq!(large.grow(10 * MIB), Ok(()), "beyond its share");
        assert_eq!(body.grow(MIB), Err(Overloaded), "not a second time");
        assert_eq!(large.grow(MIB), Ok(()), "the same goes on");
        assert_eq!(other.grow(7 * MIB), Ok(()));
        assert_eq!(arrive(&attacker).grow(1024), Ok(()), "its small ones have room");
        large.finish(MIB);
        assert_eq!(body.grow(MIB), Err(Overloaded), "an answer beyond the share is one, too");
        drop(large);
        assert_eq!(body.grow(MIB), Ok(()));
        drop((taken, body, other));
        assert_eq!((admission.in_flight(), admission.bytes_held()), (0, 0));
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones_and_those_for_operators() {
        let admission = Admission::new(64, 128 * MIB);
        let account = peer(&admission, "192.0.2.1");
        let (large, beyond) = (arrive(&account), arrive(&account));
        assert_eq!(large.grow(12 * MIB), Ok(()));
        assert_eq!(beyond.grow(MIB), Ok(()));
        assert_eq!(large.grow(1), Err(Overloaded), "three quarters of its sixteen");
        let small: Vec<_> =
            (0..100).map(|_| arrive(&account)).take_while(|permit| permit.grow(60 * 1024).is_ok()).collect();
        assert!(small.len() > 40, "{}", small.len());
        assert_eq!(account.arrive(Priority::Operator, "sys/a").grow(60 * 1024), Ok(()));
    }

    #[test]
    fn the_work_on_a_small_body_reaches_as_far_as_its_bytes() {
        let admission = Admission::new(64, 128 * MIB);
        let account = peer(&admission, "192.0.2.1");
        let large = arrive(&account);
        assert_eq!(large.grow(12 * MIB), Ok(()));
        let body = vec![b'x'; 60 * 1024];
        let small = arrive(&account);
        assert_eq!(small.grow(body.len()), Ok(()));
        assert_eq!(small.begin_work(&body, 100), Ok(true));
        assert_eq!(admission.bytes_held(), 12 * MIB + 5 * body.len() + need::parsed(b"", 1));
    }

    #[test]
    fn a_lone_client_can_read_the_largest_value_whatever_is_in_it() {
        let largest = 4 * MIB;
        let admission = Admission::new(64, Admission::least(largest, 100_000));
        let account = peer(&admission, "192.0.2.1");
        let permit = arrive(&account);
        let object = onrecord_value::object! { "a" => vec![1; 99_998] };
        assert_eq!(permit.hold_read(&vec![b'<'; largest]), Ok(()));
        assert_eq!(permit.hold_decoded(&object), Ok(()));
        assert_eq!(permit.hold_answer(6 * largest), Ok(()));
        permit.finish(6 * largest);
        assert_eq!(admission.bytes_held(), 6 * largest);
        assert_eq!(account.arrive(Priority::Ordinary, "kv/a").load(false), Load::Large, "the next one");
        assert_eq!(account.arrive(Priority::Ordinary, "kv/b").load(false), Load::Small);
    }

    #[test]
    fn a_finished_request_holds_its_answer_alone() {
        let admission = Admission::new(64, 128 * MIB);
        let permit = arrive(&peer(&admission, "192.0.2.1"));
        permit.grow(5 * MIB).unwrap();
        permit.take_slot().unwrap();
        permit.finish(2 * MIB);
        assert_eq!((admission.in_flight(), admission.bytes_held()), (0, 2 * MIB));
        drop(permit);
        assert_eq!(admission.bytes_held(), 0);
    }

    #[tokio::test]
    async fn large_work_waits_for_its_turn() {
        let admission = Admission::new(64, 16 * MIB);
        let account = admission.account(None);
        let (first, second) = (arrive(&account), arrive(&account));
        first.work(7 * MIB).await;
        let mut waiting = std::pin::pin!(second.work(2 * MIB));
        assert!(is_waiting(waiting.as_mut()).await);
        first.finish(0);
        waiting.await;
        // More than there is takes all of it, instead of waiting for ever.
        second.finish(0);
        second.work(1 << 40).await;
    }

    #[tokio::test]
    async fn the_work_of_one_peer_is_in_no_others_way() {
        let admission = Admission::new(64, 16 * MIB);
        let attacker = peer(&admission, "192.0.2.1");
        let held = arrive(&attacker);
        held.work(2 * MIB).await;
        let queue: Vec<_> = (0..16).map(|_| arrive(&attacker)).collect();
        let mut waiting: Vec<_> = queue.iter().map(|permit| Box::pin(permit.work(2 * MIB))).collect();
        for waiting in &mut waiting {
            assert!(is_waiting(waiting.as_mut()).await);
        }
        let other = arrive(&peer(&admission, "192.0.2.2"));
        let mut others = std::pin::pin!(other.work(2 * MIB));
        assert!(!is_waiting(others.as_mut()).await);
    }

    async fn is_waiting(mut future: Pin<&mut impl Future<Output = ()>>) -> bool {
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }
}
