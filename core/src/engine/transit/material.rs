//! What a version of a key is made of: the private and public part, and the key of HMACs; made, imported and checked.
//! Never in it: versions, requests, storage.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use onrecord_seal::{Entropy, SecretBytes};

use super::key_type::KeyType;
use super::{pem, rsa_key};

/// The length of a key of HMACs, if nothing else is said.
pub(super) const HMAC_BYTES: usize = 32;
/// The longest key of HMACs.
pub(super) const MOST_HMAC_BYTES: usize = 512;
/// What stands before an Ed25519 public key in a `SubjectPublicKeyInfo`.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// What stands before an Ed25519 seed in a PKCS#8 document.
const ED25519_PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The parts of a version.
pub(super) struct Material {
    /// Bytes of symmetric keys and the seed of Ed25519 as they are, others as PKCS#8. None of an imported public key.
    pub(super) private: Option<SecretBytes>,
    /// Of asymmetric keys: 32 bytes of Ed25519, others as a `SubjectPublicKeyInfo`. Empty for symmetric ones.
    pub(super) public: Vec<u8>,
    /// The key of HMACs; that of a key of type `hmac` is its private part.
    pub(super) hmac: SecretBytes,
}

impl Material {
    /// New parts. Takes long for RSA.
    pub(super) fn generate(key_type: KeyType, hmac_bytes: usize, entropy: &dyn Entropy) -> Option<Self> {
        let private = match key_type {
            KeyType::Cipher(cipher) => random(entropy, cipher.key_len())?,
            KeyType::Ed25519 => random(entropy, 32)?,
            KeyType::Ecdsa(curve) => curve.generate()?,
            KeyType::Rsa(bits) => rsa_key::generate(bits)?,
            KeyType::Hmac => random(entropy, hmac_bytes)?,
        };
        Self::with(key_type, private, entropy)
    }

    fn with(key_type: KeyType, private: SecretBytes, entropy: &dyn Entropy) -> Option<Self> {
        let public = public_of(key_type, private.expose())?;
        Some(Self { private: Some(private), public, hmac: random(entropy, HMAC_BYTES)? })
    }

    /// The parts of an imported private key: bytes of a symmetric one, PKCS#8 of others.
    pub(super) fn import(key_type: KeyType, bytes: &[u8], entropy: &dyn Entropy) -> Option<Self> {
        let private = match key_type {
            KeyType::Cipher(cipher) => {
                (bytes.len() == cipher.key_len()).then(|| SecretBytes::new(bytes.to_vec()))
            }
            KeyType::Ed25519 => seed_of(bytes),
            KeyType::Ecdsa(curve) => curve.import(bytes),
            KeyType::Rsa(bits) => rsa_key::import(bits, bytes),
            KeyType::Hmac => (HMAC_BYTES..=MOST_HMAC_BYTES)
                .contains(&bytes.len())
                .then(|| SecretBytes::new(bytes.to_vec())),
        };
        Self::with(key_type, private?, entropy)
    }

    /// The parts of an imported public key, a PEM text.
    pub(super) fn import_public(key_type: KeyType, text: &str, entropy: &dyn Entropy) -> Option<Self> {
        let spki = || pem::decode("PUBLIC KEY", text);
        let public = match key_type {
            KeyType::Ed25519 => spki()?.strip_prefix(&ED25519_SPKI[..])?.to_vec(),
            KeyType::Rsa(_) => {
                rsa_key::import_public(&spki().or_else(|| pem::decode("RSA PUBLIC KEY", text))?)?
            }
            KeyType::Ecdsa(_) => spki()?,
            KeyType::Cipher(_) | KeyType::Hmac => return None,
        };
        is_public(key_type, &public).then_some(())?;
        Some(Self { private: None, public, hmac: random(entropy, HMAC_BYTES)? })
    }

    /// Whether the parts are what they should be: of a backup, which its holder may have changed.
    pub(super) fn is_sound(&self, key_type: KeyType) -> bool {
        let Some(private) = &self.private else { return is_public(key_type, &self.public) };
        let bytes = private.expose();
        let is_private = match key_type {
            KeyType::Cipher(cipher) => bytes.len() == cipher.key_len(),
            KeyType::Ed25519 => bytes.len() == 32,
            KeyType::Ecdsa(_) => true,
            KeyType::Rsa(bits) => is_public(KeyType::Rsa(bits), &self.public),
            KeyType::Hmac => (HMAC_BYTES..=MOST_HMAC_BYTES).contains(&bytes.len()),
        };
        is_private
            && self.hmac.len() == HMAC_BYTES
            && public_of(key_type, bytes).as_ref() == Some(&self.public)
    }

    /// Another copy.
    pub(super) fn duplicate(&self) -> Self {
        Self {
            private: self.private.as_ref().map(SecretBytes::duplicate),
            public: self.public.clone(),
            hmac: self.hmac.duplicate(),
        }
    }
}

/// Random bytes.
pub(super) fn random(entropy: &dyn Entropy, length: usize) -> Option<SecretBytes> {
    SecretBytes::with(length, |out| entropy.fill(out)).ok()
}

/// The public part of a private one; empty for a symmetric key.
fn public_of(key_type: KeyType, private: &[u8]) -> Option<Vec<u8>> {
    match key_type {
        KeyType::Cipher(_) | KeyType::Hmac => Some(Vec::new()),
        KeyType::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_unchecked(private).ok()?;
            Some(pair.public_key().as_ref().to_vec())
        }
        KeyType::Ecdsa(curve) => curve.public(private),
        KeyType::Rsa(_) => rsa_key::public(private),
    }
}

fn is_public(key_type: KeyType, public: &[u8]) -> bool {
    match key_type {
        KeyType::Cipher(_) | KeyType::Hmac => false,
        KeyType::Ed25519 => UnparsedPublicKey::new(&ED25519, public).parse().is_ok(),
        KeyType::Ecdsa(curve) => curve.is_public(public),
        KeyType::Rsa(bits) => rsa_key::is_public(bits, public),
    }
}

/// The seed of an Ed25519 key that came as PKCS#8.
pub(in crate::engine) fn seed_of(pkcs8: &[u8]) -> Option<SecretBytes> {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?;
    let seed = pair.seed().ok()?.as_be_bytes().ok()?;
    Some(SecretBytes::new(seed.as_ref().to_vec()))
}

/// An Ed25519 public key as a `SubjectPublicKeyInfo`.
pub(in crate::engine) fn ed25519_spki(public: &[u8]) -> Vec<u8> {
    [&ED25519_SPKI[..], public].concat()
}

/// An Ed25519 seed as PKCS#8.
pub(in crate::engine) fn ed25519_pkcs8(seed: &[u8]) -> SecretBytes {
    SecretBytes::new([&ED25519_PKCS8[..], seed].concat())
}
