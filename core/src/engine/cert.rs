//! Login with a TLS client certificate.
//! Never in it: the TLS handshake, which proves that the client has the key of its certificate (the listener's); certificates
//! (`certificate`) and what a role wants of them (`role`).

mod certificate;
mod crl;
mod login;
mod role;

use std::sync::Arc;

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::object;

use self::role::CertRole;
use crate::engine::codec::Broken;
use crate::engine::{
    Call, ChangeBatch, Engine, EngineKind, Existing, Handled, Mounting, Path, Space, fields,
};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::stored::{Record, record};

pub(crate) struct Cert {
    space: Arc<Space>,
}

pub(crate) static KIND: EngineKind =
    EngineKind::new::<Cert>("cert", Mounting::Login, "Login with a TLS client certificate");

/// The folder of the roles.
const ROLES: &str = "cert/";
/// The folder of the revocation lists.
const CRLS: &str = "crl/";
const CONFIG: &str = "config";
const CONFIG_FIELDS: [&str; 2] = ["disable_binding", "enable_identity_alias_metadata"];
/// How many roles a mount can have: a login that names none tries all of them.
const ROLES_MAX: usize = 1024;

impl Engine for Cert {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("certs/?", "List the roles.").list(|cert, _, call| Handled::read(cert.list(ROLES, call))),
        Path::<Self>::new("certs/{name}", "Read, write and delete a role.")
            .description(
                "A write takes `certificate` (PEM: authorities, or the certificates of clients), `display_name`, \
                 `allowed_common_names`, `allowed_dns_sans`, `allowed_email_sans`, `allowed_uri_sans`, `allowed_names`, \
                 `allowed_organizational_units`, `required_extensions`, `allowed_metadata_extensions`, and \
                 `token_policies`, `token_ttl` and the other parameters of its tokens.",
            )
            .caseless()
            .read(|cert, _, call| Handled::read(cert.read(call)))
            .write(|cert, _, call| Handled::pending(cert.write(call)))
            .delete(|cert, _, call| Handled::pending(cert.delete(ROLES, call)))
            .exists(|cert, call| cert.exists(ROLES, call)),
        Path::<Self>::new("crls/?", "List the revocation lists.")
            .list(|cert, _, call| Handled::read(cert.list(CRLS, call))),
        Path::<Self>::new("crls/{name}", "Read, write and delete a revocation list.")
            .description("A write takes `crl` (PEM).")
            .caseless()
            .read(|cert, _, call| Handled::read(cert.read_crl(call)))
            .write(|cert, _, call| Handled::pending(cert.write_crl(call)))
            .delete(|cert, _, call| Handled::pending(cert.delete(CRLS, call)))
            .exists(|cert, call| cert.exists(CRLS, call)),
        Path::<Self>::new("config", "Read and write the settings of the method.")
            .description("Takes `disable_binding` and `enable_identity_alias_metadata`.")
            .read(|cert, _, _| Handled::pending(cert.read_config()))
            .write(|cert, _, call| Handled::pending(cert.write_config(call))),
        Path::<Self>::new("login", "Log in with the certificate of the connection.")
            .description("Takes `name`: the role; without it all roles are tried.")
            .needs_no_token()
            .sensitive_fields(&["name"])
            .write(|cert, unsealed, call| Handled::pending(cert.login(unsealed, call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

/// The settings of the method.
#[derive(Clone, Default)]
struct Config {
    /// Echoed only: a renewal asks for no certificate.
    disable_binding: bool,
    /// Whether the alias of a client has the facts of its certificate.
    alias_metadata: bool,
}

record! { Config() {
    "disable_binding" => disable_binding,
    "enable_identity_alias_metadata" => alias_metadata,
} }

fn decode<R: Record<Beside = ()>>(stored: &SecretBytes) -> Result<R, Refusal> {
    Ok(R::decode(stored.expose(), ()).ok_or(Broken)?)
}

/// Where what a path captures is stored, in a folder. Names have no case.
fn key_of(folder: &str, call: &Call<'_>) -> String {
    folder.to_owned() + &call.captured.to_lowercase()
}

impl Cert {
    fn exists(&self, folder: &str, call: &Call<'_>) -> Read<'_, Option<Box<Existing>>> {
        self.space.existing(&key_of(folder, call))
    }

    fn list<'a>(&'a self, folder: &str, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list(folder).map(|names| {
            let names = names?;
            call.permit.hold_names(&names)?;
            Ok(Outcome::keys(names))
        })
    }

    fn read<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.read(&key_of(ROLES, call), call.permit).map(|stored| {
            let Some(stored) = stored? else { return Ok(Outcome::absent()) };
            Ok(Outcome::data(decode::<CertRole>(&stored)?.show(&call.captured.to_lowercase())))
        })
    }

    async fn write(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let key = key_of(ROLES, call);
        let roles = self.space.list(ROLES).await?.len();
        let change = self.space.change(&key, call.existing, call.permit, |stored, batch| {
            call.recheck_operation(stored.is_some())?;
            if stored.is_none() && roles >= ROLES_MAX {
                return Err(Refusal::invalid(format!(
                    "the method has {ROLES_MAX} roles; it may not have more"
                )));
            }
            let mut role: CertRole = stored.map(decode).transpose()?.unwrap_or_default();
            role.apply(call.data)?;
            batch.put(&key, &role.encode())
        });
        change.await?;
        Ok(fields::done(call.data, &CertRole::known_fields()))
    }

    async fn delete(&self, folder: &str, call: &Call<'_>) -> Result<(), Refusal> {
        let key = key_of(folder, call);
        let change = |stored: Option<&SecretBytes>, batch: &mut ChangeBatch<'_>| {
            stored.map_or(Ok(()), |_| batch.delete(&key))
        };
        self.space.change(&key, None, call.permit, change).await
    }

    async fn config(&self) -> Result<Config, Refusal> {
        Ok(self.space.get(CONFIG).await?.as_ref().map(decode).transpose()?.unwrap_or_default())
    }

    async fn read_config(&self) -> Result<Outcome, Refusal> {
        let config = self.config().await?;
        Ok(Outcome::data(object! {
            "disable_binding" => config.disable_binding,
            "enable_identity_alias_metadata" => config.alias_metadata,
        }))
    }

    async fn write_config(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let change = self.space.change(CONFIG, None, call.permit, |stored, batch| {
            let mut config: Config = stored.map(decode).transpose()?.unwrap_or_default();
            let flag = |field| fields::flag(call.data, field);
            config.disable_binding = flag("disable_binding")?.unwrap_or(config.disable_binding);
            config.alias_metadata = flag("enable_identity_alias_metadata")?.unwrap_or(config.alias_metadata);
            batch.put(CONFIG, &config.encode())
        });
        change.await?;
        Ok(fields::done(call.data, &CONFIG_FIELDS))
    }
}
