//! Authorities: roots and intermediates, made, imported and signed.
//! Never in it: certificates of others (`issue`), how an issuer is stored (`issuer`).

use std::sync::Arc;

use onrecord_seal::Entropy;
use onrecord_value::{Object, object};

use super::Pki;
use super::certificate::{BasicConstraints, Certificate, Facts, Signer, is_signed_by, key_id, random_serial};
use super::certs::{self, Stored};
use super::config::Urls;
use super::csr::{self, SigningRequest};
use super::issue::add_common_name;
use super::issuer::{ISSUERS, Issuer, Issuers, add_pending, pending_key};
use super::key::{KeyType, PrivateKey, SignatureBits};
use super::lifetime::Limits;
use super::names::{AltNames, Subject};
use super::output::{self, Format};
use super::role::seconds;
use super::usage;
use crate::audit_errors::WARN_CAPPED;
use crate::engine::token::lifetime::Bounds;
use crate::engine::transit::offload::offload;
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Outcome, Refusal, Reply, Warning};

/// What the routes know beside the parts of a subject and the format.
const KNOWN: [&str; 21] = [
    "add_basic_constraints",
    "alt_names",
    "csr",
    "exclude_cn_from_sans",
    "ip_sans",
    "issuer_name",
    "issuer_ref",
    "key_bits",
    "key_name",
    "key_type",
    "max_path_length",
    "not_after",
    "not_before_duration",
    "other_sans",
    "permitted_dns_domains",
    "require_matching_certificate_algorithms",
    "signature_bits",
    "ttl",
    "type",
    "uri_sans",
    "use_csr_values",
];

/// What a request says about an authority that is to be made.
struct Wanted {
    subject: Subject,
    names: AltNames,
    key_type: KeyType,
    bits: SignatureBits,
    path_length: Option<u32>,
    permitted_domains: Vec<String>,
    not_before: i64,
    ttl: Option<u64>,
    format: Format,
}

impl Wanted {
    fn of(call: &Call<'_>) -> Result<Self, Refusal> {
        let data = call.data;
        let subject = Subject::of(data)?;
        let mut names = AltNames::of(data)?;
        if !fields::flag(data, "exclude_cn_from_sans")?.unwrap_or(false) {
            add_common_name(&mut names, &subject.common_name);
        }
        let length = fields::whole(data, "max_path_length")?.unwrap_or(-1);
        let path_length = match u32::try_from(length) {
            Ok(length) => Some(length),
            Err(_) if length == -1 => None,
            Err(_) => {
                let why = format!("max_path_length is {length}; it must be 0 or more, or -1 for no limit");
                return Err(Refusal::invalid(why));
            }
        };
        if !fields::text(data, "not_after")?.unwrap_or_default().is_empty() {
            return Err(Refusal::invalid("not_after is not supported by this server; use ttl"));
        }
        let permitted_domains = fields::texts(data, "permitted_dns_domains")?.unwrap_or_default();
        let is_domain =
            |domain: &String| domain.len() <= 253 && domain.bytes().all(|byte| byte.is_ascii_graphic());
        if permitted_domains.len() > 100 || !permitted_domains.iter().all(is_domain) {
            return Err(Refusal::invalid(
                "permitted_dns_domains must be at most 100 domains of 253 ASCII characters",
            ));
        }
        let key_type = fields::text(data, "key_type")?.unwrap_or("rsa".into());
        let before = seconds(data, "not_before_duration")?.unwrap_or(30);
        Ok(Self {
            subject,
            names,
            key_type: KeyType::parse(&key_type, fields::count(data, "key_bits")?.unwrap_or(0))?,
            bits: SignatureBits::parse(fields::count(data, "signature_bits")?.unwrap_or(0))?,
            path_length,
            permitted_domains,
            not_before: call.now.unix_seconds().saturating_sub_unsigned(before).max(0),
            ttl: seconds(data, "ttl")?,
            format: Format::of(data)?,
        })
    }

    fn check_common_name(&self) -> Result<(), Refusal> {
        if self.subject.common_name.is_empty() {
            return Err(Refusal::invalid("common_name is empty; an authority must have a name"));
        }
        Ok(())
    }

    /// The certificate of an authority.
    fn certificate<'a>(
        &'a self,
        serial: [u8; 20],
        subject: &'a [u8],
        spki: &'a [u8],
        not_after: i64,
        urls: &'a Urls,
    ) -> Certificate<'a> {
        Certificate {
            serial,
            subject,
            names: &self.names,
            not_before: self.not_before,
            not_after,
            spki,
            constraints: BasicConstraints::Authority(self.path_length),
            key_usage: usage::OF_AUTHORITY,
            ext_key_usage: &[],
            permitted_domains: &self.permitted_domains,
            urls,
        }
    }
}

/// Whether the key is part of the answer, by the last word of the path.
fn is_exported(kind: &str) -> Result<bool, Refusal> {
    match kind {
        "exported" => Ok(true),
        "internal" => Ok(false),
        other => {
            Err(Refusal::invalid(format!("the type of key is {other:?}; it must be internal or exported")))
        }
    }
}

fn serial(entropy: &dyn Entropy) -> Result<[u8; 20], Refusal> {
    random_serial(entropy).ok_or_else(Refusal::internal)
}

pub(super) fn uuid(unsealed: &Unsealed) -> Result<String, Refusal> {
    unsealed.host.entropy.uuid().map_err(|_| Refusal::internal())
}

fn answer(data: Object, call: &Call<'_>, mut warnings: Vec<Warning>) -> Outcome {
    let known: Vec<&str> = KNOWN.iter().chain(&output::FIELDS).chain(&Subject::FIELDS).copied().collect();
    warnings.extend(fields::unrecognized(call.data, &known));
    Reply { data: Some(data), warnings, ..Reply::default() }.into()
}

/// The name that an operator gives to an issuer.
pub(super) fn issuer_name(data: &Object) -> Result<String, Refusal> {
    let name = fields::text(data, "issuer_name")?.unwrap_or_default().into_owned();
    let is_fitting = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name == "default" || name.len() > 128 || !name.bytes().all(is_fitting) {
        let why = format!(
            "issuer_name is {name:?}; it may have 128 letters, digits, -, _ and ., and not be default"
        );
        return Err(Refusal::invalid(why));
    }
    Ok(name)
}

impl Pki {
    /// `POST root/generate/TYPE`.
    pub(super) async fn generate_root(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<Outcome, Refusal> {
        let exported = is_exported(call.captured)?;
        let wanted = Wanted::of(call)?;
        wanted.check_common_name()?;
        let name = issuer_name(call.data)?;
        let limits = Limits::of(Bounds::of(unsealed, &call.mount.tune), 0, 0, None);
        let (not_after, warnings) = limits.end(wanted.ttl, call.now.unix_seconds())?;
        let (urls, entropy) = (self.urls().await?, Arc::clone(&unsealed.host.entropy));
        let (format, serial) = (wanted.format, serial(&*entropy)?);
        let make = move || {
            let key = PrivateKey::generate(wanted.key_type, &*entropy)?;
            let subject = wanted.subject.to_der();
            let key_id = key_id(&key.spki)?;
            let signer = Signer { name: &subject, key_id: &key_id, key: &key, bits: wanted.bits };
            let der = wanted.certificate(serial, &subject, &key.spki, not_after, &urls).sign(&signer)?;
            Some((key, der))
        };
        let (key, der) = offload(make).await?.ok_or_else(Refusal::internal)?;
        let facts = Facts::of(&der).ok_or_else(Refusal::internal)?;
        let (id, key_id) = (uuid(unsealed)?, uuid(unsealed)?);
        let issuer = Issuer { id, name, key_id, key, certificate: der, chain: Vec::new(), facts };
        self.add_issuer(call, &issuer, None).await?;
        let mut data = format.issued(&issuer.certificate, &issuer.facts, &issuer.full_chain());
        data.remove("ca_chain");
        show_ids(&mut data, &issuer);
        if exported {
            format.add_key(&mut data, &issuer.key, "certificate").ok_or_else(Refusal::internal)?;
        }
        Ok(answer(data, call, warnings))
    }

    /// Stores an issuer with its certificate, in the place of a key that has waited for it.
    pub(super) async fn add_issuer(
        &self,
        call: &Call<'_>,
        issuer: &Issuer,
        waited: Option<&str>,
    ) -> Result<(), Refusal> {
        let stored = Stored {
            issuer: issuer.id.clone(),
            der: issuer.certificate.clone(),
            not_after: issuer.facts.not_after,
            revoked: None,
        };
        let change = self.space.change(ISSUERS, None, call.permit, |old, draft| {
            let mut issuers = Issuers::decode_stored(old)?;
            if let Some(waited) = waited {
                issuers.pending.retain(|id| id != waited);
                draft.delete(&pending_key(waited))?;
            }
            certs::add(&issuer.facts.serial, &stored, draft)?;
            issuer.add(&mut issuers, draft)
        });
        change.await
    }

    /// `POST intermediate/generate/TYPE`.
    pub(super) async fn generate_intermediate(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<Outcome, Refusal> {
        let exported = is_exported(call.captured)?;
        let wanted = Wanted::of(call)?;
        wanted.check_common_name()?;
        let asks = fields::flag(call.data, "add_basic_constraints")?.unwrap_or(false);
        let (format, entropy) = (wanted.format, Arc::clone(&unsealed.host.entropy));
        let make = move || {
            let key = PrivateKey::generate(wanted.key_type, &*entropy)?;
            let der = csr::make(&key, &wanted.subject.to_der(), &wanted.names, asks, wanted.bits)?;
            Some((key, der))
        };
        let (key, der) = offload(make).await?.ok_or_else(Refusal::internal)?;
        let id = uuid(unsealed)?;
        let change = self.space.change(ISSUERS, None, call.permit, |old, draft| {
            add_pending(&id, &key, &mut Issuers::decode_stored(old)?, draft)
        });
        change.await?;
        let mut data = object! { "csr" => format.csr(&der), "key_id" => id.as_str() };
        if exported {
            format.add_key(&mut data, &key, "csr").ok_or_else(Refusal::internal)?;
        }
        Ok(answer(data, call, Vec::new()))
    }

    /// `POST root/sign-intermediate`.
    pub(super) async fn sign_intermediate(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<Outcome, Refusal> {
        let mut wanted = Wanted::of(call)?;
        let csr = SigningRequest::parse(&fields::text(call.data, "csr")?.unwrap_or_default())?;
        let mut subject = wanted.subject.to_der();
        if fields::flag(call.data, "use_csr_values")?.unwrap_or(false) {
            // No other extension of the request is taken over.
            subject.clone_from(&csr.subject);
            wanted.names = csr.names;
        } else {
            wanted.check_common_name()?;
        }
        let issuer = Arc::new(self.signing_issuer().await?);
        let below = match issuer.facts.path_length {
            Some(0) => {
                let why =
                    "the issuer may have no authority below it: the path length of its certificate is 0";
                return Err(Refusal::invalid(why));
            }
            Some(length) => Some(length - 1),
            None => None,
        };
        wanted.path_length = match (wanted.path_length, below) {
            (Some(asked), Some(most)) if asked > most => {
                let why = format!("max_path_length is {asked}; below this issuer it may be {most}");
                return Err(Refusal::invalid(why));
            }
            (asked, most) => asked.or(most),
        };
        let limits = Limits::of(Bounds::of(unsealed, &call.mount.tune), 0, 0, Some(issuer.facts.not_after));
        let (not_after, warnings) = limits.end(wanted.ttl, call.now.unix_seconds())?;
        let (urls, serial, format) = (self.urls().await?, serial(&*unsealed.host.entropy)?, wanted.format);
        let signing = Arc::clone(&issuer);
        let make = move || {
            let signer = signing.signer(wanted.bits);
            wanted.certificate(serial, &subject, &csr.spki, not_after, &urls).sign(&signer)
        };
        let der = offload(make).await?.ok_or_else(Refusal::internal)?;
        let facts = Facts::of(&der).ok_or_else(Refusal::internal)?;
        let stored = Stored { issuer: issuer.id.clone(), der: der.clone(), not_after, revoked: None };
        self.store(call, &facts.serial, &stored, None).await?;
        Ok(answer(format.issued(&der, &facts, &issuer.full_chain()), call, warnings))
    }

    /// `POST root/sign-self-issued`: the certificate of another authority, with its name, key, times and extensions, by the
    /// issuer of this mount.
    pub(super) async fn sign_self_issued(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let wrong = |why: &str| Refusal::invalid(format!("certificate: {why}"));
        let text = fields::text(call.data, "certificate")?.unwrap_or_default();
        let old = certs::from_pem(&text).ok_or_else(|| wrong("it is not one certificate in PEM"))?;
        let mut facts = Facts::of(&old).ok_or_else(|| wrong("it does not parse"))?;
        if facts.subject != facts.issuer || !is_signed_by(&old, &facts.spki) {
            return Err(wrong(
                "it is not self-issued: its issuer is not its subject, or its key has not signed it",
            ));
        }
        if !facts.is_authority {
            return Err(wrong("it is not that of an authority"));
        }
        let issuer = self.signing_issuer().await?;
        let (id, chain) = (issuer.id.clone(), output::to_pem(&issuer.certificate));
        let is_longer = facts.not_after > issuer.facts.not_after;
        facts.not_after = facts.not_after.min(issuer.facts.not_after);
        let make = move || {
            let der = facts.sign_again(&issuer.signer(SignatureBits::default()))?;
            Some((der, facts))
        };
        let (der, facts) = offload(make).await?.ok_or_else(Refusal::internal)?;
        let stored = Stored { issuer: id, der: der.clone(), not_after: facts.not_after, revoked: None };
        // The number is the other authority's choice.
        let key = certs::key_of(&facts.serial);
        let change = self.space.change(&key, None, call.permit, |old, draft| match old {
            Some(_) => Err(wrong("a certificate with its serial number is stored already")),
            None => certs::add(&facts.serial, &stored, draft),
        });
        change.await?;
        let text = "the certificate ends with that of its issuer".to_owned();
        let warnings = is_longer.then_some(Warning { text, template: WARN_CAPPED }).into_iter().collect();
        let data = object! { "certificate" => output::to_pem(&der), "issuing_ca" => chain };
        Ok(Reply { data: Some(data), warnings, ..Reply::default() }.into())
    }
}

fn show_ids(data: &mut Object, issuer: &Issuer) {
    data.insert("issuer_id", issuer.id.as_str());
    data.insert("issuer_name", issuer.name.as_str());
    data.insert("key_id", issuer.key_id.as_str());
    data.insert("key_name", "");
}
