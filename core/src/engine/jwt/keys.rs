//! Public keys: from PEM (a public key, or the certificate that has it), and from a JSON Web Key Set (RFC 7517, RFC 8037).
//! Never in it: private keys.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicKeyComponents;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onrecord_value::{Object, Value, json};
use rustls_pki_types::pem::{PemObject as _, SectionKind};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::signature::Algorithm;
use crate::outcome::Refusal;

/// A public key with its kind.
pub(super) struct VerificationKey {
    /// Its name in a key set.
    pub(super) id: Option<String>,
    kind: Kind,
    /// The key itself: an `RSAPublicKey` (RFC 8017), the point of a curve (SEC 1), or the bytes of an Ed25519 key.
    pub(super) der: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

impl VerificationKey {
    /// Whether signatures of an algorithm are made with keys of this kind.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        match self.kind {
            Kind::Rsa => algorithm.rsa().is_some(),
            Kind::P256 => algorithm == Algorithm::Es256,
            Kind::P384 => algorithm == Algorithm::Es384,
            Kind::P521 => algorithm == Algorithm::Es512,
            Kind::Ed25519 => algorithm == Algorithm::EdDsa,
        }
    }

    pub(super) fn from_pem(pem: &str) -> Result<Self, Refusal> {
        let refused = || {
            Refusal::invalid(
                "jwt_validation_pubkeys: failed to parse a key; it is a public key (RSA of 2048 bits or more, P-256, P-384, \
                 P-521, Ed25519) or a certificate in PEM form",
            )
        };
        let (kind, der) = <(SectionKind, Vec<u8>)>::from_pem_slice(pem.as_bytes()).map_err(|_| refused())?;
        let key = match kind {
            SectionKind::PublicKey => Self::from_info(&der),
            SectionKind::Certificate => {
                let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| refused())?;
                Self::from_info(certificate.public_key().raw)
            }
            _ => None,
        };
        key.ok_or_else(refused)
    }

    /// From a `SubjectPublicKeyInfo`.
    fn from_info(der: &[u8]) -> Option<Self> {
        let (rest, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let curve = || info.algorithm.parameters.as_ref()?.as_oid().ok().map(|oid| oid.to_id_string());
        let kind = match info.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => Kind::Rsa,
            "1.3.101.112" => Kind::Ed25519,
            "1.2.840.10045.2.1" => match curve()?.as_str() {
                "1.2.840.10045.3.1.7" => Kind::P256,
                "1.3.132.0.34" => Kind::P384,
                "1.3.132.0.35" => Kind::P521,
                _ => return None,
            },
            _ => return None,
        };
        let der = info.subject_public_key.data.to_vec();
        Some(Self { id: None, kind, der })
    }

    /// The keys of a set that can check signatures. Others, such as those for encryption, are passed over.
    pub(super) fn from_set(text: &str) -> Result<Vec<Self>, Refusal> {
        let refused =
            || Refusal::invalid("jwks: it has no key that can check signatures, in a list \"keys\"");
        let set = json::parse_object(text.as_bytes(), json::Limits::default()).map_err(|_| refused())?;
        let keys = set.get("keys").and_then(Value::as_array).unwrap_or_default();
        let keys: Vec<Self> = keys.iter().filter_map(|key| Self::from_jwk(key.as_object()?)).collect();
        if keys.is_empty() { Err(refused()) } else { Ok(keys) }
    }

    fn from_jwk(jwk: &Object) -> Option<Self> {
        if jwk.str("use").is_some_and(|of| of != "sig") {
            return None;
        }
        let bytes = |field: &str| URL_SAFE_NO_PAD.decode(jwk.str(field)?).ok();
        let (kind, der) = match (jwk.str("kty")?, jwk.str("crv")) {
            ("RSA", _) => {
                let info = PublicKeyComponents { n: bytes("n")?, e: bytes("e")? }.as_der().ok()?;
                let key = Self::from_info(info.as_ref())?;
                (key.kind, key.der)
            }
            ("EC", Some(curve)) => {
                let (kind, length) = match curve {
                    "P-256" => (Kind::P256, 32),
                    "P-384" => (Kind::P384, 48),
                    "P-521" => (Kind::P521, 66),
                    _ => return None,
                };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != length || y.len() != length {
                    return None;
                }
                // An uncompressed point (SEC 1, 2.3.3).
                (kind, [&[4], &*x, &*y].concat())
            }
            ("OKP", Some("Ed25519")) => (Kind::Ed25519, bytes("x")?),
            _ => return None,
        };
        Some(Self { id: jwk.str("kid").map(str::to_owned), kind, der })
    }
}
