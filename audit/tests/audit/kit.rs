//! What several tests need, by what it is about.
//! Never in it: tests.

pub(crate) mod broker;
pub(crate) mod file;
pub(crate) mod peer;

use std::time::{Duration, Instant};

/// Looks until it holds, where nothing tells when.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::yield_now();
    }
}
