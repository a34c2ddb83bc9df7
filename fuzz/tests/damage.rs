//! Damaged stores, by fixed seeds; `just damage` tries many more and judges more.
//! Never in it: how they are damaged.

use std::sync::Arc;

use onrecord_fuzz::damage::{Directory, Left, Outcome};

#[test]
fn a_damaged_store_gives_no_wrong_value() {
    for left in [Left::Closed, Left::Killed] {
        let directory = Arc::new(Directory::new(left));
        for seed in 0..100 {
            let case = directory.damage(seed);
            assert_ne!(case.outcome, Outcome::WrongValue, "{case:?}");
        }
    }
}
