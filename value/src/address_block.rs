//! Blocks of IP addresses, such as `203.0.113.0/24` (RFC 4632, RFC 4291 section 2.3).
//! Never in it: what a block is for.

use std::net::IpAddr;
use std::str::FromStr;

/// A block of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressBlock {
    first: IpAddr,
    /// How many leading bits all addresses share.
    bits: u8,
}

/// A text that is not a block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IP address, nor a block of them such as 10.0.0.0/8")]
pub struct AddressBlockError;

impl FromStr for AddressBlock {
    type Err = AddressBlockError;

    fn from_str(text: &str) -> Result<Self, AddressBlockError> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| AddressBlockError)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| AddressBlockError)?;
        if bits <= most { Ok(Self { first, bits }) } else { Err(AddressBlockError) }
    }
}

impl AddressBlock {
    /// The addresses that share this number of leading bits with one. With more bits than an address has there are none.
    pub const fn new(first: IpAddr, bits: u8) -> Self {
        Self { first, bits }
    }

    /// Whether the address is in the block. An address that is mapped into IPv6 is taken for what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(other)) => (first.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(first), IpAddr::V6(other)) => (first.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        same >= u32::from(self.bits)
    }

    /// Whether all addresses of the other block are in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.contains(other.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_contain_what_shares_their_leading_bits() {
        let contains = |block: &str, address: &str| {
            block.parse::<AddressBlock>().unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("169.254.7.0/24", "169.254.7.255"));
        assert!(contains("169.254.7.0/24", "::ffff:169.254.7.1"));
        assert!(!contains("169.254.7.0/24", "169.254.8.0"));
        assert!(contains("10.0.0.1", "10.0.0.1") && !contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("fe80::/10", "febf::1") && !contains("fe80::/10", "fec0::"));
        for text in ["", "x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8"] {
            assert_eq!(text.parse::<AddressBlock>(), Err(AddressBlockError), "{text}");
        }
    }
}
