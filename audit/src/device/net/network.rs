//! The names of networks, as Go's `net.Dial` knows them. Never in it: addresses.

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

impl Network {
    /// The network of this name.
    pub fn parse(name: &str) -> Self {
        let raw = |name: &str| matches!(name.split(':').next(), Some("ip" | "ip4" | "ip6"));
        match name {
            "tcp" => Self::Tcp(Family::Any),
            "tcp4" => Self::Tcp(Family::V4),
            "tcp6" => Self::Tcp(Family::V6),
            "udp" => Self::Udp(Family::Any),
            "udp4" => Self::Udp(Family::V4),
            "udp6" => Self::Udp(Family::V6),
            "unix" => Self::Unix,
            "unixgram" => Self::Unixgram,
            "unixpacket" => Self::Unixpacket,
            name if raw(name) => Self::Raw(name.to_owned()),
            name => Self::Unknown(name.to_owned()),
        }
    }

    /// Its name.
    pub fn name(&self) -> Arc<str> {
        let family = |names: [&'static str; 3], family: Family| match family {
            Family::Any => names[0],
            Family::V4 => names[1],
            Family::V6 => names[2],
        };
        Arc::from(match self {
            Self::Tcp(of) => family(["tcp", "tcp4", "tcp6"], *of),
            Self::Udp(of) => family(["udp", "udp4", "udp6"], *of),
            Self::Unix => "unix",
            Self::Unixgram => "unixgram",
            Self::Unixpacket => "unixpacket",
            Self::Raw(name) | Self::Unknown(name) => name,
        })
    }

    /// Whether a line is a message of its own, and bounded in size.
    pub const fn keeps_messages(&self) -> bool {
        matches!(self, Self::Udp(_) | Self::Unixgram | Self::Unixpacket)
    }
}
