//! The PROXY protocol, versions 1 and 2: which peers may state whose connection they pass on, and what they state.
//! Never in it: sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use onrecord_audit::device::AddressBlock;

/// What a header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What a header of version 1 begins with.
const WORD: &[u8; 6] = b"PROXY ";
/// The longest header of version 1, its line end included.
const LINE_MAX: usize = 107;
/// The longest header of version 2 that is read: the addresses, and some of what proxies add.
const BINARY_MAX: usize = 4096;

/// What is done with peers that are not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// There is no list: every peer is believed.
    UseAlways,
    /// They are served under their own address.
    AllowAuthorized,
    /// Their connections are closed.
    DenyUnauthorized,
}

/// The rules of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyProtocol {
    pub(crate) behaviour: Behaviour,
    pub(crate) authorized: Vec<AddressBlock>,
}

/// How a peer's header is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// What it states is believed.
    Believed,
    /// It is read, and means nothing.
    Ignored,
    /// The connection is closed.
    Denied,
}

impl ProxyProtocol {
    /// How the header of a peer is treated.
    pub(crate) fn trust(&self, peer: IpAddr) -> Trust {
        let authorized = || self.authorized.iter().any(|block| block.contains(peer));
        match self.behaviour {
            Behaviour::UseAlways => Trust::Believed,
            _ if authorized() => Trust::Believed,
            Behaviour::AllowAuthorized => Trust::Ignored,
            Behaviour::DenyUnauthorized => Trust::Denied,
        }
    }
}

/// What the beginning of a connection is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// More of it is needed.
    Incomplete,
    /// It is not a header: a client speaks.
    Absent,
    /// A header of this many bytes, and the client that it states; none if the proxy speaks for itself.
    Present(usize, Option<SocketAddr>),
    /// It begins like a header and is not one.
    Malformed,
}

/// Reads the header at the beginning of a connection.
pub(crate) fn parse(bytes: &[u8]) -> Header {
    if bytes.starts_with(SIGNATURE) {
        binary(bytes)
    } else if bytes.starts_with(WORD) {
        line(bytes)
    } else if SIGNATURE.starts_with(bytes) || WORD.starts_with(bytes) {
        Header::Incomplete
    } else {
        Header::Absent
    }
}

fn line(bytes: &[u8]) -> Header {
    let start = bytes.get(..LINE_MAX).unwrap_or(bytes);
    let Some(end) = start.windows(2).position(|pair| pair == b"\r\n") else {
        return if start.len() < LINE_MAX { Header::Incomplete } else { Header::Malformed };
    };
    let text = start.get(..end).and_then(|text| std::str::from_utf8(text).ok());
    let Some(words) = text.map(|text| text.split(' ').collect::<Vec<_>>()) else { return Header::Malformed };
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Header::Present(end + 2, None),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, target, port, target_port] => {
            let fits = |text: &&str| match *family {
                "TCP4" => text.parse::<Ipv4Addr>().is_ok(),
                _ => text.parse::<Ipv6Addr>().is_ok(),
            };
            match (source.parse(), port.parse(), target_port.parse::<u16>()) {
                (Ok(address), Ok(port), Ok(_)) if fits(source) && fits(target) => {
                    Header::Present(end + 2, Some(SocketAddr::new(address, port)))
                }
                _ => Header::Malformed,
            }
        }
        _ => Header::Malformed,
    }
}

fn binary(bytes: &[u8]) -> Header {
    let Some(Ok([command, family, high, low])) = bytes.get(12..16).map(<[u8; 4]>::try_from) else {
        return Header::Incomplete;
    };
    let length = 16 + usize::from(u16::from_be_bytes([high, low]));
    if length > BINARY_MAX || command >> 4 != 2 || command & 0x0f > 1 {
        return Header::Malformed;
    }
    let Some(rest) = bytes.get(16..length) else { return Header::Incomplete };
    // A proxy's own connection (a health check), or a kind of address that has no IP.
    if command % 16 == 0 || !matches!(family, 0x11 | 0x21) {
        return Header::Present(length, None);
    }
    let stated = if family == 0x11 { stated::<4>(rest) } else { stated::<16>(rest) };
    stated.map_or(Header::Malformed, |client| Header::Present(length, Some(client)))
}

/// The source of a pair of addresses of `N` bytes each, which their ports follow.
fn stated<const N: usize>(rest: &[u8]) -> Option<SocketAddr>
where
    IpAddr: From<[u8; N]>,
{
    let address = <[u8; N]>::try_from(rest.get(..N)?).ok()?;
    let port = <[u8; 2]>::try_from(rest.get(2 * N..2 * N + 2)?).ok()?;
    // The port of the target has to be there, too.
    rest.get(2 * N + 2..2 * N + 4)?;
    Some(SocketAddr::new(address.into(), u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn headers_of_both_versions_state_the_client() {
        let client: SocketAddr = "192.0.2.1:5678".parse().unwrap();
        let client_6: SocketAddr = "[2001:db8::1]:5678".parse().unwrap();
        let v4 = [192, 0, 2, 1, 10, 0, 0, 1, 0x16, 0x2e, 0x20, 0x08];
        let mut v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).octets().repeat(2);
        v6.extend([0x16, 0x2e, 0x20, 0x08, 3, 0, 1, 9]);
        let cases: [(Vec<u8>, Option<SocketAddr>); 6] = [
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 5678 8200\r\n".to_vec(), Some(client)),
            (b"PROXY TCP6 2001:db8::1 ::1 5678 8200\r\n".to_vec(), Some(client_6)),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (version_2(0x21, 0x11, &v4), Some(client)),
            (version_2(0x21, 0x21, &v6), Some(client_6)),
            (version_2(0x20, 0x00, &[]), None),
        ];
        for (header, stated) in cases {
            let length = header.len();
            let connection = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(parse(&connection), Header::Present(length, stated), "{header:?}");
            for end in 0..length {
                assert_eq!(parse(&connection[..end]), Header::Incomplete, "{end} of {header:?}");
            }
        }
    }

    #[test]
    fn what_is_not_a_header_is_the_clients_and_a_broken_one_is_nobodys() {
        for client in [&b"GET /v1/sys/health HTTP/1.1"[..], b"\x16\x03\x01", b"PUT", b"PROPFIND"] {
            assert_eq!(parse(client), Header::Absent);
        }
        let long = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        for broken in [
            &b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n"[..],
            b"PROXY TCP4 192.0.2.1 10.0.0.1 70000 8200\r\n",
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
            &long,
            &version_2(0x31, 0x11, &[0; 12]),
            &version_2(0x22, 0x11, &[0; 12]),
            &version_2(0x21, 0x11, &[0; 11]),
            &version_2(0x21, 0x11, &[0; 5000]),
        ] {
            assert_eq!(parse(broken), Header::Malformed, "{broken:?}");
        }
    }

    #[test]
    fn peers_are_believed_as_the_behaviour_says() {
        let authorized = vec!["10.0.0.0/8".parse().unwrap()];
        let (inside, outside) = ("10.1.2.3".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for (behaviour, stranger) in [
            (Behaviour::UseAlways, Trust::Believed),
            (Behaviour::AllowAuthorized, Trust::Ignored),
            (Behaviour::DenyUnauthorized, Trust::Denied),
        ] {
            let rules = ProxyProtocol { behaviour, authorized: authorized.clone() };
            assert_eq!((rules.trust(inside), rules.trust(outside)), (Trust::Believed, stranger));
        }
    }
}
