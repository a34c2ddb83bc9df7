//! A role: which claims a token must have, and what the tokens of its logins are like.
//! Never in it: signatures, storage.

use onrecord_value::{Object, Value, object};

use super::claims::{self, Leeways};
use crate::engine::fields;
use crate::engine::login_parameters::{LoginParameters, NAMES, OlderNames};
use crate::outcome::Refusal;
use crate::stored::record;

const OLDER: OlderNames = &[
    ("bound_cidrs", "token_bound_cidrs"),
    ("max_ttl", "token_max_ttl"),
    ("num_uses", "token_num_uses"),
    ("period", "token_period"),
    ("policies", "token_policies"),
    ("ttl", "token_ttl"),
];
/// How many values a list, and how many pairs a map can have.
const VALUES_MAX: usize = 256;
const KNOWN: [&str; 18] = [
    "allowed_redirect_uris",
    "bound_audiences",
    "bound_claims",
    "bound_claims_type",
    "bound_subject",
    "claim_mappings",
    "clock_skew_leeway",
    "expiration_leeway",
    "groups_claim",
    "max_age",
    "not_before_leeway",
    "oidc_scopes",
    "role_type",
    "user_claim",
    "user_claim_json_pointer",
    "verbose_oidc_logging",
    "name",
    "callback_mode",
];
/// What a leeway is where a role does not say, in seconds.
const CLOCK_SKEW: i64 = 60;
const OTHER_LEEWAYS: i64 = 150;

/// What is stored of a role.
#[derive(Clone)]
pub(super) struct JwtRole {
    /// `jwt`, or `oidc`, by which nobody can log in here.
    pub(super) role_type: String,
    bound_audiences: Vec<String>,
    bound_subject: String,
    bound_claims: Object,
    /// `string` or `glob`.
    bound_claims_type: String,
    user_claim: String,
    user_claim_json_pointer: bool,
    groups_claim: String,
    /// The names of claims with the names of metadata.
    claim_mappings: Object,
    /// Seconds; 0 is the default, a negative one is none.
    clock_skew_leeway: i64,
    expiration_leeway: i64,
    not_before_leeway: i64,
    /// Echoed only: they are for logins through a browser.
    oidc_scopes: Vec<String>,
    allowed_redirect_uris: Vec<String>,
    pub(super) parameters: LoginParameters,
}

record! { JwtRole() {
    "bound_claims" => bound_claims,
    "bound_claims_type" => bound_claims_type,
    "claim_mappings" => claim_mappings,
    "clock_skew_leeway" => clock_skew_leeway,
    "expiration_leeway" => expiration_leeway,
    "not_before_leeway" => not_before_leeway,
    "parameters" => parameters,
    "role_type" => role_type,
    "user_claim" => user_claim,
} optional {
    "allowed_redirect_uris" => allowed_redirect_uris as Sparse,
    "bound_audiences" => bound_audiences as Sparse,
    "bound_subject" => bound_subject as Sparse,
    "groups_claim" => groups_claim as Sparse,
    "oidc_scopes" => oidc_scopes as Sparse,
    "user_claim_json_pointer" => user_claim_json_pointer,
} }

impl Default for JwtRole {
    fn default() -> Self {
        Self {
            role_type: "oidc".to_owned(),
            bound_audiences: Vec::new(),
            bound_subject: String::new(),
            bound_claims: Object::new(),
            bound_claims_type: "string".to_owned(),
            user_claim: String::new(),
            user_claim_json_pointer: false,
            groups_claim: String::new(),
            claim_mappings: Object::new(),
            clock_skew_leeway: 0,
            expiration_leeway: 0,
            not_before_leeway: 0,
            oidc_scopes: Vec::new(),
            allowed_redirect_uris: Vec::new(),
            parameters: LoginParameters::default(),
        }
    }
}

/// Who a token says that the client is.
pub(super) struct Client {
    pub(super) user: String,
    pub(super) groups: Vec<String>,
    pub(super) metadata: Object,
}

impl JwtRole {
    /// Takes over what a request sets. A refused request leaves all as it was.
    pub(super) fn apply(&mut self, data: &Object) -> Result<(), Refusal> {
        let mut next = self.clone();
        for (field, text, accepted) in [
            ("role_type", &mut next.role_type, &["jwt", "oidc"][..]),
            ("bound_claims_type", &mut next.bound_claims_type, &["string", "glob"]),
            ("bound_subject", &mut next.bound_subject, &[]),
            ("user_claim", &mut next.user_claim, &[]),
            ("groups_claim", &mut next.groups_claim, &[]),
        ] {
            let Some(given) = fields::text(data, field)? else { continue };
            if !accepted.is_empty() && !accepted.contains(&&*given) {
                return Err(Refusal::invalid(format!("invalid {field:?}: it is {}", accepted.join(" or "))));
            }
            *text = given.into_owned();
        }
        for (field, list) in [
            ("bound_audiences", &mut next.bound_audiences),
            ("oidc_scopes", &mut next.oidc_scopes),
            ("allowed_redirect_uris", &mut next.allowed_redirect_uris),
        ] {
            let Some(given) = fields::texts(data, field)? else { continue };
            check_count(field, given.len())?;
            *list = given;
        }
        for (field, seconds) in [
            ("clock_skew_leeway", &mut next.clock_skew_leeway),
            ("expiration_leeway", &mut next.expiration_leeway),
            ("not_before_leeway", &mut next.not_before_leeway),
        ] {
            *seconds = fields::span(data, field)?.map_or(*seconds, |span| span.secs());
        }
        let pointer = fields::flag(data, "user_claim_json_pointer")?;
        next.user_claim_json_pointer = pointer.unwrap_or(next.user_claim_json_pointer);
        next.set_maps(data)?;
        next.parameters.apply(data, OLDER)?;
        next.check()?;
        *self = next;
        Ok(())
    }

    fn set_maps(&mut self, data: &Object) -> Result<(), Refusal> {
        if let Some(bound) = fields::map(data, "bound_claims")? {
            check_count("bound_claims", bound.len())?;
            let is_scalar = |value: &Value| claims::text_of(value).is_some();
            let is_expected = |value: &Value| match value.as_array() {
                Some(items) => items.len() <= VALUES_MAX && items.iter().all(is_scalar),
                None => is_scalar(value),
            };
            if let Some((name, _)) = bound.iter().find(|(_, value)| !is_expected(value)) {
                return Err(Refusal::invalid(format!(
                    "bound_claims: the value of {name:?} is not a text, a number, a truth value or a list of them"
                )));
            }
            self.bound_claims = bound.clone();
        }
        if let Some(mappings) = fields::texts_by_name(data, "claim_mappings")? {
            check_count("claim_mappings", mappings.len())?;
            self.claim_mappings = mappings.into_iter().collect();
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.user_claim.is_empty() {
            return Err(Refusal::invalid("a user claim must be defined on the role: missing user_claim"));
        }
        if self.role_type == "oidc" && self.allowed_redirect_uris.is_empty() {
            return Err(Refusal::invalid(
                "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified",
            ));
        }
        let is_bound = !self.bound_audiences.is_empty()
            || !self.bound_subject.is_empty()
            || !self.bound_claims.is_empty()
            || !self.parameters.bound_cidrs.is_empty();
        if self.role_type == "jwt" && !is_bound {
            return Err(Refusal::invalid(
                "must have at least one bound constraint when creating/updating a role: bound_audiences, bound_subject, \
                 bound_claims or token_bound_cidrs",
            ));
        }
        Ok(())
    }

    /// As an answer shows it.
    pub(super) fn show(&self) -> Object {
        let mut shown = self.parameters.show(OLDER);
        let list = |values: &[String]| if values.is_empty() { Value::Null } else { Value::from(values) };
        let map = |map: &Object| if map.is_empty() { Value::Null } else { Value::Object(map.clone()) };
        shown.extend(object! {
            "allowed_redirect_uris" => list(&self.allowed_redirect_uris),
            "bound_audiences" => list(&self.bound_audiences),
            "bound_claims" => map(&self.bound_claims),
            "bound_claims_type" => self.bound_claims_type.as_str(),
            "bound_subject" => self.bound_subject.as_str(),
            "claim_mappings" => map(&self.claim_mappings),
            "clock_skew_leeway" => self.clock_skew_leeway,
            "expiration_leeway" => self.expiration_leeway,
            "groups_claim" => self.groups_claim.as_str(),
            "not_before_leeway" => self.not_before_leeway,
            "oidc_scopes" => list(&self.oidc_scopes),
            "role_type" => self.role_type.as_str(),
            "user_claim" => self.user_claim.as_str(),
            "user_claim_json_pointer" => self.user_claim_json_pointer,
        });
        shown
    }

    /// The names of all fields that a write takes.
    pub(super) fn known_fields() -> Vec<&'static str> {
        KNOWN.into_iter().chain(NAMES).chain(OLDER.iter().map(|(older, _)| *older)).collect()
    }

    fn leeways(&self) -> Leeways {
        let or = |seconds: i64, default: i64| match seconds {
            0 => default,
            seconds => seconds.max(0),
        };
        Leeways {
            clock_skew: or(self.clock_skew_leeway, CLOCK_SKEW),
            expiration: or(self.expiration_leeway, OTHER_LEEWAYS),
            not_before: or(self.not_before_leeway, OTHER_LEEWAYS),
        }
    }

    /// Who the claims of a token say that the client is, if they are what the role wants of them at `now`.
    pub(super) fn client(&self, claims: &Object, issuer: &str, now: i64) -> Option<Client> {
        let is_text = |name: &str, wanted: &str| {
            wanted.is_empty() || claims.get(name).and_then(Value::as_str) == Some(wanted)
        };
        let is_bound = |(name, expected): (&str, &Value)| {
            let is_glob = self.bound_claims_type == "glob";
            claims::find(claims, name).is_some_and(|claim| claims::matches(claim, expected, is_glob))
        };
        let fits = claims::is_in_time(claims, self.leeways(), now)
            && is_text("iss", issuer)
            && is_text("sub", &self.bound_subject)
            && self.is_meant_for(claims)
            && self.bound_claims.iter().all(is_bound);
        let user = if self.user_claim_json_pointer {
            claims::find(claims, &self.user_claim)
        } else {
            claims.get(&self.user_claim)
        };
        let user = user.and_then(Value::as_str).filter(|user| fits && !user.is_empty())?;
        let groups = match &*self.groups_claim {
            "" => Vec::new(),
            name => claims::texts(claims::find(claims, name)?)?,
        };
        let pair = |(claim, name): (&str, &Value)| {
            let value = claims::text_of(claims::find(claims, claim)?)?.into_owned();
            Some((name.as_str()?.to_owned(), value))
        };
        let metadata = self.claim_mappings.iter().filter_map(pair).collect();
        Some(Client { user: user.to_owned(), groups, metadata })
    }

    /// Whether the audience of a token is the role's. A token with an audience is for no role that has none.
    fn is_meant_for(&self, claims: &Object) -> bool {
        match claims.get("aud").map(claims::texts) {
            None => self.bound_audiences.is_empty(),
            Some(None) => false,
            Some(Some(audiences)) => audiences.iter().any(|audience| self.bound_audiences.contains(audience)),
        }
    }
}

fn check_count(field: &str, count: usize) -> Result<(), Refusal> {
    if count > VALUES_MAX {
        return Err(Refusal::invalid(format!("{field} has {count} values; it may have {VALUES_MAX}")));
    }
    Ok(())
}
