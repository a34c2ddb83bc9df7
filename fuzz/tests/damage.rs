//! Damaged stores, by fixed seeds; `just damage` tries many more and judges more.
//! Never in it: how they are damaged.

use std::sync::Arc;

use onrecord_fuzz::damage::{Directory, Left};

#[test]
fn a_store_that_was_closed_and_then_damaged_is_read_right_or_refused_with_the_remedy() {
    is_read_right_or_refused(Left::Closed);
}

#[test]
fn a_damaged_store_of_a_killed_server_is_read_right_or_refused_with_the_remedy() {
    is_read_right_or_refused(Left::Killed);
}

fn is_read_right_or_refused(left: Left) {
    let directory = Arc::new(Directory::new(left));
    for seed in 0..100 {
        let case = directory.damage(seed);
        assert!(case.outcome.is_allowed(), "{case:?}");
    }
}
