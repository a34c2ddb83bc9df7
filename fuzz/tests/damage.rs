//! Damaged stores, by fixed seeds; `just damage` tries many more and judges more.
//! Never in it: how they are damaged.

use std::sync::Arc;

use onrecord_fuzz::damage::{Directory, Left, Outcome};

#[test]
fn a_store_that_was_closed_and_then_damaged_is_read_right_or_refused_with_the_remedy() {
    let directory = Arc::new(Directory::new(Left::Closed));
    for seed in 0..100 {
        let case = directory.damage(seed);
        assert!(case.outcome.is_allowed(), "{case:?}");
        let silent = case.outcome == Outcome::Intact;
        assert!(silent || case.message.contains("store.redb") && case.message.contains("backup"), "{case:?}");
    }
}

#[test]
fn a_store_of_a_killed_server_loses_its_last_commit_at_most() {
    let directory = Arc::new(Directory::new(Left::Killed));
    for seed in 0..100 {
        let case = directory.damage(seed);
        // The engine goes back to the commit before the last where the last does not verify.
        let last = case.outcome == Outcome::SilentLoss && case.lost == 1;
        assert!(case.outcome.is_allowed() || last, "{case:?}");
    }
}
