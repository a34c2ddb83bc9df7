//! What devices that talk to a peer have in common: the names of networks, addresses, dialling, connections.
//! Never in it: formatting lines, deciding what to send again; what goes wrong is `device::error::net`.

mod acknowledged;
mod address;
pub(super) mod connection;
pub(super) mod deadline;
pub(super) mod dial;
mod network;
pub(super) mod resolve;

pub use network::{Family, Network};
