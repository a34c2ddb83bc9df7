//! Hash functions by the names that the API has for them, and their HMACs.
//! Never in it: requests, keys, or where a hash is used.

use hmac::{KeyInit as _, Mac as _, SimpleHmac};
use sha2::Digest as _;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashAlgorithm {
    Sha1,
    Sha2_224,
    Sha2_256,
    Sha2_384,
    Sha2_512,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

/// Evaluates an expression with a name for the type of a hash function.
macro_rules! with_hash {
    ($algorithm:expr, $hash:ident => $do:expr) => {
        match $algorithm {
            $crate::engine::hashing::HashAlgorithm::Sha1 => {
                type $hash = ::sha1::Sha1;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha2_224 => {
                type $hash = ::sha2::Sha224;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha2_256 => {
                type $hash = ::sha2::Sha256;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha2_384 => {
                type $hash = ::sha2::Sha384;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha2_512 => {
                type $hash = ::sha2::Sha512;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha3_224 => {
                type $hash = ::sha3::Sha3_224;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha3_256 => {
                type $hash = ::sha3::Sha3_256;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha3_384 => {
                type $hash = ::sha3::Sha3_384;
                $do
            }
            $crate::engine::hashing::HashAlgorithm::Sha3_512 => {
                type $hash = ::sha3::Sha3_512;
                $do
            }
        }
    };
}

pub(crate) use with_hash;

impl HashAlgorithm {
    /// All that hashes and HMACs may be made with. SHA-1 is for signatures of older systems alone.
    const NAMED: [(&'static str, Self); 9] = [
        ("sha1", Self::Sha1),
        ("sha2-224", Self::Sha2_224),
        ("sha2-256", Self::Sha2_256),
        ("sha2-384", Self::Sha2_384),
        ("sha2-512", Self::Sha2_512),
        ("sha3-224", Self::Sha3_224),
        ("sha3-256", Self::Sha3_256),
        ("sha3-384", Self::Sha3_384),
        ("sha3-512", Self::Sha3_512),
    ];

    /// The function of a name such as `sha2-256`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
    }

    /// The hash of a text.
    pub(crate) fn hash(self, input: &[u8]) -> Vec<u8> {
        with_hash!(self, Hash => Hash::digest(input).to_vec())
    }

    /// The length of a hash, in bytes.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha2_224 | Self::Sha3_224 => 28,
            Self::Sha2_256 | Self::Sha3_256 => 32,
            Self::Sha2_384 | Self::Sha3_384 => 48,
            Self::Sha2_512 | Self::Sha3_512 => 64,
        }
    }

    /// The HMAC of a text; none where the key cannot be one.
    pub(crate) fn hmac(self, key: &[u8], input: &[u8]) -> Option<Vec<u8>> {
        with_hash!(self, Hash => {
            let mut mac = SimpleHmac::<Hash>::new_from_slice(key).ok()?;
            mac.update(input);
            Some(mac.finalize().into_bytes().to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hash and HMAC (with the key `key`) of `abc`, by Python's hashlib.
    const KNOWN: [(&str, &str, &str); 9] = [
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d", "4fd0b215276ef12f2b3e4c8ecac2811498b656fc"),
        (
            "sha2-224",
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            "f524670b7e34f31467de0aa96593861cf65117d414fb2d86158d760e",
        ),
        (
            "sha2-256",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab",
        ),
        (
            "sha2-384",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "30ddb9c8f347cffbfb44e519d814f074cf4047a55d6f563324f1c6a33920e5edfb2a34bac60bdc96cd33a95623d7d638",
        ),
        (
            "sha2-512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "3926a207c8c42b0c41792cbd3e1a1aaaf5f7a25704f62dfc939c4987dd7ce060009c5bb1c2447355b3216f10b537e9afa7b64a4e5391b0d631172d07939e087a",
        ),
        (
            "sha3-224",
            "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
            "09d9d74e7d761c8f27f07d8d35f95b9d160b6b4d8175329db68eea6d",
        ),
        (
            "sha3-256",
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            "09b6dbab8d11795ca7c8d82f1cf91682013c7cb980abbb25473be4ae7f7b5683",
        ),
        (
            "sha3-384",
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
            "94f2aa7ae7c4b7b8fa4c612fdb422b3343811b13c8888257904f543995cdbcba5e49f10f8ed6f7b9ddc1b30b3828815c",
        ),
        (
            "sha3-512",
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            "085e4e83503f40b82fef38438bc4905a55dbaa8c8878097a899db0b57ce7da57a368251c34474f60b3ebacb39b2edaca4b290456411c76ec7ab61944cfe2288e",
        ),
    ];

    #[test]
    fn hashes_and_hmacs_are_those_of_another_implementation() {
        for (name, hash, hmac) in KNOWN {
            let algorithm = HashAlgorithm::parse(name).unwrap();
            assert_eq!(const_hex::encode(algorithm.hash(b"abc")), hash, "{name}");
            assert_eq!(const_hex::encode(algorithm.hmac(b"key", b"abc").unwrap()), hmac, "{name}");
            assert_eq!(algorithm.len() * 2, hash.len());
        }
        assert_eq!(HashAlgorithm::parse("md5"), None);
    }
}
