//! [`Rule`]: the merged rules of all policies of a token for one pattern, and the check of a question against them.
//! Never in it: how the rule of a path is found.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use onrecord_value::Object;

use crate::capability::{Capabilities, Capability};
use crate::parameters::{self, Parameters};
use crate::path_rule::PathRule;
use crate::question::{Question, Refusal};

/// The merged rule of one pattern.
pub struct Rule {
    pattern: Box<str>,
    capabilities: Capabilities,
    /// The policies that grant each capability, in the order of the token's policies.
    granting: Vec<(Capability, Vec<Arc<str>>)>,
    allowed: Parameters,
    denied: Parameters,
    required: BTreeSet<String>,
    min_wrap: Duration,
    max_wrap: Duration,
}

impl Rule {
    pub(crate) fn new(policy: &Arc<str>, rule: &PathRule) -> Self {
        let mut new = Self {
            pattern: rule.text.as_str().into(),
            capabilities: Capabilities::default(),
            granting: Vec::new(),
            allowed: Parameters::default(),
            denied: Parameters::default(),
            required: BTreeSet::new(),
            min_wrap: Duration::ZERO,
            max_wrap: Duration::ZERO,
        };
        new.merge(policy, rule);
        new
    }

    /// The path as the policies have it, with its wildcards.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The policies that grant this capability, in the order of the token's policies; for
    /// [`Capability::Deny`], the one that denies.
    pub fn granting(&self, capability: Capability) -> &[Arc<str>] {
        let found = self.granting.iter().find(|(granted, _)| *granted == capability);
        found.map_or(&[], |(_, policies)| policies)
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Merges the rule of another policy, or another rule of the same policy, for the pattern.
    pub(crate) fn merge(&mut self, policy: &Arc<str>, rule: &PathRule) {
        if self.capabilities.contains(Capability::Deny) {
            return;
        }
        if rule.capabilities.contains(Capability::Deny) {
            self.capabilities = Capabilities::DENY;
            self.granting = vec![(Capability::Deny, vec![Arc::clone(policy)])];
            self.allowed = Parameters::default();
            self.denied = Parameters::default();
            self.required.clear();
            (self.min_wrap, self.max_wrap) = (Duration::ZERO, Duration::ZERO);
            return;
        }
        self.capabilities = self.capabilities.union(rule.capabilities);
        for capability in rule.capabilities.iter() {
            match self.granting.iter_mut().find(|(granted, _)| *granted == capability) {
                None => self.granting.push((capability, vec![Arc::clone(policy)])),
                Some((_, policies)) if policies.last() != Some(policy) => policies.push(Arc::clone(policy)),
                Some(_) => {}
            }
        }
        // Of two bounds the smaller one applies: a wrapping token must not live longer than any policy allows.
        self.min_wrap = smaller(self.min_wrap, rule.min_wrap);
        self.max_wrap = smaller(self.max_wrap, rule.max_wrap);
        self.allowed.merge(&rule.allowed);
        self.denied.merge(&rule.denied);
        self.required.extend(rule.required.iter().cloned());
    }

    /// Checks a question.
    pub(crate) fn check(&self, needs: Capability, question: &Question<'_>) -> Result<(), Refusal> {
        if !self.capabilities.contains(needs) {
            return Err(Refusal::Capability);
        }
        self.check_wrapping(question.wrap_ttl)?;
        if question.operation.has_parameters() {
            self.check_parameters(question.data)?;
        }
        Ok(())
    }

    fn check_wrapping(&self, wrap_ttl: Option<Duration>) -> Result<(), Refusal> {
        let too_long = |max| wrap_ttl.is_none_or(|ttl| ttl > max);
        let too_short = |min| wrap_ttl.is_none_or(|ttl| ttl < min);
        let refused = (!self.max_wrap.is_zero() && too_long(self.max_wrap))
            || (!self.min_wrap.is_zero() && too_short(self.min_wrap));
        if refused { Err(Refusal::WrapTtl) } else { Ok(()) }
    }

    fn check_parameters(&self, data: Option<&Object>) -> Result<(), Refusal> {
        let has = |name: &String| data.is_some_and(|data| data.contains(name));
        if !self.required.iter().all(has) {
            return Err(Refusal::Parameter);
        }
        let Some(data) = data.filter(|data| !data.is_empty()) else { return Ok(()) };
        if self.denied.has_all() {
            return Err(Refusal::Parameter);
        }
        let allows_other = self.allowed.is_empty() || self.allowed.has_all();
        for (name, value) in data {
            let denied = self.denied.get(name).is_some_and(|listed| parameters::denies(listed, value));
            let allowed =
                self.allowed.get(name).map_or(allows_other, |listed| parameters::allows(listed, value));
            if denied || !allowed {
                return Err(Refusal::Parameter);
            }
        }
        Ok(())
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
        write!(f, "Rule({:?}, {:?})", self.pattern, self.capabilities)
    }
}
