//! What devices that talk to a peer have in common: the names of networks, as Go's `net.Dial` knows them, addresses,
//! dialling, connections. Never in it: formatting lines, deciding what to send again; what goes wrong is
//! `device::error::net`.

mod acknowledged;
mod address;
pub(super) mod connection;
pub(super) mod deadline;
pub(super) mod dial;
pub(super) mod resolve;

use std::sync::Arc;

/// A network by its Go name. Names are case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// `tcp`, `tcp4`, `tcp6`.
    Tcp(Family),
    /// `udp`, `udp4`, `udp6`.
    Udp(Family),
    /// `unix`: a stream.
    Unix,
    /// `unixgram`: datagrams.
    Unixgram,
    /// `unixpacket`: a connection that keeps the bounds of messages.
    Unixpacket,
    /// `ip`, `ip4`, `ip6`, also with a protocol: known, and not supported.
    Raw(String),
    /// Any other name. A dial to it fails.
    Unknown(String),
}

/// Which versions of the internet protocol may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Both.
    Any,
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

const NAMES: [(&str, Network); 9] = [
    ("tcp", Network::Tcp(Family::Any)),
    ("tcp4", Network::Tcp(Family::V4)),
    ("tcp6", Network::Tcp(Family::V6)),
    ("udp", Network::Udp(Family::Any)),
    ("udp4", Network::Udp(Family::V4)),
    ("udp6", Network::Udp(Family::V6)),
    ("unix", Network::Unix),
    ("unixgram", Network::Unixgram),
    ("unixpacket", Network::Unixpacket),
];

impl Network {
    /// The network of this name.
    pub fn parse(name: &str) -> Self {
        if let Some((_, network)) = NAMES.into_iter().find(|(known, _)| *known == name) {
            return network;
        }
        let raw = matches!(name.split(':').next(), Some("ip" | "ip4" | "ip6"));
        if raw { Self::Raw(name.to_owned()) } else { Self::Unknown(name.to_owned()) }
    }

    /// Its name.
    pub fn name(&self) -> Arc<str> {
        Arc::from(match self {
            Self::Raw(name) | Self::Unknown(name) => name,
            known => NAMES.iter().find(|(_, network)| network == known).map_or("", |(name, _)| name),
        })
    }

    /// Whether an address has the form of this network's. It is not looked up.
    pub(super) fn has_form(&self, address: &str) -> bool {
        match self {
            Self::Tcp(_) => address::parse(address, "tcp").is_ok(),
            Self::Udp(_) => address::parse(address, "udp").is_ok(),
            _ => !address.is_empty(),
        }
    }

    /// Whether a line is a message of its own, and bounded in size.
    pub const fn keeps_messages(&self) -> bool {
        matches!(self, Self::Udp(_) | Self::Unixgram | Self::Unixpacket)
    }
}
