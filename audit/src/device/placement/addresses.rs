//! Addresses that lead to a machine's metadata service, to its link or to the server itself, in all their spellings.
//! Never in it: names of hosts; what is checked is the address that is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use onrecord_value::AddressBlock;

/// What a block of addresses is for, if a device made through an API may not talk to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserved {
    LinkLocal,
    Metadata,
}

const fn v4(octets: [u8; 4], bits: u8) -> AddressBlock {
    AddressBlock::new(IpAddr::V4(Ipv4Addr::from_octets(octets)), bits)
}

const fn v6(first: u128, bits: u8) -> AddressBlock {
    AddressBlock::new(IpAddr::V6(Ipv6Addr::from_bits(first)), bits)
}

/// Link-local addresses, and the addresses outside of them at which clouds serve credentials to their machines.
const RESERVED: [(AddressBlock, Reserved); 8] = [
    (v4([169, 254, 0, 0], 16), Reserved::LinkLocal),
    (v6(0xfe80 << 112, 10), Reserved::LinkLocal),
    // Alibaba, Azure, Oracle.
    (v4([100, 100, 100, 200], 32), Reserved::Metadata),
    (v4([168, 63, 129, 16], 32), Reserved::Metadata),
    (v4([192, 0, 0, 192], 32), Reserved::Metadata),
    // Amazon, Google, Scaleway.
    (v6(0xfd00_0ec2 << 96, 32), Reserved::Metadata),
    (v6(0xfd20_00ce_0000_0000_0000_0000_0000_0254, 128), Reserved::Metadata),
    (v6(0xfd00_0042_0000_0000_0000_0000_0000_0042, 128), Reserved::Metadata),
];

/// The bytes of an IPv6 address that are an IPv4 address.
type Embedded = [usize; 4];

const LAST: Embedded = [12, 13, 14, 15];

/// Which IPv6 addresses lead to IPv4 addresses, and where these are in them.
type Translation = (fn(&[u16; 8]) -> bool, &'static [Embedded]);

const TRANSLATIONS: [Translation; 7] = [
    // Compatible (RFC 4291), which `::` and `::1` are not.
    (|segments| matches!(segments, [0, 0, 0, 0, 0, 0, high, low] if *high > 0 || *low > 1), &[LAST]),
    // Translated (RFC 2765).
    (|segments| matches!(segments, [0, 0, 0, 0, 0xffff, 0, ..]), &[LAST]),
    // 6to4 (RFC 3056).
    (|segments| matches!(segments, [0x2002, ..]), &[[2, 3, 4, 5]]),
    // NAT64 (RFC 6052).
    (|segments| matches!(segments, [0x64, 0xff9b, 0, 0, 0, 0, ..]), &[LAST]),
    // NAT64 for local use (RFC 8215), with a prefix of each length. The eighth byte is left out.
    (
        |segments| matches!(segments, [0x64, 0xff9b, 1, ..]),
        &[[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], LAST],
    ),
    // Teredo (RFC 4380): the server.
    (|segments| matches!(segments, [0x2001, 0, ..]), &[[4, 5, 6, 7]]),
    // ISATAP (RFC 5214), in any network.
    (|segments| matches!(segments, [_, _, _, _, 0 | 0x200, 0x5efe, ..]), &[LAST]),
];

/// Why a device may not talk to this address, unless one of the `allowed` blocks has it.
pub(super) fn reserved(address: IpAddr, allowed: &[AddressBlock]) -> Option<Reserved> {
    let is_allowed = |one: IpAddr| allowed.iter().any(|block| block.contains(one));
    if is_allowed(address) {
        return None;
    }
    let reserved =
        |one: &IpAddr| RESERVED.iter().find(|(block, _)| block.contains(*one)).map(|(_, what)| *what);
    destinations(address).into_iter().filter(|one| !is_allowed(*one)).find_map(|one| reserved(&one))
}

/// Whether one of the listeners takes connections to this address.
pub(super) fn is_listener(address: SocketAddr, listeners: &[SocketAddr]) -> bool {
    let mut here = listeners.iter().filter(|listener| listener.port() == address.port()).peekable();
    if here.peek().is_none() {
        return false;
    }
    let targets = destinations(address.ip());
    let takes = |listener: IpAddr, target: IpAddr| match listener.to_canonical() {
        any if any.is_unspecified() => is_of_this_machine(target),
        // The unspecified address is this machine's own.
        one => one == target || target.is_unspecified() && one.is_loopback(),
    };
    here.any(|listener| targets.iter().any(|target| takes(listener.ip(), *target)))
}

/// Whether the machine itself has the address. Nothing is sent to find out: a socket can be bound to the machine's own addresses,
/// the secondary ones of an interface among them, and connecting a datagram socket only chooses a route: to an address of
/// its own the machine mostly talks from the same one. Where the system lets a socket be bound to any address
/// (`ip_nonlocal_bind`), every address counts as the machine's own.
fn is_of_this_machine(address: IpAddr) -> bool {
    if address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok() {
        return true;
    }
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let connected = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    connected.is_ok_and(|local| local.ip() == address)
}

/// An address, and the IPv4 addresses to which a translator, a tunnel or the system itself may bring it.
fn destinations(address: IpAddr) -> Vec<IpAddr> {
    let address = address.to_canonical();
    let mut all = vec![address];
    let IpAddr::V6(v6) = address else { return all };
    let (segments, octets) = (v6.segments(), v6.octets());
    let at =
        |place: &Embedded| Ipv4Addr::from_octets(place.map(|byte| octets.get(byte).copied().unwrap_or(0)));
    for (_, places) in TRANSLATIONS.iter().filter(|(applies, _)| applies(&segments)) {
        all.extend(places.iter().map(|place| IpAddr::V4(at(place))));
    }
    if let [0x2001, 0, ..] = segments {
        // Teredo's client, whose bits are inverted.
        all.push(Ipv4Addr::from_bits(!at(&LAST).to_bits()).into());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_addresses_are_known_in_all_their_forms() {
        let reserved = |text: &str| reserved(text.parse().unwrap(), &[]);
        for text in [
            "169.254.169.254",
            "169.254.0.0",
            "fe80::1",
            "febf::1",
            "::ffff:169.254.169.254",
            "::a9fe:a9fe",
            "::ffff:0:a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "2002:a9fe:a9fe:1:2:3:4:5",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "2001:0:a9fe:a9fe::",
            "2001:0:1:2:3:4:5601:5601",
            "2001:db8::5efe:a9fe:a9fe",
            "2001:db8::200:5efe:a9fe:a9fe",
        ] {
            assert_eq!(reserved(text), Some(Reserved::LinkLocal), "{text}");
        }
        for text in [
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:42::42",
            "2002:6464:64c8::1",
        ] {
            assert_eq!(reserved(text), Some(Reserved::Metadata), "{text}");
        }
        for text in [
            "127.0.0.1",
            "::1",
            "::",
            "0.0.0.0",
            "10.0.0.1",
            "169.253.0.1",
            "100.100.100.201",
            "fec0::1",
            "2001:db8::1",
            "2001:db8::a9fe:a9fe",
            "2002:a00:1::",
            "64:ff9b::a00:1",
            "fd00::1",
        ] {
            assert_eq!(reserved(text), None, "{text}");
        }
    }

    #[test]
    fn an_operator_allows_an_address_or_what_it_leads_to() {
        let allowed =
            |block: &str, text: &str| reserved(text.parse().unwrap(), &[block.parse().unwrap()]).is_none();
        assert!(allowed("169.254.7.0/24", "169.254.7.1"));
        assert!(allowed("169.254.7.0/24", "64:ff9b::a9fe:701"));
        assert!(!allowed("169.254.7.0/24", "64:ff9b::a9fe:801"));
        assert!(
            !allowed("169.254.7.0/24", "2001:0:a9fe:701:0:0:5601:5601"),
            "its server is allowed, its client is not"
        );
        assert!(allowed("2002:a9fe:a9fe::/48", "2002:a9fe:a9fe::1"));
        assert!(allowed("fd00:ec2::254", "fd00:ec2::254") && !allowed("fd00:ec2::254", "fd00:ec2::23"));
    }

    /// The machine's IPv4 addresses: those of the kernel's table of local routes.
    fn own_addresses() -> Vec<IpAddr> {
        let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
        let lines: Vec<&str> = table.lines().map(str::trim).collect();
        let address = |pair: &[&str]| match pair {
            [leaf, "/32 host LOCAL"] => leaf.strip_prefix("|-- ")?.parse().ok(),
            _ => None,
        };
        lines.windows(2).filter_map(address).collect()
    }

    #[test]
    fn each_address_of_this_machine_reaches_a_listener_on_all_addresses() {
        // Secondary addresses of an interface are among them, if the machine has any.
        for address in own_addresses() {
            let listener = [(Ipv4Addr::UNSPECIFIED, 8200).into()];
            assert!(is_listener((address, 8200).into(), &listener), "{address}");
        }
        // Addresses for documentation (RFC 5737, RFC 3849).
        for address in ["203.0.113.7", "2001:db8::7"] {
            assert!(!is_of_this_machine(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_listener_is_known_by_each_address_that_reaches_it() {
        let own = |listener: &str, address: &str| {
            is_listener(address.parse().unwrap(), &[listener.parse().unwrap()])
        };
        for address in
            ["127.0.0.1:8200", "[::ffff:127.0.0.1]:8200", "[::127.0.0.1]:8200", "0.0.0.0:8200", "[::]:8200"]
        {
            assert!(own("127.0.0.1:8200", address), "{address}");
            assert!(own("0.0.0.0:8200", address) && own("[::]:8200", address), "{address}");
        }
        assert!(own("0.0.0.0:8200", "127.9.9.9:8200") && own("[::]:8200", "[::1]:8200"));
        assert!(own("[::1]:8200", "[::1]:8200") && own("10.0.0.1:8200", "10.0.0.1:8200"));
        for (listener, address) in [
            ("127.0.0.1:8200", "127.0.0.1:8201"),
            ("127.0.0.1:8200", "127.0.0.2:8200"),
            ("10.0.0.1:8200", "10.0.0.2:8200"),
            ("10.0.0.1:8200", "0.0.0.0:8201"),
        ] {
            assert!(!own(listener, address), "{listener} {address}");
        }
    }
}
