//! The `witness` stanzas within `audit`: servers that cosign the checkpoints of the logs.
//! Never in it: calls of a witness.

use std::path::PathBuf;
use std::time::Duration;

use onrecord_client::{Address, Config as ClientConfig, Tls};
use onrecord_evidence::{Algorithm, VerifierKey};
use onrecord_hcl::{Body, Position};

use super::given::Given;
use super::reader::Reader;
use crate::error::FileError;

/// How long a witness may take for an answer. It is asked again.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer is a few lines.
const ANSWER_BYTES: usize = 64 * 1024;
/// The longest name, in bytes.
const NAME_MAX: usize = 64;

const KEYS: [&str; 3] = ["tls_ca_cert", "url", "verifier_key"];

/// A witness.
#[derive(Debug, Clone)]
pub(crate) struct WitnessConfig {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) client: ClientConfig,
    pub(crate) key: VerifierKey,
    tls_ca_cert: Option<PathBuf>,
}

impl PartialEq for WitnessConfig {
    fn eq(&self, other: &Self) -> bool {
        let facts =
            |one: &Self| (one.name.clone(), one.url.clone(), one.key.clone(), one.tls_ca_cert.clone());
        facts(self) == facts(other)
    }
}

impl Eq for WitnessConfig {}

/// Reads a stanza. Its label is the name by which status, metrics and files call the witness.
pub(super) fn read(
    reader: &Reader,
    labels: &[&str],
    body: &Body,
    position: Position,
) -> Result<WitnessConfig, FileError> {
    let [name] = labels else {
        let message =
            "audit: a witness has one label, its name: witness \"NAME\" { url = …, verifier_key = … }";
        return Err(reader.error(position, message.to_owned()));
    };
    let place = format!("audit: witness {name:?}: ");
    if !is_name(name) {
        let message = format!(
            "{place}its name is made of letters, digits, \"-\" and \".\", and begins with a letter or digit"
        );
        return Err(reader.error(position, message));
    }
    reader.refuse_unknown_keys(body, &KEYS, &place)?;
    Given::default().each_once(reader, body, &place)?;
    let needed = |key: &str, what: &str| {
        let text = reader.text(body, key)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| reader.error(position, format!("{place}it needs {key}: {what}")))
    };
    let refused = |key: &str, text: &str, why: &dyn std::fmt::Display| {
        let position = body.get(key).map_or(position, |value| value.position);
        reader.error(position, format!("{place}{key} = {text:?}: {why}"))
    };
    let url = needed("url", "the address below which it takes add-checkpoint")?;
    let address = Address::parse(&url).map_err(|error| refused("url", &url, &error))?;
    let text = needed("verifier_key", "the key that verifies its cosignatures")?;
    let key = VerifierKey::parse(&text).map_err(|error| refused("verifier_key", &text, &error))?;
    if key.algorithm() != Algorithm::Cosignature {
        let why = "it is the key of a log; that of a witness is of the type of cosignatures (4)";
        return Err(refused("verifier_key", &text, &why));
    }
    let tls_ca_cert = reader.text(body, "tls_ca_cert")?.map(PathBuf::from);
    let mut client = ClientConfig::new(address);
    client.tls = Tls { ca_cert: tls_ca_cert.clone(), ..Tls::default() };
    (client.timeout, client.retries, client.answer_bytes_max) = (TIMEOUT, 0, ANSWER_BYTES);
    Ok(WitnessConfig { name: (*name).to_owned(), url, client, key, tls_ca_cert })
}

#[cfg(test)]
impl WitnessConfig {
    pub(crate) fn for_tests(name: &str, url: &str, key: VerifierKey) -> Self {
        let mut client = ClientConfig::new(Address::parse(url).expect("a URL"));
        client.retries = 0;
        Self { name: name.to_owned(), url: url.to_owned(), client, key, tls_ca_cert: None }
    }
}

/// Whether a name can be that of a file.
fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    name.len() <= NAME_MAX
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(letter)
}
