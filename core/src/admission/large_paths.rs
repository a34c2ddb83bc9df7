//! Paths at which large values were read lately: the next request there is known to be a large one before it begins.
//! Never in it: the paths themselves. A collision only makes a small request wait for large ones.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many are remembered, at most.
const COUNT: usize = 1024;

pub(super) struct LargePaths {
    hasher: RandomState,
    /// Hashes, each at the place that it says itself.
    hashes: Box<[AtomicU64]>,
    /// Whether there ever was one: most servers have none.
    used: AtomicBool,
}

impl Default for LargePaths {
    fn default() -> Self {
        let hashes = (0..COUNT).map(|_| AtomicU64::new(0)).collect();
        Self { hasher: RandomState::new(), hashes, used: AtomicBool::new(false) }
    }
}

impl LargePaths {
    /// What stands for a path here.
    pub(super) fn hash(&self, path: &str) -> u64 {
        self.hasher.hash_one(path)
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        self.used.load(Ordering::Relaxed) && self.holds(self.hash(path))
    }

    /// Whether this path is remembered.
    pub(super) fn holds(&self, hash: u64) -> bool {
        self.place(hash).is_some_and(|place| place.load(Ordering::Relaxed) == hash)
    }

    pub(super) fn remember(&self, hash: u64) {
        self.used.store(true, Ordering::Relaxed);
        if let Some(place) = self.place(hash) {
            place.store(hash, Ordering::Relaxed);
        }
    }

    pub(super) fn forget(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            place.compare_exchange(hash, 0, Ordering::Relaxed, Ordering::Relaxed).ok();
        }
    }

    fn place(&self, hash: u64) -> Option<&AtomicU64> {
        let at = usize::try_from(hash % self.hashes.len() as u64).ok()?;
        self.hashes.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_until_it_is_forgotten() {
        let paths = LargePaths::default();
        assert!(!paths.contains("kv/a"));
        paths.remember(paths.hash("kv/a"));
        assert!(paths.contains("kv/a"));
        paths.forget(paths.hash("kv/a"));
        assert!(!paths.contains("kv/a"));
    }
}
