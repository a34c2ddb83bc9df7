//! A role: what a login with it needs, and what its tokens are like.
//! Never in it: storage keys, secret ids.

use onrecord_seal::SecretBytes;
use onrecord_value::{Object, Value, object};

use crate::bound_cidrs::BoundCidrs;
use crate::engine::login_parameters::{LoginParameters, NAMES, OlderNames, blocks, seconds};
use crate::engine::{fields, secret_record};
use crate::outcome::Refusal;
use crate::stored::record;

/// The older names of the parameters of tokens.
pub(super) const OLDER: OlderNames = &[("period", "token_period"), ("policies", "token_policies")];
/// The fields that a role has beside the parameters of its tokens.
const OWN: [&str; 5] =
    ["bind_secret_id", "local_secret_ids", "secret_id_bound_cidrs", "secret_id_num_uses", "secret_id_ttl"];
/// The older name of `secret_id_bound_cidrs`.
pub(super) const OLDER_CIDRS: &str = "bound_cidr_list";

/// The longest name of a role and the longest role id, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 512;

/// A role.
pub(super) struct Role {
    pub(super) role_id: SecretBytes,
    pub(super) rules: RoleRules,
}

/// What is known about a role beside its role id.
#[derive(Clone)]
pub(super) struct RoleRules {
    /// Names the folders of its secret ids.
    pub(super) uuid: String,
    pub(super) bind_secret_id: bool,
    /// Where a login must come from.
    pub(super) secret_id_bound_cidrs: BoundCidrs,
    /// How often a secret id can be used; 0 is unlimited.
    pub(super) secret_id_num_uses: u64,
    /// Seconds; 0 never expires.
    pub(super) secret_id_ttl: u64,
    /// Echoed only: there is one server.
    pub(super) local_secret_ids: bool,
    pub(super) parameters: LoginParameters,
}

record! { RoleRules() {
    "bind_secret_id" => bind_secret_id,
    "local_secret_ids" => local_secret_ids,
    "parameters" => parameters,
    "secret_id_num_uses" => secret_id_num_uses,
    "secret_id_ttl" => secret_id_ttl,
    "uuid" => uuid,
} optional {
    "secret_id_bound_cidrs" => secret_id_bound_cidrs,
} }

impl Role {
    pub(super) fn decode(stored: &SecretBytes) -> Result<Self, Refusal> {
        let (role_id, rules) = secret_record::decode(stored)?;
        Ok(Self { role_id, rules })
    }

    pub(super) fn encode(&self) -> SecretBytes {
        secret_record::encode(self.role_id.expose(), &self.rules)
    }

    pub(super) fn role_id(&self) -> &str {
        std::str::from_utf8(self.role_id.expose()).unwrap_or_default()
    }
}

impl RoleRules {
    pub(super) fn new(uuid: String) -> Self {
        Self {
            uuid,
            bind_secret_id: true,
            secret_id_bound_cidrs: BoundCidrs::default(),
            secret_id_num_uses: 0,
            secret_id_ttl: 0,
            local_secret_ids: false,
            parameters: LoginParameters::default(),
        }
    }

    /// Takes over what a request sets. A refused request leaves all as it was.
    pub(super) fn apply(&mut self, data: &Object, is_new: bool) -> Result<(), Refusal> {
        let mut next = self.clone();
        next.bind_secret_id = fields::flag(data, "bind_secret_id")?.unwrap_or(next.bind_secret_id);
        for name in ["secret_id_bound_cidrs", OLDER_CIDRS] {
            if fields::sent(data, name).is_some() {
                next.secret_id_bound_cidrs = blocks(data, name)?;
                break;
            }
        }
        next.secret_id_num_uses =
            fields::count(data, "secret_id_num_uses")?.unwrap_or(next.secret_id_num_uses);
        if fields::sent(data, "secret_id_ttl").is_some() {
            next.secret_id_ttl = seconds(data, "secret_id_ttl")?;
        }
        if let Some(local) = fields::flag(data, "local_secret_ids")? {
            if !is_new && local != next.local_secret_ids {
                return Err(Refusal::invalid("local_secret_ids can only be set when the role is created"));
            }
            next.local_secret_ids = local;
        }
        next.parameters.apply(data, OLDER)?;
        next.check()?;
        *self = next;
        Ok(())
    }

    /// Gives a field the value that it has when it was never set.
    pub(super) fn reset(&mut self, field: &str) -> Result<(), Refusal> {
        let mut next = self.clone();
        let unset = Self::new(String::new());
        match field {
            "bind_secret_id" => next.bind_secret_id = unset.bind_secret_id,
            "secret_id_bound_cidrs" => next.secret_id_bound_cidrs = unset.secret_id_bound_cidrs,
            "secret_id_num_uses" => next.secret_id_num_uses = unset.secret_id_num_uses,
            "secret_id_ttl" => next.secret_id_ttl = unset.secret_id_ttl,
            other => next.parameters.reset(other, OLDER),
        }
        next.check()?;
        *self = next;
        Ok(())
    }

    /// A role that anybody with the role id could use from anywhere is refused.
    fn check(&self) -> Result<(), Refusal> {
        let is_bound = self.bind_secret_id
            || !self.secret_id_bound_cidrs.is_empty()
            || !self.parameters.bound_cidrs.is_empty();
        if is_bound {
            return Ok(());
        }
        Err(Refusal::invalid(
            "at least one constraint should be enabled on the role: bind_secret_id, secret_id_bound_cidrs or token_bound_cidrs",
        ))
    }

    /// As an answer shows it.
    pub(super) fn show(&self) -> Object {
        let mut shown = self.parameters.show(OLDER);
        let blocks = &self.secret_id_bound_cidrs;
        let blocks = if blocks.is_empty() { Value::Null } else { blocks.texts().collect() };
        shown.extend(object! {
            "bind_secret_id" => self.bind_secret_id,
            "local_secret_ids" => self.local_secret_ids,
            "secret_id_bound_cidrs" => blocks,
            "secret_id_num_uses" => self.secret_id_num_uses,
            "secret_id_ttl" => self.secret_id_ttl,
        });
        shown
    }

    /// The names of all fields that a write takes.
    pub(super) fn known_fields() -> Vec<&'static str> {
        let older = OLDER.iter().map(|(older, _)| *older);
        OWN.into_iter().chain(NAMES).chain(older).chain([OLDER_CIDRS, "role_id", "role_name"]).collect()
    }
}
