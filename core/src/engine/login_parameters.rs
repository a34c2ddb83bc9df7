//! The parameters that all login methods share: what the tokens are like that their logins issue (`token_ttl`,
//! `token_policies`, …). They are read, stored and shown here alone.
//! Never in it: the parameters of one method, or how a client proves its identity.

use onrecord_value::{GoDuration, Object, Value, object};

use crate::bound_cidrs::BoundCidrs;
use crate::engine::token::sanitised;
use crate::engine::{Call, fields};
use crate::names::check_name;
use crate::outcome::Refusal;
use crate::policies::ROOT;
use crate::stored::record;
use crate::token::{TokenDraft, TokenKind};

/// How many policies one account can have. Their names are in all entries of its tokens.
const POLICIES_MAX: usize = 256;

/// The older names of a method's parameters, each with the present one.
pub(crate) type OlderNames = &'static [(&'static str, &'static str)];

/// All present names, in the order in which they are shown.
pub(crate) const NAMES: [&str; 10] = [
    "token_bound_cidrs",
    "token_explicit_max_ttl",
    "token_max_ttl",
    "token_no_default_policy",
    "token_num_uses",
    "token_period",
    "token_policies",
    "token_strictly_bind_ip",
    "token_ttl",
    "token_type",
];

/// What the tokens of an account are like. Durations are in seconds; 0 leaves them to the mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginParameters {
    /// Sorted names.
    pub(crate) policies: Vec<String>,
    pub(crate) no_default_policy: bool,
    pub(crate) ttl: u64,
    pub(crate) max_ttl: u64,
    pub(crate) explicit_max_ttl: u64,
    pub(crate) period: u64,
    /// 0 is unlimited.
    pub(crate) num_uses: u64,
    /// Where a login may come from, and its token be used; anywhere if there are none.
    pub(crate) bound_cidrs: BoundCidrs,
    /// Whether a token can be used from the address of its login alone.
    pub(crate) strictly_bind_ip: bool,
    /// `default`, `service`, `batch`, `default-service` or `default-batch`.
    pub(crate) token_type: String,
    /// The older names that were used: those are shown too.
    older_names: Vec<String>,
}

record! { LoginParameters() {
    "token_explicit_max_ttl" => explicit_max_ttl,
    "token_max_ttl" => max_ttl,
    "token_num_uses" => num_uses,
    "token_period" => period,
    "token_policies" => policies,
    "token_ttl" => ttl,
    "token_type" => token_type,
} optional {
    "older_names" => older_names as Sparse,
    "token_bound_cidrs" => bound_cidrs,
    "token_no_default_policy" => no_default_policy,
    "token_strictly_bind_ip" => strictly_bind_ip,
} }

impl Default for LoginParameters {
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            no_default_policy: false,
            ttl: 0,
            max_ttl: 0,
            explicit_max_ttl: 0,
            period: 0,
            num_uses: 0,
            bound_cidrs: BoundCidrs::default(),
            strictly_bind_ip: false,
            token_type: "default".to_owned(),
            older_names: Vec::new(),
        }
    }
}

impl LoginParameters {
    /// Takes over what a request sets. A refused request leaves all as it was.
    pub(crate) fn apply(&mut self, data: &Object, older: OlderNames) -> Result<(), Refusal> {
        let mut next = self.clone();
        for name in NAMES {
            let Some(sent) = next.name_sent(data, name, older) else { continue };
            next.set(name, sent, data)?;
        }
        next.check()?;
        *self = next;
        Ok(())
    }

    /// The name by which a request sets a parameter: the present one, or else an older one, which is noted.
    fn name_sent<'a>(&mut self, data: &Object, name: &'a str, older: OlderNames) -> Option<&'a str> {
        let mut older = older.iter().filter(|(_, present)| *present == name).map(|(older, _)| *older);
        if fields::sent(data, name).is_some() {
            self.older_names.retain(|used| !older.clone().any(|older| older == used));
            return Some(name);
        }
        let used = older.find(|older| fields::sent(data, older).is_some())?;
        if !self.older_names.iter().any(|known| known == used) {
            self.older_names.push(used.to_owned());
        }
        Some(used)
    }

    /// Sets a parameter by what a request has under the name `sent`.
    fn set(&mut self, name: &str, sent: &str, data: &Object) -> Result<(), Refusal> {
        match name {
            "token_bound_cidrs" => self.bound_cidrs = blocks(data, sent)?,
            "token_explicit_max_ttl" => self.explicit_max_ttl = seconds(data, sent)?,
            "token_max_ttl" => self.max_ttl = seconds(data, sent)?,
            "token_no_default_policy" => {
                self.no_default_policy = fields::flag(data, sent)?.unwrap_or_default();
            }
            "token_num_uses" => self.num_uses = fields::count(data, sent)?.unwrap_or_default(),
            "token_period" => self.period = seconds(data, sent)?,
            "token_policies" => self.policies = policies(data, sent)?,
            "token_strictly_bind_ip" => {
                self.strictly_bind_ip = fields::flag(data, sent)?.unwrap_or_default();
            }
            "token_ttl" => self.ttl = seconds(data, sent)?,
            _ => self.token_type = token_type(data, sent)?,
        }
        Ok(())
    }

    /// Gives a parameter the value that it has when it was never set.
    pub(crate) fn reset(&mut self, name: &str, older: OlderNames) {
        let Self {
            policies,
            no_default_policy,
            ttl,
            max_ttl,
            explicit_max_ttl,
            period,
            num_uses,
            bound_cidrs,
            strictly_bind_ip,
            token_type,
            ..
        } = Self::default();
        match name {
            "token_bound_cidrs" => self.bound_cidrs = bound_cidrs,
            "token_explicit_max_ttl" => self.explicit_max_ttl = explicit_max_ttl,
            "token_max_ttl" => self.max_ttl = max_ttl,
            "token_no_default_policy" => self.no_default_policy = no_default_policy,
            "token_num_uses" => self.num_uses = num_uses,
            "token_period" => self.period = period,
            "token_policies" => self.policies = policies,
            "token_strictly_bind_ip" => self.strictly_bind_ip = strictly_bind_ip,
            "token_ttl" => self.ttl = ttl,
            "token_type" => self.token_type = token_type,
            _ => return,
        }
        let of_this = |used: &String| older.iter().any(|(older, present)| older == used && *present == name);
        self.older_names.retain(|used| !of_this(used));
    }

    /// Refuses parameters that contradict each other.
    fn check(&self) -> Result<(), Refusal> {
        if self.max_ttl > 0 && self.ttl > self.max_ttl {
            return Err(Refusal::invalid("'token_ttl' cannot be greater than 'token_max_ttl'"));
        }
        if matches!(&*self.token_type, "batch" | "default-batch") {
            if self.num_uses > 0 {
                return Err(Refusal::invalid(
                    "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
                ));
            }
            if self.period > 0 {
                return Err(Refusal::invalid(
                    "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens",
                ));
            }
            if self.explicit_max_ttl > 0 {
                return Err(Refusal::invalid(
                    "'token_type' cannot be 'batch' or 'default_batch' with 'token_explicit_max_ttl': batch tokens have none",
                ));
            }
        }
        Ok(())
    }

    /// As an answer shows them: by their present names, and by the older ones that were used.
    pub(crate) fn show(&self, older: OlderNames) -> Object {
        let mut shown = object! {
            "token_bound_cidrs" => self.bound_cidrs.texts().collect::<Value>(),
            "token_explicit_max_ttl" => self.explicit_max_ttl,
            "token_max_ttl" => self.max_ttl,
            "token_no_default_policy" => self.no_default_policy,
            "token_num_uses" => self.num_uses,
            "token_period" => self.period,
            "token_policies" => self.policies.as_slice(),
            "token_ttl" => self.ttl,
            "token_type" => self.token_type.as_str(),
        };
        if self.strictly_bind_ip {
            shown.insert("token_strictly_bind_ip", true);
        }
        for (older, present) in
            older.iter().filter(|(older, _)| self.older_names.iter().any(|used| used == older))
        {
            if let Some(value) = shown.get(present).cloned() {
                shown.insert(*older, value);
            }
        }
        shown
    }

    /// The token of a login, without the names that the method gives it.
    pub(crate) fn draft(&self, call: &Call<'_>) -> Result<TokenDraft, Refusal> {
        let kind = self.kind(&call.mount.tune.token_type);
        let is_batch = kind == TokenKind::Batch;
        Ok(TokenDraft {
            policies: self.policies.clone(),
            no_default_policy: self.no_default_policy,
            num_uses: self.num_uses,
            ttl: if is_batch && self.ttl == 0 { self.max_ttl } else { self.ttl },
            explicit_max_ttl: if is_batch { self.explicit_max_ttl } else { self.end() },
            period: self.period,
            renewable: true,
            bound_cidrs: self.token_blocks(call)?,
            kind,
            ..TokenDraft::default()
        })
    }

    /// The kind of token: as the account says, or the mount where the account does not, or where that is fixed.
    fn kind(&self, of_mount: &str) -> TokenKind {
        let named = match (of_mount, &*self.token_type) {
            (fixed @ ("service" | "batch"), _) => fixed,
            (of_mount, "default") => of_mount,
            (_, of_account) => of_account,
        };
        if matches!(named, "batch" | "default-batch") { TokenKind::Batch } else { TokenKind::Service }
    }

    /// Where the token may be used from.
    fn token_blocks(&self, call: &Call<'_>) -> Result<BoundCidrs, Refusal> {
        match call.client_address() {
            Some(address) if self.strictly_bind_ip => {
                BoundCidrs::parse(&[address.to_string()]).map_err(Refusal::invalid)
            }
            _ => Ok(self.bound_cidrs.clone()),
        }
    }

    /// How long a service token may ever live. `token_max_ttl` bounds all renewals, as an explicit one does; a periodic token
    /// has no other end than an explicit one.
    fn end(&self) -> u64 {
        match (self.explicit_max_ttl, self.max_ttl) {
            (explicit, _) if self.period > 0 => explicit,
            (0, max) => max,
            (explicit, 0) => explicit,
            (explicit, max) => explicit.min(max),
        }
    }
}

/// Blocks of addresses in a field of a request.
pub(crate) fn blocks(data: &Object, field: &str) -> Result<BoundCidrs, Refusal> {
    let texts = fields::texts(data, field)?.unwrap_or_default();
    BoundCidrs::parse(&texts).map_err(|error| Refusal::invalid(format!("{field}: {error}")))
}

/// A duration in whole seconds; what is shorter than one counts as one, since 0 leaves it to the mount.
pub(crate) fn seconds(data: &Object, field: &str) -> Result<u64, Refusal> {
    let asked = fields::span(data, field)?.unwrap_or(GoDuration::ZERO);
    if asked.is_negative() {
        return Err(Refusal::invalid(format!("'{field}' cannot be negative")));
    }
    let whole = u64::try_from(asked.secs()).unwrap_or(0);
    Ok(if whole == 0 && !asked.is_zero() { 1 } else { whole })
}

fn policies(data: &Object, field: &str) -> Result<Vec<String>, Refusal> {
    let names = sanitised(&fields::texts(data, field)?.unwrap_or_default());
    if names.iter().any(|name| name == ROOT) {
        return Err(Refusal::invalid(format!("{field}: a login method cannot grant the policy root")));
    }
    if names.len() > POLICIES_MAX {
        let text = format!("{field} has {} policies; it may have {POLICIES_MAX}", names.len());
        return Err(Refusal::invalid(text));
    }
    names.iter().try_for_each(|name| check_name(field, name))?;
    Ok(names)
}

fn token_type(data: &Object, field: &str) -> Result<String, Refusal> {
    let named = fields::text(data, field)?.unwrap_or_default();
    match &*named {
        "" => Ok("default".to_owned()),
        "default" | "service" | "batch" | "default-service" | "default-batch" => Ok(named.into_owned()),
        other => Err(Refusal::invalid(format!(
            "invalid 'token_type' value {other:?}; it is default, service, batch, default-service or default-batch"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::*;
    use crate::stored::Record as _;

    const OLDER: OlderNames =
        &[("policies", "token_policies"), ("ttl", "token_ttl"), ("bound_cidrs", "token_bound_cidrs")];

    fn applied(data: &Object) -> LoginParameters {
        let mut parameters = LoginParameters::default();
        parameters.apply(data, OLDER).map_err(|refusal| refusal.text).unwrap();
        parameters
    }

    #[test]
    fn each_parameter_is_read_stored_and_shown() {
        let data = object! {
            "token_bound_cidrs" => "127.0.0.1/32,10.0.0.0/8",
            "token_explicit_max_ttl" => "3h",
            "token_max_ttl" => 7200,
            "token_no_default_policy" => true,
            "token_num_uses" => 3,
            "token_period" => "10m",
            "token_policies" => vec!["B", "a", "a"],
            "token_strictly_bind_ip" => "true",
            "token_ttl" => "60",
            "token_type" => "service",
        };
        let parameters = applied(&data);
        let shown = Value::from(parameters.show(OLDER)).to_json();
        assert_eq!(
            String::from_utf8(shown).unwrap(),
            "{\"token_bound_cidrs\":[\"127.0.0.1/32\",\"10.0.0.0/8\"],\"token_explicit_max_ttl\":10800,\
             \"token_max_ttl\":7200,\"token_no_default_policy\":true,\"token_num_uses\":3,\"token_period\":600,\
             \"token_policies\":[\"a\",\"b\"],\"token_strictly_bind_ip\":true,\"token_ttl\":60,\"token_type\":\"service\"}"
        );
        assert_eq!(LoginParameters::decode(&parameters.encode(), ()), Some(parameters));
        assert_eq!(
            LoginParameters::decode(&LoginParameters::default().encode(), ()),
            Some(LoginParameters::default())
        );
    }

    #[test]
    fn an_older_name_sets_the_present_one_and_is_shown_until_that_is_set() {
        let mut parameters = applied(&object! { "policies" => "one", "ttl" => 60 });
        let shown = parameters.show(OLDER);
        assert_eq!(
            (shown.get("policies"), shown.get("token_policies")),
            (shown.get("token_policies"), shown.get("policies"))
        );
        assert_eq!(shown.get("ttl").and_then(Value::as_i64), Some(60));
        assert!(!shown.contains("bound_cidrs"));
        assert!(parameters.apply(&object! { "token_policies" => "two" }, OLDER).is_ok());
        let shown = parameters.show(OLDER);
        assert!(!shown.contains("policies") && shown.contains("ttl"));
        parameters.reset("token_ttl", OLDER);
        assert!(parameters.ttl == 0 && !parameters.show(OLDER).contains("ttl"));
    }

    #[test]
    fn a_wrong_value_is_refused_and_leaves_all_as_it_was() {
        for (data, text) in [
            (
                object! { "token_ttl" => "2h", "token_max_ttl" => "1h" },
                "'token_ttl' cannot be greater than 'token_max_ttl'",
            ),
            (object! { "token_ttl" => "-1s" }, "'token_ttl' cannot be negative"),
            (object! { "token_type" => "bad" }, "invalid 'token_type' value \"bad\""),
            (object! { "token_policies" => "a,root" }, "token_policies: a login method cannot grant"),
            (object! { "token_bound_cidrs" => "here" }, "token_bound_cidrs: \"here\" is not an IP address"),
            (object! { "token_type" => "batch", "token_num_uses" => 1 }, "'token_type' cannot be 'batch'"),
            (object! { "token_type" => "batch", "token_period" => 1 }, "'token_type' cannot be 'batch'"),
            (object! { "token_num_uses" => -1 }, "Field validation failed"),
        ] {
            let mut parameters = applied(&object! { "token_policies" => "kept" });
            let before = parameters.clone();
            let refusal = parameters.apply(&data, OLDER).err().unwrap().text.unwrap();
            assert!(refusal.starts_with(text), "{refusal}");
            assert_eq!(parameters, before);
        }
    }

    #[test]
    fn the_maximal_time_to_live_bounds_a_token_for_good_unless_it_is_periodic() {
        for (explicit, max, period, end) in [
            (0, 0, 0, 0),
            (0, 60, 0, 60),
            (90, 0, 0, 90),
            (90, 60, 0, 60),
            (30, 60, 0, 30),
            (0, 60, 5, 0),
            (90, 60, 5, 90),
        ] {
            let parameters = LoginParameters {
                explicit_max_ttl: explicit,
                max_ttl: max,
                period,
                ..LoginParameters::default()
            };
            assert_eq!(parameters.end(), end, "{explicit} {max} {period}");
        }
    }

    #[test]
    fn the_kind_of_a_token_is_the_accounts_unless_the_mounts_is_fixed() {
        use TokenKind::{Batch, Service};
        for (of_mount, of_account, kind) in [
            ("default-service", "default", Service),
            ("default-batch", "default", Batch),
            ("default-service", "batch", Batch),
            ("default-batch", "service", Service),
            ("default-service", "default-batch", Batch),
            ("batch", "service", Batch),
            ("service", "batch", Service),
            ("", "default", Service),
        ] {
            let parameters =
                LoginParameters { token_type: of_account.to_owned(), ..LoginParameters::default() };
            assert_eq!(parameters.kind(of_mount), kind, "{of_mount} {of_account}");
        }
    }
}
