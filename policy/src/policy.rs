//! [`Policy`]: one policy text, parsed and checked when it is written. Unknown keys are refused, not ignored.
//! Never in it: how rules are merged or applied.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use onrecord_hcl::{Block, Body, Data, Item};
use onrecord_value::duration::{self, DurationError};
use onrecord_value::{Number, Object, Value};

use crate::capability::{Capabilities, Capability};
use crate::error::{ParseError, PathError};
use crate::parameters::Parameters;
use crate::pattern::Pattern;
use crate::rule::{PathRule, Terms};
use crate::template::{IdentityField, PathTemplate, Resolved};

/// A parsed policy.
pub struct Policy {
    pub(crate) name: Arc<str>,
    pub(crate) paths: Vec<PathRule>,
}

impl Policy {
    /// The name of the policy that may do everything.
    pub const ROOT: &'static str = "root";

    /// Parses a text in HCL or JSON. An empty one allows nothing.
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        Ok(Self { name: name.into(), paths: paths(text)? })
    }

    /// The policy that may do everything. It has no text.
    pub fn root() -> Self {
        Self { name: Self::ROOT.into(), paths: Vec::new() }
    }

    /// Whether a path has facts of the caller in it.
    pub fn is_templated(&self) -> bool {
        self.paths.iter().any(|rule| matches!(rule.pattern, Pattern::Template(_)))
    }

    /// The policy for one caller: with its facts in the paths, as `value` says them. A rule whose path lacks one is left out;
    /// so is one that a value would make wider, unless it denies.
    #[must_use]
    pub fn resolve(&self, value: &dyn Fn(&IdentityField) -> Option<String>) -> Self {
        let rule = |rule: &PathRule| {
            let Pattern::Template(template) = &rule.pattern else { return Some(rule.clone()) };
            let denies = rule.terms.capabilities == Capabilities::DENY;
            let pattern = match template.resolve(value) {
                Resolved::Pattern(pattern) => pattern,
                Resolved::TooWide(pattern) if denies => pattern,
                Resolved::TooWide(_) | Resolved::Nothing => return None,
            };
            Some(PathRule { text: pattern.text(), pattern, terms: rule.terms.clone() })
        };
        Self { name: Arc::clone(&self.name), paths: self.paths.iter().filter_map(rule).collect() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({:?}, {} paths)", self.name, self.paths.len())
    }
}

/// The keys outside of all rules.
pub(crate) const TOP_KEYS: [&str; 2] = ["name", "path"];

/// The keys of a rule.
pub(crate) const KEYS: [&str; 8] = [
    "allowed_parameters",
    "capabilities",
    "comment",
    "denied_parameters",
    "max_wrapping_ttl",
    "min_wrapping_ttl",
    "policy",
    "required_parameters",
];

fn paths(text: &str) -> Result<Vec<PathRule>, ParseError> {
    let body = onrecord_hcl::parse(text)?;
    refuse_unknown(&body, &TOP_KEYS, None)?;
    body.blocks("path", 1)?.iter().map(path).collect()
}

fn refuse_unknown(body: &Body, known: &[&str], path: Option<&str>) -> Result<(), ParseError> {
    let unknown = |item: &&Item| !known.contains(&item.name());
    let keys: Vec<_> = body
        .items
        .iter()
        .filter(unknown)
        .map(|item| (item.name().to_owned(), item.position().line))
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    Err(ParseError::UnknownKeys { path: path.map(str::to_owned), keys })
}

fn path(block: &Block<'_>) -> Result<PathRule, ParseError> {
    let text = block.labels.first().copied().unwrap_or_default();
    refuse_unknown(block.body, &KEYS, Some(text))?;
    rule(text, block.body).map_err(|reason| ParseError::Path { path: text.to_owned(), reason })
}

fn rule(text: &str, body: &Body) -> Result<PathRule, PathError> {
    refuse_repeated(body)?;
    let pattern = match PathTemplate::parse(text)? {
        Some(template) => Pattern::Template(template),
        None => Pattern::new(text).ok_or(PathError::Wildcards)?,
    };
    let required = body.strings("required_parameters")?.unwrap_or_default();
    let terms = Terms {
        capabilities: capabilities(body)?,
        allowed: parameters(body, "allowed_parameters")?,
        denied: parameters(body, "denied_parameters")?,
        required: required.into_iter().map(str::to_lowercase).collect::<BTreeSet<_>>(),
        min_wrap: wrap_ttl(body, "min_wrapping_ttl")?,
        max_wrap: wrap_ttl(body, "max_wrapping_ttl")?,
    };
    if !terms.max_wrap.is_zero() && terms.max_wrap < terms.min_wrap {
        return Err(PathError::TtlOrder);
    }
    Ok(PathRule { text: text.strip_prefix('/').unwrap_or(text).to_owned(), pattern, terms })
}

/// Refuses a setting that occurs twice: it is not clear which one is meant.
fn refuse_repeated(body: &Body) -> Result<(), PathError> {
    let mut seen = HashSet::with_capacity(body.items.len());
    for item in &body.items {
        if !seen.insert(item.name()) || item.keys.len() > 1 {
            return Err(PathError::Duplicate { key: item.name().to_owned(), position: item.position() });
        }
    }
    Ok(())
}

fn capabilities(body: &Body) -> Result<Capabilities, PathError> {
    let mut set = match body.string("policy")? {
        None | Some("") => Capabilities::default(),
        Some(name) => old_policy(name).ok_or_else(|| PathError::OldPolicy(name.to_owned()))?,
    };
    for name in body.strings("capabilities")?.unwrap_or_default() {
        let capability = Capability::from_name(name).ok_or_else(|| PathError::Capability(name.to_owned()))?;
        set.insert(capability);
    }
    Ok(if set.contains(Capability::Deny) { Capabilities::DENY } else { set })
}

/// The capabilities of the words that old policies had in their place.
fn old_policy(name: &str) -> Option<Capabilities> {
    use Capability::{Create, Delete, Deny, List, Read, Sudo, Update};
    let capabilities: &[Capability] = match name {
        "deny" => &[Deny],
        "read" => &[Read, List],
        "write" => &[Create, Read, Update, Delete, List],
        "sudo" => &[Create, Read, Update, Delete, List, Sudo],
        _ => return None,
    };
    Some(capabilities.iter().copied().collect())
}

fn parameters(body: &Body, key: &'static str) -> Result<Parameters, PathError> {
    let mut parameters = Parameters::default();
    for block in body.blocks(key, 0)? {
        refuse_repeated(block.body)?;
        for item in &block.body.items {
            let values = item.list()?.unwrap_or_default();
            parameters.insert(item.name(), values.iter().map(value).collect());
        }
    }
    Ok(parameters)
}

/// A value of the text in the form that it has in a request.
fn value(value: &onrecord_hcl::Value) -> Value {
    match &value.data {
        Data::Bool(value) => Value::Bool(*value),
        Data::List(items) => items.iter().map(self::value).collect(),
        Data::Null => Value::Null,
        // HCL also takes `017`, `.5` and `1.`, which are not numbers in JSON.
        Data::Number(text) => Number::from_literal(text)
            .or_else(|| value.as_i64().map(Number::from))
            .or_else(|| text.parse().ok().and_then(Number::from_f64))
            .map_or(Value::Null, Value::Number),
        Data::Object(body) => {
            let entries = body.items.iter().map(|item| (item.name(), self::value(&item.value)));
            Value::Object(entries.collect::<Object>())
        }
        Data::String(text) => Value::String(text.clone()),
    }
}

fn wrap_ttl(body: &Body, key: &'static str) -> Result<Duration, PathError> {
    let Some(text) = body.scalar(key)? else { return Ok(Duration::ZERO) };
    let wrong = |error| PathError::Ttl { key, error };
    let ttl = duration::parse(text).map_err(wrong)?;
    ttl.to_std().ok_or_else(|| wrong(DurationError::Invalid(text.to_owned())))
}
