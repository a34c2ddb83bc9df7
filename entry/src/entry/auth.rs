//! The facts of a token: of the caller's, or of one that a response issues.
//! Never in it: how a token is stored or checked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use onrecord_value::{Object, Time, Value};

use super::text::{Accessor, Clear, Names, Token, text_of};

/// A token's facts. The object is in every entry; without a token it has only `"token_type":"default"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Auth<'a> {
    /// The token; hashed.
    pub client_token: Token<'a>,
    /// Its accessor; hashed unless the device says `hmac_accessor=false`.
    pub accessor: Accessor<'a>,
    /// Its display name.
    pub display_name: Clear<'a>,
    /// All its policies.
    pub policies: Names<'a>,
    /// The policies it has of its own.
    pub token_policies: Names<'a>,
    /// The policies it has through its entity.
    pub identity_policies: Names<'a>,
    /// Policies of other namespaces, by namespace.
    pub external_namespace_policies: NamesByName<'a>,
    /// Whether it lacks the `default` policy.
    pub no_default_policy: bool,
    /// What the policies decided; only of the caller's token.
    pub policy_results: Option<PolicyResults<'a>>,
    /// Its metadata.
    pub metadata: Metadata<'a>,
    /// The uses it was issued with; only of an issued token. 0: unlimited, left out.
    pub num_uses: u64,
    /// The uses it had before this request; only of the caller's token. 0: unlimited, left out.
    pub remaining_uses: u64,
    /// Its entity.
    pub entity_id: Clear<'a>,
    /// Whether this login created the entity; only in a response entry.
    pub entity_created: bool,
    /// Its type.
    pub token_type: TokenType,
    /// Its time to live, whole seconds; 0 is left out.
    pub token_ttl: u64,
    /// When it was issued.
    pub token_issue_time: Option<IssueTime<'a>>,
    /// Identifies all of the above except [`policy_results`](Self::policy_results), [`num_uses`](Self::num_uses),
    /// [`remaining_uses`](Self::remaining_uses) and [`entity_created`](Self::entity_created): where the key is the
    /// same, they are the same, and devices need not write them for each entry. It is not written to a line.
    pub cache_key: Option<&'a CacheKey>,
}

/// The type of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenType {
    /// No token, or one of the mount's default type.
    #[default]
    Default,
    /// Stored by the server.
    Service,
    /// Self-contained.
    Batch,
    /// A role's default: service unless the request asks for another.
    DefaultService,
    /// A role's default: batch unless the request asks for another.
    DefaultBatch,
    /// Unknown: lines of old servers lack the key. No entry of this server uses it, and the key is left out.
    Unstated,
}

impl TokenType {
    /// Every type with a name.
    pub(crate) const ALL: [Self; 5] =
        [Self::Default, Self::Service, Self::Batch, Self::DefaultService, Self::DefaultBatch];

    /// The name in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
            Self::Unstated => "",
        }
    }
}

/// When a token was issued: RFC 3339, whole seconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssueTime<'a>(pub(crate) IssuedAt<'a>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IssuedAt<'a> {
    Instant(Time),
    /// Of a decoded line; other servers write it in their own zone.
    Text(&'a str),
}

impl IssueTime<'_> {
    /// The instant, to be written in UTC.
    pub const fn new(instant: Time) -> Self {
        Self(IssuedAt::Instant(instant))
    }
}

impl From<Time> for IssueTime<'_> {
    fn from(instant: Time) -> Self {
        Self::new(instant)
    }
}

impl fmt::Debug for IssueTime<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssueTime(..)")
    }
}

/// What the policies decided about a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyResults<'a> {
    /// Whether the request was allowed.
    pub allowed: bool,
    /// The policies that granted it.
    pub granting_policies: Grants<'a>,
}

/// A policy that granted a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantingPolicy<'a> {
    /// Its name.
    pub name: Clear<'a>,
    /// Its namespace.
    pub namespace_id: Clear<'a>,
    /// The path of its namespace; empty for the root namespace.
    pub namespace_path: Clear<'a>,
    /// Its type: `acl`.
    pub kind: Clear<'a>,
}

/// The policies that granted a request, in order.
#[derive(Clone, Copy)]
pub struct Grants<'a>(GrantsIn<'a>);

#[derive(Clone, Copy)]
enum GrantsIn<'a> {
    Given(&'a [GrantingPolicy<'a>]),
    /// ACL policies of the root namespace, by name: what this server has.
    Named(Names<'a>),
    Values(&'a [Value]),
}

impl<'a> Grants<'a> {
    /// ACL policies of the root namespace, by name.
    pub fn of_root_namespace(names: impl Into<Names<'a>>) -> Self {
        Self(GrantsIn::Named(names.into()))
    }

    pub(crate) const fn decoded(values: &'a [Value]) -> Self {
        Self(GrantsIn::Values(values))
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        match self.0 {
            GrantsIn::Given(list) => list.len(),
            GrantsIn::Named(names) => names.len(),
            GrantsIn::Values(list) => list.len(),
        }
    }

    /// Whether there are none; the key is then left out of the line.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The policy at a place.
    pub fn get(self, at: usize) -> Option<GrantingPolicy<'a>> {
        match self.0 {
            GrantsIn::Given(list) => list.get(at).copied(),
            GrantsIn::Named(names) => names.get(at).map(|name| GrantingPolicy {
                name: name.into(),
                namespace_id: Clear::new("root"),
                namespace_path: Clear::default(),
                kind: Clear::new("acl"),
            }),
            GrantsIn::Values(list) => list.get(at).map(|value| {
                let text = |key| match value {
                    Value::Object(object) => Clear::new(object.get(key).map_or("", text_of)),
                    _ => Clear::default(),
                };
                GrantingPolicy {
                    name: text("name"),
                    namespace_id: text("namespace_id"),
                    namespace_path: text("namespace_path"),
                    kind: text("type"),
                }
            }),
        }
    }

    /// The policies in order.
    pub fn iter(self) -> impl Iterator<Item = GrantingPolicy<'a>> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }
}

impl Default for Grants<'_> {
    fn default() -> Self {
        Self(GrantsIn::Given(&[]))
    }
}

impl<'a> From<&'a [GrantingPolicy<'a>]> for Grants<'a> {
    fn from(list: &'a [GrantingPolicy<'a>]) -> Self {
        Self(GrantsIn::Given(list))
    }
}

impl fmt::Debug for Grants<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grants(..)")
    }
}

/// A token's metadata: clear texts by name, in the order of the names.
#[derive(Clone, Copy, Default)]
pub struct Metadata<'a>(MetadataIn<'a>);

#[derive(Clone, Copy, Default)]
enum MetadataIn<'a> {
    #[default]
    None,
    Map(&'a BTreeMap<String, String>),
    Object(&'a Object),
}

impl<'a> Metadata<'a> {
    /// Calls back for each name and text, in order.
    pub fn for_each(self, mut visit: impl FnMut(&'a str, &'a str)) {
        match self.0 {
            MetadataIn::None => {}
            MetadataIn::Map(map) => map.iter().for_each(|(key, text)| visit(key, text)),
            MetadataIn::Object(object) => object.iter().for_each(|(key, value)| visit(key, text_of(value))),
        }
    }

    /// Whether there is none; the key is then left out of the line.
    pub fn is_empty(self) -> bool {
        match self.0 {
            MetadataIn::None => true,
            MetadataIn::Map(map) => map.is_empty(),
            MetadataIn::Object(object) => object.is_empty(),
        }
    }
}

impl<'a> From<&'a BTreeMap<String, String>> for Metadata<'a> {
    fn from(map: &'a BTreeMap<String, String>) -> Self {
        Self(MetadataIn::Map(map))
    }
}

impl<'a> From<&'a Object> for Metadata<'a> {
    /// An object of strings; anything else in it is written as an empty text.
    fn from(object: &'a Object) -> Self {
        Self(MetadataIn::Object(object))
    }
}

impl fmt::Debug for Metadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metadata(..)")
    }
}

/// Lists of clear names by name.
#[derive(Clone, Copy, Default)]
pub struct NamesByName<'a>(NamesByNameIn<'a>);

#[derive(Clone, Copy, Default)]
enum NamesByNameIn<'a> {
    #[default]
    None,
    Map(&'a BTreeMap<String, Vec<String>>),
    Object(&'a Object),
}

impl<'a> NamesByName<'a> {
    pub(crate) const fn decoded(object: &'a Object) -> Self {
        Self(NamesByNameIn::Object(object))
    }

    /// Calls back for each name and its list, in order.
    pub fn for_each(self, mut visit: impl FnMut(&'a str, Names<'a>)) {
        match self.0 {
            NamesByNameIn::None => {}
            NamesByNameIn::Map(map) => map.iter().for_each(|(key, list)| visit(key, Names::from(list))),
            NamesByNameIn::Object(object) => object.iter().for_each(|(key, value)| {
                if let Value::Array(list) = value {
                    visit(key, Names::decoded(list));
                }
            }),
        }
    }

    /// Whether there is none; the key is then left out of the line.
    pub fn is_empty(self) -> bool {
        match self.0 {
            NamesByNameIn::None => true,
            NamesByNameIn::Map(map) => map.is_empty(),
            NamesByNameIn::Object(object) => object.is_empty(),
        }
    }
}

impl<'a> From<&'a BTreeMap<String, Vec<String>>> for NamesByName<'a> {
    fn from(map: &'a BTreeMap<String, Vec<String>>) -> Self {
        Self(NamesByNameIn::Map(map))
    }
}

impl fmt::Debug for NamesByName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamesByName(..)")
    }
}

/// Identifies unchanging facts, such as those of a token; keep it beside them. No two keys of a process are equal.
///
/// A clone is a new key, because a copy of the facts may be changed.
pub struct CacheKey(u64);

impl CacheKey {
    /// A new key.
    pub fn new() -> Self {
        Self(unique_number())
    }

    pub(crate) const fn number(&self) -> u64 {
        self.0
    }
}

/// A number that this process has not used before.
pub(crate) fn unique_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl Clone for CacheKey {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Default for CacheKey {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}
