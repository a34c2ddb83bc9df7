//! `X-Forwarded-For`: which peers are believed, and which of the addresses in it is the client's.
//! Never in it: HTTP types, or what a client's address decides.

use std::net::{IpAddr, SocketAddr};

use onrecord_audit::device::AddressBlock;
use onrecord_core::{Headers, Peer};

/// The header's name.
const NAME: &str = "x-forwarded-for";

/// The rules of a listener that reads the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForwardedFor {
    /// The peers that are believed.
    pub(crate) authorized: Vec<AddressBlock>,
    /// How many addresses are passed over, from the last one on: those of further proxies.
    pub(crate) hop_skips: usize,
    /// Whether a request without the header is refused.
    pub(crate) reject_not_present: bool,
    /// Whether a request with the header, of a peer that is not believed, is refused.
    pub(crate) reject_not_authorized: bool,
}

impl ForwardedFor {
    /// The peer of a request with what the header says about the client behind it.
    pub(crate) fn judge(&self, peer: &Peer, headers: &Headers) -> Peer {
        let refused = |text: &str| peer.refused(text);
        if headers.all(NAME).next().is_none() {
            if self.reject_not_present {
                return refused("missing x-forwarded-for header and configured to reject when not present");
            }
            return peer.clone();
        }
        if !self.believes(peer) {
            if self.reject_not_authorized {
                return refused(
                    "client address not authorized for x-forwarded-for and configured to reject connection",
                );
            }
            return peer.clone();
        }
        let chain: Vec<&str> = headers.all(NAME).flat_map(|value| value.split(',')).map(str::trim).collect();
        let index = chain.len().checked_sub(1).and_then(|last| last.checked_sub(self.hop_skips));
        let Some(stated) = index.and_then(|index| chain.get(index)) else {
            return refused(&format!(
                "malformed x-forwarded-for configuration or request, hops to skip ({}) would skip before earliest chain link \
                 (chain length {})",
                self.hop_skips,
                chain.len()
            ));
        };
        match parse(stated) {
            Some((client, port)) => peer.forwarding(client, port),
            None => refused("malformed x-forwarded-for header: the client's place in it has no IP address"),
        }
    }

    /// Whether a peer is a trusted proxy. What the PROXY protocol stated of a connection counts as its peer.
    fn believes(&self, peer: &Peer) -> bool {
        let address: Option<IpAddr> = peer.client_address().parse().ok();
        address.is_some_and(|address| self.authorized.iter().any(|block| block.contains(address)))
    }
}

/// An address, with a port or without; 0 is none.
fn parse(text: &str) -> Option<(IpAddr, u16)> {
    let alone = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = alone.parse() {
        return Some((address, 0));
    }
    text.parse().ok().map(|socket: SocketAddr| (socket.ip(), socket.port()))
}

#[cfg(test)]
mod tests {
    use onrecord_core::Forwarding;

    use super::*;

    fn rules() -> ForwardedFor {
        ForwardedFor {
            authorized: vec!["10.0.0.0/8".parse().unwrap()],
            hop_skips: 0,
            reject_not_present: true,
            reject_not_authorized: true,
        }
    }

    fn judge(rules: &ForwardedFor, peer: &str, headers: &[&str]) -> Result<String, String> {
        let peer: Peer = peer.parse::<SocketAddr>().unwrap().into();
        let mut sent = Headers::new();
        for value in headers {
            sent.push("X-Forwarded-For", value);
        }
        let judged = rules.judge(&peer, &sent);
        assert_eq!(judged.address, peer.address, "the socket's peer stays");
        match &judged.forwarding {
            Forwarding::Refused(text) => Err(text.to_string()),
            Forwarding::Client { address, port } => Ok(format!("{address} {port}")),
            Forwarding::Direct => Ok("direct".to_owned()),
        }
    }

    #[test]
    fn the_client_is_the_last_address_that_no_skipped_proxy_added() {
        let rules = rules();
        let skipping = ForwardedFor { hop_skips: 1, ..rules.clone() };
        let proxy = "10.0.0.1:99";
        let cases: [(&ForwardedFor, &[&str], &str); 7] = [
            (&rules, &["192.0.2.1"], "192.0.2.1 0"),
            (&rules, &["198.51.100.1, 192.0.2.1"], "192.0.2.1 0"),
            (&rules, &["198.51.100.1", "192.0.2.1:80"], "192.0.2.1 80"),
            (&rules, &["[2001:db8::1]:443"], "2001:db8::1 443"),
            (&rules, &["[2001:db8::1]"], "2001:db8::1 0"),
            (&rules, &["::ffff:192.0.2.9"], "192.0.2.9 0"),
            (&skipping, &["192.0.2.1, 10.0.0.7"], "192.0.2.1 0"),
        ];
        for (rules, headers, client) in cases {
            assert_eq!(judge(rules, proxy, headers).unwrap(), client, "{headers:?}");
        }
        let refused = judge(&skipping, proxy, &["192.0.2.1"]).unwrap_err();
        assert!(refused.ends_with("hops to skip (1) would skip before earliest chain link (chain length 1)"));
        for odd in ["", "unknown", "192.0.2.1,", "_hidden"] {
            assert!(judge(&rules, proxy, &[odd]).unwrap_err().contains("has no IP address"), "{odd}");
        }
    }

    #[test]
    fn a_peer_that_is_not_a_trusted_proxy_states_nothing() {
        let (strict, peer) = (rules(), "192.0.2.66:99");
        assert!(judge(&strict, peer, &["10.0.0.1"]).unwrap_err().contains("not authorized"));
        assert!(judge(&strict, peer, &[]).unwrap_err().starts_with("missing x-forwarded-for"));
        let lax = ForwardedFor { reject_not_present: false, reject_not_authorized: false, ..strict };
        assert_eq!(judge(&lax, peer, &["10.0.0.1"]).unwrap(), "direct");
        assert_eq!(judge(&lax, peer, &[]).unwrap(), "direct");
        assert_eq!(judge(&lax, "10.0.0.1:1", &[]).unwrap(), "direct");
    }
}
