//! PEM texts of several blocks: certificates and private keys that an operator imports.
//! Never in it: what is made of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_seal::SecretBytes;

use super::certificate::Facts;
use super::key::PrivateKey;
use crate::outcome::Refusal;

/// The longest text.
const BYTES_MAX: usize = 256 << 10;
/// How many blocks it may have.
const BLOCKS_MAX: usize = 32;

/// What a text has: its certificates in their order, and its private keys.
#[derive(Default)]
pub(super) struct Bundle {
    pub(super) certificates: Vec<(Vec<u8>, Facts)>,
    pub(super) keys: Vec<PrivateKey>,
}

impl Bundle {
    /// Reads a text. Takes long for RSA keys.
    pub(super) fn parse(field: &str, text: &str) -> Result<Self, Refusal> {
        let wrong = |why: &str| Refusal::invalid(format!("{field}: {why}"));
        if text.trim().is_empty() {
            return Err(wrong("it is empty; it must be certificates in PEM"));
        }
        if text.len() > BYTES_MAX {
            return Err(wrong(&format!("it has {} bytes; it may have {BYTES_MAX}", text.len())));
        }
        let mut bundle = Self::default();
        let blocks = blocks(text).ok_or_else(|| wrong("it is not PEM"))?;
        if blocks.is_empty() {
            return Err(wrong("it has no block in PEM"));
        }
        for (label, der) in blocks {
            match label {
                "CERTIFICATE" => {
                    let facts =
                        Facts::of(der.expose()).ok_or_else(|| wrong("a certificate does not parse"))?;
                    bundle.certificates.push((der.expose().to_vec(), facts));
                }
                "EC PARAMETERS" => {}
                label if label.ends_with("PRIVATE KEY") => {
                    let key = PrivateKey::import(der.expose()).ok_or_else(|| {
                        wrong(
                            "a private key does not parse; it must be RSA (2048, 3072 or 4096 bits), ECDSA (P-256, P-384 \
                             or P-521) or Ed25519, and not encrypted",
                        )
                    })?;
                    bundle.keys.push(key);
                }
                _ => return Err(wrong("it has a block that is neither CERTIFICATE nor PRIVATE KEY")),
            }
        }
        Ok(bundle)
    }

    /// Takes the certificate of a public key, with those that lead up from it, the nearest first.
    pub(super) fn take_chain(&mut self, spki: &[u8]) -> Option<(Vec<u8>, Facts, Vec<Vec<u8>>)> {
        let at = self.certificates.iter().position(|(_, facts)| facts.spki == spki)?;
        let (certificate, facts) = self.certificates.remove(at);
        let (mut chain, mut issuer, mut subject) = (Vec::new(), facts.issuer.clone(), facts.subject.clone());
        while issuer != subject {
            let Some(at) = self.certificates.iter().position(|(_, above)| above.subject == issuer) else {
                break;
            };
            let (above, facts) = self.certificates.remove(at);
            (issuer, subject) = (facts.issuer, facts.subject);
            chain.push(above);
        }
        Some((certificate, facts, chain))
    }
}

/// The blocks of a text, each with its label.
fn blocks(text: &str) -> Option<Vec<(&str, SecretBytes)>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----")?;
        let (encoded, after) = body.split_once(&format!("-----END {label}-----"))?;
        let mut encoded: Vec<u8> = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(&encoded).ok().map(SecretBytes::new);
        zeroize::Zeroize::zeroize(&mut encoded);
        found.push((label, der?));
        if found.len() > BLOCKS_MAX {
            return None;
        }
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_bundle_is_refused_and_makes_no_panic() {
        for text in [
            "",
            "hello",
            "-----BEGIN ",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----",
        ] {
            let refused = Bundle::parse("pem_bundle", text).err().unwrap().text.unwrap();
            assert!(refused.starts_with("pem_bundle: "), "{refused}");
        }
    }
}
