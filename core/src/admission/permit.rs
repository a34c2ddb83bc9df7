//! What one request holds of the budgets, from its first byte until its answer is written.
//! Never in it: the budgets' sizes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use onrecord_value::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::Budget;
use super::{Account, Overloaded, PIECE};

/// A request or an answer of more bytes is a large one: it takes long to parse, hash and format.
pub(crate) const LARGE: usize = 64 * 1024;
/// A body up to this size needs no room of its own for the work on it: a slot's worth of them is small.
const SMALL: usize = 1024;
/// An answer up to this size needs no room of its own: a connection has one at a time.
const SMALL_ANSWER: usize = 4096;
/// How many times its own size a body needs beside it while it is parsed, hashed, encrypted and stored. Measured: see
/// docs/PERFORMANCE.md.
const WORK_FACTOR: usize = 4;
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

/// What one request holds. Given back when it is dropped.
pub struct Permit {
    account: Arc<Account>,
    priority: Priority,
    slot: AtomicBool,
    bytes: AtomicUsize,
    work: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Account {
    /// A request begins to arrive. It holds nothing yet.
    pub(crate) fn arrive(self: &Arc<Self>, priority: Priority) -> Permit {
        Permit {
            account: Arc::clone(self),
            priority,
            slot: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
            work: Mutex::default(),
        }
    }

    fn both(&self, part: impl Fn(&Account) -> &Budget, all: &Budget, amount: usize, priority: Reach) -> bool {
        let own = part(self);
        if !own.take(amount, priority.of(own.limit())) {
            return false;
        }
        let fits = all.take(amount, priority.of(all.limit()));
        if !fits {
            own.give_back(amount);
        }
        fits
    }
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

impl Permit {
    /// Takes room for more bytes, as a body arrives or an answer is made.
    pub fn grow(&self, bytes: usize) -> Result<(), Overloaded> {
        if bytes == 0 {
            return Ok(());
        }
        let large = self.bytes.load(Ordering::Acquire).saturating_add(bytes) > LARGE;
        let reach = match self.priority {
            _ if large => Reach::Large,
            Priority::Exempt | Priority::Operator => Reach::All,
            Priority::Ordinary => Reach::Small,
        };
        let admission = &self.account.admission;
        if !self.account.both(|account| &account.bytes, &admission.bytes, bytes, reach) {
            return Err(admission.refuse());
        }
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Ok(())
    }

    /// Takes a slot: the request is complete.
    pub(crate) fn take_slot(&self) -> Result<(), Overloaded> {
        let reach = match self.priority {
            Priority::Exempt => return Ok(()),
            Priority::Operator => Reach::All,
            Priority::Ordinary => Reach::Small,
        };
        let admission = &self.account.admission;
        if !self.account.both(|account| &account.slots, &admission.slots, 1, reach) {
            return Err(admission.refuse());
        }
        self.slot.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether the work on a body needs room of its own ([`Permit::prepare`]).
    pub(crate) fn must_prepare(body: &[u8]) -> bool {
        body.len() > SMALL
    }

    /// Takes what the work on a body needs beside its bytes. That of a large one is waited for: its bytes have a place
    /// already, so those that wait cost nothing more.
    pub(crate) async fn prepare(&self, body: &[u8], most_values: usize) -> Result<(), Overloaded> {
        let need = body.len() * WORK_FACTOR + parsed(body, most_values);
        if body.len() <= LARGE && need <= 2 * WORK_FACTOR * LARGE {
            return self.grow(need);
        }
        match tokio::time::timeout(TURN, self.work(need)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.account.admission.refuse()),
        }
    }

    /// Waits for a part of the work memory: all of it where more is asked for.
    pub(super) async fn work(&self, bytes: usize) {
        let admission = &self.account.admission;
        let pieces = u32::try_from(bytes / PIECE + 1).unwrap_or(u32::MAX).min(admission.work_pieces);
        let taken = Semaphore::acquire_many_owned(Arc::clone(&admission.work), pieces).await;
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = taken.ok();
    }

    /// Takes room for what a handler has read to answer with: the value and the answer made of it.
    pub fn hold_read(&self, bytes: usize) -> Result<(), Overloaded> {
        if bytes > SMALL_ANSWER { self.grow(2 * bytes) } else { Ok(()) }
    }

    /// Takes room for an answer, if what the handler read ([`Permit::hold_read`]) has not.
    pub(crate) fn hold_answer(&self, bytes: usize) -> Result<(), Overloaded> {
        let held = self.bytes.load(Ordering::Acquire);
        if bytes > SMALL_ANSWER && bytes > held { self.grow(bytes - held) } else { Ok(()) }
    }

    /// The request is done: what it holds beyond its answer of `left` bytes is given back.
    pub(crate) fn finish(&self, left: usize) {
        let left = if left > SMALL_ANSWER { left } else { 0 };
        self.give_back_slot();
        let held = self.bytes.load(Ordering::Acquire);
        let over = held.saturating_sub(left);
        self.bytes.fetch_sub(over, Ordering::AcqRel);
        self.give_back_bytes(over);
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn holds_bytes(&self) -> bool {
        self.bytes.load(Ordering::Acquire) > 0
    }

    fn give_back_slot(&self) {
        if self.slot.swap(false, Ordering::AcqRel) {
            self.account.slots.give_back(1);
            self.account.admission.slots.give_back(1);
        }
    }

    fn give_back_bytes(&self, bytes: usize) {
        if bytes > 0 {
            self.account.bytes.give_back(bytes);
            self.account.admission.bytes.give_back(bytes);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back_slot();
        self.give_back_bytes(self.bytes.load(Ordering::Acquire));
    }
}

/// How many bytes what is parsed of a body may take beside its texts, which are as long as the body: a body of nothing
/// but small values becomes many times as large. An upper bound, found without parsing: no value without one of these
/// signs before or behind it. `most` values are parsed, and no more.
fn parsed(body: &[u8], most: usize) -> usize {
    let signs = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b'&')).count();
    (signs + 1).min(most).saturating_mul(size_of::<(String, Value)>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_many_small_values_is_charged_for_what_they_become() {
        let each = size_of::<(String, Value)>();
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(5000));
        assert_eq!(parsed(many.as_bytes(), usize::MAX), 5003 * each);
        assert_eq!(parsed(many.as_bytes(), 100), 100 * each, "the rest is refused");
        let one = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
        assert_eq!(parsed(one.as_bytes(), usize::MAX), 2 * each);
    }
}
