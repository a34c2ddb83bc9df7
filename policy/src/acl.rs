//! [`Acl`]: the policies of a token, compiled, and the search for the rule of a path.
//!
//! Exact rules are hashed. Prefix rules are sorted, each knowing the longest other that it begins with: the
//! longest that a path begins with is the last that sorts before the path, or one of those it begins with.
//! Only rules with `+` are tried one by one, the greatest priority first.
//! Never in it: the check of a question against a rule.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::pattern::{Pattern, Priority, Segments};
use crate::policy::Policy;
use crate::rule::Rule;

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
            let name = &policy.name;
            for path in &policy.paths {
                let known = match &path.pattern {
                    Pattern::Exact(text) => acl.exact.get_mut(&**text),
                    Pattern::Prefix(text) => prefixes.get_mut(&**text),
                    Pattern::Segments(_) => wildcards.get_mut(path.text.as_str()).map(|(_, rule)| rule),
                };
                if let Some(rule) = known {
                    rule.merge(name, path);
                    continue;
                }
                let rule = Rule::new(name, path);
                match &path.pattern {
                    Pattern::Exact(text) => {
                        acl.exact.insert(text.clone(), rule);
                    }
                    Pattern::Prefix(text) => {
                        prefixes.insert(text, rule);
                    }
                    Pattern::Segments(segments) => {
                        wildcards.insert(&path.text, (segments, rule));
                    }
                }
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

    pub(crate) fn root_name(&self) -> Option<&Arc<str>> {
        self.root.as_ref()
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
        capabilities.iter().map(crate::Capability::name).collect()
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

    /// The rule that decides about a path.
    pub(crate) fn find(&self, path: &str, enumerates: bool) -> Option<&Rule> {
        if let Some(rule) = self.exact.get(path) {
            return Some(rule);
        }
        if enumerates
            && let Some(path) = path.strip_suffix('/')
            && let Some(rule) = self.exact.get(path)
        {
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
