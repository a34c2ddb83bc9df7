//! Signatures and HMACs by a version of a key, and their verification.
//! Never in it: requests.

use std::sync::Arc;

use aws_lc_rs::constant_time;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use onrecord_seal::Entropy;

use super::crypt::{split, versioned};
use super::ecdsa::{MOST_HASH_BYTES, Marshaling};
use super::error::TransitError;
use super::key::{Key, Ready, Version, ed25519};
use super::key_type::KeyType;
use super::rsa_key::{Padding, Salt, most_salt_bytes};
use crate::engine::hashing::HashAlgorithm;

/// How a signature is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scheme {
    /// None: `none`, without the name of a hash function.
    pub(super) hash: Option<HashAlgorithm>,
    /// Whether the input is a hash already.
    pub(super) prehashed: bool,
    /// Of RSA signatures: whether they are PKCS#1 v1.5.
    pub(super) pkcs1: bool,
    pub(super) salt: Salt,
    pub(super) marshaling: Marshaling,
}

/// A signature.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) signature: String,
    pub(super) version: u64,
    /// Of a derived key: the public key that verifies it.
    pub(super) public_key: Option<String>,
}

impl Key {
    /// The signature of an input.
    pub(super) fn sign(
        &self,
        requested: i64,
        input: &[u8],
        context: &[u8],
        scheme: Scheme,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Signed, TransitError> {
        let hash = self.hash(input, scheme)?;
        let version = self.for_encryption(requested)?;
        let mut public_key = None;
        let private = version.private()?;
        let signature = match (self.key_type, version.ready(self.key_type)) {
            (KeyType::Ed25519, Ready::Ed25519(pair)) => match self.derived(version, context, 32)? {
                Some(seed) => {
                    let (public, pair) = ed25519(seed.expose())?;
                    public_key = Some(STANDARD.encode(public));
                    pair.try_sign(&hash).ok().map(|signature| signature.as_ref().to_vec())
                }
                None => pair.as_ref().and_then(|pair| Some(pair.try_sign(&hash).ok()?.as_ref().to_vec())),
            },
            (_, Ready::Ecdsa(signer)) => {
                signer.as_ref().and_then(|signer| signer.sign(&hash, scheme.marshaling))
            }
            (_, Ready::Rsa(ready)) => ready.0.sign(private.expose(), self.padding(scheme)?, &hash, entropy),
            _ => None,
        };
        let signature = signature.ok_or(TransitError::Internal)?;
        let encoded = match scheme.marshaling {
            Marshaling::Asn1 => STANDARD.encode(signature),
            Marshaling::Jws => URL_SAFE_NO_PAD.encode(signature),
        };
        Ok(Signed { signature: versioned(version.number, &encoded), version: version.number, public_key })
    }

    /// Whether a signature of an input is one by this key.
    pub(super) fn verify(
        &self,
        input: &[u8],
        context: &[u8],
        signature: &str,
        scheme: Scheme,
    ) -> Result<bool, TransitError> {
        let hash = self.hash(input, scheme)?;
        let (number, encoded) = split(signature, "signature")?;
        let version = self.for_decryption(number)?;
        let signature = match scheme.marshaling {
            Marshaling::Asn1 => STANDARD.decode(encoded),
            Marshaling::Jws => URL_SAFE_NO_PAD.decode(encoded),
        };
        let signature = signature.map_err(|_| TransitError::rejected("invalid base64 signature value"))?;
        let public = &version.material.public;
        Ok(match self.key_type {
            KeyType::Ed25519 => {
                let derived = self.derived(version, context, 32)?;
                let derived = derived.map(|seed| ed25519(seed.expose())).transpose()?;
                let public = derived.map_or_else(|| public.clone(), |(public, _)| public);
                UnparsedPublicKey::new(&ED25519, public).verify(&hash, &signature).is_ok()
            }
            KeyType::Ecdsa(curve) => curve.verify(public, &hash, &signature, scheme.marshaling),
            KeyType::Rsa(_) => match version.ready(self.key_type) {
                Ready::Rsa(ready) => ready.1.verify(public, self.padding(scheme)?, &hash, &signature),
                _ => false,
            },
            KeyType::Cipher(_) | KeyType::Hmac => return Err(self.unsupported("verification")),
        })
    }

    /// What is signed of an input: itself or its hash.
    fn hash(&self, input: &[u8], scheme: Scheme) -> Result<Vec<u8>, TransitError> {
        if !self.key_type.signs() {
            return Err(self.unsupported("signing"));
        }
        if self.key_type == KeyType::Ed25519 {
            if scheme.prehashed {
                return Err(TransitError::rejected(
                    "prehashed is not supported for keys of type ed25519: they sign the data itself",
                ));
            }
            return Ok(input.to_vec());
        }
        let is_bare = scheme.prehashed && scheme.pkcs1 && matches!(self.key_type, KeyType::Rsa(_));
        let Some(algorithm) = scheme.hash else {
            let text = "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15, and an RSA key";
            return if is_bare { self.check_bare(input) } else { Err(TransitError::rejected(text)) };
        };
        if !scheme.prehashed {
            return Ok(algorithm.hash(input));
        }
        let (length, is_ecdsa) = (input.len(), matches!(self.key_type, KeyType::Ecdsa(_)));
        if is_ecdsa && length > MOST_HASH_BYTES {
            return Err(TransitError::rejected(format!(
                "prehashed input has {length} bytes; a hash has {MOST_HASH_BYTES} at most"
            )));
        }
        if !is_ecdsa && length != algorithm.len() {
            let expected = algorithm.len();
            return Err(TransitError::rejected(format!(
                "prehashed input has {length} bytes; a hash by hash_algorithm has {expected}"
            )));
        }
        Ok(input.to_vec())
    }

    fn check_bare(&self, input: &[u8]) -> Result<Vec<u8>, TransitError> {
        let KeyType::Rsa(bits) = self.key_type else { return Err(TransitError::Internal) };
        let most = usize::try_from(bits / 8).unwrap_or(0).saturating_sub(11);
        if input.len() > most {
            return Err(TransitError::rejected(format!(
                "prehashed input has {} bytes; this key signs {most} at most",
                input.len()
            )));
        }
        Ok(input.to_vec())
    }

    fn padding(&self, scheme: Scheme) -> Result<Padding, TransitError> {
        let KeyType::Rsa(bits) = self.key_type else { return Err(TransitError::Internal) };
        let Some(algorithm) = scheme.hash else { return Ok(Padding::Pkcs1Bare) };
        if scheme.pkcs1 {
            return Ok(Padding::Pkcs1(algorithm));
        }
        let most = most_salt_bytes(usize::try_from(bits / 8).unwrap_or(0), algorithm).unwrap_or(0);
        if let Salt::Bytes(bytes) = scheme.salt
            && bytes > most
        {
            return Err(TransitError::rejected(format!(
                "salt_length is {bytes}; with this key and hash_algorithm it is {most} at most"
            )));
        }
        Ok(Padding::Pss(algorithm, scheme.salt))
    }

    /// The key of HMACs of a version.
    pub(super) fn hmac_key<'a>(&self, version: &'a Version) -> Result<&'a [u8], TransitError> {
        match self.key_type {
            KeyType::Hmac => version.private().map(onrecord_seal::SecretBytes::expose),
            _ => Ok(version.material.hmac.expose()),
        }
    }

    /// The HMAC of an input.
    pub(super) fn hmac(
        &self,
        requested: i64,
        input: &[u8],
        algorithm: HashAlgorithm,
    ) -> Result<String, TransitError> {
        let version = self.for_encryption(requested)?;
        let mac = algorithm.hmac(self.hmac_key(version)?, input).ok_or(TransitError::Internal)?;
        Ok(versioned(version.number, &STANDARD.encode(mac)))
    }

    /// Whether an HMAC of an input is one by this key.
    pub(super) fn verify_hmac(
        &self,
        input: &[u8],
        hmac: &str,
        algorithm: HashAlgorithm,
    ) -> Result<bool, TransitError> {
        let (number, encoded) = split(hmac, "HMAC")?;
        let version = self.for_decryption(number)?;
        let sent = STANDARD
            .decode(encoded)
            .map_err(|_| TransitError::rejected("invalid HMAC: could not decode base64"))?;
        let made = algorithm.hmac(self.hmac_key(version)?, input).ok_or(TransitError::Internal)?;
        Ok(constant_time::verify_slices_are_equal(&made, &sent).is_ok())
    }
}
