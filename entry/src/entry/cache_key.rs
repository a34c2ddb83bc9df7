//! A name for facts that stay as they are as long as they live, so that what was made of them once can be used again.
//! Never in it: the facts, or what is made of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Stands for the facts it is kept with: of a token, for instance. No two of them are equal while a process runs.
///
/// Its clone is another one, because whoever copies facts may be about to change them.
pub struct CacheKey(u64);

impl CacheKey {
    /// A new one.
    pub fn new() -> Self {
        Self(unique())
    }

    pub(crate) const fn number(&self) -> u64 {
        self.0
    }
}

/// A number that this process has not had before.
pub(crate) fn unique() -> u64 {
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
