//! `issue`, `sign` and `sign-verbatim`: certificates of those who are no authorities.
//! Never in it: which names a role allows (`rules`), how a certificate is written.

use std::sync::Arc;

use onrecord_value::{Object, object};

use super::Pki;
use super::certificate::{BasicConstraints, Certificate, Facts, random_serial};
use super::certs::Stored;
use super::csr::SigningRequest;
use super::issuer::Issuer;
use super::key::{KeyType, PrivateKey, SignatureBits};
use super::lifetime::Limits;
use super::names::{AltNames, Subject, is_hostname};
use super::output::Format;
use super::role::{Role, seconds};
use super::rules;
use super::usage::{ext_key_usage, key_usage};
use crate::engine::leases::{LeaseDraft, NewLease};
use crate::engine::token::lifetime::Bounds;
use crate::engine::transit::offload::offload;
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Outcome, Refusal, Reply, Warning};

/// The fields that the routes know.
const KNOWN: [&str; 20] = [
    "alt_names",
    "common_name",
    "csr",
    "exclude_cn_from_sans",
    "ext_key_usage",
    "ext_key_usage_oids",
    "format",
    "ip_sans",
    "issuer_ref",
    "key_usage",
    "not_after",
    "other_sans",
    "private_key_format",
    "remove_roots_from_chain",
    "role",
    "serial_number",
    "signature_bits",
    "ttl",
    "uri_sans",
    "user_ids",
];

/// Whom a certificate is for.
struct Holder {
    /// In DER.
    subject: Vec<u8>,
    names: AltNames,
    /// The public key of a signing request; none if a key is made.
    spki: Option<Vec<u8>>,
}

/// What is made.
struct Made {
    der: Vec<u8>,
    facts: Facts,
    key: Option<PrivateKey>,
}

/// All that making a certificate needs, so that it can be done on another thread.
struct Plan {
    holder: Holder,
    key_type: Option<KeyType>,
    serial: [u8; 20],
    not_before: i64,
    not_after: i64,
    key_usage: u16,
    ext_key_usage: Vec<Vec<u8>>,
    says_no_authority: bool,
    bits: SignatureBits,
    urls: super::config::Urls,
    issuer: Arc<Issuer>,
}

impl Plan {
    fn make(self, entropy: &dyn onrecord_seal::Entropy) -> Option<Made> {
        let key = match self.key_type {
            Some(key_type) => Some(PrivateKey::generate(key_type, entropy)?),
            None => None,
        };
        let spki = self.holder.spki.as_deref().or(key.as_ref().map(|key| &*key.spki))?;
        let certificate = Certificate {
            serial: self.serial,
            subject: &self.holder.subject,
            names: &self.holder.names,
            not_before: self.not_before,
            not_after: self.not_after,
            spki,
            constraints: if self.says_no_authority {
                BasicConstraints::NoAuthority
            } else {
                BasicConstraints::Absent
            },
            key_usage: self.key_usage,
            ext_key_usage: &self.ext_key_usage,
            permitted_domains: &[],
            urls: &self.urls,
        };
        let der = certificate.sign(&self.issuer.signer(self.bits))?;
        let facts = Facts::of(&der)?;
        Some(Made { der, facts, key })
    }
}

impl Pki {
    async fn known_role(&self, name: &str) -> Result<Role, Refusal> {
        self.role(name).await?.ok_or_else(|| Refusal::invalid(format!("unknown role: {name}")))
    }

    /// `POST issue/ROLE`.
    pub(super) async fn issue(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let role = self.known_role(call.captured).await?;
        if role.key_type == "any" {
            return Err(Refusal::invalid(
                "role key type \"any\" not allowed for issuing certificates, only signing",
            ));
        }
        let key_type = KeyType::parse(&role.key_type, role.key_bits)?;
        let holder = holder(&role, call.data, None)?;
        self.finish(unsealed, call, &role, holder, Some(key_type)).await
    }

    /// `POST sign/ROLE`.
    pub(super) async fn sign(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let role = self.known_role(call.captured).await?;
        let csr = SigningRequest::parse(&fields::text(call.data, "csr")?.unwrap_or_default())?;
        check_key(&role, csr.key_type)?;
        let holder = holder(&role, call.data, Some(csr))?;
        self.finish(unsealed, call, &role, holder, None).await
    }

    /// `POST sign-verbatim` and `POST sign-verbatim/ROLE`: subject and names are those of the request, whatever they are.
    pub(super) async fn sign_verbatim(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<Outcome, Refusal> {
        let given =
            if call.captured.is_empty() { Role::default() } else { self.known_role(call.captured).await? };
        let csr = SigningRequest::parse(&fields::text(call.data, "csr")?.unwrap_or_default())?;
        let role = Role {
            key_usage: fields::texts(call.data, "key_usage")?.unwrap_or(Role::default().key_usage),
            ext_key_usage: fields::texts(call.data, "ext_key_usage")?.unwrap_or_default(),
            ext_key_usage_oids: fields::texts(call.data, "ext_key_usage_oids")?.unwrap_or_default(),
            signature_bits: fields::count(call.data, "signature_bits")?.unwrap_or(given.signature_bits),
            server_flag: false,
            client_flag: false,
            code_signing_flag: false,
            email_protection_flag: false,
            // A request cannot make an authority of its holder.
            basic_constraints_valid_for_non_ca: true,
            ..given
        };
        let holder = Holder { subject: csr.subject, names: csr.names, spki: Some(csr.spki) };
        self.finish(unsealed, call, &role, holder, None).await
    }

    async fn finish(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
        role: &Role,
        holder: Holder,
        key_type: Option<KeyType>,
    ) -> Result<Outcome, Refusal> {
        let format = Format::of(call.data)?;
        if !fields::text(call.data, "not_after")?.unwrap_or_default().is_empty() {
            return Err(Refusal::invalid("not_after is not supported by this server; use ttl"));
        }
        let issuer = Arc::new(self.signing_issuer().await?);
        let bounds = Bounds::of(unsealed, &call.mount.tune);
        let limits = Limits::of(bounds, role.ttl, role.max_ttl, Some(issuer.facts.not_after));
        let now = call.now.unix_seconds();
        let (not_after, warnings) = limits.end(seconds(call.data, "ttl")?, now)?;
        let entropy = Arc::clone(&unsealed.host.entropy);
        let plan = Plan {
            holder,
            key_type,
            serial: random_serial(&*entropy).ok_or_else(Refusal::internal)?,
            not_before: now.saturating_sub_unsigned(role.not_before_duration).max(0),
            not_after,
            key_usage: key_usage(&role.key_usage)?,
            ext_key_usage: ext_key_usage(role)?,
            says_no_authority: role.basic_constraints_valid_for_non_ca,
            bits: SignatureBits::parse(role.signature_bits)?,
            urls: self.urls().await?,
            issuer: Arc::clone(&issuer),
        };
        let made = offload(move || plan.make(&*entropy)).await?.ok_or_else(Refusal::internal)?;
        let lease = role.generate_lease.then(|| lease(unsealed, call, &made.facts)).transpose()?;
        if !role.no_store {
            let stored =
                Stored { issuer: issuer.id.clone(), der: made.der.clone(), not_after, revoked: None };
            let leased = lease.as_ref().map(|lease| (lease, unsealed));
            self.store(call, &made.facts.serial, &stored, leased).await?;
        }
        let mut reply = reply(&issuer, &made, format, call.data, warnings)?;
        reply.lease = lease.map(NewLease::stored);
        Ok(reply.into())
    }
}

fn reply(
    issuer: &Issuer,
    made: &Made,
    format: Format,
    request: &Object,
    mut warnings: Vec<Warning>,
) -> Result<Reply, Refusal> {
    let mut chain = issuer.full_chain();
    if fields::flag(request, "remove_roots_from_chain")?.unwrap_or(false) && chain.len() > 1 {
        let is_root = |der: &&[u8]| Facts::of(der).is_some_and(|facts| facts.issuer == facts.subject);
        chain.retain(|der| !is_root(der));
    }
    let mut data = format.issued(&made.der, &made.facts, &chain);
    if let Some(key) = &made.key {
        format.add_key(&mut data, key, "certificate").ok_or_else(Refusal::internal)?;
    }
    warnings.extend(fields::unrecognized(request, &KNOWN));
    Ok(Reply { data: Some(data), warnings, ..Reply::default() })
}

/// A lease that ends with a certificate, or ends it.
fn lease(unsealed: &Unsealed, call: &Call<'_>, facts: &Facts) -> Result<NewLease, Refusal> {
    let ttl = u64::try_from(facts.not_after.saturating_sub(call.now.unix_seconds())).unwrap_or(0);
    let data = object! { "serial_number" => facts.serial.as_str() };
    NewLease::of(unsealed, call, LeaseDraft { ttl, max_ttl: 0, renewable: false, data })
}

/// Who a certificate under a role is for: by the request, or by a signing request as far as the role says so.
fn holder(role: &Role, data: &Object, csr: Option<SigningRequest>) -> Result<Holder, Refusal> {
    let mut subject = Subject::of(data)?;
    let mut names = AltNames::of(data)?;
    if let Some(csr) = &csr {
        if role.use_csr_common_name && !csr.common_name.is_empty() {
            subject.common_name.clone_from(&csr.common_name);
        }
        if role.use_csr_sans {
            names = csr.names.clone();
        }
    }
    if !fields::flag(data, "exclude_cn_from_sans")?.unwrap_or(false) {
        add_common_name(&mut names, &subject.common_name);
    }
    rules::check(role, &subject, &names)?;
    let subject = Subject {
        common_name: subject.common_name,
        serial_number: subject.serial_number,
        country: role.country.clone(),
        organization: role.organization.clone(),
        ou: role.ou.clone(),
        locality: role.locality.clone(),
        province: role.province.clone(),
        street_address: role.street_address.clone(),
        postal_code: role.postal_code.clone(),
    };
    subject.check()?;
    Ok(Holder { subject: subject.to_der(), names, spki: csr.map(|csr| csr.spki) })
}

/// A common name that is a host or an address is an alternative name too: clients look at those alone.
pub(super) fn add_common_name(names: &mut AltNames, common_name: &str) {
    let is_address = common_name.contains('@') && common_name.bytes().all(|byte| byte.is_ascii_graphic());
    let is_ip = common_name.parse::<std::net::IpAddr>().is_ok();
    if is_address || (is_hostname(common_name) && !is_ip) {
        names.add(common_name);
    }
}

/// Refuses the key of a signing request that is not of the role's type, or shorter.
fn check_key(role: &Role, found: KeyType) -> Result<(), Refusal> {
    if role.key_type == "any" {
        return Ok(());
    }
    let wanted = KeyType::parse(&role.key_type, role.key_bits)?;
    if wanted.name() != found.name() {
        return Err(Refusal::invalid(format!("role requires keys of type {}", wanted.name())));
    }
    if found.bits() < wanted.bits() {
        let (least, bits) = (wanted.bits(), found.bits());
        let why = format!("role requires a minimum of a {least}-bit key, but CSR's key is {bits} bits");
        return Err(Refusal::invalid(why));
    }
    Ok(())
}
