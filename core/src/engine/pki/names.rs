//! The names in certificates: subjects and alternative names, read of a request and of DER, and written.
//! Never in it: which names a role allows (`rules`).

use std::net::IpAddr;

use onrecord_value::Object;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};

use super::der;
use crate::engine::fields;
use crate::outcome::Refusal;

/// How many alternative names a certificate may have.
const NAMES_MAX: usize = 256;
/// The longest name, in bytes.
const BYTES_MAX: usize = 1024;

/// The parts of a subject that a request or a role names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) common_name: String,
    pub(super) serial_number: String,
    pub(super) country: Vec<String>,
    pub(super) organization: Vec<String>,
    pub(super) ou: Vec<String>,
    pub(super) locality: Vec<String>,
    pub(super) province: Vec<String>,
    pub(super) street_address: Vec<String>,
    pub(super) postal_code: Vec<String>,
}

impl Subject {
    /// The fields of a request that are parts of a subject.
    pub(super) const FIELDS: [&str; 9] = [
        "common_name",
        "serial_number",
        "country",
        "organization",
        "ou",
        "locality",
        "province",
        "street_address",
        "postal_code",
    ];

    pub(super) fn of(data: &Object) -> Result<Self, Refusal> {
        let text = |field| Ok::<_, Refusal>(fields::text(data, field)?.unwrap_or_default().into_owned());
        let texts = |field| Ok::<_, Refusal>(fields::texts(data, field)?.unwrap_or_default());
        let subject = Self {
            common_name: text("common_name")?,
            serial_number: text("serial_number")?,
            country: texts("country")?,
            organization: texts("organization")?,
            ou: texts("ou")?,
            locality: texts("locality")?,
            province: texts("province")?,
            street_address: texts("street_address")?,
            postal_code: texts("postal_code")?,
        };
        subject.check()?;
        Ok(subject)
    }

    fn lists(&self) -> [(&'static str, u8, &[String]); 7] {
        [
            ("country", 6, &self.country),
            ("organization", 10, &self.organization),
            ("ou", 11, &self.ou),
            ("locality", 7, &self.locality),
            ("province", 8, &self.province),
            ("street_address", 9, &self.street_address),
            ("postal_code", 17, &self.postal_code),
        ]
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_text("common_name", &self.common_name)?;
        check_text("serial_number", &self.serial_number)?;
        for (field, _, values) in self.lists() {
            if values.len() > 16 {
                return Err(Refusal::invalid(format!("{field} has {} values; it may have 16", values.len())));
            }
            values.iter().try_for_each(|value| check_text(field, value))?;
        }
        Ok(())
    }

    /// The name in DER.
    pub(super) fn to_der(&self) -> Vec<u8> {
        let part = |last: u8, value: &str| {
            let value = if last == 6 { der::printable(value) } else { der::utf8(value) };
            der::set(&der::sequence(&[&der::oid(&[0x55, 4, last]), &value]))
        };
        let mut parts = Vec::new();
        for (_, last, values) in self.lists() {
            parts.extend(values.iter().map(|value| part(last, value)));
        }
        for (last, value) in [(3, &self.common_name), (5, &self.serial_number)] {
            if !value.is_empty() {
                parts.push(part(last, value));
            }
        }
        der::sequence_of(&parts)
    }
}

fn check_text(field: &str, value: &str) -> Result<(), Refusal> {
    if value.len() > BYTES_MAX || value.chars().any(char::is_control) {
        let why = format!("{field} has a control character, or is longer than {BYTES_MAX} bytes");
        return Err(Refusal::invalid(why));
    }
    Ok(())
}

/// Alternative names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AltNames {
    pub(super) dns: Vec<String>,
    pub(super) emails: Vec<String>,
    pub(super) ips: Vec<IpAddr>,
    pub(super) uris: Vec<String>,
}

impl AltNames {
    /// The names that a request asks for.
    pub(super) fn of(data: &Object) -> Result<Self, Refusal> {
        let mut names = Self::default();
        for name in fields::texts(data, "alt_names")?.unwrap_or_default() {
            names.add(&name);
        }
        for ip in fields::texts(data, "ip_sans")?.unwrap_or_default() {
            let parsed = ip.parse().map_err(|_| {
                Refusal::invalid(format!("the value {ip:?} of ip_sans is not a valid IP address"))
            })?;
            names.ips.push(parsed);
        }
        names.uris = fields::texts(data, "uri_sans")?.unwrap_or_default();
        if !fields::texts(data, "other_sans")?.unwrap_or_default().is_empty() {
            return Err(Refusal::invalid("other_sans are not supported by this server"));
        }
        names.check()?;
        Ok(names)
    }

    /// The names of an extension. A kind of name that is not listed here is refused.
    pub(super) fn of_extensions(extensions: &[X509Extension<'_>]) -> Result<Self, Refusal> {
        let mut names = Self::default();
        for extension in extensions {
            let ParsedExtension::SubjectAlternativeName(found) = extension.parsed_extension() else {
                continue;
            };
            for name in &found.general_names {
                let refused = || {
                    Refusal::invalid(
                        "an alternative name is not a DNS name, an e-mail address, an IP address or a URI",
                    )
                };
                match name {
                    GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                    GeneralName::RFC822Name(name) => names.emails.push((*name).to_owned()),
                    GeneralName::URI(name) => names.uris.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => names.ips.push(ip(bytes).ok_or_else(refused)?),
                    _ => return Err(refused()),
                }
            }
        }
        names.check()?;
        Ok(names)
    }

    /// Adds a DNS name or an e-mail address, unless it is there.
    pub(super) fn add(&mut self, name: &str) {
        let list = if name.contains('@') { &mut self.emails } else { &mut self.dns };
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let texts = || self.dns.iter().chain(&self.emails).chain(&self.uris);
        let count = texts().count() + self.ips.len();
        if count > NAMES_MAX {
            return Err(Refusal::invalid(format!(
                "{count} alternative names are too many: there may be {NAMES_MAX}"
            )));
        }
        let is_wrong = |name: &&String| {
            name.is_empty() || name.len() > BYTES_MAX || !name.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match texts().find(is_wrong) {
            Some(name) => Err(Refusal::invalid(format!(
                "the alternative name {name:?} is empty, has a character that is not visible ASCII, or is longer than \
                 {BYTES_MAX} bytes"
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `GeneralNames` in DER.
    pub(super) fn to_der(&self) -> Vec<u8> {
        let text = |tag: u8| move |name: &String| der::implicit(tag, name.as_bytes());
        let mut parts: Vec<Vec<u8>> = self.dns.iter().map(text(2)).collect();
        parts.extend(self.emails.iter().map(text(1)));
        parts.extend(self.ips.iter().map(|ip| match ip {
            IpAddr::V4(ip) => der::implicit(7, &ip.octets()),
            IpAddr::V6(ip) => der::implicit(7, &ip.octets()),
        }));
        parts.extend(self.uris.iter().map(text(6)));
        der::sequence_of(&parts)
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Whether a text is a host name, perhaps with a wildcard as or in its first label.
pub(super) fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        let is_fitting = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_fitting)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let rest = name.strip_prefix("*.").unwrap_or(name);
    rest.len() <= 253 && rest.split('.').all(label)
}
