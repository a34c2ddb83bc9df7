//! How many leases there are below the paths at which that is limited (`sys/quotas/lease-count`). A lease counts for the
//! longest of the paths that it is below. Never in it: leases, or where limits are stored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// The limits, and the counts below them.
#[derive(Default)]
pub(crate) struct LeaseCounts(RwLock<Vec<Arc<Limit>>>);

struct Limit {
    /// A path of a mount or below. Empty: all leases.
    path: String,
    max: u64,
    count: AtomicU64,
}

/// The place of a lease that is being made. It is given back unless it is kept.
pub(crate) struct Place(Option<Arc<Limit>>);

/// There are as many leases as there may be.
#[derive(Debug)]
pub(crate) struct LimitReached;

impl LeaseCounts {
    /// Takes over limits, each a path and how many leases there may be. All counts are 0 until they are made again.
    pub(crate) fn set(&self, limits: impl IntoIterator<Item = (String, u64)>) {
        let limit = |(path, max)| Arc::new(Limit { path, max, count: AtomicU64::new(0) });
        let mut limits: Vec<_> = limits.into_iter().map(limit).collect();
        limits.sort_by_key(|limit| std::cmp::Reverse(limit.path.len()));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Takes a place for a lease at a path.
    pub(crate) fn reserve(&self, path: &str) -> Result<Place, LimitReached> {
        let Some(limit) = self.of(path) else { return Ok(Place(None)) };
        let below = |count: u64| (count < limit.max).then_some(count + 1);
        match limit.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, below) {
            Ok(_) => Ok(Place(Some(limit))),
            Err(_) => Err(LimitReached),
        }
    }

    /// A lease at a path is gone.
    pub(crate) fn removed(&self, path: &str) {
        if let Some(limit) = self.of(path) {
            limit.give_back();
        }
    }

    /// A stored lease was found below the path of a limit: it counts there unless another limit is nearer.
    pub(super) fn found(&self, path: &str, id: &str) {
        if let Some(limit) = self.of(id).filter(|limit| limit.path == path) {
            limit.count.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The paths of all limits.
    pub(super) fn paths(&self) -> Vec<String> {
        self.limits().iter().map(|limit| limit.path.clone()).collect()
    }

    /// The count of the limit with exactly this path.
    pub(crate) fn count(&self, path: &str) -> u64 {
        let limits = self.limits();
        let limit = limits.iter().find(|limit| limit.path == path);
        limit.map_or(0, |limit| limit.count.load(Ordering::Acquire))
    }

    /// The limit with the longest path.
    fn of(&self, path: &str) -> Option<Arc<Limit>> {
        let limits = self.limits();
        let is_below = |limit: &&Arc<Limit>| {
            let rest = path.strip_prefix(limit.path.trim_end_matches('/'));
            limit.path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        limits.iter().find(is_below).cloned()
    }

    fn limits(&self) -> RwLockReadGuard<'_, Vec<Arc<Limit>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limit {
    fn give_back(&self) {
        let less = |count: u64| count.checked_sub(1);
        // At 0 it stays: what was stored before the limit may be removed while it is counted.
        let _before = self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }
}

impl Place {
    /// The lease is there.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(limit) = self.0.take() {
            limit.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_for_the_longest_path_and_a_place_that_is_not_kept_is_given_back() {
        let counts = LeaseCounts::default();
        assert!(counts.reserve("pki/issue/a/1").is_ok(), "without limits there are none");
        counts.set([(String::new(), 100), ("pki/".to_owned(), 1)]);
        let place = counts.reserve("pki/issue/a/1").unwrap();
        assert_eq!((counts.count("pki/"), counts.count("")), (1, 0));
        assert!(counts.reserve("pki/issue/a/2").is_err());
        drop(place);
        counts.reserve("pki/issue/a/2").unwrap().keep();
        assert!(counts.reserve("pki/issue/a/3").is_err());
        counts.reserve("other/1").unwrap().keep();
        assert_eq!((counts.count("pki/"), counts.count("")), (1, 1));
        counts.removed("pki/issue/a/2");
        counts.removed("pki/issue/a/2");
        assert_eq!(counts.count("pki/"), 0, "never below 0");
    }

    #[test]
    fn fifty_at_once_never_exceed_the_limit() {
        let counts = LeaseCounts::default();
        counts.set([("a/".to_owned(), 7)]);
        let kept = std::thread::scope(|scope| {
            let take = || counts.reserve("a/b").map(Place::keep).is_ok();
            let threads: Vec<_> = (0..50).map(|_| scope.spawn(take)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok().filter(|kept| *kept)).count()
        });
        assert_eq!((kept, counts.count("a/")), (7, 7));
    }
}
