//! The tests of policies, as one program. Never in it: IO.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod decisions;
mod kit;
mod templates;
mod texts;
