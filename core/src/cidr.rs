//! Blocks of IP addresses in CIDR notation (RFC 4632), by which logins and tokens are bound to where they may be used.
//! Never in it: whose address is compared with them.

use std::fmt;
use std::net::IpAddr;

use crate::outcome::Refusal;

/// How many blocks one list can have.
const BLOCKS_MAX: usize = 256;

/// A block of addresses. It keeps the address as it was given, as Vault does: `10.1.2.3/8` is the block `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    /// How many bits of it count.
    bits: u8,
}

impl Cidr {
    /// `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = width(address);
        let is_number = |bits: &&str| !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            Some(bits) => Some(bits).filter(is_number)?.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self { address, bits })
    }

    /// Whether an address is in the block. An IPv4 address that came through an IPv6 socket is what it is.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.address) && prefix(address, self.bits) == prefix(self.address, self.bits)
    }

    /// Whether all addresses of the other block are in this one.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.contains(other.address)
    }
}

/// A block of one address is written as that address.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.address) {
            return self.address.fmt(f);
        }
        write!(f, "{}/{}", self.address, self.bits)
    }
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first bits of an address, with zeros for the others.
fn prefix(address: IpAddr, bits: u8) -> u128 {
    let (value, width) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    value.checked_shr(u32::from(width - bits.min(width))).unwrap_or(0)
}

/// The blocks of a list. `field` is its name, for the client.
pub(crate) fn parse_list(field: &str, texts: &[String]) -> Result<Vec<Cidr>, Refusal> {
    if texts.len() > BLOCKS_MAX {
        let text = format!("{field} has {} blocks of addresses; it may have {BLOCKS_MAX}", texts.len());
        return Err(Refusal::invalid(text));
    }
    let block = |text: &String| {
        Cidr::parse(text.trim()).ok_or_else(|| {
            Refusal::invalid(format!(
                "{field}: {text:?} is not a block of addresses such as 10.0.0.0/8 or 2001:db8::/32"
            ))
        })
    };
    texts.iter().map(block).collect()
}

/// Whether a client may come from its address: anywhere without blocks, and else from an address in one of them.
pub(crate) fn allow(blocks: &[Cidr], address: Option<IpAddr>) -> bool {
    blocks.is_empty() || address.is_some_and(|address| blocks.iter().any(|block| block.contains(address)))
}

/// Whether each block of `narrower` is within one of `wider`; without any in `wider` there is no bound.
pub(crate) fn is_subset(narrower: &[Cidr], wider: &[Cidr]) -> bool {
    wider.is_empty() || narrower.iter().all(|block| wider.iter().any(|outer| outer.covers(block)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Cidr {
        Cidr::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_block_has_the_addresses_that_begin_with_its_bits() {
        for (blocks, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.1.2.3/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("::/0", "192.0.2.1", false),
        ] {
            assert_eq!(block(blocks).contains(address.parse().unwrap()), inside, "{blocks} {address}");
        }
    }

    #[test]
    fn what_is_not_a_block_is_refused_by_name() {
        for text in
            ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "::/129", "example.com", "a/8"]
        {
            assert!(Cidr::parse(text).is_none(), "{text}");
        }
        let refusal = parse_list("cidr_list", &["10.0.0.0/99".to_owned()]).err().unwrap();
        assert!(refusal.text.unwrap().starts_with("cidr_list: \"10.0.0.0/99\" is not"));
        assert!(parse_list("cidr_list", &vec!["10.0.0.1".to_owned(); 257]).is_err());
    }

    #[test]
    fn a_block_is_written_as_it_was_given_and_one_address_alone() {
        for (given, written) in [
            ("127.0.0.1/32", "127.0.0.1"),
            ("10.1.2.3/8", "10.1.2.3/8"),
            ("::1/128", "::1"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(block(given).to_string(), written);
        }
    }

    #[test]
    fn narrower_blocks_are_within_wider_ones() {
        let blocks = |texts: &[&str]| texts.iter().map(|text| block(text)).collect::<Vec<_>>();
        let wide = blocks(&["10.0.0.0/8", "2001:db8::/32"]);
        assert!(is_subset(&blocks(&["10.1.0.0/16", "2001:db8::1"]), &wide));
        assert!(is_subset(&blocks(&[]), &wide) && is_subset(&blocks(&["192.0.2.1"]), &[]));
        assert!(!is_subset(&blocks(&["10.1.0.0/16", "192.0.2.1"]), &wide));
        assert!(!is_subset(&blocks(&["0.0.0.0/0"]), &wide), "a wider block is not within a narrower one");
        assert!(allow(&[], None) && !allow(&wide, None), "a Unix socket has no address");
        assert!(allow(&wide, Some("10.9.9.9".parse().unwrap())));
    }
}
