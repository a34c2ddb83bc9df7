//! A kind of audit device that posts entries to a collector over HTTP: the example of docs/EXTENDING.md. It is what a
//! crate of your own looks like: the row of the table of kinds ([`HttpKind`]), the device, and an async client with a
//! runtime of its own.
//! Never in it: anything of a server; `main.rs` adds the kind to one.

mod client;
mod device;
mod kind;

pub use kind::HttpKind;
