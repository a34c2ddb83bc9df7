//! The addresses that a token may be used from, as blocks. Never in it: which address a request came from.

use std::net::IpAddr;

use onrecord_audit::device::AddressBlock;
use onrecord_value::Value;

use crate::stored::{Field, Plain};

/// How many blocks there can be. Each request with the token is compared with all of them.
const BLOCKS_MAX: usize = 64;

/// Blocks of addresses; none of them: every address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoundCidrs(Vec<(String, AddressBlock)>);

impl BoundCidrs {
    /// Reads blocks such as `10.0.0.0/8` and addresses. The error says which one is wrong, and what is accepted.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, String> {
        if texts.len() > BLOCKS_MAX {
            return Err(format!("there are {} blocks of addresses; there can be {BLOCKS_MAX}", texts.len()));
        }
        let block = |text: &T| {
            let text = text.as_ref().trim();
            let block = text.parse().map_err(|error| format!("{text:?} is {error}"))?;
            Ok((text.to_owned(), block))
        };
        texts.iter().map(block).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none: every address will do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request from this address may use the token. One without an address (a Unix socket) may not, if there are
    /// blocks.
    pub fn allow(&self, address: Option<IpAddr>) -> bool {
        self.is_empty()
            || address.is_some_and(|address| self.0.iter().any(|(_, block)| block.contains(address)))
    }

    /// Whether each block is within one of `wider`; without any there, there is no bound.
    pub fn are_within(&self, wider: &Self) -> bool {
        let is_within = |block: &AddressBlock| wider.0.iter().any(|(_, outer)| outer.covers(block));
        wider.is_empty() || self.0.iter().all(|(_, block)| is_within(block))
    }

    /// The blocks as they were given.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(text, _)| text.as_str())
    }
}

impl Field<Plain> for BoundCidrs {
    fn store(&self) -> Value {
        if self.is_empty() { Value::Null } else { self.texts().collect() }
    }

    fn load(value: &Value) -> Option<Self> {
        Self::parse(&<Vec<String> as Field<Plain>>::load(value)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_allow_the_addresses_in_them_and_none_allows_all() {
        let blocks = BoundCidrs::parse(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]).unwrap();
        let allows = |address: &str| blocks.allow(Some(address.parse().unwrap()));
        assert!(
            allows("10.1.2.3") && allows("::ffff:10.1.2.3") && allows("2001:db8::1") && allows("192.0.2.7")
        );
        assert!(!allows("11.1.2.3") && !allows("192.0.2.8") && !allows("::1"));
        assert!(!blocks.allow(None), "a Unix socket has no address");
        assert!(BoundCidrs::default().allow(None));
    }

    #[test]
    fn narrower_blocks_are_within_wider_ones() {
        let blocks = |texts: &[&str]| BoundCidrs::parse(texts).unwrap();
        let wide = blocks(&["10.0.0.0/8", "2001:db8::/32"]);
        assert!(blocks(&["10.1.0.0/16", "2001:db8::1"]).are_within(&wide));
        assert!(blocks(&["192.0.2.1"]).are_within(&BoundCidrs::default()), "there is no bound");
        assert!(!blocks(&["10.1.0.0/16", "192.0.2.1"]).are_within(&wide));
        assert!(!blocks(&["0.0.0.0/0"]).are_within(&wide), "a wider block is not within a narrower one");
    }

    #[test]
    fn a_text_that_is_no_block_is_named() {
        assert_eq!(
            BoundCidrs::parse(&["10.0.0.0/8", "here"]).unwrap_err(),
            "\"here\" is not an IP address, nor a block of them such as 10.0.0.0/8"
        );
        assert!(BoundCidrs::parse(&["10.0.0.0/33"]).is_err());
        assert!(BoundCidrs::parse(&["10.0.0.1"; BLOCKS_MAX + 1]).unwrap_err().contains("can be 64"));
    }
}
