//! Mounts and the engines behind them, asked through the whole pipeline of a server without devices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

#[path = "engines/cubbyhole.rs"]
mod cubbyhole;
#[path = "engines/kv1.rs"]
mod kv1;
#[path = "engines/kv2.rs"]
mod kv2;
#[path = "engines/model.rs"]
mod model;
#[path = "engines/mounts.rs"]
mod mounts;
#[path = "engines/server.rs"]
mod server;
#[path = "engines/unmount.rs"]
mod unmount;
