//! The login with the certificate of the connection.
//! Never in it: what a role wants of a certificate.

use onrecord_value::{Object, Time, object};
use rustls_pki_types::CertificateDer;

use super::certificate::{Certificate, from_pem};
use super::role::CertRole;
use super::{Cert, ROLES, decode};
use crate::engine::login_attempts::{self, Failure};
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Refusal, Reply};
use crate::token::{LoginAlias, TokenDraft};

/// What a refused login is told, whatever was wrong.
const REFUSED: &str = "invalid certificate or no client certificate supplied";
/// How many certificates a client can show.
const SHOWN_MAX: usize = 16;

/// A client's certificates: its own, and others that may lead from it to an authority.
struct Shown {
    own: CertificateDer<'static>,
    others: Vec<CertificateDer<'static>>,
}

/// What a login found: the role and what is known about the client.
struct Matched {
    name: String,
    role: CertRole,
    common_name: String,
    metadata: Object,
}

impl Cert {
    pub(super) async fn login(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
        let refused = |failure| login_attempts::failed(failure, REFUSED);
        let named = fields::text(call.data, "name")?.filter(|name| !name.is_empty());
        let Some(shown) = Shown::of(call) else { return Err(refused(Failure::WrongCredentials)) };
        if self.is_revoked(&shown.serials()).await? {
            return Err(refused(Failure::WrongCredentials));
        }
        let roles = self.roles(named.map(|name| name.to_lowercase())).await?;
        if roles.is_empty() {
            return Err(refused(Failure::NoAccount));
        }
        let now = call.now;
        // Signatures are checked: off the threads that serve connections.
        let matched = unsealed.cpu_work.run(move || find(&shown, roles, now)).await?;
        let Some(Matched { name, role, common_name, metadata }) = matched else {
            return Err(refused(Failure::WrongCredentials));
        };
        if !role.parameters.bound_cidrs.allow(call.client_address()) {
            return Err(refused(Failure::Elsewhere));
        }
        let display_name = if role.display_name.is_empty() { name } else { role.display_name.clone() };
        let of_alias = if self.config().await?.alias_metadata { metadata.clone() } else { Object::new() };
        let alias = LoginAlias { name: common_name, metadata: of_alias, groups: Vec::new() };
        let login = TokenDraft {
            display_name,
            meta: Some(metadata),
            alias: Some(alias),
            ..role.parameters.draft(call)?
        };
        Ok(Reply { login: Some(login), ..Reply::default() })
    }

    /// The role of a name, or all of them.
    async fn roles(&self, named: Option<String>) -> Result<Vec<(String, CertRole)>, Refusal> {
        let names = match named {
            Some(name) => vec![name],
            None => self.space.list(ROLES).await?,
        };
        let mut roles = Vec::new();
        for name in names {
            let stored = self.space.get(&[ROLES, &*name].concat()).await?;
            roles.extend(stored.as_ref().map(decode).transpose()?.map(|role| (name, role)));
        }
        Ok(roles)
    }
}

impl Shown {
    fn of(call: &Call<'_>) -> Option<Self> {
        let (own, others) = call.client_certificates.split_first()?;
        let owned = |der: &bytes::Bytes| CertificateDer::from(der.to_vec());
        let others = others.iter().take(SHOWN_MAX).map(owned).collect();
        Some(Self { own: owned(own), others })
    }

    /// The serial numbers of all of them.
    fn serials(&self) -> Vec<String> {
        let all = std::iter::once(&self.own).chain(&self.others);
        all.filter_map(|der| Certificate::parse(der).map(|certificate| certificate.serial())).collect()
    }
}

/// The first role that trusts the certificate and wants it.
fn find(shown: &Shown, roles: Vec<(String, CertRole)>, now: Time) -> Option<Matched> {
    let certificate = Certificate::parse(&shown.own)?;
    let fits = |role: &CertRole| {
        role.wants(&certificate)
            && from_pem("certificate", &role.certificate)
                .is_ok_and(|trusted| certificate.is_trusted(&shown.others, &trusted, now))
    };
    let (name, role) = roles.into_iter().find(|(_, role)| fits(role))?;
    let common_name = certificate.common_name().unwrap_or_default().to_owned();
    let (subject_key_id, authority_key_id) = certificate.key_ids();
    let mut metadata = object! {
        "authority_key_id" => authority_key_id,
        "cert_name" => name.as_str(),
        "common_name" => common_name.as_str(),
        "serial_number" => certificate.serial(),
        "subject_key_id" => subject_key_id,
    };
    metadata.extend(role.metadata_of(&certificate));
    Some(Matched { name, role, common_name, metadata })
}
