//! Queries over logs of which every line is known.
//! Never in it: how a line is read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

#[path = "query/cut.rs"]
mod cut;
#[path = "query/devices.rs"]
mod devices;
#[path = "query/filters.rs"]
mod filters;
#[path = "query/hostile.rs"]
mod hostile;
#[path = "query/kit.rs"]
mod kit;
#[path = "query/logs.rs"]
mod logs;
#[path = "query/naive.rs"]
mod naive;
#[path = "query/property.rs"]
mod property;
