//! A question and the decision about it, with the rule that won.

use std::sync::Arc;
use std::time::Duration;

use onrecord_value::Object;

use crate::acl::Acl;
use crate::capability::{Capability, Operation};
use crate::rule::Rule;

/// What a token wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What.
    pub operation: Operation,
    /// Where; slashes at its beginning do not count.
    pub path: &'a str,
    /// The parameters: body or query.
    pub data: Option<&'a Object>,
    /// For how long the answer is to be wrapped, if it is.
    pub wrap_ttl: Option<Duration>,
}

impl<'a> Question<'a> {
    /// A question without parameters and without wrapping.
    pub const fn new(operation: Operation, path: &'a str) -> Self {
        Self { operation, path, data: None, wrap_ttl: None }
    }
}

/// Why a question was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The rule that won does not have the capability.
    Capability,
    /// No rule matches.
    NoRule,
    /// A parameter is missing, denied or not allowed.
    Parameter,
    /// The answer is not wrapped as the rule wants it.
    WrapTtl,
}

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// May it be done?
    pub allowed: bool,
    /// May it be done where `sudo` is needed? Also says so when it is not allowed.
    pub sudo: bool,
    /// Does the token have the root policy?
    pub root: bool,
    /// The policies that granted it, in the order of the token's policies; none if it is not allowed.
    pub granting: &'a [Arc<str>],
    /// The rule that won, if one matched.
    pub rule: Option<&'a Rule>,
    /// Why not.
    pub refusal: Option<Refusal>,
}

impl Acl {
    /// Decides a question. Without root, everything is refused that no rule allows; only help is always given.
    pub fn decide<'a>(&'a self, question: &Question<'_>) -> Decision<'a> {
        let mut decision =
            Decision { allowed: true, sudo: false, root: false, granting: &[], rule: None, refusal: None };
        if let Some(name) = self.root_name() {
            return Decision { sudo: true, root: true, granting: std::slice::from_ref(name), ..decision };
        }
        if question.operation == Operation::Help {
            return decision;
        }
        let path = question.path.trim_start_matches('/');
        let Some(rule) = self.find(path, question.operation.enumerates()) else {
            return Decision { allowed: false, refusal: Some(Refusal::NoRule), ..decision };
        };
        decision.rule = Some(rule);
        decision.sudo = rule.capabilities().contains(Capability::Sudo);
        let checked = match question.operation.needs() {
            None => Err(Refusal::Capability),
            Some(needs) => rule.check(needs, question).map(|()| rule.granting(needs)),
        };
        match checked {
            Ok(granting) => Decision { granting, ..decision },
            Err(refusal) => Decision { allowed: false, refusal: Some(refusal), ..decision },
        }
    }
}
