//! A block of addresses in a filter: `203.0.113.0/24`.
//! Never in it: which field has an address.

use std::net::IpAddr;

use onrecord_value::AddressBlock;

/// Reads an address and a number of bits.
pub(crate) fn parse(text: &str) -> Option<AddressBlock> {
    let (address, bits) = text.split_once('/')?;
    let block = text.parse().ok().filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    // Addresses of IPv4 that are written as those of IPv6 are compared as what they are.
    Some(match address.to_canonical() {
        mapped @ IpAddr::V4(_) if address.is_ipv6() && bits >= 96 => AddressBlock::new(mapped, bits - 96),
        _ => block,
    })
}

/// Whether an address as a log has it is one of these.
pub(crate) fn has(block: &AddressBlock, text: &str) -> bool {
    text.parse().is_ok_and(|address| block.contains(address))
}

#[cfg(test)]
mod tests {
    use super::{has, parse};

    #[test]
    fn an_address_is_in_a_block_if_its_first_bits_are_the_same() {
        for (block, address, is_in) in [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.77/24", "203.0.113.1", true),
            ("10.0.0.0/9", "10.127.0.1", true),
            ("10.0.0.0/9", "10.128.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::9", true),
            ("2001:db8::/32", "2001:db9::9", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("10.0.0.0/8", "", false),
            ("10.0.0.0/8", "a socket", false),
        ] {
            assert_eq!(has(&parse(block).unwrap(), address), is_in, "{block} {address}");
        }
        for text in [
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "/8",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
