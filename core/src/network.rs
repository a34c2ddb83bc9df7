//! What of an address stands for one client: all of an IPv4 address, and of an IPv6 address its network of 64 bits, because
//! a host there has as many addresses as it likes. The clients of Unix sockets, which have no addresses, are one.
//! Never in it: what is counted by it.

use std::fmt;
use std::net::IpAddr;

use crate::exchange::{Forwarding, Peer};

/// A client behind a proxy is another one than the same address on a connection of its own: what a proxy states must not
/// count against who really has that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Network {
    /// The other end of a connection.
    Peer(IpAddr),
    /// Behind a trusted proxy, which stated it.
    Forwarded(IpAddr),
    /// On this machine: the other ends of Unix sockets, and the process itself.
    Local,
}

/// The network of an address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Network {
    /// The network of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self::Peer(network(address))
    }

    /// The network of the client that a request comes from.
    pub(crate) fn of_client(peer: Option<&Peer>) -> Self {
        let parsed = peer.and_then(|peer| {
            let address = network(peer.client_address().parse().ok()?);
            let is_stated = matches!(peer.forwarding, Forwarding::Client { .. });
            Some(if is_stated { Self::Forwarded(address) } else { Self::Peer(address) })
        });
        parsed.unwrap_or(Self::Local)
    }

    /// Whether a proxy stated it.
    pub(crate) const fn is_forwarded(self) -> bool {
        matches!(self, Self::Forwarded(_))
    }

    /// Its address as entries show it, if it has one.
    pub(crate) fn address_text(self) -> Option<String> {
        (self != Self::Local).then(|| self.to_string())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(IpAddr::V4(address)) | Self::Forwarded(IpAddr::V4(address)) => address.fmt(f),
            Self::Peer(IpAddr::V6(address)) | Self::Forwarded(IpAddr::V6(address)) => {
                write!(f, "{address}/64")
            }
            Self::Local => f.write_str("local"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_network_however_its_addresses_end() {
        let network = |address: &str| Network::of(address.parse().unwrap());
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("192.0.2.1").to_string(), "192.0.2.1");
        assert_eq!(network("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn a_client_that_a_proxy_stated_is_not_the_peer_of_that_address() {
        let proxy: Peer = std::net::SocketAddr::from(([192, 0, 2, 7], 1)).into();
        let stated = proxy.forwarding("2001:db8::5".parse().unwrap(), 9);
        assert_eq!(Network::of_client(Some(&proxy)), Network::of("192.0.2.7".parse().unwrap()));
        let behind = Network::of_client(Some(&stated));
        assert_ne!(behind, Network::of("2001:db8::5".parse().unwrap()));
        assert_eq!((behind.to_string().as_str(), behind.is_forwarded()), ("2001:db8::/64", true));
        assert_eq!(Network::of_client(None).address_text(), None);
    }
}
