//! The types of keys, and what can be done with a key of each.
//! Never in it: keys.

use super::cipher::Cipher;
use super::ecdsa::Curve;

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyType {
    Cipher(Cipher),
    Ed25519,
    Ecdsa(Curve),
    /// With this many bits.
    Rsa(u32),
    Hmac,
}

/// What is done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
}

/// Names in the API, the numbers under which the types are stored, and the types.
const TYPES: [(&str, u8, KeyType); 12] = [
    ("aes128-gcm96", 1, KeyType::Cipher(Cipher::Aes128Gcm96)),
    ("aes256-gcm96", 2, KeyType::Cipher(Cipher::Aes256Gcm96)),
    ("chacha20-poly1305", 3, KeyType::Cipher(Cipher::ChaCha20Poly1305)),
    ("xchacha20-poly1305", 4, KeyType::Cipher(Cipher::XChaCha20Poly1305)),
    ("ed25519", 5, KeyType::Ed25519),
    ("ecdsa-p256", 6, KeyType::Ecdsa(Curve::P256)),
    ("ecdsa-p384", 7, KeyType::Ecdsa(Curve::P384)),
    ("ecdsa-p521", 8, KeyType::Ecdsa(Curve::P521)),
    ("rsa-2048", 9, KeyType::Rsa(2048)),
    ("rsa-3072", 10, KeyType::Rsa(3072)),
    ("rsa-4096", 11, KeyType::Rsa(4096)),
    ("hmac", 12, KeyType::Hmac),
];

impl KeyType {
    pub(super) const DEFAULT: Self = Self::Cipher(Cipher::Aes256Gcm96);

    pub(super) fn parse(name: &str) -> Option<Self> {
        TYPES.into_iter().find(|(known, ..)| *known == name).map(|(.., key_type)| key_type)
    }

    pub(super) fn stored(number: u8) -> Option<Self> {
        TYPES.into_iter().find(|(_, known, _)| *known == number).map(|(.., key_type)| key_type)
    }

    /// All names, for a refusal.
    pub(super) fn names() -> String {
        TYPES.map(|(name, ..)| name).join(", ")
    }

    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    pub(super) fn number(self) -> u8 {
        self.row().1
    }

    fn row(self) -> (&'static str, u8) {
        let row = TYPES.into_iter().find(|(.., key_type)| *key_type == self);
        row.map_or(("", 0), |(name, number, _)| (name, number))
    }

    pub(super) const fn encrypts(self) -> bool {
        matches!(self, Self::Cipher(_) | Self::Rsa(_))
    }

    pub(super) const fn signs(self) -> bool {
        self.is_asymmetric()
    }

    pub(super) const fn derives(self) -> bool {
        matches!(self, Self::Cipher(_) | Self::Ed25519)
    }

    pub(super) const fn is_asymmetric(self) -> bool {
        matches!(self, Self::Ed25519 | Self::Ecdsa(_) | Self::Rsa(_))
    }

    /// About how many microseconds an operation takes, beside the work on its input.
    pub(super) const fn micros(self, operation: Operation) -> u64 {
        match (self, operation) {
            (Self::Cipher(_) | Self::Hmac, _) => 1,
            (Self::Ed25519, _) => 40,
            (Self::Ecdsa(Curve::P256), _) => 80,
            (Self::Ecdsa(Curve::P384 | Curve::P521), _) => 500,
            (Self::Rsa(_), Operation::Encrypt) => 100,
            (Self::Rsa(_), Operation::Verify) => 300,
            (Self::Rsa(_), Operation::Decrypt | Operation::Sign) => 2000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_name_and_by_the_number_it_is_stored_under() {
        for (name, number, key_type) in TYPES {
            assert_eq!(KeyType::parse(name), Some(key_type));
            assert_eq!(KeyType::stored(number), Some(key_type));
            assert_eq!((key_type.name(), key_type.number()), (name, number));
        }
        assert_eq!((KeyType::parse("ml-dsa"), KeyType::stored(0)), (None, None));
    }
}
