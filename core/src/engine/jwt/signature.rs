//! Signatures of JSON Web Tokens (RFC 7515, RFC 7518): public-key algorithms alone. A token without a signature, and one with
//! a shared secret, is of no known algorithm.
//! Never in it: which key belongs to whom.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onrecord_value::{Object, json};

use super::keys::VerificationKey;

/// How long a token can be, in bytes.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// How deep and how large its JSON can be.
const LIMITS: json::Limits = json::Limits { depth: 32, nodes: 10_000 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];
    pub(super) const NAMES: [&str; 10] =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).and_then(|at| Self::ALL.get(at).copied())
    }

    /// The parameters of RSA; none for another kind of key.
    pub(super) fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &RSA_PSS_2048_8192_SHA512,
            Self::Es256 | Self::Es384 | Self::Es512 | Self::EdDsa => return None,
        })
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match (self.rsa(), self) {
            (Some(rsa), _) => rsa,
            (None, Self::Es384) => &ECDSA_P384_SHA384_FIXED,
            (None, Self::Es512) => &ECDSA_P521_SHA512_FIXED,
            (None, Self::EdDsa) => &ED25519,
            (None, _) => &ECDSA_P256_SHA256_FIXED,
        }
    }

    /// Whether a signature of a message was made with a key. A key of another kind than the algorithm's has made none.
    fn verifies(self, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.verification(), key).verify(message, signature).is_ok()
    }
}

/// A token as it was sent, taken apart. Nothing of it is to be believed before its signature is checked.
pub(super) struct SignedToken {
    pub(super) algorithm: Algorithm,
    key_id: Option<String>,
    claims: Object,
    /// What is signed.
    message: String,
    signature: Vec<u8>,
}

impl SignedToken {
    /// Takes a token apart; none if it is not of this form, or of an algorithm that is not known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let part = |part: &str| json::parse_object(&URL_SAFE_NO_PAD.decode(part).ok()?, LIMITS).ok();
        let (header, claims) = (part(header)?, part(claims)?);
        // What a `crit` header names must be understood (RFC 7515, 4.1.11), and nothing is.
        if header.contains("crit") {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::parse(header.str("alg")?)?,
            key_id: header.str("kid").map(str::to_owned),
            claims,
            message: message.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// The claims, if one of the keys has signed them.
    pub(super) fn verify(self, keys: &[VerificationKey]) -> Option<Object> {
        let may_be = |key: &&VerificationKey| match (&self.key_id, &key.id) {
            (Some(named), Some(known)) => named == known,
            _ => true,
        };
        let signed = |key: &VerificationKey| {
            key.takes(self.algorithm)
                && self.algorithm.verifies(&key.der, self.message.as_bytes(), &self.signature)
        };
        keys.iter().filter(may_be).any(signed).then_some(self.claims)
    }
}
