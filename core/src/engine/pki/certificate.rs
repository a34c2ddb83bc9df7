//! Certificates: made of their parts and signed, and read as far as this engine needs it.
//! Never in it: which parts a request or a role gives (`issue`, `authority`).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use onrecord_seal::Entropy;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::config::Urls;
use super::der;
use super::key::{KeyType, PrivateKey, SignatureBits, is_signed};
use super::names::AltNames;

const SUBJECT_KEY_ID: [u8; 3] = [0x55, 29, 14];
const KEY_USAGE: [u8; 3] = [0x55, 29, 15];
const ALT_NAMES: [u8; 3] = [0x55, 29, 17];
const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 29, 19];
const NAME_CONSTRAINTS: [u8; 3] = [0x55, 29, 30];
const CRL_POINTS: [u8; 3] = [0x55, 29, 31];
const AUTHORITY_KEY_ID: [u8; 3] = [0x55, 29, 35];
const EXT_KEY_USAGE: [u8; 3] = [0x55, 29, 37];
/// 1.3.6.1.5.5.7.1.1
const AUTHORITY_INFO: [u8; 8] = [43, 6, 1, 5, 5, 7, 1, 1];
/// 1.3.6.1.5.5.7.48, below which are 1 (OCSP) and 2 (the issuer's certificate).
const ACCESS: [u8; 7] = [43, 6, 1, 5, 5, 7, 48];

/// What a certificate says of its holder as an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BasicConstraints {
    /// It is one; how many there may be below it, if that is limited.
    Authority(Option<u32>),
    /// It is none.
    NoAuthority,
    /// Nothing, which means the same.
    Absent,
}

/// What a certificate says of its holder.
pub(super) struct Certificate<'a> {
    pub(super) serial: [u8; 20],
    /// The subject in DER.
    pub(super) subject: &'a [u8],
    pub(super) names: &'a AltNames,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    pub(super) spki: &'a [u8],
    pub(super) constraints: BasicConstraints,
    pub(super) key_usage: u16,
    pub(super) ext_key_usage: &'a [Vec<u8>],
    /// Below which domains an authority may issue; all if there are none.
    pub(super) permitted_domains: &'a [String],
    pub(super) urls: &'a Urls,
}

/// By whom a certificate or a revocation list is signed.
pub(super) struct Signer<'a> {
    /// The subject of the issuer in DER, byte by byte as its certificate has it.
    pub(super) name: &'a [u8],
    /// What its certificate says is the name of its key.
    pub(super) key_id: &'a [u8],
    pub(super) key: &'a PrivateKey,
    pub(super) bits: SignatureBits,
}

impl Certificate<'_> {
    /// The certificate in DER. Takes long for RSA.
    pub(super) fn sign(&self, signer: &Signer<'_>) -> Option<Vec<u8>> {
        let validity = der::sequence(&[&der::time(self.not_before), &der::time(self.not_after)]);
        let to_be_signed = der::sequence(&[
            &der::explicit(0, &der::number(2)),
            &der::integer(&self.serial),
            &signer.key.algorithm(signer.bits),
            signer.name,
            &validity,
            self.subject,
            self.spki,
            &der::explicit(3, &der::sequence_of(&self.extensions(signer)?)),
        ]);
        signer.key.sign(&to_be_signed, signer.bits)
    }

    fn extensions(&self, signer: &Signer<'_>) -> Option<Vec<Vec<u8>>> {
        let mut list = Vec::new();
        if self.key_usage != 0 {
            list.push(extension(&KEY_USAGE, true, &der::named_bits(self.key_usage)));
        }
        if !self.ext_key_usage.is_empty() {
            let oids: Vec<Vec<u8>> = self.ext_key_usage.iter().map(|oid| der::oid(oid)).collect();
            list.push(extension(&EXT_KEY_USAGE, false, &der::sequence_of(&oids)));
        }
        match self.constraints {
            BasicConstraints::Authority(length) => list.push(basic_constraints(length)),
            BasicConstraints::NoAuthority => {
                list.push(extension(&BASIC_CONSTRAINTS, true, &der::sequence(&[])));
            }
            BasicConstraints::Absent => {}
        }
        list.push(extension(&SUBJECT_KEY_ID, false, &der::octets(&key_id(self.spki)?)));
        let authority = der::sequence(&[&der::implicit(0, signer.key_id)]);
        list.push(extension(&AUTHORITY_KEY_ID, false, &authority));
        if !self.names.is_empty() {
            // RFC 5280, 4.2.1.6: critical if the subject is empty.
            let is_critical = self.subject == der::sequence(&[]);
            list.push(extension(&ALT_NAMES, is_critical, &self.names.to_der()));
        }
        if !self.permitted_domains.is_empty() {
            let subtree = |domain: &String| der::sequence(&[&der::implicit(2, domain.as_bytes())]);
            let subtrees: Vec<Vec<u8>> = self.permitted_domains.iter().map(subtree).collect();
            let constraints = der::sequence(&[&der::explicit(0, &subtrees.concat())]);
            list.push(extension(&NAME_CONSTRAINTS, true, &constraints));
        }
        list.extend(locations(self.urls));
        Some(list)
    }
}

/// Where the issuer's certificate, its OCSP server and its revocation list are.
fn locations(urls: &Urls) -> Vec<Vec<u8>> {
    let mut list = Vec::new();
    let access = |last: u8| {
        move |url: &String| {
            let method = der::oid(&[&ACCESS[..], &[last]].concat());
            der::sequence(&[&method, &der::implicit(6, url.as_bytes())])
        }
    };
    let mut infos: Vec<Vec<u8>> = urls.ocsp_servers.iter().map(access(1)).collect();
    infos.extend(urls.issuing_certificates.iter().map(access(2)));
    if !infos.is_empty() {
        list.push(extension(&AUTHORITY_INFO, false, &der::sequence_of(&infos)));
    }
    let point = |url: &String| {
        let name = der::explicit(0, &der::implicit(6, url.as_bytes()));
        der::sequence(&[&der::explicit(0, &name)])
    };
    let points: Vec<Vec<u8>> = urls.crl_distribution_points.iter().map(point).collect();
    if !points.is_empty() {
        list.push(extension(&CRL_POINTS, false, &der::sequence_of(&points)));
    }
    list
}

/// An extension.
pub(super) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::boolean(true) } else { Vec::new() };
    der::sequence(&[&der::oid(oid), &critical, &der::octets(value)])
}

/// The extension that says which key signs.
pub(super) fn authority_key_id(key_id: &[u8]) -> Vec<u8> {
    extension(&AUTHORITY_KEY_ID, false, &der::sequence(&[&der::implicit(0, key_id)]))
}

/// The extension of alternative names.
pub(super) fn alt_names(names: &AltNames) -> Vec<u8> {
    extension(&ALT_NAMES, false, &names.to_der())
}

/// The extension of an authority.
pub(super) fn basic_constraints(length: Option<u32>) -> Vec<u8> {
    let length = length.map(|length| der::number(u64::from(length))).unwrap_or_default();
    extension(&BASIC_CONSTRAINTS, true, &der::sequence(&[&der::boolean(true), &length]))
}

/// The name of a public key: SHA-1 of its bits (RFC 5280, 4.2.1.2). It is no proof of anything.
pub(super) fn key_id(spki: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = SubjectPublicKeyInfo::from_der(spki).ok()?;
    Some(digest(&SHA1_FOR_LEGACY_USE_ONLY, &parsed.subject_public_key.data).as_ref().to_vec())
}

/// A random serial number: positive, and always 20 bytes long.
pub(super) fn random_serial(entropy: &dyn Entropy) -> Option<[u8; 20]> {
    let mut serial = [0; 20];
    entropy.fill(&mut serial).ok()?;
    let [first, ..] = &mut serial;
    *first = *first & 0x7f | 0x40;
    Some(serial)
}

/// A serial number as answers show it: hex with colons.
pub(super) fn show_serial(bytes: &[u8]) -> String {
    let digits: Vec<String> =
        bytes.iter().skip_while(|byte| **byte == 0).map(|byte| const_hex::encode([*byte])).collect();
    if digits.is_empty() { "00".to_owned() } else { digits.join(":") }
}

/// What this engine needs to know of a certificate.
pub(super) struct Facts {
    /// In hex with colons.
    pub(super) serial: String,
    pub(super) raw_serial: Vec<u8>,
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) spki: Vec<u8>,
    /// The name of its key: as it says, or computed.
    pub(super) key_id: Vec<u8>,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    pub(super) is_authority: bool,
    pub(super) path_length: Option<u32>,
    /// Without extensions that name the issuer's key.
    extensions: Vec<Vec<u8>>,
}

impl Facts {
    /// None if the bytes are not one certificate.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let constraints = parsed.basic_constraints().ok()?.map(|found| found.value.clone());
        let own_id = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        });
        let spki = parsed.public_key().raw.to_vec();
        let kept = parsed.extensions().iter().filter(|found| found.oid.as_bytes() != AUTHORITY_KEY_ID);
        let extensions =
            kept.map(|found| extension(found.oid.as_bytes(), found.critical, found.value)).collect();
        Some(Self {
            serial: show_serial(parsed.raw_serial()),
            raw_serial: parsed.raw_serial().to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            key_id: own_id.or_else(|| key_id(&spki))?,
            spki,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            is_authority: constraints.as_ref().is_some_and(|found| found.ca),
            path_length: constraints.and_then(|found| found.path_len_constraint),
            extensions,
        })
    }

    /// The same certificate by another issuer, in DER.
    pub(super) fn sign_again(&self, signer: &Signer<'_>) -> Option<Vec<u8>> {
        let mut extensions = self.extensions.clone();
        extensions.push(authority_key_id(signer.key_id));
        let to_be_signed = der::sequence(&[
            &der::explicit(0, &der::number(2)),
            &der::integer(&self.raw_serial),
            &signer.key.algorithm(signer.bits),
            signer.name,
            &der::sequence(&[&der::time(self.not_before), &der::time(self.not_after)]),
            &self.subject,
            &self.spki,
            &der::explicit(3, &der::sequence_of(&extensions)),
        ]);
        signer.key.sign(&to_be_signed, signer.bits)
    }
}

/// Whether a certificate is signed by the holder of a public key.
pub(super) fn is_signed_by(der: &[u8], spki: &[u8]) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else { return false };
    let Ok((_, key)) = SubjectPublicKeyInfo::from_der(spki) else { return false };
    let Some(key_type) = KeyType::of_public(spki) else { return false };
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    let message: &[u8] = parsed.tbs_certificate.as_ref();
    is_signed(key_type, &key.subject_public_key.data, &algorithm, message, &parsed.signature_value.data)
}
