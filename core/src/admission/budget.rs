//! One budget: how much there is, and how much is used. Never in it: what it counts.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A fixed amount of which parts are taken and given back.
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Takes `amount` if no more than `reach` is used then.
    pub(super) fn take(&self, amount: usize, reach: usize) -> bool {
        let more = |used: usize| used.checked_add(amount).filter(|used| *used <= reach);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    pub(super) fn give_back(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::AcqRel);
    }
}
