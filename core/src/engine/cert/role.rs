//! A role: the authorities that it trusts, what it wants of a certificate, and what its tokens are like.
//! Never in it: storage, the login.

use onrecord_value::{Object, object};

use super::certificate::{Certificate, from_pem, text_of};
use crate::engine::fields;
use crate::engine::login_parameters::{LoginParameters, NAMES, OlderNames};
use crate::glob::glob_matches;
use crate::names::check_name;
use crate::outcome::Refusal;
use crate::stored::record;

const OLDER: OlderNames = &[
    ("bound_cidrs", "token_bound_cidrs"),
    ("lease", "token_ttl"),
    ("max_ttl", "token_max_ttl"),
    ("period", "token_period"),
    ("policies", "token_policies"),
    ("ttl", "token_ttl"),
];
/// How many patterns a list can have.
const PATTERNS_MAX: usize = 256;
/// The fields of online checks, which this server does not make.
const OCSP: [&str; 2] = ["ocsp_enabled", "ocsp_query_all_servers"];
const KNOWN: [&str; 10] = [
    "allowed_common_names",
    "allowed_dns_sans",
    "allowed_email_sans",
    "allowed_metadata_extensions",
    "allowed_names",
    "allowed_organizational_units",
    "allowed_uri_sans",
    "certificate",
    "display_name",
    "required_extensions",
];

/// What is stored of a role. A list without patterns allows all names.
#[derive(Clone, Default)]
pub(super) struct CertRole {
    /// PEM: authorities, or certificates of clients.
    pub(super) certificate: String,
    pub(super) display_name: String,
    allowed_names: Vec<String>,
    allowed_common_names: Vec<String>,
    allowed_dns_sans: Vec<String>,
    allowed_email_sans: Vec<String>,
    allowed_uri_sans: Vec<String>,
    allowed_organizational_units: Vec<String>,
    /// `OID:PATTERN`, or `hex:OID:PATTERN`.
    required_extensions: Vec<String>,
    /// Object identifiers.
    metadata_extensions: Vec<String>,
    pub(super) parameters: LoginParameters,
}

record! { CertRole() {
    "certificate" => certificate,
    "display_name" => display_name,
    "parameters" => parameters,
} optional {
    "allowed_common_names" => allowed_common_names as Sparse,
    "allowed_dns_sans" => allowed_dns_sans as Sparse,
    "allowed_email_sans" => allowed_email_sans as Sparse,
    "allowed_metadata_extensions" => metadata_extensions as Sparse,
    "allowed_names" => allowed_names as Sparse,
    "allowed_organizational_units" => allowed_organizational_units as Sparse,
    "allowed_uri_sans" => allowed_uri_sans as Sparse,
    "required_extensions" => required_extensions as Sparse,
} }

impl CertRole {
    /// Takes over what a request sets. A refused request leaves all as it was.
    pub(super) fn apply(&mut self, data: &Object) -> Result<(), Refusal> {
        let mut next = self.clone();
        for field in OCSP {
            if fields::flag(data, field)?.unwrap_or_default() {
                return Err(Refusal::invalid(format!(
                    "{field}: this server does not ask OCSP servers; write revocation lists to crls/NAME"
                )));
            }
        }
        if let Some(pem) = fields::text(data, "certificate")? {
            from_pem("certificate", &pem)?;
            next.certificate = pem.into_owned();
        }
        if next.certificate.is_empty() {
            return Err(Refusal::invalid("missing certificate: one or more certificates in PEM form"));
        }
        if let Some(name) = fields::text(data, "display_name")? {
            check_name("display_name", &name)?;
            next.display_name = name.into_owned();
        }
        for (field, list) in [
            ("allowed_common_names", &mut next.allowed_common_names),
            ("allowed_dns_sans", &mut next.allowed_dns_sans),
            ("allowed_email_sans", &mut next.allowed_email_sans),
            ("allowed_metadata_extensions", &mut next.metadata_extensions),
            ("allowed_names", &mut next.allowed_names),
            ("allowed_organizational_units", &mut next.allowed_organizational_units),
            ("allowed_uri_sans", &mut next.allowed_uri_sans),
            ("required_extensions", &mut next.required_extensions),
        ] {
            if let Some(patterns) = fields::texts(data, field)? {
                if patterns.len() > PATTERNS_MAX {
                    let text = format!("{field} has {} patterns; it may have {PATTERNS_MAX}", patterns.len());
                    return Err(Refusal::invalid(text));
                }
                *list = patterns;
            }
        }
        if let Some(wrong) = next.required_extensions.iter().find(|wanted| Required::parse(wanted).is_none())
        {
            return Err(Refusal::invalid(format!(
                "required_extensions: {wrong:?} is not OID:VALUE or hex:OID:VALUE"
            )));
        }
        next.parameters.apply(data, OLDER)?;
        *self = next;
        Ok(())
    }

    /// As an answer shows it.
    pub(super) fn show(&self, name: &str) -> Object {
        let mut shown = self.parameters.show(OLDER);
        let display_name = if self.display_name.is_empty() { name } else { &self.display_name };
        shown.extend(object! {
            "allowed_common_names" => self.allowed_common_names.as_slice(),
            "allowed_dns_sans" => self.allowed_dns_sans.as_slice(),
            "allowed_email_sans" => self.allowed_email_sans.as_slice(),
            "allowed_metadata_extensions" => self.metadata_extensions.as_slice(),
            "allowed_names" => self.allowed_names.as_slice(),
            "allowed_organizational_units" => self.allowed_organizational_units.as_slice(),
            "allowed_uri_sans" => self.allowed_uri_sans.as_slice(),
            "certificate" => self.certificate.as_str(),
            "display_name" => display_name,
            "ocsp_enabled" => false,
            "required_extensions" => self.required_extensions.as_slice(),
        });
        shown
    }

    /// The names of all fields that a write takes.
    pub(super) fn known_fields() -> Vec<&'static str> {
        KNOWN
            .into_iter()
            .chain(["name"])
            .chain(OCSP)
            .chain(NAMES)
            .chain(OLDER.iter().map(|(older, _)| *older))
            .collect()
    }

    /// Whether a certificate has the names and extensions that the role wants.
    pub(super) fn wants(&self, certificate: &Certificate<'_>) -> bool {
        let common: Vec<&str> = certificate.common_name().into_iter().collect();
        let (dns, emails, uris) = (certificate.dns_names(), certificate.emails(), certificate.uris());
        let any_of_them: Vec<&str> = common.iter().chain(&dns).chain(&emails).copied().collect();
        let units = certificate.organizational_units();
        [
            (&self.allowed_names, &any_of_them),
            (&self.allowed_common_names, &common),
            (&self.allowed_dns_sans, &dns),
            (&self.allowed_email_sans, &emails),
            (&self.allowed_uri_sans, &uris),
            (&self.allowed_organizational_units, &units),
        ]
        .into_iter()
        .all(|(patterns, names)| allows(patterns, names))
            && self
                .required_extensions
                .iter()
                .all(|wanted| Required::parse(wanted).is_some_and(|required| required.is_met_by(certificate)))
    }

    /// What the tokens of a login say of the certificate, beside its names: the extensions that the role allows.
    pub(super) fn metadata_of(&self, certificate: &Certificate<'_>) -> Object {
        let pair = |oid: &String| {
            let value = certificate.extension(oid)?;
            Some((oid.replace('.', "-"), text_of(value).unwrap_or_else(|| const_hex::encode(value))))
        };
        self.metadata_extensions.iter().filter_map(pair).collect()
    }
}

/// Whether at least one name matches a pattern. Without patterns all names will do.
fn allows(patterns: &[String], names: &[&str]) -> bool {
    patterns.is_empty() || names.iter().any(|name| patterns.iter().any(|pattern| glob_matches(pattern, name)))
}

/// An extension that a certificate must have.
struct Required<'a> {
    is_hex: bool,
    oid: &'a str,
    pattern: &'a str,
}

impl<'a> Required<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (is_hex, rest) = text.strip_prefix("hex:").map_or((false, text), |rest| (true, rest));
        let (oid, pattern) = rest.split_once(':')?;
        let is_oid = oid.contains('.')
            && oid.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()));
        is_oid.then_some(Self { is_hex, oid, pattern })
    }

    fn is_met_by(&self, certificate: &Certificate<'_>) -> bool {
        let Some(value) = certificate.extension(self.oid) else { return false };
        let text = if self.is_hex { Some(const_hex::encode(value)) } else { text_of(value) };
        text.is_some_and(|text| glob_matches(self.pattern, &text))
    }
}
