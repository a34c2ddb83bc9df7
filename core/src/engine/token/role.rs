//! A token role: what it allows those who create tokens by it, and what it gives their tokens.
//! Never in it: endpoints (`roles`), storage, tokens that are made without a role.

use onrecord_value::Value;

use super::create::sanitised;
use crate::bound_cidrs::BoundCidrs;
use crate::glob::glob_matches;
use crate::outcome::Refusal;
use crate::policies::DEFAULT;
use crate::stored::{Field, Plain, record};
use crate::token::{TokenDraft, TokenKind};
use crate::tokens::Caller;

/// Which kind of token a role makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RoleKind {
    /// Always a service token.
    Service,
    /// Always a batch token.
    Batch,
    /// A service token, unless a request asks for a batch token.
    #[default]
    DefaultService,
    /// A batch token, unless a request asks for a service token.
    DefaultBatch,
}

impl RoleKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "service" => Some(Self::Service),
            "batch" => Some(Self::Batch),
            "" | "default" | "default-service" => Some(Self::DefaultService),
            "default-batch" => Some(Self::DefaultBatch),
            _ => None,
        }
    }

    /// Whether it makes batch tokens of those who ask for nothing.
    pub(super) const fn is_batch(self) -> bool {
        matches!(self, Self::Batch | Self::DefaultBatch)
    }

    /// The kind of a token that a request asks for by `type`.
    pub(super) fn of_request(self, asked: Option<TokenKind>) -> TokenKind {
        match (self, asked) {
            (Self::Service, _) | (Self::DefaultService, None) => TokenKind::Service,
            (Self::Batch, _) | (Self::DefaultBatch, None) => TokenKind::Batch,
            (Self::DefaultService | Self::DefaultBatch, Some(asked)) => asked,
        }
    }
}

impl Field<Plain> for RoleKind {
    fn store(&self) -> Value {
        Value::from(self.as_str())
    }
    fn load(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }
}

/// What is stored of a role. Durations are seconds, 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenRole {
    pub(super) allowed_policies: Vec<String>,
    pub(super) allowed_policies_glob: Vec<String>,
    pub(super) disallowed_policies: Vec<String>,
    pub(super) disallowed_policies_glob: Vec<String>,
    pub(super) allowed_entity_aliases: Vec<String>,
    pub(super) orphan: bool,
    pub(super) renewable: bool,
    pub(super) path_suffix: String,
    pub(super) bound_cidrs: BoundCidrs,
    pub(super) explicit_max_ttl: u64,
    pub(super) no_default_policy: bool,
    pub(super) num_uses: u64,
    pub(super) period: u64,
    pub(super) kind: RoleKind,
}

impl Default for TokenRole {
    fn default() -> Self {
        Self {
            allowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            allowed_entity_aliases: Vec::new(),
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            bound_cidrs: BoundCidrs::default(),
            explicit_max_ttl: 0,
            no_default_policy: false,
            num_uses: 0,
            period: 0,
            kind: RoleKind::default(),
        }
    }
}

record! { TokenRole() {
    "allowed_entity_aliases" => allowed_entity_aliases,
    "allowed_policies" => allowed_policies,
    "allowed_policies_glob" => allowed_policies_glob,
    "disallowed_policies" => disallowed_policies,
    "disallowed_policies_glob" => disallowed_policies_glob,
    "explicit_max_ttl" => explicit_max_ttl,
    "kind" => kind,
    "no_default_policy" => no_default_policy,
    "num_uses" => num_uses,
    "orphan" => orphan,
    "path_suffix" => path_suffix,
    "period" => period,
    "renewable" => renewable,
} optional {
    "bound_cidrs" => bound_cidrs,
} }

impl TokenRole {
    /// The policies of a token that a caller creates by this role and asks these for, before `root` is looked at. Where the
    /// role allows policies, they need not be the caller's.
    pub(super) fn policies(
        &self,
        asked: &[String],
        without_default: bool,
        caller: &Caller,
        sudo: bool,
    ) -> Result<Vec<String>, Refusal> {
        let own = &caller.entry.policies;
        let restricts = !self.allowed_policies.is_empty() || !self.allowed_policies_glob.is_empty();
        let mut names = match asked {
            [] if !self.allowed_policies.is_empty() => self.allowed_policies.clone(),
            [] => own.clone(),
            asked => asked.to_vec(),
        };
        if restricts {
            if let Some(name) = names.iter().find(|name| *name != DEFAULT && !self.allows(name)) {
                return Err(self.not_allowed(name));
            }
        } else if !sudo && !caller.entry.is_root() && !asked.iter().all(|name| own.contains(name)) {
            return Err(Refusal::invalid("child policies must be subset of parent"));
        }
        let asked_default = asked.iter().any(|name| name == DEFAULT);
        if without_default || self.no_default_policy || self.disallows(DEFAULT) {
            names.retain(|name| name != DEFAULT || asked_default);
        } else if restricts || sudo || own.iter().any(|name| name == DEFAULT) {
            names.push(DEFAULT.to_owned());
        }
        match names.iter().find(|name| self.disallows(name)) {
            Some(name) => Err(Refusal::invalid(format!("token policy {name:?} is disallowed by this role"))),
            None => Ok(sanitised(&names)),
        }
    }

    fn not_allowed(&self, name: &str) -> Refusal {
        let text = format!(
            "token policy {name:?} is not among the role's allowed policies ({}) and matches none of its allowed globs ({})",
            self.allowed_policies.join(", "),
            self.allowed_policies_glob.join(", "),
        );
        Refusal::invalid(text)
    }

    fn allows(&self, name: &str) -> bool {
        self.allowed_policies.iter().any(|allowed| allowed == name)
            || self.allowed_policies_glob.iter().any(|glob| glob_matches(glob, name))
    }

    fn disallows(&self, name: &str) -> bool {
        self.disallowed_policies.iter().any(|disallowed| disallowed == name)
            || self.disallowed_policies_glob.iter().any(|glob| glob_matches(glob, name))
    }

    /// Gives a token what the role has for it. Of two bounds the narrower one holds.
    pub(super) fn apply(&self, name: &str, draft: &mut TokenDraft) {
        let narrower = |one: u64, other: u64| {
            if one == 0 {
                other
            } else if other == 0 {
                one
            } else {
                one.min(other)
            }
        };
        draft.explicit_max_ttl = narrower(draft.explicit_max_ttl, self.explicit_max_ttl);
        draft.num_uses = narrower(draft.num_uses, self.num_uses);
        if self.period > 0 {
            draft.period = self.period;
        }
        draft.renewable &= self.renewable;
        draft.bound_cidrs = self.bound_cidrs.clone();
        name.clone_into(&mut draft.role);
        if !self.path_suffix.is_empty() {
            draft.path = format!("{}/{}", draft.path, self.path_suffix);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::Record as _;

    #[test]
    fn a_stored_role_reads_back_and_damaged_bytes_do_not() {
        let role = TokenRole {
            allowed_policies: vec!["a".to_owned()],
            bound_cidrs: BoundCidrs::parse(&["10.0.0.0/8"]).unwrap(),
            kind: RoleKind::DefaultBatch,
            period: 60,
            ..TokenRole::default()
        };
        let stored = role.encode();
        assert_eq!(
            String::from_utf8_lossy(&stored),
            "{\"allowed_entity_aliases\":[],\"allowed_policies\":[\"a\"],\"allowed_policies_glob\":[],\
             \"bound_cidrs\":[\"10.0.0.0/8\"],\"disallowed_policies\":[],\"disallowed_policies_glob\":[],\
             \"explicit_max_ttl\":0,\"kind\":\"default-batch\",\"no_default_policy\":false,\"num_uses\":0,\
             \"orphan\":false,\"path_suffix\":\"\",\"period\":60,\"renewable\":true}"
        );
        assert_eq!(TokenRole::decode(&stored, ()), Some(role));
        assert_eq!(TokenRole::decode(b"{}", ()), None);
        for cut in 0..stored.len() {
            assert!(TokenRole::decode(&stored[..cut], ()).is_none(), "{cut}");
        }
    }

    #[test]
    fn the_kind_of_a_token_is_the_roles_or_a_default_that_a_request_can_change() {
        use TokenKind::{Batch, Service};
        assert_eq!(RoleKind::Service.of_request(Some(Batch)), Service);
        assert_eq!(RoleKind::Batch.of_request(Some(Service)), Batch);
        assert_eq!(RoleKind::DefaultService.of_request(Some(Batch)), Batch);
        assert_eq!(
            (RoleKind::DefaultService.of_request(None), RoleKind::DefaultBatch.of_request(None)),
            (Service, Batch)
        );
        assert_eq!(RoleKind::parse("odd"), None);
    }
}
