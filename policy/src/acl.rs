//! [`Acl`]: the policies of a token, compiled, and the decision about a question, with the rule that won.
//!
//! Exact rules are hashed. Prefix rules are sorted, each knowing the longest other that it begins with: the
//! longest that a path begins with is the last that sorts before the path, or one of those it begins with.
//! Only rules with `+` are tried one by one, the greatest priority first.
//! Never in it: the check of a question against a rule.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::capability::{Capability, Operation};
use crate::pattern::{Pattern, Priority, Segments};
use crate::policy::Policy;
use crate::rule::{Question, Refusal, Rule};

/// The policies of a token, merged and ready to decide.
#[derive(Default)]
pub struct Acl {
    root: Option<Arc<str>>,
    exact: HashMap<Box<str>, Rule>,
    prefixes: Vec<Prefix>,
    wildcards: Vec<(Segments, Rule)>,
}

struct Prefix {
    text: Box<str>,
    /// The index of the longest other prefix that this one begins with.
    parent: Option<usize>,
    rule: Rule,
}

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
    /// Merges policies in the order of the token's list. With the root policy among them everything is allowed.
    pub fn new<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Self {
        let mut acl = Self::default();
        let mut prefixes: HashMap<&str, Rule> = HashMap::new();
        let mut wildcards: HashMap<&str, (&Segments, Rule)> = HashMap::new();
        for policy in policies {
            if policy.name() == Policy::ROOT {
                acl.root = Some(Arc::clone(&policy.name));
            }
            for path in &policy.paths {
                let new = || Rule::like(path);
                let rule = match &path.pattern {
                    Pattern::Template(_) => continue,
                    Pattern::Exact(text) => acl.exact.entry(text.clone()).or_insert_with(new),
                    Pattern::Prefix(text) => prefixes.entry(text).or_insert_with(new),
                    Pattern::Segments(segments) => {
                        &mut wildcards.entry(&path.text).or_insert_with(|| (segments, new())).1
                    }
                };
                rule.merge(&policy.name, path);
            }
        }
        acl.prefixes = linked(prefixes);
        acl.wildcards = wildcards.into_values().map(|(segments, rule)| (segments.clone(), rule)).collect();
        acl.wildcards.sort_by(|(one, _), (other, _)| Reverse(one.priority()).cmp(&Reverse(other.priority())));
        acl
    }

    /// Whether one of the policies is the root policy.
    pub fn is_root(&self) -> bool {
        self.root.is_some()
    }

    /// Decides a question. Without the root policy, a question that no rule allows is refused; help is always allowed.
    pub fn decide<'a>(&'a self, question: &Question<'_>) -> Decision<'a> {
        let mut decision =
            Decision { allowed: true, sudo: false, root: false, granting: &[], rule: None, refusal: None };
        if let Some(name) = &self.root {
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

    /// The capabilities at a path, sorted by name: `["root"]` for root, `["deny"]` for none. A slash at the end is treated
    /// as for a list.
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.is_root() {
            return vec![Policy::ROOT];
        }
        let rule = self.find(path.trim_start_matches('/'), true);
        let capabilities = rule.map(Rule::capabilities).unwrap_or_default();
        if !capabilities.allows() {
            return vec!["deny"];
        }
        capabilities.iter().map(Capability::name).collect()
    }

    /// Whether a rule allows anything at or below this directory (`secret/`). It is used to list mounts, not to decide.
    pub fn reaches_below(&self, directory: &str) -> bool {
        let directory = directory.trim_start_matches('/');
        let allows = |rule: &Rule| rule.capabilities().allows();
        self.is_root()
            || self.find(directory, true).is_some_and(allows)
            || self.exact.iter().any(|(path, rule)| path.starts_with(directory) && allows(rule))
            || self.prefixes.iter().any(|prefix| prefix.text.starts_with(directory) && allows(&prefix.rule))
            || self.wildcards.iter().any(|(segments, rule)| segments.reaches_below(directory) && allows(rule))
    }

    fn find(&self, path: &str, enumerates: bool) -> Option<&Rule> {
        let file = path.strip_suffix('/').filter(|_| enumerates);
        if let Some(rule) = self.exact.get(path).or_else(|| self.exact.get(file?)) {
            return Some(rule);
        }
        let prefix = self.longest_prefix(path);
        let least = prefix.map(|prefix| Priority::of_prefix(&prefix.text));
        self.wildcards
            .iter()
            .take_while(|(segments, _)| least.is_none_or(|least| segments.priority() > least))
            .find(|(segments, _)| segments.matches(path))
            .map(|(_, rule)| rule)
            .or(prefix.map(|prefix| &prefix.rule))
    }

    fn longest_prefix(&self, path: &str) -> Option<&Prefix> {
        let after = self.prefixes.partition_point(|prefix| &*prefix.text <= path);
        let mut at = after.checked_sub(1);
        loop {
            let prefix = self.prefixes.get(at?)?;
            if path.starts_with(&*prefix.text) {
                return Some(prefix);
            }
            at = prefix.parent;
        }
    }
}

/// Sorts prefixes and finds for each the longest other that it begins with.
fn linked(prefixes: HashMap<&str, Rule>) -> Vec<Prefix> {
    let mut prefixes: Vec<_> =
        prefixes.into_iter().map(|(text, rule)| Prefix { text: text.into(), parent: None, rule }).collect();
    prefixes.sort_by(|one, other| one.text.cmp(&other.text));
    // The prefixes that the current one may begin with, each beginning with the one before it.
    let mut open: Vec<(usize, Box<str>)> = Vec::new();
    for (at, prefix) in prefixes.iter_mut().enumerate() {
        while open.pop_if(|(_, last)| !prefix.text.starts_with(&**last)).is_some() {}
        prefix.parent = open.last().map(|(parent, _)| *parent);
        open.push((at, prefix.text.clone()));
    }
    prefixes
}

impl fmt::Debug for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("Acl(root)");
        }
        let (exact, prefixes, wildcards) = (self.exact.len(), self.prefixes.len(), self.wildcards.len());
        write!(f, "Acl({exact} exact, {prefixes} prefixes, {wildcards} with wildcards)")
    }
}
