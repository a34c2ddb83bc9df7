//! The client against a scripted server, over TLS and over a Unix socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod client {
    mod calls;
    mod kit;
    mod tls;
}
