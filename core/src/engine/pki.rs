//! PKI: authorities, and the certificates that they issue by roles, revoke and list.
//! Never in it: tokens, policies, entries.
//!
//! A mount has issuers (a key with its certificate), of which the default one issues. Each is one record, which holds its key
//! and is encrypted as all of the store; a key leaves the server only where it is made with `exported`.

mod authority;
mod bundle;
mod certificate;
mod certs;
mod config;
mod crl;
mod csr;
mod der;
mod import;
mod issue;
mod issuer;
mod key;
mod lifetime;
mod names;
mod output;
mod revoke;
mod role;
mod roles;
mod rules;
mod usage;

use std::sync::{Arc, Mutex};

use self::certs::Shape;
use self::output::SECRETS;
use self::revoke::Tidied;
use crate::engine::leases::Revocation;
use crate::engine::{Engine, EngineKind, Handled, Mounting, Path, Space, Unsealed};
use crate::operation::Operation::{Delete, List, Read, Update};
use crate::outcome::Refusal;

/// Why routes are refused.
const NO_ACME: &str = "ACME is not supported by this server; use issue/ROLE or sign/ROLE";
const NO_OCSP: &str = "OCSP is not supported by this server; use the revocation list at crl";
const NO_CROSS_SIGNING: &str = "cross-signing is not supported by this server; use root/sign-intermediate";
const NO_KEYS: &str = "keys are not managed apart from their issuers by this server; use issuers";
const NO_PROOF: &str = "revocation by the key of a certificate is not supported by this server; use revoke";
const NO_AUTO_TIDY: &str = "tidying by itself is not supported by this server; use tidy";

pub(crate) struct Pki {
    space: Arc<Space>,
    /// Held while a revocation list is made.
    making_crl: tokio::sync::Mutex<()>,
    /// Held while certificates are tidied.
    tidying: tokio::sync::Mutex<()>,
    tidied: Mutex<Tidied>,
}

pub(crate) static KIND: EngineKind =
    EngineKind::new::<Pki>("pki", Mounting::Secrets, "Issues certificates by roles, and revokes them");

const AUTHORITY: &str = "Takes `common_name`, other parts of the subject, `alt_names`, `ip_sans`, `uri_sans`, `ttl`, \
                         `key_type` (rsa, ec or ed25519), `key_bits`, `max_path_length`, `permitted_dns_domains`, \
                         `issuer_name`, `format` and `private_key_format`.";
const ISSUE: &str = "Takes `common_name`, `alt_names`, `ip_sans`, `uri_sans`, `ttl`, `format` (pem, der or pem_bundle), \
                     `private_key_format` (der or pkcs8), `exclude_cn_from_sans` and `remove_roots_from_chain`.";

impl Engine for Pki {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("ca", "Read the certificate of the default issuer in DER.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, "ca", Shape::Der))),
        Path::<Self>::new("ca/pem", "Read the certificate of the default issuer in PEM.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, "ca", Shape::Pem))),
        Path::<Self>::new("ca_chain", "Read the certificate of the default issuer and those above it in PEM.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, "ca_chain", Shape::Pem))),
        Path::<Self>::new("crl", "Read the revocation list of the default issuer in DER.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, "crl", Shape::Der))),
        Path::<Self>::new("crl/pem", "Read the revocation list of the default issuer in PEM.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, "crl", Shape::Pem))),
        Path::<Self>::new("crl/rotate", "Make the revocation lists again.")
            .read(|pki, _, call| Handled::pending(pki.rotate_crl(call)))
            .write(|pki, _, call| Handled::pending(pki.rotate_crl(call))),
        Path::<Self>::new("certs/?", "List the serial numbers of the certificates.")
            .list(|pki, _, call| Handled::read(pki.list_certs(call))),
        Path::<Self>::new("cert/{serial}/raw/pem", "Read a certificate, `ca`, `ca_chain` or `crl` in PEM.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, call.captured, Shape::Pem))),
        Path::<Self>::new("cert/{serial}/raw", "Read a certificate, `ca`, `ca_chain` or `crl` in DER.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, call.captured, Shape::Der))),
        Path::<Self>::new("cert/{serial}", "Read a certificate, `ca`, `ca_chain` or `crl`.")
            .needs_no_token()
            .read(|pki, _, call| Handled::pending(pki.show_cert(call, call.captured, Shape::Json))),
        Path::<Self>::new("root/generate/{type}", "Make a root authority: `internal` or `exported`.")
            .description(AUTHORITY)
            .sensitive_fields(SECRETS)
            .write(|pki, unsealed, call| Handled::pending(pki.generate_root(unsealed, call))),
        Path::<Self>::new("root/sign-intermediate", "Sign the request of an intermediate authority.")
            .description("Takes `csr`, `use_csr_values`, and what `root/generate` takes for the certificate.")
            .write(|pki, unsealed, call| Handled::pending(pki.sign_intermediate(unsealed, call))),
        Path::<Self>::new("root/sign-self-issued", "Sign the certificate of another authority.")
            .description("Takes `certificate`. All of it but the issuer and the signature is kept.")
            .sudo()
            .write(|pki, _, call| Handled::pending(pki.sign_self_issued(call))),
        Path::<Self>::new("root", "Delete all issuers with their keys.")
            .sudo()
            .delete(|pki, _, call| Handled::pending(pki.delete_root(call))),
        Path::<Self>::new("intermediate/generate/{type}", "Make a key and a signing request for an intermediate authority.")
            .description(AUTHORITY)
            .sensitive_fields(SECRETS)
            .write(|pki, unsealed, call| Handled::pending(pki.generate_intermediate(unsealed, call))),
        Path::<Self>::new("intermediate/set-signed", "Set the certificate of an intermediate authority.")
            .description("Takes `certificate`: it, and those above it, in PEM.")
            .write(|pki, unsealed, call| Handled::pending(pki.set_signed(unsealed, call))),
        Path::<Self>::new("intermediate/cross-sign", "Make a request for another certificate of an authority.")
            .refuse(NO_CROSS_SIGNING, &[Update]),
        Path::<Self>::new("config/ca", "Import an authority.")
            .description("Takes `pem_bundle`: the private key, its certificate and those above it, in PEM.")
            .sensitive_fields(&["pem_bundle"])
            .write(|pki, unsealed, call| Handled::pending(pki.import_bundle(unsealed, call))),
        Path::<Self>::new("config/urls", "Read and write the URLs that certificates have.")
            .description("Takes `issuing_certificates`, `crl_distribution_points` and `ocsp_servers`.")
            .read(|pki, _, _| Handled::pending(pki.show_urls()))
            .write(|pki, _, call| Handled::pending(pki.set_urls(call))),
        Path::<Self>::new("config/crl", "Read and write how revocation lists are made.")
            .description("Takes `expiry` and `disable`.")
            .read(|pki, _, _| Handled::pending(pki.show_crl_config()))
            .write(|pki, _, call| Handled::pending(pki.set_crl_config(call))),
        Path::<Self>::new("config/issuers", "Read and write which issuer is the default one.")
            .description("Takes `default`: an id or a name.")
            .read(|pki, _, _| Handled::pending(pki.show_default_issuer()))
            .write(|pki, _, call| Handled::pending(pki.set_default_issuer(call))),
        Path::<Self>::new("config/acme", "Configure ACME.").refuse(NO_ACME, &[Read, Update]),
        Path::<Self>::new("config/cluster", "Configure the addresses of ACME.").refuse(NO_ACME, &[Read, Update]),
        Path::<Self>::new("config/keys", "Choose the default key.").refuse(NO_KEYS, &[Read, Update]),
        Path::<Self>::new("config/auto-tidy", "Configure tidying by itself.").refuse(NO_AUTO_TIDY, &[Read, Update]),
        Path::<Self>::new("issuers/?", "List the issuers.")
            .list(|pki, _, _| Handled::pending(pki.list_issuers())),
        Path::<Self>::new("issuer/{ref}", "Read, rename and delete an issuer: `default`, an id or a name.")
            .description("Takes `issuer_name`.")
            .read(|pki, _, call| Handled::pending(pki.show_issuer(call)))
            .write(|pki, _, call| Handled::pending(pki.rename_issuer(call)))
            .delete(|pki, _, call| Handled::pending(pki.delete_issuer(call))),
        Path::<Self>::new("issuer/{ref}/revoke", "Revoke an issuer: it issues nothing any more.")
            .description("The certificate is on the list of the issuer of this mount that signed it, if there is one.")
            .write(|pki, _, call| Handled::pending(pki.revoke_issuer(call))),
        Path::<Self>::new("keys/?", "List the keys.").refuse(NO_KEYS, &[List]),
        Path::<Self>::new("key/{ref}", "Read, rename and delete a key.").refuse(NO_KEYS, &[Read, Update, Delete]),
        Path::<Self>::new("roles/?", "List the roles.")
            .list(|pki, _, call| Handled::read(pki.list_roles(call))),
        Path::<Self>::new("roles/{name}", "Write, read and delete a role.")
            .description("A role says which names its certificates may have, how long they live and what they are for.")
            .read(|pki, _, call| Handled::pending(pki.show_role(call)))
            .write(|pki, _, call| Handled::pending(pki.write_role(call)))
            .delete(|pki, _, call| Handled::pending(pki.delete_role(call))),
        Path::<Self>::new("issue/{role}", "Make a key and its certificate.")
            .description(ISSUE)
            .sensitive_fields(SECRETS)
            .write(|pki, unsealed, call| Handled::pending(pki.issue(unsealed, call))),
        Path::<Self>::new("sign/{role}", "Sign a request.")
            .description(ISSUE)
            .write(|pki, unsealed, call| Handled::pending(pki.sign(unsealed, call))),
        Path::<Self>::new("sign-verbatim", "Sign a request with whatever names it has.")
            .description("Takes `csr`, `key_usage`, `ext_key_usage`, `ttl` and `format`. Other extensions are left out.")
            .write(|pki, unsealed, call| Handled::pending(pki.sign_verbatim(unsealed, call))),
        Path::<Self>::new("sign-verbatim/{role}", "Sign a request with whatever names it has, with the times of a role.")
            .description("Takes `csr`, `key_usage`, `ext_key_usage`, `ttl` and `format`. Other extensions are left out.")
            .write(|pki, unsealed, call| Handled::pending(pki.sign_verbatim(unsealed, call))),
        Path::<Self>::new("revoke", "Revoke a certificate.")
            .description("Takes `serial_number`, or `certificate` in PEM.")
            .write(|pki, _, call| Handled::pending(pki.revoke_by_request(call))),
        Path::<Self>::new("revoke-with-key", "Revoke a certificate by its key.")
            .sensitive_fields(&["private_key"])
            .refuse(NO_PROOF, &[Update]),
        Path::<Self>::new("tidy", "Remove certificates that have ended.")
            .description("Takes `tidy_cert_store`, `tidy_revoked_certs` and `safety_buffer`.")
            .write(|pki, _, call| Handled::pending(pki.tidy(call))),
        Path::<Self>::new("tidy-status", "Read what the last tidying has done.")
            .read(|pki, _, _| Handled::ready(pki.tidy_status())),
        Path::<Self>::new("ocsp", "Ask whether a certificate is revoked.").refuse(NO_OCSP, &[Update]),
        Path::<Self>::new("ocsp/{*request}", "Ask whether a certificate is revoked.").refuse(NO_OCSP, &[Read, Update]),
        Path::<Self>::new("acme/{*path}", "Issue certificates by ACME.").refuse(NO_ACME, &[Read, Update]),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self {
            space,
            making_crl: tokio::sync::Mutex::default(),
            tidying: tokio::sync::Mutex::default(),
            tidied: Mutex::default(),
        })
    }

    fn revoke_lease<'a>(
        &'a self,
        _: &'a Unsealed,
        revocation: &'a Revocation<'a>,
    ) -> onrecord_storage::Read<'a, Result<(), Refusal>> {
        onrecord_storage::Read::pending(self.revoke_leased(revocation))
    }
}
