//! A role: which certificates may be issued under it. Read of a request, stored and shown as one record.
//! Never in it: how its rules are applied to names (`rules`), or storage keys.

use onrecord_value::{Object, Value};

use super::key::{KeyType, SignatureBits};
use super::names::Subject;
use super::usage::{ext_key_usage, key_usage};
use crate::engine::fields;
use crate::outcome::Refusal;
use crate::stored::{Record as _, record};

/// Fields that a role has elsewhere and cannot have here, with what they must be.
const REFUSED: [(&str, &str); 6] = [
    ("allowed_domains_template", "templates of names are not supported"),
    ("allowed_uri_sans_template", "templates of names are not supported"),
    ("allowed_other_sans", "other names are not supported"),
    ("allowed_user_ids", "user ids are not supported"),
    ("use_pss", "PSS signatures are not supported"),
    ("not_after", "a fixed end is not supported; use max_ttl"),
];

/// A role. Durations are seconds; 0 leaves them to the mount.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the API")]
pub(super) struct Role {
    pub(super) allow_any_name: bool,
    pub(super) allow_bare_domains: bool,
    pub(super) allow_glob_domains: bool,
    pub(super) allow_ip_sans: bool,
    pub(super) allow_localhost: bool,
    pub(super) allow_subdomains: bool,
    pub(super) allow_wildcard_certificates: bool,
    pub(super) allowed_domains: Vec<String>,
    pub(super) allowed_serial_numbers: Vec<String>,
    pub(super) allowed_uri_sans: Vec<String>,
    pub(super) basic_constraints_valid_for_non_ca: bool,
    pub(super) client_flag: bool,
    pub(super) code_signing_flag: bool,
    pub(super) email_protection_flag: bool,
    pub(super) enforce_hostnames: bool,
    pub(super) ext_key_usage: Vec<String>,
    pub(super) ext_key_usage_oids: Vec<String>,
    pub(super) generate_lease: bool,
    pub(super) key_bits: u64,
    pub(super) key_type: String,
    pub(super) key_usage: Vec<String>,
    pub(super) max_ttl: u64,
    pub(super) no_store: bool,
    pub(super) not_before_duration: u64,
    pub(super) require_cn: bool,
    pub(super) server_flag: bool,
    pub(super) signature_bits: u64,
    pub(super) ttl: u64,
    pub(super) use_csr_common_name: bool,
    pub(super) use_csr_sans: bool,
    pub(super) country: Vec<String>,
    pub(super) locality: Vec<String>,
    pub(super) organization: Vec<String>,
    pub(super) ou: Vec<String>,
    pub(super) postal_code: Vec<String>,
    pub(super) province: Vec<String>,
    pub(super) street_address: Vec<String>,
}

record! { Role() {
    "allow_any_name" => allow_any_name,
    "allow_bare_domains" => allow_bare_domains,
    "allow_glob_domains" => allow_glob_domains,
    "allow_ip_sans" => allow_ip_sans,
    "allow_localhost" => allow_localhost,
    "allow_subdomains" => allow_subdomains,
    "allow_wildcard_certificates" => allow_wildcard_certificates,
    "allowed_domains" => allowed_domains,
    "allowed_serial_numbers" => allowed_serial_numbers,
    "allowed_uri_sans" => allowed_uri_sans,
    "basic_constraints_valid_for_non_ca" => basic_constraints_valid_for_non_ca,
    "client_flag" => client_flag,
    "code_signing_flag" => code_signing_flag,
    "country" => country,
    "email_protection_flag" => email_protection_flag,
    "enforce_hostnames" => enforce_hostnames,
    "ext_key_usage" => ext_key_usage,
    "ext_key_usage_oids" => ext_key_usage_oids,
    "generate_lease" => generate_lease,
    "key_bits" => key_bits,
    "key_type" => key_type,
    "key_usage" => key_usage,
    "locality" => locality,
    "max_ttl" => max_ttl,
    "no_store" => no_store,
    "not_before_duration" => not_before_duration,
    "organization" => organization,
    "ou" => ou,
    "postal_code" => postal_code,
    "province" => province,
    "require_cn" => require_cn,
    "server_flag" => server_flag,
    "signature_bits" => signature_bits,
    "street_address" => street_address,
    "ttl" => ttl,
    "use_csr_common_name" => use_csr_common_name,
    "use_csr_sans" => use_csr_sans,
} }

impl Default for Role {
    fn default() -> Self {
        Self {
            allow_any_name: false,
            allow_bare_domains: false,
            allow_glob_domains: false,
            allow_ip_sans: true,
            allow_localhost: true,
            allow_subdomains: false,
            allow_wildcard_certificates: true,
            allowed_domains: Vec::new(),
            allowed_serial_numbers: Vec::new(),
            allowed_uri_sans: Vec::new(),
            basic_constraints_valid_for_non_ca: false,
            client_flag: true,
            code_signing_flag: false,
            email_protection_flag: false,
            enforce_hostnames: true,
            ext_key_usage: Vec::new(),
            ext_key_usage_oids: Vec::new(),
            generate_lease: false,
            key_bits: 0,
            key_type: "rsa".to_owned(),
            key_usage: ["DigitalSignature", "KeyAgreement", "KeyEncipherment"].map(str::to_owned).to_vec(),
            max_ttl: 0,
            no_store: false,
            not_before_duration: 30,
            require_cn: true,
            server_flag: true,
            signature_bits: 0,
            ttl: 0,
            use_csr_common_name: true,
            use_csr_sans: true,
            country: Vec::new(),
            locality: Vec::new(),
            organization: Vec::new(),
            ou: Vec::new(),
            postal_code: Vec::new(),
            province: Vec::new(),
            street_address: Vec::new(),
        }
    }
}

impl Role {
    /// A role as a request describes it. What it does not name has its default.
    pub(super) fn of(data: &Object) -> Result<Self, Refusal> {
        let default = Self::default();
        let flag = |field, or: bool| Ok::<_, Refusal>(fields::flag(data, field)?.unwrap_or(or));
        let texts = |field| Ok::<_, Refusal>(fields::texts(data, field)?.unwrap_or_default());
        let subject = Subject::of(&without_names(data))?;
        let role = Self {
            allow_any_name: flag("allow_any_name", default.allow_any_name)?,
            allow_bare_domains: flag("allow_bare_domains", default.allow_bare_domains)?,
            allow_glob_domains: flag("allow_glob_domains", default.allow_glob_domains)?,
            allow_ip_sans: flag("allow_ip_sans", default.allow_ip_sans)?,
            allow_localhost: flag("allow_localhost", default.allow_localhost)?,
            allow_subdomains: flag("allow_subdomains", default.allow_subdomains)?,
            allow_wildcard_certificates: flag(
                "allow_wildcard_certificates",
                default.allow_wildcard_certificates,
            )?,
            allowed_domains: texts("allowed_domains")?,
            allowed_serial_numbers: texts("allowed_serial_numbers")?,
            allowed_uri_sans: texts("allowed_uri_sans")?,
            basic_constraints_valid_for_non_ca: flag("basic_constraints_valid_for_non_ca", false)?,
            client_flag: flag("client_flag", default.client_flag)?,
            code_signing_flag: flag("code_signing_flag", default.code_signing_flag)?,
            email_protection_flag: flag("email_protection_flag", default.email_protection_flag)?,
            enforce_hostnames: flag("enforce_hostnames", default.enforce_hostnames)?,
            ext_key_usage: texts("ext_key_usage")?,
            ext_key_usage_oids: texts("ext_key_usage_oids")?,
            generate_lease: flag("generate_lease", default.generate_lease)?,
            key_bits: fields::count(data, "key_bits")?.unwrap_or(default.key_bits),
            key_type: fields::text(data, "key_type")?.map_or(default.key_type, std::borrow::Cow::into_owned),
            key_usage: fields::texts(data, "key_usage")?.unwrap_or(default.key_usage),
            max_ttl: seconds(data, "max_ttl")?.unwrap_or(0),
            no_store: flag("no_store", default.no_store)?,
            not_before_duration: seconds(data, "not_before_duration")?.unwrap_or(default.not_before_duration),
            require_cn: flag("require_cn", default.require_cn)?,
            server_flag: flag("server_flag", default.server_flag)?,
            signature_bits: fields::count(data, "signature_bits")?.unwrap_or(0),
            ttl: seconds(data, "ttl")?.unwrap_or(0),
            use_csr_common_name: flag("use_csr_common_name", default.use_csr_common_name)?,
            use_csr_sans: flag("use_csr_sans", default.use_csr_sans)?,
            country: subject.country,
            locality: subject.locality,
            organization: subject.organization,
            ou: subject.ou,
            postal_code: subject.postal_code,
            province: subject.province,
            street_address: subject.street_address,
        };
        role.check(data)?;
        Ok(role)
    }

    fn check(&self, data: &Object) -> Result<(), Refusal> {
        let is_set = |value: &Value| match value {
            Value::Bool(flag) => *flag,
            Value::String(text) => !text.is_empty() && text != "false",
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        for (field, why) in REFUSED {
            if fields::sent(data, field).is_some_and(is_set) {
                return Err(Refusal::invalid(format!("{field}: {why} by this server")));
            }
        }
        if self.generate_lease && self.no_store {
            let why = "generate_lease and no_store: a certificate that is not stored cannot be revoked with its lease";
            return Err(Refusal::invalid(why));
        }
        if let Some(issuer) =
            fields::text(data, "issuer_ref")?.filter(|issuer| !matches!(&**issuer, "" | "default"))
        {
            let why = format!(
                "issuer_ref is {issuer:?}; roles issue by the default issuer alone: it must be default"
            );
            return Err(Refusal::invalid(why));
        }
        if self.ttl > self.max_ttl && self.max_ttl > 0 {
            return Err(Refusal::invalid("ttl should be shorter than max_ttl"));
        }
        if self.key_type != "any" {
            KeyType::parse(&self.key_type, self.key_bits)?;
        }
        SignatureBits::parse(self.signature_bits)?;
        key_usage(&self.key_usage)?;
        ext_key_usage(self)?;
        let lists = [&self.allowed_domains, &self.allowed_uri_sans, &self.allowed_serial_numbers];
        if lists.iter().any(|list| list.len() > 1000 || list.iter().any(|item| item.len() > 1024)) {
            let why = "allowed_domains, allowed_uri_sans and allowed_serial_numbers may have 1000 values of 1024 bytes";
            return Err(Refusal::invalid(why));
        }
        Ok(())
    }

    /// As an answer shows it.
    pub(super) fn show(&self) -> Object {
        let mut shown = self.to_object();
        shown.insert("issuer_ref", "default");
        for field in ["allowed_domains_template", "allowed_uri_sans_template", "use_pss"] {
            shown.insert(field, false);
        }
        for field in ["allowed_other_sans", "allowed_user_ids", "policy_identifiers"] {
            shown.insert(field, Value::Array(Vec::new()));
        }
        shown.insert("not_after", "");
        shown
    }
}

/// A request without what names one certificate: a role has no names.
fn without_names(data: &Object) -> Object {
    let is_kept = |key: &&str| !matches!(*key, "common_name" | "serial_number");
    data.iter().filter(|(key, _)| is_kept(key)).map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

/// A duration in seconds, 0 or more.
pub(super) fn seconds(data: &Object, field: &str) -> Result<Option<u64>, Refusal> {
    let Some(span) = fields::span(data, field)? else { return Ok(None) };
    let seconds = u64::try_from(span.secs());
    seconds
        .map(Some)
        .map_err(|_| Refusal::invalid(format!("{field} is negative; it must be 0 or more seconds")))
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::*;

    #[test]
    fn a_role_comes_back_as_it_was_stored_and_has_the_defaults_of_the_api() {
        let role =
            Role::of(&object! { "allowed_domains" => "example.com,test", "max_ttl" => "72h" }).ok().unwrap();
        assert_eq!(Role::decode(&role.encode(), ()), Some(role.clone()));
        assert_eq!((role.allowed_domains.len(), role.max_ttl, role.not_before_duration), (2, 259_200, 30));
        assert!(
            role.server_flag
                && role.client_flag
                && role.allow_ip_sans
                && role.enforce_hostnames
                && role.require_cn
        );
        assert_eq!(role.show().str("issuer_ref"), Some("default"));
    }

    #[test]
    fn a_role_with_a_wrong_value_is_refused_by_its_field() {
        for (data, expected) in [
            (object! { "ttl" => 10, "max_ttl" => 5 }, "ttl should be shorter than max_ttl"),
            (object! { "key_type" => "dsa" }, "unknown key_type \"dsa\""),
            (object! { "key_bits" => 1024 }, "key_bits is 1024"),
            (object! { "key_usage" => "Nonsense" }, "key_usage has \"Nonsense\""),
            (object! { "ext_key_usage" => "Nonsense" }, "ext_key_usage has \"Nonsense\""),
            (object! { "ext_key_usage_oids" => "1.x" }, "ext_key_usage_oids has \"1.x\""),
            (object! { "signature_bits" => 1 }, "signature_bits is 1"),
            (object! { "allowed_other_sans" => "*" }, "allowed_other_sans: "),
            (object! { "generate_lease" => true, "no_store" => true }, "generate_lease and no_store"),
            (object! { "issuer_ref" => "other" }, "issuer_ref is \"other\""),
            (object! { "ttl" => -5 }, "ttl is negative"),
            (object! { "ou" => "a\nb" }, "ou has a control character"),
        ] {
            let text = Role::of(&data).err().unwrap().text.unwrap();
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
