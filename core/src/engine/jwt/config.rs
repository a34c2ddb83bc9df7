//! The settings of the method: the keys that tokens are checked with, and what all roles share.
//! Never in it: reading keys (`keys`).

use onrecord_value::{Object, Value, json, object};

use super::keys::VerificationKey;
use super::signature::Algorithm;
use super::{Jwt, decode};
use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::stored::{Record as _, record};

const CONFIG: &str = "config";
/// How many keys there can be: a token is checked with each of them until one fits.
const KEYS_MAX: usize = 64;
/// What a request may have beside `FETCHED`.
const FIELDS: [&str; 5] =
    ["bound_issuer", "default_role", "jwks", "jwt_supported_algs", "jwt_validation_pubkeys"];
/// What would need keys from elsewhere.
const FETCHED: [&str; 7] = [
    "jwks_ca_pem",
    "jwks_pairs",
    "jwks_url",
    "oidc_client_id",
    "oidc_client_secret",
    "oidc_discovery_ca_pem",
    "oidc_discovery_url",
];

#[derive(Clone, Default)]
pub(super) struct Config {
    pub(super) bound_issuer: String,
    pub(super) default_role: String,
    /// PEM texts.
    pubkeys: Vec<String>,
    /// Names of algorithms; all that are known if there are none.
    pub(super) algorithms: Vec<String>,
    /// A JSON Web Key Set (RFC 7517) as JSON text; empty if there is none.
    jwks: String,
}

record! { Config() {
    "bound_issuer" => bound_issuer,
    "default_role" => default_role,
    "jwt_validation_pubkeys" => pubkeys,
} optional {
    "jwks" => jwks as Sparse,
    "jwt_supported_algs" => algorithms as Sparse,
} }

impl Config {
    /// What a request sets. It replaces all settings, as Vault's does.
    fn read(data: &Object) -> Result<Self, Refusal> {
        if let Some(field) = FETCHED.into_iter().find(|field| is_set(fields::sent(data, field))) {
            return Err(Refusal::invalid(format!(
                "{field}: this server fetches no keys and begins no logins elsewhere; write the keys as jwt_validation_pubkeys \
                 (PEM) or jwks (a JSON Web Key Set)"
            )));
        }
        let text = |field| fields::text(data, field).map(|text| text.unwrap_or_default().into_owned());
        let config = Self {
            bound_issuer: text("bound_issuer")?,
            default_role: text("default_role")?,
            pubkeys: fields::texts(data, "jwt_validation_pubkeys")?.unwrap_or_default(),
            algorithms: fields::texts(data, "jwt_supported_algs")?.unwrap_or_default(),
            jwks: jwks(data)?,
        };
        if let Some(name) = config.algorithms.iter().find(|name| Algorithm::parse(name).is_none()) {
            return Err(Refusal::invalid(format!(
                "jwt_supported_algs: {name:?} is not one of {}",
                Algorithm::NAMES.join(", ")
            )));
        }
        match (config.pubkeys.is_empty(), config.jwks.is_empty()) {
            (true, true) => Err(Refusal::invalid("missing jwt_validation_pubkeys or jwks")),
            (false, false) => Err(Refusal::invalid(
                "jwt_validation_pubkeys and jwks are mutually exclusive: send one of them",
            )),
            _ => config.keys().map(|_| config),
        }
    }

    /// The keys that a token may be signed with.
    pub(super) fn keys(&self) -> Result<Vec<VerificationKey>, Refusal> {
        let keys = if self.jwks.is_empty() {
            self.pubkeys.iter().map(|pem| VerificationKey::from_pem(pem)).collect::<Result<Vec<_>, _>>()?
        } else {
            VerificationKey::from_set(&self.jwks)?
        };
        if keys.len() > KEYS_MAX {
            return Err(Refusal::invalid(format!("there are {} keys; there can be {KEYS_MAX}", keys.len())));
        }
        Ok(keys)
    }

    /// Whether tokens may be signed with an algorithm.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.is_empty()
            || self.algorithms.iter().any(|name| Algorithm::parse(name) == Some(algorithm))
    }

    fn show(&self) -> Object {
        let mut shown = object! {
            "bound_issuer" => self.bound_issuer.as_str(),
            "default_role" => self.default_role.as_str(),
            "jwks_ca_pem" => "",
            "jwks_url" => "",
            "jwt_supported_algs" => self.algorithms.as_slice(),
            "jwt_validation_pubkeys" => self.pubkeys.as_slice(),
            "oidc_client_id" => "",
            "oidc_discovery_ca_pem" => "",
            "oidc_discovery_url" => "",
        };
        if !self.jwks.is_empty() {
            shown.insert("jwks", self.jwks.as_str());
        }
        shown
    }
}

/// Whether a field has a value: an empty one asks for nothing.
fn is_set(value: Option<&Value>) -> bool {
    match value {
        None => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(value) => value.as_array().is_none_or(|items| !items.is_empty()),
    }
}

/// The key set of a request, as JSON text: a text, or the object itself.
fn jwks(data: &Object) -> Result<String, Refusal> {
    let text = match fields::sent(data, "jwks") {
        None => return Ok(String::new()),
        Some(Value::Object(set)) => Value::Object(set.clone()).to_json(),
        Some(_) => fields::text(data, "jwks")?.unwrap_or_default().into_owned().into_bytes(),
    };
    let text = String::from_utf8(text).unwrap_or_default();
    if !text.is_empty() && json::parse_object(text.as_bytes(), json::Limits::default()).is_err() {
        return Err(Refusal::invalid(
            "jwks: failed to parse it; it is a JSON Web Key Set: {\"keys\": [...]}",
        ));
    }
    Ok(text)
}

impl Jwt {
    /// The settings; refused if there are none.
    pub(super) async fn config(&self) -> Result<Config, Refusal> {
        let stored = self.space.get(CONFIG).await?;
        decode(
            stored
                .as_ref()
                .ok_or_else(|| Refusal::invalid("could not load configuration: write config first"))?,
        )
    }

    pub(super) async fn read_config(&self) -> Result<Outcome, Refusal> {
        let Some(stored) = self.space.get(CONFIG).await? else { return Ok(Outcome::absent()) };
        Ok(Outcome::data(decode::<Config>(&stored)?.show()))
    }

    pub(super) async fn write_config(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let config = Config::read(call.data)?.encode();
        self.space.change(CONFIG, None, call.permit, |_, batch| batch.put(CONFIG, &config)).await?;
        let known: Vec<&str> = FIELDS.iter().chain(&FETCHED).copied().collect();
        Ok(fields::done(call.data, &known))
    }
}
