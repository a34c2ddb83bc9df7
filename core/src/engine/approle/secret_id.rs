//! A secret id: how often, how long and from where it can be used, and what its tokens get.
//! Never in it: storage keys; the secret id itself, which is stored nowhere.

use onrecord_seal::SecretBytes;
use onrecord_value::{Object, Time, Value, json, object};

use super::role::RoleRules;
use crate::bound_cidrs::BoundCidrs;
use crate::engine::login_attempts::Failure;
use crate::engine::login_parameters::{blocks, seconds};
use crate::engine::{Call, fields, secret_record};
use crate::names::check_name;
use crate::outcome::Refusal;
use crate::stored::record;

/// How many pairs the metadata can have, and how long a key and a value can be, in bytes. All are in all entries of its tokens,
/// in the clear.
const META_MAX: (usize, usize, usize) = (64, 128, 512);

/// What is stored under the HMAC of a secret id.
pub(super) struct SecretId {
    pub(super) accessor: SecretBytes,
    pub(super) facts: SecretIdFacts,
}

/// What is known about a secret id beside its accessor.
#[derive(Clone)]
pub(super) struct SecretIdFacts {
    /// Where a login with it must come from.
    cidr_list: BoundCidrs,
    pub(super) created: Time,
    expires: Option<Time>,
    pub(super) metadata: Object,
    /// How often it can still be used; 0 is unlimited.
    pub(super) num_uses: u64,
    /// Where its tokens may be used; as the role says if there are none.
    pub(super) token_bound_cidrs: BoundCidrs,
    /// Seconds; 0 never expires.
    pub(super) ttl: u64,
    pub(super) updated: Time,
}

record! { SecretIdFacts() {
    "created" => created as Nanos,
    "metadata" => metadata,
    "num_uses" => num_uses,
    "ttl" => ttl,
    "updated" => updated as Nanos,
} optional {
    "cidr_list" => cidr_list,
    "expires" => expires as Nanos,
    "token_bound_cidrs" => token_bound_cidrs,
} }

impl SecretId {
    pub(super) fn decode(stored: &SecretBytes) -> Result<Self, Refusal> {
        let (accessor, facts) = secret_record::decode(stored)?;
        Ok(Self { accessor, facts })
    }

    pub(super) fn encode(&self) -> SecretBytes {
        secret_record::encode(self.accessor.expose(), &self.facts)
    }

    pub(super) fn accessor(&self) -> &str {
        std::str::from_utf8(self.accessor.expose()).unwrap_or_default()
    }

    /// As an answer shows it.
    pub(super) fn show(&self) -> Object {
        let facts = &self.facts;
        object! {
            "cidr_list" => facts.cidr_list.texts().collect::<Value>(),
            "creation_time" => facts.created,
            "expiration_time" => facts.expires.unwrap_or(Time::NEVER),
            "last_updated_time" => facts.updated,
            "metadata" => facts.metadata.clone(),
            "secret_id_accessor" => self.accessor(),
            "secret_id_num_uses" => facts.num_uses,
            "secret_id_ttl" => facts.ttl,
            "token_bound_cidrs" => facts.token_bound_cidrs.texts().collect::<Value>(),
        }
    }
}

impl SecretIdFacts {
    /// What a request asks for, within what the role allows.
    pub(super) fn read(call: &Call<'_>, rules: &RoleRules) -> Result<Self, Refusal> {
        let data = call.data;
        let cidr_list = blocks(data, "cidr_list")?;
        if !cidr_list.are_within(&rules.secret_id_bound_cidrs) {
            return Err(Refusal::invalid("cidr_list is not within the secret_id_bound_cidrs of the role"));
        }
        let token_bound_cidrs = blocks(data, "token_bound_cidrs")?;
        if !token_bound_cidrs.are_within(&rules.parameters.bound_cidrs) {
            return Err(Refusal::invalid(
                "token_bound_cidrs is not within the token_bound_cidrs of the role",
            ));
        }
        let num_uses = match fields::count(data, "num_uses")? {
            Some(asked) => within("num_uses", asked, "secret_id_num_uses", rules.secret_id_num_uses)?,
            None => rules.secret_id_num_uses,
        };
        let ttl = match fields::sent(data, "ttl") {
            Some(_) => within("ttl", seconds(data, "ttl")?, "secret_id_ttl", rules.secret_id_ttl)?,
            None => rules.secret_id_ttl,
        };
        let nanos = |seconds: u64| call.now.unix_nanos() + i128::from(seconds) * 1_000_000_000;
        Ok(Self {
            cidr_list,
            created: call.now,
            expires: (ttl > 0).then(|| Time::from_unix_nanos(nanos(ttl))),
            metadata: metadata(data)?,
            num_uses,
            token_bound_cidrs,
            ttl,
            updated: call.now,
        })
    }

    pub(super) fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether a login may use it now, from where it comes.
    pub(super) fn check(&self, call: &Call<'_>) -> Result<(), Failure> {
        if self.is_expired(call.now) {
            return Err(Failure::WrongCredentials);
        }
        if self.cidr_list.allow(call.client_address()) { Ok(()) } else { Err(Failure::Elsewhere) }
    }
}

/// A count that a request asks for, where 0 is without end: not more than the role's.
fn within(field: &str, asked: u64, of_role: &str, most: u64) -> Result<u64, Refusal> {
    if most > 0 && (asked == 0 || asked > most) {
        return Err(Refusal::invalid(format!(
            "{field} cannot be higher than the {of_role} of the role, {most}"
        )));
    }
    Ok(asked)
}

/// The metadata of a request: a map of texts, or the JSON of one in a text.
fn metadata(data: &Object) -> Result<Object, Refusal> {
    let parsed;
    let data = match fields::sent(data, "metadata").and_then(Value::as_str) {
        Some("") => return Ok(Object::new()),
        Some(text) => {
            let map = json::parse_object(text.as_bytes(), json::Limits::default());
            let map = map.map_err(|_| Refusal::invalid("metadata is not a JSON object of texts"))?;
            parsed = object! { "metadata" => map };
            &parsed
        }
        None => data,
    };
    let pairs = fields::texts_by_name(data, "metadata")?.unwrap_or_default();
    let (most, key_bytes, value_bytes) = META_MAX;
    let fits = |(key, value): &(String, String)| key.len() <= key_bytes && value.len() <= value_bytes;
    if pairs.len() > most || !pairs.iter().all(fits) {
        return Err(Refusal::invalid(format!(
            "metadata may have {most} pairs, with keys of {key_bytes} bytes and values of {value_bytes} bytes"
        )));
    }
    for (key, value) in &pairs {
        check_name("metadata", key)?;
        check_name("metadata", value)?;
    }
    Ok(pairs.into_iter().collect())
}
