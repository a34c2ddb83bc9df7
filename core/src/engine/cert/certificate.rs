//! Certificates: read from PEM and DER, and checked against authorities.
//! Never in it: what a role wants of a certificate.

use onrecord_value::Time;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::outcome::Refusal;

/// How many certificates a role can have, and how many a client can show.
const CERTIFICATES_MAX: usize = 32;

/// The certificates of a PEM text. `field` is its name, for the client.
pub(super) fn from_pem(field: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Refusal> {
    let refused =
        |why: &str| Refusal::invalid(format!("{field}: {why}; it is one or more certificates in PEM form"));
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|_| refused("failed to parse the PEM text"))?;
    if found.is_empty() || found.len() > CERTIFICATES_MAX {
        return Err(refused(&format!(
            "it has {} certificates, and may have 1 to {CERTIFICATES_MAX}",
            found.len()
        )));
    }
    if found.iter().all(|der| Certificate::parse(der).is_some()) {
        Ok(found)
    } else {
        Err(refused("failed to parse a certificate"))
    }
}

/// A certificate whose fields can be read.
pub(super) struct Certificate<'a> {
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der).ok()?;
        rest.is_empty().then_some(Self { der, parsed })
    }

    /// Whether it is one of the `trusted` ones, or leads to one of them through the others that the client has shown; and is
    /// valid now.
    pub(super) fn is_trusted(
        &self,
        others: &[CertificateDer<'_>],
        trusted: &[CertificateDer<'_>],
        now: Time,
    ) -> bool {
        if trusted.iter().any(|der| **der == *self.der) {
            return self.is_valid(now);
        }
        let leaf = CertificateDer::from(self.der);
        let Ok(leaf) = EndEntityCert::try_from(&leaf) else { return false };
        // The certificate of a client vouches for nobody but its owner, who could else be any other client.
        let is_authority =
            |der: &&CertificateDer<'_>| Certificate::parse(der).is_some_and(|it| it.is_authority());
        let authorities: Vec<_> = trusted.iter().filter(is_authority).collect();
        let anchors: Vec<_> =
            authorities.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let usage = KeyUsage::client_auth();
        let path = leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, others, time, usage, None, None);
        // An authority that has expired vouches for nobody.
        path.is_ok_and(|path| {
            let of_anchor = |der: &&CertificateDer<'_>| {
                anchor_from_trusted_cert(der).is_ok_and(|anchor| {
                    anchor.subject == path.anchor().subject
                        && anchor.subject_public_key_info == path.anchor().subject_public_key_info
                }) && Certificate::parse(der).is_some_and(|authority| authority.is_valid(now))
            };
            authorities.iter().any(of_anchor)
        })
    }

    /// Whether it may sign certificates: that of a client may not (RFC 5280, 4.2.1.9).
    fn is_authority(&self) -> bool {
        self.parsed.basic_constraints().is_ok_and(|found| found.is_some_and(|found| found.value.ca))
    }

    fn is_valid(&self, now: Time) -> bool {
        let validity = self.parsed.validity();
        let now = now.unix_seconds();
        validity.not_before.timestamp() <= now && now <= validity.not_after.timestamp()
    }

    pub(super) fn common_name(&self) -> Option<&str> {
        self.parsed.subject().iter_common_name().find_map(|name| name.as_str().ok())
    }

    pub(super) fn organizational_units(&self) -> Vec<&str> {
        self.parsed.subject().iter_organizational_unit().filter_map(|name| name.as_str().ok()).collect()
    }

    /// Its alternative names of one kind.
    fn names(&self, of: impl Fn(&GeneralName<'a>) -> Option<&'a str>) -> Vec<&'a str> {
        let Ok(Some(extension)) = self.parsed.subject_alternative_name() else { return Vec::new() };
        extension.value.general_names.iter().filter_map(of).collect()
    }

    pub(super) fn dns_names(&self) -> Vec<&'a str> {
        self.names(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None })
    }

    pub(super) fn emails(&self) -> Vec<&'a str> {
        self.names(|name| if let GeneralName::RFC822Name(name) = name { Some(*name) } else { None })
    }

    pub(super) fn uris(&self) -> Vec<&'a str> {
        self.names(|name| if let GeneralName::URI(name) = name { Some(*name) } else { None })
    }

    /// The bytes of an extension, by its object identifier in dots.
    pub(super) fn extension(&self, oid: &str) -> Option<&'a [u8]> {
        let is_it =
            |extension: &&x509_parser::extensions::X509Extension<'a>| extension.oid.to_id_string() == oid;
        self.parsed.extensions().iter().find(is_it).map(|extension| extension.value)
    }

    /// The serial number in decimal.
    pub(super) fn serial(&self) -> String {
        self.parsed.serial.to_string()
    }

    /// The identifiers of its key and of that of its authority, in hex with colons; empty where it has none.
    pub(super) fn key_ids(&self) -> (String, String) {
        use x509_parser::extensions::ParsedExtension;
        let mut ids = (String::new(), String::new());
        for extension in self.parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => ids.0 = with_colons(id.0),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    ids.1 = id.key_identifier.as_ref().map(|id| with_colons(id.0)).unwrap_or_default();
                }
                _ => {}
            }
        }
        ids
    }
}

fn with_colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| const_hex::encode([*byte])).collect::<Vec<_>>().join(":")
}

/// The text of an ASN.1 string; none if the bytes are of another type.
pub(super) fn text_of(der: &[u8]) -> Option<String> {
    let (rest, object) = x509_parser::der_parser::parse_der(der).ok()?;
    let text = object.content.as_str().ok()?;
    rest.is_empty().then(|| text.to_owned())
}
