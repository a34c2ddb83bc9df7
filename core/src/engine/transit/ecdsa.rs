//! ECDSA over the NIST curves: keys as PKCS#8, signatures of hashes.
//! Never in it: versions of keys, requests.

use aws_lc_rs::digest::{Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED,
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_ASN1,
    ECDSA_P521_SHA512_ASN1_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair as _, UnparsedPublicKey,
};
use onrecord_seal::SecretBytes;

/// The longest hash.
pub(super) const MOST_HASH_BYTES: usize = 64;

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Curve {
    P256,
    P384,
    P521,
}

/// How the two numbers of a signature are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marshaling {
    /// As an ASN.1 sequence.
    Asn1,
    /// One after the other, each with the length of the curve's numbers.
    Jws,
}

impl Curve {
    /// Its name in answers.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    const fn signing(self, marshaling: Marshaling) -> &'static EcdsaSigningAlgorithm {
        match (self, marshaling) {
            (Self::P256, Marshaling::Asn1) => &ECDSA_P256_SHA256_ASN1_SIGNING,
            (Self::P256, Marshaling::Jws) => &ECDSA_P256_SHA256_FIXED_SIGNING,
            (Self::P384, Marshaling::Asn1) => &ECDSA_P384_SHA384_ASN1_SIGNING,
            (Self::P384, Marshaling::Jws) => &ECDSA_P384_SHA384_FIXED_SIGNING,
            (Self::P521, Marshaling::Asn1) => &ECDSA_P521_SHA512_ASN1_SIGNING,
            (Self::P521, Marshaling::Jws) => &ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }

    const fn verification(self, marshaling: Marshaling) -> &'static EcdsaVerificationAlgorithm {
        match (self, marshaling) {
            (Self::P256, Marshaling::Asn1) => &ECDSA_P256_SHA256_ASN1,
            (Self::P256, Marshaling::Jws) => &ECDSA_P256_SHA256_FIXED,
            (Self::P384, Marshaling::Asn1) => &ECDSA_P384_SHA384_ASN1,
            (Self::P384, Marshaling::Jws) => &ECDSA_P384_SHA384_FIXED,
            (Self::P521, Marshaling::Asn1) => &ECDSA_P521_SHA512_ASN1,
            (Self::P521, Marshaling::Jws) => &ECDSA_P521_SHA512_FIXED,
        }
    }

    /// A hash as the one kind of hash that the library signs with this curve. ECDSA takes a hash as a number of as many
    /// leading bits as the order of the curve has: the number is the same.
    fn digest(self, hash: &[u8]) -> Option<Digest> {
        let (algorithm, length) = match self {
            Self::P256 => (&SHA256, 32),
            Self::P384 => (&SHA384, 48),
            Self::P521 => (&SHA512, 64),
        };
        let mut fitting = vec![0; length];
        let hash = if self == Self::P521 { hash } else { hash.get(..length).unwrap_or(hash) };
        fitting.get_mut(length.checked_sub(hash.len())?..)?.copy_from_slice(hash);
        Digest::import_less_safe(&fitting, algorithm).ok()
    }

    fn key_pair(self, pkcs8: &[u8], marshaling: Marshaling) -> Option<EcdsaKeyPair> {
        EcdsaKeyPair::from_pkcs8(self.signing(marshaling), pkcs8).ok()
    }

    /// A new private key, as PKCS#8.
    pub(in crate::engine) fn generate(self) -> Option<SecretBytes> {
        let pair = EcdsaKeyPair::generate(self.signing(Marshaling::Asn1)).ok()?;
        pair.to_pkcs8v1().ok().map(|document| SecretBytes::new(document.as_ref().to_vec()))
    }

    /// A private key that came as PKCS#8 or as SEC 1, as PKCS#8.
    pub(in crate::engine) fn import(self, der: &[u8]) -> Option<SecretBytes> {
        let pair = EcdsaKeyPair::from_private_key_der(self.signing(Marshaling::Asn1), der).ok()?;
        pair.to_pkcs8v1().ok().map(|document| SecretBytes::new(document.as_ref().to_vec()))
    }

    /// The public key of a private one, as a `SubjectPublicKeyInfo`.
    pub(in crate::engine) fn public(self, pkcs8: &[u8]) -> Option<Vec<u8>> {
        let der: PublicKeyX509Der<'_> = self.key_pair(pkcs8, Marshaling::Asn1)?.public_key().as_der().ok()?;
        Some(der.as_ref().to_vec())
    }

    /// The private key as SEC 1 has it.
    pub(in crate::engine) fn sec1(self, pkcs8: &[u8]) -> Option<SecretBytes> {
        let pair = self.key_pair(pkcs8, Marshaling::Asn1)?;
        let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().ok()?;
        Some(SecretBytes::new(der.as_ref().to_vec()))
    }

    /// Whether bytes are a public key of the curve.
    pub(in crate::engine) fn is_public(self, spki: &[u8]) -> bool {
        UnparsedPublicKey::new(self.verification(Marshaling::Asn1), spki).parse().is_ok()
    }

    /// Whether a signature of a hash is the owner's.
    pub(super) fn verify(self, spki: &[u8], hash: &[u8], signature: &[u8], marshaling: Marshaling) -> bool {
        let key = UnparsedPublicKey::new(self.verification(marshaling), spki);
        self.digest(hash).is_some_and(|digest| key.verify_digest(&digest, signature).is_ok())
    }
}

/// A private key, ready to sign.
pub(super) struct EcdsaSigner {
    curve: Curve,
    asn1: EcdsaKeyPair,
    jws: EcdsaKeyPair,
}

impl EcdsaSigner {
    pub(super) fn new(curve: Curve, pkcs8: &[u8]) -> Option<Self> {
        let asn1 = curve.key_pair(pkcs8, Marshaling::Asn1)?;
        Some(Self { curve, asn1, jws: curve.key_pair(pkcs8, Marshaling::Jws)? })
    }

    /// The signature of a hash of at most [`MOST_HASH_BYTES`].
    pub(super) fn sign(&self, hash: &[u8], marshaling: Marshaling) -> Option<Vec<u8>> {
        let pair = match marshaling {
            Marshaling::Asn1 => &self.asn1,
            Marshaling::Jws => &self.jws,
        };
        pair.sign_digest(&self.curve.digest(hash)?).ok().map(|signature| signature.as_ref().to_vec())
    }
}
