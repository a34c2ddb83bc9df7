//! Step 0: fixed budgets for requests in flight and for the bytes of their bodies. What does not fit is refused at
//! once and counted, before anything is read or looked at.
//! Never in it: queues. A request that waits for room costs the memory that there is no room for.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use onrecord_value::Value;

/// The budgets.
pub struct Admission {
    slots: usize,
    bytes: usize,
    slots_used: AtomicUsize,
    bytes_used: AtomicUsize,
    refused: AtomicU64,
    /// Who waits until few requests are in flight, and how few.
    idle: Mutex<Option<Waker>>,
    waiting: AtomicUsize,
}

/// A place in the budgets, given back when dropped.
pub struct Permit {
    admission: Arc<Admission>,
    slot: bool,
    bytes: usize,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

impl Admission {
    /// Budgets of `slots` requests and `bytes` bytes of bodies.
    pub fn new(slots: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            slots,
            bytes,
            slots_used: AtomicUsize::new(0),
            bytes_used: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            idle: Mutex::new(None),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Reserves a slot and room for a body of `bytes` bytes.
    pub fn admit(self: &Arc<Self>, bytes: usize) -> Result<Permit, Overloaded> {
        let used = self.slots_used.fetch_add(1, Ordering::AcqRel);
        let mut permit = Permit { admission: Arc::clone(self), slot: true, bytes: 0 };
        if used >= self.slots {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Overloaded);
        }
        permit.grow(bytes)?;
        Ok(permit)
    }

    /// Reserves room for the body of a request that must be answered even when all slots are taken (health checks,
    /// unsealing).
    pub fn admit_exempt(self: &Arc<Self>, bytes: usize) -> Result<Permit, Overloaded> {
        let mut permit = Permit { admission: Arc::clone(self), slot: false, bytes: 0 };
        permit.grow(bytes)?;
        Ok(permit)
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.slots_used.load(Ordering::Acquire)
    }

    /// Requests refused for want of room since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until at most `rest` requests are in flight. One waiter at a time.
    pub(crate) async fn drained(&self, rest: usize) {
        self.waiting.store(1, Ordering::SeqCst);
        std::future::poll_fn(|context| self.poll_drained(rest, context)).await;
        self.waiting.store(0, Ordering::SeqCst);
    }

    fn poll_drained(&self, rest: usize, context: &Context<'_>) -> Poll<()> {
        // The waker is set before the count is read: a permit dropped in between wakes it.
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if self.slots_used.load(Ordering::SeqCst) <= rest { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A body up to this size needs no room of its own for what is parsed of it: a slot's worth of them is small.
const SMALL: usize = 1024;

/// How many bytes what is parsed of a body may take beside its texts, which are as long as the body: a body of nothing
/// but small values becomes many times as large. An upper bound, found without parsing: no value without one of these
/// signs before or behind it. `most` values are parsed, and no more.
pub(crate) fn parsed(body: &[u8], most: usize) -> usize {
    if body.len() <= SMALL {
        return 0;
    }
    let signs = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b'&')).count();
    (signs + 1).min(most).saturating_mul(size_of::<(String, Value)>())
}

impl Permit {
    /// Reserves room for more bytes, as a body without a declared length arrives.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Overloaded> {
        if bytes == 0 {
            return Ok(());
        }
        let budget = &self.admission.bytes_used;
        let used = budget.fetch_add(bytes, Ordering::AcqRel);
        if used.saturating_add(bytes) > self.admission.bytes {
            budget.fetch_sub(bytes, Ordering::AcqRel);
            self.admission.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Overloaded);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.admission.bytes_used.fetch_sub(self.bytes, Ordering::AcqRel);
        }
        if !self.slot {
            return;
        }
        self.admission.slots_used.fetch_sub(1, Ordering::SeqCst);
        if self.admission.waiting.load(Ordering::SeqCst) != 0 {
            let waker = self.admission.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_many_small_values_is_charged_for_what_they_become() {
        let each = size_of::<(String, Value)>();
        assert_eq!(parsed(b"[1,2,3]", 100), 0, "small");
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(5000));
        assert_eq!(parsed(many.as_bytes(), usize::MAX), 5003 * each);
        assert_eq!(parsed(many.as_bytes(), 100), 100 * each, "the rest is refused");
        let one = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
        assert_eq!(parsed(one.as_bytes(), usize::MAX), 2 * each);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_counted_and_room_comes_back() {
        let admission = Admission::new(2, 100);
        let first = admission.admit(60).ok().unwrap();
        assert_eq!(admission.admit(60).err(), Some(Overloaded), "bytes");
        let second = admission.admit(40).ok().unwrap();
        assert_eq!(admission.admit(0).err(), Some(Overloaded), "slots");
        assert!(admission.admit_exempt(0).is_ok());
        assert_eq!((admission.in_flight(), admission.refused()), (2, 2));
        drop((first, second));
        assert_eq!(admission.in_flight(), 0);
        let mut permit = admission.admit(0).ok().unwrap();
        assert!(permit.grow(100).is_ok());
        assert!(permit.grow(1).is_err());
    }
}
