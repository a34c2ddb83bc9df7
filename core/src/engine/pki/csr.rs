//! Signing requests (PKCS#10): read with their signature checked, and made.
//! Never in it: what is certified of a request.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::prelude::FromDer as _;

use super::certificate::{alt_names, basic_constraints};
use super::der;
use super::key::{KeyType, PrivateKey, SignatureBits, is_signed};
use super::names::AltNames;
use crate::engine::transit::pem;
use crate::outcome::Refusal;

/// The longest request, as PEM.
const BYTES_MAX: usize = 64 << 10;
/// 1.2.840.113549.1.9.14
const EXTENSION_REQUEST: [u8; 9] = [42, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14];

/// A request whose signer has the key. Of the extensions that it asks for only the names are read: no request makes its
/// certificate that of an authority, or gives it a usage.
pub(super) struct SigningRequest {
    /// In DER, as it came.
    pub(super) subject: Vec<u8>,
    pub(super) common_name: String,
    pub(super) spki: Vec<u8>,
    pub(super) key_type: KeyType,
    pub(super) names: AltNames,
}

impl SigningRequest {
    /// A request in PEM.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let wrong = |why: &str| Refusal::invalid(format!("csr: {why}"));
        if text.trim().is_empty() {
            return Err(wrong("it is empty; it must be a signing request in PEM"));
        }
        if text.len() > BYTES_MAX {
            return Err(wrong(&format!("it has {} bytes; it may have {BYTES_MAX}", text.len())));
        }
        let decode = |label| pem::decode(label, text);
        let der = decode("CERTIFICATE REQUEST").or_else(|| decode("NEW CERTIFICATE REQUEST"));
        let der = der.ok_or_else(|| wrong("it is not one block CERTIFICATE REQUEST in PEM"))?;
        let parsed = X509CertificationRequest::from_der(&der).ok().filter(|(rest, _)| rest.is_empty());
        let (_, parsed) = parsed.ok_or_else(|| wrong("the block does not parse as a PKCS#10 request"))?;
        let info = &parsed.certification_request_info;
        let spki = info.subject_pki.raw.to_vec();
        let key_type = KeyType::of_public(&spki).ok_or_else(|| {
            wrong("its key is none that is certified: RSA of 2048, 3072 or 4096 bits, ECDSA of P-256, P-384 or P-521, Ed25519")
        })?;
        let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
        let key = &info.subject_pki.subject_public_key.data;
        if !is_signed(key_type, key, &algorithm, info.raw, &parsed.signature_value.data) {
            return Err(wrong(
                "its signature is not that of its key, or is by an algorithm that is not accepted",
            ));
        }
        let mut names = AltNames::default();
        for attribute in info.iter_attributes() {
            if let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() {
                if !names.is_empty() {
                    return Err(wrong("it asks for extensions twice"));
                }
                names = AltNames::of_extensions(&requested.extensions)?;
            }
        }
        let first = |found: Option<&str>| found.unwrap_or_default().to_owned();
        Ok(Self {
            subject: info.subject.as_raw().to_vec(),
            common_name: first(info.subject.iter_common_name().find_map(|name| name.as_str().ok())),
            spki,
            key_type,
            names,
        })
    }
}

/// A request for an intermediate authority, in DER. Takes long for RSA.
pub(super) fn make(
    key: &PrivateKey,
    subject: &[u8],
    names: &AltNames,
    asks_for_authority: bool,
    bits: SignatureBits,
) -> Option<Vec<u8>> {
    let mut extensions = Vec::new();
    if asks_for_authority {
        extensions.push(basic_constraints(None));
    }
    if !names.is_empty() {
        extensions.push(alt_names(names));
    }
    let attributes = if extensions.is_empty() {
        Vec::new()
    } else {
        let asked = der::set(&der::sequence_of(&extensions));
        der::sequence(&[&der::oid(&EXTENSION_REQUEST), &asked])
    };
    let info = der::sequence(&[&der::number(0), subject, &key.spki, &der::explicit(0, &attributes)]);
    key.sign(&info, bits)
}
