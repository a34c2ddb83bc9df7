//! Verification of logs of which every line is known, and of what forgers make of them.
//! Never in it: how a line is read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod verify {
    mod events;
    mod forgeries;
    pub(crate) mod kit;
    mod origins;
    mod rewritten;
    mod trees;
}
