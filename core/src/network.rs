//! What of an address stands for one client: all of an IPv4 address, and of an IPv6 address its network of 64 bits, because
//! a host there has as many addresses as it likes.
//! Never in it: what is counted by it.

use std::fmt;
use std::net::IpAddr;

use crate::exchange::Peer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// The network of a peer; none if its address is not one of the internet.
    pub(crate) fn of_peer(peer: &Peer) -> Option<Self> {
        peer.address.parse().ok().map(Self::of)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

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
}
