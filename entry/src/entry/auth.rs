//! The facts of a token: of the caller's, or of one that a response issues.
//! Never in it: how a token is stored or checked.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use onrecord_value::{Time, Value};

use super::Word;
use super::list::{Item, List, Map, Names};
use super::text::{Accessor, Clear, Token};

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

words! {
    /// The type of a token.
    #[derive(Default)]
    pub enum TokenType {
        /// No token, or one of the mount's default type.
        #[default]
        Default = "default",
        /// Stored by the server.
        Service = "service",
        /// Self-contained.
        Batch = "batch",
        /// A role's default: service unless the request asks for another.
        DefaultService = "default-service",
        /// A role's default: batch unless the request asks for another.
        DefaultBatch = "default-batch",
    } else
    /// Unknown: lines of old servers lack the key. No entry of this server uses it, and the key is left out.
    Unstated
}

impl Word for TokenType {
    fn text(self) -> &'static str {
        self.as_str()
    }

    fn read(text: &str) -> Self {
        Option::read(text).unwrap_or(Self::Unstated)
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

/// What the policies decided about a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyResults<'a> {
    /// Whether the request was allowed.
    pub allowed: bool,
    /// The policies that granted it.
    pub granting_policies: Grants<'a>,
    /// The policies whose rule for the path won and does not allow it; none where none has a rule for it.
    pub denying_policies: Grants<'a>,
}

/// A policy that granted a request, or denied it.
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

/// The policies that granted a request, or denied it, in order.
pub type Grants<'a> = List<'a, GrantingPolicy<'a>>;

impl<'a> Grants<'a> {
    /// ACL policies of the root namespace, by name: what this server has.
    pub fn of_root_namespace(names: impl Into<Names<'a>>) -> Self {
        names.into().as_items()
    }
}

impl<'a> Item<'a> for GrantingPolicy<'a> {
    fn named(name: &'a str) -> Option<Self> {
        let (namespace_id, kind) = (Clear::new("root"), Clear::new("acl"));
        Some(Self { name: name.into(), namespace_id, namespace_path: Clear::default(), kind })
    }

    fn decoded(value: &'a Value) -> Option<Self> {
        let object = value.as_object()?;
        let text = |key| Clear::new(object.str(key).unwrap_or_default());
        Some(Self {
            name: text("name"),
            namespace_id: text("namespace_id"),
            namespace_path: text("namespace_path"),
            kind: text("type"),
        })
    }
}

/// A token's metadata: clear texts by name.
pub type Metadata<'a> = Map<'a, String>;

/// Lists of clear names by name.
pub type NamesByName<'a> = Map<'a, Vec<String>>;

/// Identifies unchanging facts, such as those of a token; keep it beside them. No two keys of a process are equal: a clone is
/// a new key, because a copy of the facts may be changed.
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

opaque!(CacheKey, IssueTime<'_>);
