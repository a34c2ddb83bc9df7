//! RSA: keys as PKCS#8, encryption with OAEP, signatures with PSS and PKCS#1 v1.5.
//! Never in it: versions of keys, requests.
//!
//! `aws-lc-rs` makes keys, decrypts, and signs what it has names for. It signs with no other salt than one of the hash's
//! length and not with every hash function: those signatures, and all verification, are the crate `rsa`'s (ADR 0023).

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey, PublicKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use onrecord_seal::{Entropy, EntropyError, SecretBytes};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::{Pkcs1v15Sign, Pss};

use crate::engine::hashing::{HashAlgorithm, with_hash};

/// How a hash is made into a number that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// With a salt.
    Pss(HashAlgorithm, Salt),
    /// With the name of the hash function.
    Pkcs1(HashAlgorithm),
    /// Without it.
    Pkcs1Bare,
}

/// The length of the salt of a PSS signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Salt {
    /// As long as possible when signing; of any length when verifying.
    Auto,
    /// As long as the hash.
    Hash,
    /// How many bytes it has.
    Bytes(usize),
}

/// A new private key with this number of bits, as PKCS#8.
pub(in crate::engine) fn generate(bits: u32) -> Option<SecretBytes> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return None,
    };
    pkcs8_of(&KeyPair::generate(size).ok()?)
}

fn pkcs8_of(pair: &KeyPair) -> Option<SecretBytes> {
    let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    Some(SecretBytes::new(der.as_ref().to_vec()))
}

/// A private key that came as PKCS#8 or PKCS#1, as PKCS#8, if it has this number of bits.
pub(in crate::engine) fn import(bits: u32, der: &[u8]) -> Option<SecretBytes> {
    let pair = KeyPair::from_pkcs8(der).or_else(|_| KeyPair::from_der(der)).ok()?;
    let pkcs8 = pkcs8_of(&pair)?;
    let public = public(pkcs8.expose())?;
    is_public(bits, &public).then_some(pkcs8)
}

/// The public key of a private one, as a `SubjectPublicKeyInfo`.
pub(in crate::engine) fn public(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let pair = KeyPair::from_pkcs8(pkcs8).ok()?;
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    Some(der.as_ref().to_vec())
}

/// A public key that came as a `SubjectPublicKeyInfo` or as PKCS#1, as the former.
pub(super) fn import_public(der: &[u8]) -> Option<Vec<u8>> {
    let der: PublicKeyX509Der<'_> = PublicKey::from_der(der).ok()?.as_der().ok()?;
    Some(der.as_ref().to_vec())
}

/// Whether bytes are a public key with this number of bits.
pub(in crate::engine) fn is_public(bits: u32, spki: &[u8]) -> bool {
    let length = PublicEncryptingKey::from_der(spki).ok().map(|key| key.key_size_bits());
    length.and_then(|length| u32::try_from(length).ok()) == Some(bits)
}

/// The private key as PKCS#1 has it.
pub(in crate::engine) fn pkcs1(pkcs8: &[u8]) -> Option<SecretBytes> {
    let key = rsa::PrivateKey::from_pkcs8_der(pkcs8).ok()?;
    key.to_pkcs1_der().ok().map(|der| SecretBytes::new(der.as_bytes().to_vec()))
}

/// What the private key decrypts of what was encrypted with OAEP.
pub(super) fn decrypt_oaep(
    pkcs8: &[u8],
    algorithm: &'static OaepAlgorithm,
    ciphertext: &[u8],
) -> Option<SecretBytes> {
    let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(pkcs8).ok()?).ok()?;
    decrypt_with(&key, algorithm, ciphertext)
}

fn decrypt_with(
    key: &OaepPrivateDecryptingKey,
    algorithm: &'static OaepAlgorithm,
    ciphertext: &[u8],
) -> Option<SecretBytes> {
    let mut plain = vec![0; key.min_output_size()];
    let length = key.decrypt(algorithm, ciphertext, &mut plain, None).ok()?.len();
    plain.truncate(length);
    Some(SecretBytes::new(plain))
}

/// A private key, made ready for each use when that comes first.
#[derive(Default)]
pub(super) struct RsaPrivate {
    decrypter: OnceLock<Option<OaepPrivateDecryptingKey>>,
    signer: OnceLock<Option<KeyPair>>,
    salting_signer: OnceLock<Option<rsa::PrivateKey>>,
}

impl RsaPrivate {
    pub(super) fn decrypt(&self, pkcs8: &[u8], ciphertext: &[u8]) -> Option<SecretBytes> {
        let key = || OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(pkcs8).ok()?).ok();
        decrypt_with(self.decrypter.get_or_init(key).as_ref()?, &OAEP_SHA256_MGF1SHA256, ciphertext)
    }

    /// The signature of a hash. None if the key is too short for the hash and the salt.
    pub(super) fn sign(
        &self,
        pkcs8: &[u8],
        padding: Padding,
        hash: &[u8],
        entropy: &Arc<dyn Entropy>,
    ) -> Option<Vec<u8>> {
        if let Some((encoding, digest)) = named(padding, hash) {
            let signer = self.signer.get_or_init(|| KeyPair::from_pkcs8(pkcs8).ok()).as_ref()?;
            let mut signature = vec![0; signer.public_modulus_len()];
            signer.sign_digest(encoding, &digest, &mut signature).ok()?;
            return Some(signature);
        }
        let key = self.salting_signer.get_or_init(|| rsa::PrivateKey::from_pkcs8_der(pkcs8).ok()).as_ref()?;
        let mut random = Random(Arc::clone(entropy));
        match padding {
            Padding::Pss(algorithm, salt) => {
                let most = most_salt_bytes(rsa::traits::PublicKeyParts::size(key), algorithm)?;
                let salt = match salt {
                    Salt::Auto => most,
                    Salt::Hash => algorithm.len(),
                    Salt::Bytes(bytes) => bytes,
                };
                if salt > most || hash.len() != algorithm.len() {
                    return None;
                }
                with_hash!(algorithm, Hash => {
                    key.sign_with_rng(&mut random, Pss::<Hash>::new_with_salt(salt), hash).ok()
                })
            }
            Padding::Pkcs1(algorithm) => key
                .sign_with_rng(&mut random, Pkcs1v15Sign::new_unprefixed(), &digest_info(algorithm, hash)?)
                .ok(),
            Padding::Pkcs1Bare => key.sign_with_rng(&mut random, Pkcs1v15Sign::new_unprefixed(), hash).ok(),
        }
    }
}

/// A public key, made ready for each use when that comes first.
#[derive(Default)]
pub(super) struct RsaPublic {
    encrypter: OnceLock<Option<OaepPublicEncryptingKey>>,
    verifier: OnceLock<Option<rsa::PublicKey>>,
}

impl RsaPublic {
    /// None if the plaintext is too long.
    pub(super) fn encrypt(&self, spki: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        let key = || OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(spki).ok()?).ok();
        let key = self.encrypter.get_or_init(key).as_ref()?;
        let mut sealed = vec![0; key.ciphertext_size()];
        let length = key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut sealed, None).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }

    pub(super) fn verify(&self, spki: &[u8], padding: Padding, hash: &[u8], signature: &[u8]) -> bool {
        let key = || rsa::PublicKey::from_public_key_der(spki).ok();
        let Some(key) = self.verifier.get_or_init(key) else { return false };
        let verified = match padding {
            Padding::Pss(algorithm, _) if hash.len() != algorithm.len() => return false,
            Padding::Pss(algorithm, salt) => with_hash!(algorithm, Hash => {
                let mut scheme = Pss::<Hash>::new();
                scheme.salt_len = match salt {
                    Salt::Auto => None,
                    Salt::Hash => Some(algorithm.len()),
                    Salt::Bytes(bytes) => Some(bytes),
                };
                key.verify(scheme, hash, signature)
            }),
            Padding::Pkcs1(algorithm) => match digest_info(algorithm, hash) {
                Some(info) => key.verify(Pkcs1v15Sign::new_unprefixed(), &info, signature),
                None => return false,
            },
            Padding::Pkcs1Bare => key.verify(Pkcs1v15Sign::new_unprefixed(), hash, signature),
        };
        verified.is_ok()
    }
}

/// The longest salt of a PSS signature by a key with this number of bytes, whose bits are a multiple of 8.
pub(super) fn most_salt_bytes(key_bytes: usize, algorithm: HashAlgorithm) -> Option<usize> {
    key_bytes.checked_sub(algorithm.len() + 2)
}

/// What `aws-lc-rs` has a name for.
fn named(padding: Padding, hash: &[u8]) -> Option<(&'static dyn RsaEncoding, Digest)> {
    use HashAlgorithm::{Sha2_256, Sha2_384, Sha2_512};
    let salted_alike = |algorithm: HashAlgorithm, salt| match salt {
        Salt::Auto => false,
        Salt::Hash => true,
        Salt::Bytes(bytes) => bytes == algorithm.len(),
    };
    let (encoding, algorithm): (&'static dyn RsaEncoding, _) = match padding {
        Padding::Pss(algorithm, salt) if salted_alike(algorithm, salt) => match algorithm {
            Sha2_256 => (&RSA_PSS_SHA256, &SHA256),
            Sha2_384 => (&RSA_PSS_SHA384, &SHA384),
            Sha2_512 => (&RSA_PSS_SHA512, &SHA512),
            _ => return None,
        },
        Padding::Pkcs1(Sha2_256) => (&RSA_PKCS1_SHA256, &SHA256),
        Padding::Pkcs1(Sha2_384) => (&RSA_PKCS1_SHA384, &SHA384),
        Padding::Pkcs1(Sha2_512) => (&RSA_PKCS1_SHA512, &SHA512),
        Padding::Pss(..) | Padding::Pkcs1(_) | Padding::Pkcs1Bare => return None,
    };
    Digest::import_less_safe(hash, algorithm).ok().map(|digest| (encoding, digest))
}

/// A hash with the name of its function, as PKCS#1 v1.5 signs it. None if the hash has another length.
fn digest_info(algorithm: HashAlgorithm, hash: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(algorithm.len()).ok().filter(|length| usize::from(*length) == hash.len())?;
    let mut info = match algorithm {
        HashAlgorithm::Sha1 => {
            vec![0x30, 13 + length, 0x30, 9, 6, 5, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 5, 0, 4, length]
        }
        _ => {
            // The last number of the function's name below 2.16.840.1.101.3.4.2.
            let number = match algorithm {
                HashAlgorithm::Sha2_256 | HashAlgorithm::Sha1 => 1,
                HashAlgorithm::Sha2_384 => 2,
                HashAlgorithm::Sha2_512 => 3,
                HashAlgorithm::Sha2_224 => 4,
                HashAlgorithm::Sha3_224 => 7,
                HashAlgorithm::Sha3_256 => 8,
                HashAlgorithm::Sha3_384 => 9,
                HashAlgorithm::Sha3_512 => 10,
            };
            let head = [0x30, 17 + length, 0x30, 13, 6, 9];
            [&head[..], &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, number, 5, 0, 4, length]].concat()
        }
    };
    info.extend_from_slice(hash);
    Some(info)
}

/// The host's randomness, as the crate `rsa` takes it.
struct Random(Arc<dyn Entropy>);

impl TryRng for Random {
    type Error = EntropyError;

    fn try_next_u32(&mut self) -> Result<u32, EntropyError> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, EntropyError> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(out)
    }
}

impl TryCryptoRng for Random {}
