//! What one request holds of the budgets, from its first byte until its answer is written.
//! Never in it: the budgets' sizes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use onrecord_value::Object;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::Budget;
use super::need::{self, FREE, LARGE, Need};
use super::{Account, Overloaded, PIECE};

/// How long a large request waits for its turn.
const TURN: Duration = Duration::from_secs(20);

/// How urgent a request is: the more, the further it reaches into the budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// It must be answered whatever happens (health checks, unsealing): it needs no slot.
    Exempt,
    /// An operator's.
    Operator,
    /// Any other. A sixteenth of each budget is kept from it, as a quarter is from any that is large.
    Ordinary,
}

/// On which threads a request runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// It is short: where it arrived.
    Small,
    /// It takes long, and gives way to the short ones.
    Large,
    /// It takes long, and what it starts (devices' threads) must not give way to anything.
    LargeOperator,
}

/// What one request holds. Given back when it is dropped.
pub struct Permit {
    account: Arc<Account>,
    priority: Priority,
    /// The hash of its path, where large values of it are remembered.
    path: Option<u64>,
    /// Whether large values were read at its path lately.
    expected_large: bool,
    /// Whether it has read a large value, or a small one.
    has_read_large: AtomicBool,
    has_read_small: AtomicBool,
    /// Whether it runs where small requests do and may leave; and whether it wants to.
    may_move: AtomicBool,
    wants_to_move: AtomicBool,
    slot: AtomicBool,
    /// Bytes of the peer's share.
    share: AtomicUsize,
    /// Bytes beyond it: one request of each peer may have some.
    beyond: AtomicUsize,
    work: Mutex<Vec<OwnedSemaphorePermit>>,
}

/// How far a request reaches into a budget.
#[derive(Clone, Copy)]
enum Reach {
    All,
    Small,
    Large,
}

impl Reach {
    const fn of(self, limit: usize) -> usize {
        match self {
            Self::All => limit,
            Self::Small => limit - limit / 16,
            Self::Large => limit - limit / 4,
        }
    }
}

impl Account {
    /// A request to this path begins to arrive. It holds nothing yet.
    pub(crate) fn arrive(self: &Arc<Self>, priority: Priority, path: &str) -> Permit {
        let paths = &self.admission.large_paths;
        // An operator's request is never expected to be large: what others send must not slow it down.
        let ordinary = priority == Priority::Ordinary;
        Permit {
            account: Arc::clone(self),
            priority,
            path: ordinary.then(|| paths.hash(path)),
            expected_large: ordinary && paths.contains(path),
            has_read_large: AtomicBool::new(false),
            has_read_small: AtomicBool::new(false),
            may_move: AtomicBool::new(false),
            wants_to_move: AtomicBool::new(false),
            slot: AtomicBool::new(false),
            share: AtomicUsize::new(0),
            beyond: AtomicUsize::new(0),
            work: Mutex::default(),
        }
    }

    /// Lets one request of the peer go beyond its share.
    fn go_beyond(&self) -> bool {
        self.is_beyond.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Permit {
    /// Takes room for more bytes, as a body arrives.
    pub fn grow(&self, bytes: usize) -> Result<(), Overloaded> {
        self.take(bytes, self.held().saturating_add(bytes) > LARGE)
    }

    /// Takes room for a request's head: `bytes` in all, with this query.
    pub fn hold_head(&self, bytes: usize, query: &str) -> Result<(), Overloaded> {
        let bytes = bytes.saturating_add(need::parsed(query.as_bytes(), usize::MAX));
        if bytes > FREE { self.take(bytes, false) } else { Ok(()) }
    }

    /// Takes room. What belongs to a large request reaches less far into the budgets than what belongs to a small one.
    fn take(&self, bytes: usize, large: bool) -> Result<(), Overloaded> {
        if bytes == 0 {
            return Ok(());
        }
        let reach = match self.priority {
            _ if large => Reach::Large,
            Priority::Exempt | Priority::Operator => Reach::All,
            Priority::Ordinary => Reach::Small,
        };
        let (own, all) = (&self.account.bytes, &self.account.admission.bytes);
        if !all.take(bytes, reach.of(all.limit())) {
            return Err(self.account.admission.refuse());
        }
        if own.take(bytes, reach.of(own.limit())) {
            self.share.fetch_add(bytes, Ordering::AcqRel);
        } else if large && (self.beyond.load(Ordering::Acquire) > 0 || self.account.go_beyond()) {
            self.beyond.fetch_add(bytes, Ordering::AcqRel);
        } else {
            all.give_back(bytes);
            return Err(self.account.admission.refuse());
        }
        Ok(())
    }

    /// Takes a slot: the request is complete.
    pub(crate) fn take_slot(&self) -> Result<(), Overloaded> {
        let reach = match self.priority {
            Priority::Exempt => return Ok(()),
            Priority::Operator => Reach::All,
            Priority::Ordinary => Reach::Small,
        };
        let (own, all) = (&self.account.slots, &self.account.admission.slots);
        let take = |budget: &Budget| budget.take(1, reach.of(budget.limit()));
        if !take(own) {
            return Err(self.account.admission.refuse());
        }
        if !take(all) {
            own.give_back(1);
            return Err(self.account.admission.refuse());
        }
        self.slot.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes what the work on a body needs beside its bytes; `false` if that must be waited for ([`Permit::prepare`]).
    pub(crate) fn begin_work(&self, body: &[u8], most_values: usize) -> Result<bool, Overloaded> {
        match Need::of_body(body, most_values) {
            Need::Free => Ok(true),
            Need::Small(bytes) => self.take(bytes, false).map(|()| true),
            Need::Large => Ok(false),
        }
    }

    /// How many bytes the work on a body needs that came in these pieces.
    pub(crate) fn need(pieces: &[Bytes], most_values: usize) -> usize {
        need::work(pieces.iter().map(Bytes::as_ref), most_values)
    }

    /// Waits for what the work on a large body needs. Its bytes have a place already, so those that wait cost nothing
    /// more.
    pub(crate) async fn prepare(&self, bytes: usize) -> Result<(), Overloaded> {
        match tokio::time::timeout(TURN, self.work(bytes)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.account.admission.refuse()),
        }
    }

    /// Waits for a part of the peer's work memory and then of all: the whole of it where more is asked for. A peer that
    /// has used its own up has none of its requests in the way of others.
    pub(super) async fn work(&self, bytes: usize) {
        let pieces = u32::try_from(bytes / PIECE + 1).unwrap_or(u32::MAX);
        for part in [&self.account.work, &self.account.admission.work] {
            let pieces = pieces.min(part.pieces);
            let taken = Semaphore::acquire_many_owned(Arc::clone(&part.semaphore), pieces).await;
            self.work.lock().unwrap_or_else(PoisonError::into_inner).extend(taken);
        }
    }

    /// Takes room for what a handler has read to answer with: the stored value, what is decoded of it but for its values
    /// ([`Permit::hold_decoded`]), and the answer made of it.
    pub fn hold_read(&self, stored: &[u8]) -> Result<(), Overloaded> {
        let large = stored.len() > LARGE;
        if large {
            self.note_large();
        } else {
            self.has_read_small.store(true, Ordering::Release);
        }
        self.hold(need::read(stored), large)
    }

    /// It has read a large value: the next request to its path is expected to do so, too.
    fn note_large(&self) {
        self.has_read_large.store(true, Ordering::Release);
        if let Some(path) = self.path {
            self.account.admission.large_paths.remember(path);
        }
    }

    /// Notes how large a value is that a write has looked at.
    pub(crate) fn note_existing(&self, bytes: usize) {
        if bytes > LARGE {
            self.note_large();
        }
    }

    /// Whether it runs where small requests do, and large values were read at its path meanwhile.
    pub(crate) fn must_move(&self) -> bool {
        self.may_move.load(Ordering::Acquire)
            && self.path.is_some_and(|path| self.account.admission.large_paths.holds(path))
    }

    /// Whether a value is so large that the rest is not for the threads of small requests.
    pub(crate) fn must_move_with(&self, bytes: usize) -> bool {
        bytes > LARGE && self.may_move.load(Ordering::Acquire)
    }

    /// Goes on on the threads for large requests: is pending once, so that the transport can move it there.
    pub(crate) async fn move_away(&self) {
        self.note_large();
        self.may_move.store(false, Ordering::Release);
        self.wants_to_move.store(true, Ordering::Release);
        let mut was_pending = false;
        std::future::poll_fn(|context| {
            if was_pending {
                return Poll::Ready(());
            }
            was_pending = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn wants_to_move(&self) -> bool {
        self.wants_to_move.load(Ordering::Acquire)
    }

    /// Takes room for the values of what a handler has read ([`Permit::hold_read`]), once it is decoded.
    pub fn hold_decoded(&self, object: &Object) -> Result<(), Overloaded> {
        self.hold(need::decoded(object), self.has_read_large.load(Ordering::Acquire))
    }

    /// Takes room for a list of names and the answer made of it.
    pub fn hold_names(&self, names: &[String]) -> Result<(), Overloaded> {
        let bytes = need::names(names);
        self.hold(bytes, bytes > LARGE)
    }

    /// Takes room for what a change reads of `bytes` bytes, and writes again.
    pub fn hold_change(&self, bytes: usize) -> Result<(), Overloaded> {
        self.hold(bytes.saturating_mul(2), bytes > LARGE)
    }

    /// Takes room for an answer, if what the handler read ([`Permit::hold_read`]) has not.
    pub(crate) fn hold_answer(&self, bytes: usize) -> Result<(), Overloaded> {
        let held = self.held();
        if bytes > held { self.hold(bytes - held, bytes > LARGE) } else { Ok(()) }
    }

    fn hold(&self, bytes: usize, large: bool) -> Result<(), Overloaded> {
        if bytes > FREE { self.take(bytes, large) } else { Ok(()) }
    }

    /// The request is done: what it holds beyond its answer of `left` bytes is given back.
    pub(crate) fn finish(&self, left: usize) {
        self.give_back_slot();
        let left = if left > FREE { left } else { 0 };
        self.shrink_to(left);
        self.work.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(path) = self.path {
            let (small, large) = (&self.has_read_small, &self.has_read_large);
            // A request that is refused has read nothing, and says nothing about the path.
            if self.expected_large && small.load(Ordering::Acquire) && !large.load(Ordering::Acquire) {
                self.account.admission.large_paths.forget(path);
            }
        }
    }

    pub(crate) fn holds_bytes(&self) -> bool {
        self.held() > 0
    }

    /// On which threads the request runs; `large` if its body says that it takes long.
    pub(crate) fn load(&self, large: bool) -> Load {
        match self.priority {
            _ if !large && !self.expected_large => {
                self.may_move.store(self.path.is_some(), Ordering::Release);
                Load::Small
            }
            Priority::Ordinary => Load::Large,
            Priority::Exempt | Priority::Operator => Load::LargeOperator,
        }
    }

    /// How many bytes it holds.
    pub(crate) fn held(&self) -> usize {
        self.share.load(Ordering::Acquire) + self.beyond.load(Ordering::Acquire)
    }

    /// Gives back what it holds beyond this many bytes.
    pub(crate) fn shrink_to(&self, bytes: usize) {
        self.give_back_bytes(self.held().saturating_sub(bytes));
    }

    fn give_back_slot(&self) {
        if self.slot.swap(false, Ordering::AcqRel) {
            self.account.slots.give_back(1);
            self.account.admission.slots.give_back(1);
        }
    }

    /// Gives back this many bytes, those beyond the share first.
    fn give_back_bytes(&self, bytes: usize) {
        let beyond = self.beyond.load(Ordering::Acquire);
        let first = bytes.min(beyond);
        if first > 0 {
            self.beyond.fetch_sub(first, Ordering::AcqRel);
        }
        if first > 0 && first == beyond {
            self.account.is_beyond.store(false, Ordering::Release);
        }
        let rest = bytes - first;
        if rest > 0 {
            self.share.fetch_sub(rest, Ordering::AcqRel);
            self.account.bytes.give_back(rest);
        }
        if bytes > 0 {
            self.account.admission.bytes.give_back(bytes);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back_slot();
        self.give_back_bytes(self.held());
    }
}
