//! A key for caching what was derived from facts that do not change.
//! Never in it: the facts, or what is derived from them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies unchanging facts, such as those of a token; keep it beside them. No two keys of a process are equal.
///
/// A clone is a new key, because a copy of the facts may be changed.
pub struct CacheKey(u64);

impl CacheKey {
    /// A new key.
    pub fn new() -> Self {
        Self(unique_number())
    }

    pub(crate) const fn number(&self) -> u64 {
        self.0
    }
}

/// A number that this process has not used before.
pub(crate) fn unique_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl Clone for CacheKey {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Default for CacheKey {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}
