//! The decision about a question, with the rule that won.
//! Never in it: how a rule is found (`acl.rs`) or checked (`rule.rs`).

use std::sync::Arc;

use crate::acl::Acl;
use crate::capability::{Capability, Operation};
use crate::question::{Question, Refusal};
use crate::rule::Rule;

/// The decision about a question.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Whether the rule has the capability `sudo`; also set where the question is refused.
    pub sudo: bool,
    /// Whether the token has the root policy.
    pub root: bool,
    /// The policies that granted it, in the order of the token's policies; none if it is not allowed.
    pub granting: &'a [Arc<str>],
    /// The rule that won, if one matched.
    pub rule: Option<&'a Rule>,
    /// Why it is refused.
    pub refusal: Option<Refusal>,
}

impl Acl {
    /// Decides a question. Without the root policy, a question that no rule allows is refused; help is always allowed.
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
