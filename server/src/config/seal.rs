//! The `seal` stanza: key shares, which need none, or the transit engine of another server. A stanza that asks for another
//! kind of seal must not be ignored: the data would not be protected as its operator believes.
//! Never in it: calls of a key service.

use std::path::PathBuf;

use onrecord_client::{Address, Config as ClientConfig, Tls, Token};
use onrecord_hcl::{Block, Body};

use super::given::Given;
use super::reader::Reader;
use crate::error::FileError;

/// Key shares.
const SHAMIR: &str = "shamir";
/// The transit engine of another server.
const TRANSIT: &str = "transit";
/// How long the other server may take for an answer. A start tries again.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

const TRANSIT_KEYS: [&str; 13] = [
    "address",
    "disable_renewal",
    "disabled",
    "key_id_prefix",
    "key_name",
    "mount_path",
    "namespace",
    "tls_ca_cert",
    "tls_client_cert",
    "tls_client_key",
    "tls_server_name",
    "tls_skip_verify",
    "token",
];

/// A transit engine that encrypts the unseal key.
#[derive(Debug, Clone)]
pub(crate) struct TransitConfig {
    pub(crate) client: ClientConfig,
    /// The other server's address, for errors.
    pub(crate) address: String,
    /// The path of its mount, with the slash at its end.
    pub(crate) mount: String,
    /// The name of the key there.
    pub(crate) key: String,
    /// Whether its token is renewed while the server runs.
    pub(crate) renews_token: bool,
}

/// Reads the stanzas; none for key shares.
pub(super) fn read(
    reader: &mut Reader,
    body: &Body,
    given: &mut Given,
) -> Result<Option<TransitConfig>, FileError> {
    let mut transit = None;
    for block in reader.blocks(body, "seal", 1)? {
        let kind = block.labels.first().copied().unwrap_or_default();
        if kind != SHAMIR && kind != TRANSIT {
            let message = format!(
                "unknown seal {kind:?}: there are {SHAMIR:?} (key shares, see operator init), which needs no stanza, and \
                 {TRANSIT:?} (the transit engine of another server)"
            );
            return Err(reader.error(block.position, message));
        }
        given.once(reader, "seal", block.position)?;
        if kind == SHAMIR {
            reader.refuse_unknown_keys(block.body, &[], "seal \"shamir\": ")?;
        } else {
            transit = Some(read_transit(reader, &block)?);
        }
    }
    Ok(transit)
}

fn read_transit(reader: &mut Reader, block: &Block<'_>) -> Result<TransitConfig, FileError> {
    const PLACE: &str = "seal \"transit\": ";
    let body = block.body;
    reader.refuse_unknown_keys(body, &TRANSIT_KEYS, PLACE)?;
    Given::default().each_once(reader, body, PLACE)?;
    if reader.boolean(body, "disabled")?.unwrap_or(false) {
        let message =
            format!("{PLACE}disabled: data is not migrated from one seal to another; take the stanza out");
        return Err(reader.error(block.position, message));
    }
    // The stanza counts; a variable stands in for a key that it does not have.
    let setting = |reader: &Reader, key: &str, variables: &[&str]| -> Result<Option<String>, FileError> {
        let written = reader.text(body, key)?.filter(|text| !text.is_empty());
        let variable =
            || variables.iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
        Ok(written.or_else(variable))
    };
    let needed = |reader: &Reader, key: &str, variables: &[&str], what: &str| {
        setting(reader, key, variables)?
            .ok_or_else(|| reader.error(block.position, format!("{PLACE}it needs {key}: {what}")))
    };
    let address = needed(reader, "address", &["VAULT_ADDR", "BAO_ADDR"], "the address of the other server")?;
    let parsed = Address::parse(&address);
    let parsed = parsed
        .map_err(|error| reader.error(block.position, format!("{PLACE}address = {address:?}: {error}")))?;
    let token = needed(reader, "token", &["VAULT_TOKEN", "BAO_TOKEN"], "a token that may use the key")?;
    let key_name = ["VAULT_TRANSIT_SEAL_KEY_NAME", "BAO_TRANSIT_SEAL_KEY_NAME"];
    let key = needed(reader, "key_name", &key_name, "the name of the key")?;
    let mount_path = ["VAULT_TRANSIT_SEAL_MOUNT_PATH", "BAO_TRANSIT_SEAL_MOUNT_PATH"];
    let mount = setting(reader, "mount_path", &mount_path)?.unwrap_or_else(|| "transit/".to_owned());
    let path = |reader: &Reader, key: &str, variable: &str| {
        setting(reader, key, &[variable]).map(|text| text.map(PathBuf::from))
    };
    let mut client = ClientConfig::new(parsed);
    client.token = Some(Token::new(token));
    client.namespace = setting(reader, "namespace", &["VAULT_NAMESPACE"])?;
    client.tls = Tls {
        ca_cert: path(reader, "tls_ca_cert", "VAULT_CACERT")?,
        client_cert: path(reader, "tls_client_cert", "VAULT_CLIENT_CERT")?,
        client_key: path(reader, "tls_client_key", "VAULT_CLIENT_KEY")?,
        server_name: setting(reader, "tls_server_name", &["VAULT_TLS_SERVER_NAME"])?,
        skip_verify: reader.boolean(body, "tls_skip_verify")?.unwrap_or(false),
        ..Tls::default()
    };
    (client.timeout, client.retries) = (TIMEOUT, 0);
    let renews_token = !reader.boolean(body, "disable_renewal")?.unwrap_or(false);
    if body.get("key_id_prefix").is_some() {
        reader.warn(block.position, format!("{PLACE}key_id_prefix has no effect: there is one seal"));
    }
    let mount = format!("{}/", mount.trim_matches('/'));
    Ok(TransitConfig { client, address, mount, key, renews_token })
}
