//! The tests of entries and lines, as one program. Never in it: a device.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod cache_key;
mod decode;
mod documents;
mod from_serde_json;
mod jsonx;
mod kit;
mod properties;
mod unauthenticated;
mod vectors;
