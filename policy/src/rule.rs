//! The rule of one path in one policy; [`Rule`], the merged rules of all policies of a token for one pattern; and the
//! check of a question against it. Never in it: how the rule of a path is found.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use onrecord_value::Object;

use crate::capability::{Capabilities, Capability, Operation};
use crate::parameters::{self, Parameters};
use crate::pattern::Pattern;

/// The request that a token wants to make.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The operation.
    pub operation: Operation,
    /// The path; slashes at its beginning are ignored.
    pub path: &'a str,
    /// The parameters: body or query.
    pub data: Option<&'a Object>,
    /// How long the wrapping token of the answer shall live, if it is wrapped.
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
    /// The lifetime of the wrapping token is not what the rule requires.
    WrapTtl,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathRule {
    pub(crate) text: String,
    pub(crate) pattern: Pattern,
    pub(crate) terms: Terms,
}

/// What a rule allows, and under which conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) capabilities: Capabilities,
    pub(crate) allowed: Parameters,
    pub(crate) denied: Parameters,
    /// In lower case.
    pub(crate) required: BTreeSet<String>,
    /// No bound if zero.
    pub(crate) min_wrap: Duration,
    /// No bound if zero.
    pub(crate) max_wrap: Duration,
}

/// The merged rule of one pattern.
pub struct Rule {
    pattern: Box<str>,
    /// The policies that this rule comes from, in the order of the token's policies; of one that denies, that one.
    policies: Vec<Arc<str>>,
    /// The policies that grant each capability, in the order of the token's policies.
    granting: Vec<(Capability, Vec<Arc<str>>)>,
    terms: Terms,
}

impl Rule {
    /// A rule for the pattern of another, to be merged.
    pub(crate) fn like(rule: &PathRule) -> Self {
        Self {
            pattern: rule.text.as_str().into(),
            policies: Vec::new(),
            granting: Vec::new(),
            terms: Terms::default(),
        }
    }

    /// The path as the policies have it, with its wildcards.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The policies that this rule comes from, in the order of the token's policies; of one that denies, that one.
    pub fn policies(&self) -> &[Arc<str>] {
        &self.policies
    }

    /// The policies that grant this capability, in the order of the token's policies; for
    /// [`Capability::Deny`], the one that denies.
    pub fn granting(&self, capability: Capability) -> &[Arc<str>] {
        let found = self.granting.iter().find(|(granted, _)| *granted == capability);
        found.map_or(&[], |(_, policies)| policies)
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.terms.capabilities
    }

    /// Merges the rule of a policy, or another rule of the same policy, for the pattern.
    pub(crate) fn merge(&mut self, policy: &Arc<str>, rule: &PathRule) {
        let (terms, more) = (&mut self.terms, &rule.terms);
        if terms.capabilities.contains(Capability::Deny) {
            return;
        }
        if more.capabilities.contains(Capability::Deny) {
            *terms = Terms { capabilities: Capabilities::DENY, ..Terms::default() };
            self.granting = vec![(Capability::Deny, vec![Arc::clone(policy)])];
            self.policies = vec![Arc::clone(policy)];
            return;
        }
        if self.policies.last() != Some(policy) {
            self.policies.push(Arc::clone(policy));
        }
        terms.capabilities = terms.capabilities.union(more.capabilities);
        for capability in more.capabilities.iter() {
            match self.granting.iter_mut().find(|(granted, _)| *granted == capability) {
                None => self.granting.push((capability, vec![Arc::clone(policy)])),
                Some((_, policies)) if policies.last() != Some(policy) => policies.push(Arc::clone(policy)),
                Some(_) => {}
            }
        }
        // Of two bounds the smaller one applies: a wrapping token must not live longer than any policy allows.
        terms.min_wrap = smaller(terms.min_wrap, more.min_wrap);
        terms.max_wrap = smaller(terms.max_wrap, more.max_wrap);
        terms.allowed.merge(&more.allowed);
        terms.denied.merge(&more.denied);
        terms.required.extend(more.required.iter().cloned());
    }

    pub(crate) fn check(&self, needs: Capability, question: &Question<'_>) -> Result<(), Refusal> {
        if !self.terms.capabilities.contains(needs) {
            return Err(Refusal::Capability);
        }
        self.check_wrapping(question.wrap_ttl)?;
        if question.operation.has_parameters() {
            self.check_parameters(question.data)?;
        }
        Ok(())
    }

    fn check_wrapping(&self, wrap_ttl: Option<Duration>) -> Result<(), Refusal> {
        let Terms { min_wrap, max_wrap, .. } = self.terms;
        let too_long = !max_wrap.is_zero() && wrap_ttl.is_none_or(|ttl| ttl > max_wrap);
        let too_short = !min_wrap.is_zero() && wrap_ttl.is_none_or(|ttl| ttl < min_wrap);
        if too_long || too_short { Err(Refusal::WrapTtl) } else { Ok(()) }
    }

    fn check_parameters(&self, data: Option<&Object>) -> Result<(), Refusal> {
        let Terms { required, allowed, denied, .. } = &self.terms;
        let has_required = required.iter().all(|name| data.is_some_and(|data| data.contains(name)));
        let allows_other = allowed.is_empty() || allowed.has_all();
        let is_allowed = |(name, value): (&str, _)| {
            !denied.get(name).is_some_and(|listed| parameters::denies(listed, value))
                && allowed.get(name).map_or(allows_other, |listed| parameters::allows(listed, value))
        };
        let all_allowed =
            data.is_none_or(|data| data.is_empty() || (!denied.has_all() && data.iter().all(is_allowed)));
        if has_required && all_allowed { Ok(()) } else { Err(Refusal::Parameter) }
    }
}

/// The smaller of two bounds, where zero means no bound.
fn smaller(one: Duration, other: Duration) -> Duration {
    match (one.is_zero(), other.is_zero()) {
        (true, _) => other,
        (_, true) => one,
        _ => one.min(other),
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({:?}, {:?})", self.pattern, self.terms.capabilities)
    }
}
