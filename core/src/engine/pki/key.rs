//! Private keys of authorities and of what they issue: made, imported, signed with and written. And the public keys that
//! come in signing requests. Never in it: certificates, requests, storage.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use onrecord_seal::{Entropy, SecretBytes};

use super::der;
use crate::engine::transit::ecdsa::Curve;
use crate::engine::transit::material::{ed25519_pkcs8, ed25519_spki, seed_of};
use crate::engine::transit::{pem, rsa_key};
use crate::outcome::Refusal;

/// The lengths that an RSA key may have.
const RSA_BITS: [u32; 3] = [2048, 3072, 4096];
const CURVES: [(Curve, u32); 3] = [(Curve::P256, 256), (Curve::P384, 384), (Curve::P521, 521)];

/// A type of key, with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyType {
    Rsa(u32),
    Ec(Curve),
    Ed25519,
}

impl KeyType {
    /// The type that a client names. 0 bits are the usual number.
    pub(super) fn parse(name: &str, bits: u64) -> Result<Self, Refusal> {
        let wrong = |accepted: &str| {
            Refusal::invalid(format!("key_bits is {bits}; for keys of type {name} it must be {accepted}"))
        };
        match name {
            "rsa" => {
                let wanted = if bits == 0 { 2048 } else { bits };
                let found = RSA_BITS.into_iter().find(|known| u64::from(*known) == wanted);
                found.map(Self::Rsa).ok_or_else(|| wrong("2048, 3072 or 4096"))
            }
            "ec" => {
                let wanted = if bits == 0 { 256 } else { bits };
                let found = CURVES.into_iter().find(|(_, known)| u64::from(*known) == wanted);
                found.map(|(curve, _)| Self::Ec(curve)).ok_or_else(|| wrong("256, 384 or 521"))
            }
            // Other servers take any number here, and have no choice either.
            "ed25519" => Ok(Self::Ed25519),
            other => {
                Err(Refusal::invalid(format!("unknown key_type {other:?}; it must be rsa, ec or ed25519")))
            }
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ec(_) => "ec",
            Self::Ed25519 => "ed25519",
        }
    }

    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Rsa(bits) => bits,
            Self::Ec(curve) => CURVES.iter().find(|known| known.0 == curve).map_or(0, |known| known.1),
            Self::Ed25519 => 0,
        }
    }

    /// The type of a public key; none of one that cannot be certified here.
    pub(super) fn of_public(spki: &[u8]) -> Option<Self> {
        let rsa = || RSA_BITS.into_iter().find(|bits| rsa_key::is_public(*bits, spki)).map(Self::Rsa);
        let ec =
            || CURVES.into_iter().find(|(curve, _)| curve.is_public(spki)).map(|(curve, _)| Self::Ec(curve));
        let is_ed25519 = ed25519_spki(&[]).len() + 32 == spki.len() && spki.starts_with(&ed25519_spki(&[]));
        if is_ed25519 { Some(Self::Ed25519) } else { rsa().or_else(ec) }
    }
}

/// The hash function of an RSA signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SignatureBits {
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

impl SignatureBits {
    pub(super) fn parse(bits: u64) -> Result<Self, Refusal> {
        match bits {
            0 | 256 => Ok(Self::Sha256),
            384 => Ok(Self::Sha384),
            512 => Ok(Self::Sha512),
            _ => Err(Refusal::invalid(format!("signature_bits is {bits}; it must be 0, 256, 384 or 512"))),
        }
    }
}

/// A private key.
pub(super) struct PrivateKey {
    pub(super) key_type: KeyType,
    pkcs8: SecretBytes,
    /// The public key as a `SubjectPublicKeyInfo`.
    pub(super) spki: Vec<u8>,
}

impl PrivateKey {
    /// A new key. Takes long for RSA.
    pub(super) fn generate(key_type: KeyType, entropy: &dyn Entropy) -> Option<Self> {
        let pkcs8 = match key_type {
            KeyType::Rsa(bits) => rsa_key::generate(bits)?,
            KeyType::Ec(curve) => curve.generate()?,
            KeyType::Ed25519 => {
                let seed = SecretBytes::with(32, |out| entropy.fill(out)).ok()?;
                ed25519_pkcs8(seed.expose())
            }
        };
        Self::of(key_type, pkcs8)
    }

    /// A key from its stored form.
    pub(super) fn of(key_type: KeyType, pkcs8: SecretBytes) -> Option<Self> {
        let spki = match key_type {
            KeyType::Rsa(_) => rsa_key::public(pkcs8.expose())?,
            KeyType::Ec(curve) => curve.public(pkcs8.expose())?,
            KeyType::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.expose()).ok()?;
                ed25519_spki(pair.public_key().as_ref())
            }
        };
        Some(Self { key_type, pkcs8, spki })
    }

    /// A key that came as PKCS#8, PKCS#1 or SEC 1.
    pub(super) fn import(der: &[u8]) -> Option<Self> {
        let rsa = || {
            let found = RSA_BITS.into_iter().find_map(|bits| Some((bits, rsa_key::import(bits, der)?)));
            found.map(|(bits, pkcs8)| (KeyType::Rsa(bits), pkcs8))
        };
        let ec = || {
            let found = CURVES.into_iter().find_map(|(curve, _)| Some((curve, curve.import(der)?)));
            found.map(|(curve, pkcs8)| (KeyType::Ec(curve), pkcs8))
        };
        let ed25519 = || seed_of(der).map(|seed| (KeyType::Ed25519, ed25519_pkcs8(seed.expose())));
        let (key_type, pkcs8) = ed25519().or_else(ec).or_else(rsa)?;
        Self::of(key_type, pkcs8)
    }

    pub(super) fn pkcs8(&self) -> &SecretBytes {
        &self.pkcs8
    }

    /// The name of the signature's algorithm (as an `AlgorithmIdentifier`), which is signed too.
    pub(super) fn algorithm(&self, bits: SignatureBits) -> Vec<u8> {
        let rsa =
            |last| der::sequence(&[&der::oid(&[42, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last]), &der::null()]);
        let ecdsa = |last| der::sequence(&[&der::oid(&[42, 0x86, 0x48, 0xce, 0x3d, 4, 3, last])]);
        match (self.key_type, bits) {
            (KeyType::Rsa(_), SignatureBits::Sha256) => rsa(11),
            (KeyType::Rsa(_), SignatureBits::Sha384) => rsa(12),
            (KeyType::Rsa(_), SignatureBits::Sha512) => rsa(13),
            (KeyType::Ec(Curve::P256), _) => ecdsa(2),
            (KeyType::Ec(Curve::P384), _) => ecdsa(3),
            (KeyType::Ec(Curve::P521), _) => ecdsa(4),
            (KeyType::Ed25519, _) => der::sequence(&[&der::oid(&[43, 101, 112])]),
        }
    }

    fn signature(&self, message: &[u8], bits: SignatureBits) -> Option<Vec<u8>> {
        let (random, pkcs8) = (SystemRandom::new(), self.pkcs8.expose());
        match self.key_type {
            KeyType::Rsa(_) => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
                let padding: &'static dyn signature::RsaEncoding = match bits {
                    SignatureBits::Sha256 => &signature::RSA_PKCS1_SHA256,
                    SignatureBits::Sha384 => &signature::RSA_PKCS1_SHA384,
                    SignatureBits::Sha512 => &signature::RSA_PKCS1_SHA512,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            KeyType::Ec(curve) => {
                let algorithm = match curve {
                    Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
                    Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
                    Curve::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
                };
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).ok()?;
                Some(pair.sign(&random, message).ok()?.as_ref().to_vec())
            }
            KeyType::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?;
                Some(pair.sign(message).as_ref().to_vec())
            }
        }
    }

    /// What is signed, with its signature: a certificate, a signing request or a revocation list. What is signed names the
    /// algorithm itself, but for a signing request.
    pub(super) fn sign(&self, to_be_signed: &[u8], bits: SignatureBits) -> Option<Vec<u8>> {
        let signature = self.signature(to_be_signed, bits)?;
        Some(der::sequence(&[to_be_signed, &self.algorithm(bits), &der::bits(&signature)]))
    }

    /// The key in DER and its label in PEM: as is usual for its type, or as PKCS#8.
    pub(super) fn write(&self, as_pkcs8: bool) -> Option<(&'static str, SecretBytes)> {
        match self.key_type {
            KeyType::Rsa(_) if !as_pkcs8 => Some(("RSA PRIVATE KEY", rsa_key::pkcs1(self.pkcs8.expose())?)),
            KeyType::Ec(curve) if !as_pkcs8 => Some(("EC PRIVATE KEY", curve.sec1(self.pkcs8.expose())?)),
            _ => Some(("PRIVATE KEY", self.pkcs8.duplicate())),
        }
    }

    /// The key in PEM.
    pub(super) fn to_pem(&self, as_pkcs8: bool) -> Option<String> {
        let (label, der) = self.write(as_pkcs8)?;
        Some(pem::encode(label, der.expose()).trim_end().to_owned())
    }
}

/// Whether a signature by an algorithm (in dots) is that of a public key, which is given without its name, with its type.
pub(super) fn is_signed(
    key_type: KeyType,
    key: &[u8],
    algorithm: &str,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let verifier: &'static dyn VerificationAlgorithm = match (key_type, algorithm) {
        (KeyType::Rsa(_), "1.2.840.113549.1.1.11") => &signature::RSA_PKCS1_2048_8192_SHA256,
        (KeyType::Rsa(_), "1.2.840.113549.1.1.12") => &signature::RSA_PKCS1_2048_8192_SHA384,
        (KeyType::Rsa(_), "1.2.840.113549.1.1.13") => &signature::RSA_PKCS1_2048_8192_SHA512,
        (KeyType::Ec(Curve::P256), "1.2.840.10045.4.3.2") => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyType::Ec(Curve::P256), "1.2.840.10045.4.3.3") => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyType::Ec(Curve::P256), "1.2.840.10045.4.3.4") => &signature::ECDSA_P256_SHA512_ASN1,
        (KeyType::Ec(Curve::P384), "1.2.840.10045.4.3.2") => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyType::Ec(Curve::P384), "1.2.840.10045.4.3.3") => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyType::Ec(Curve::P384), "1.2.840.10045.4.3.4") => &signature::ECDSA_P384_SHA512_ASN1,
        (KeyType::Ec(Curve::P521), "1.2.840.10045.4.3.2") => &signature::ECDSA_P521_SHA256_ASN1,
        (KeyType::Ec(Curve::P521), "1.2.840.10045.4.3.3") => &signature::ECDSA_P521_SHA384_ASN1,
        (KeyType::Ec(Curve::P521), "1.2.840.10045.4.3.4") => &signature::ECDSA_P521_SHA512_ASN1,
        (KeyType::Ed25519, "1.3.101.112") => &signature::ED25519,
        _ => return false,
    };
    UnparsedPublicKey::new(verifier, key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use onrecord_seal::OsEntropy;

    use super::*;

    #[test]
    fn a_key_of_each_type_comes_back_from_each_of_its_forms() {
        for key_type in
            [KeyType::Rsa(2048), KeyType::Ec(Curve::P256), KeyType::Ec(Curve::P521), KeyType::Ed25519]
        {
            let key = PrivateKey::generate(key_type, &OsEntropy::new()).unwrap();
            assert_eq!(KeyType::of_public(&key.spki), Some(key_type));
            for as_pkcs8 in [false, true] {
                let (_, der) = key.write(as_pkcs8).unwrap();
                let back = PrivateKey::import(der.expose()).unwrap();
                assert_eq!((back.key_type, &back.spki), (key_type, &key.spki), "{as_pkcs8}");
            }
        }
        assert!(PrivateKey::import(b"no key").is_none());
        assert_eq!(KeyType::of_public(b"no key"), None);
    }
}
