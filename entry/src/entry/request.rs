//! The facts of a request.
//! Never in it: HTTP types.

use onrecord_value::Object;

use super::header::Headers;
use super::text::{Accessor, Clear, Names, Path, Token};
use crate::limits::ExceededLimit;

/// A request's facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The id which the entries of one request share.
    pub id: Clear<'a>,
    /// Who is counted as the client: the entity, or a digest of the token's policies and namespace.
    pub client_id: Clear<'a>,
    /// The cluster the request was replicated from.
    pub replication_cluster: Clear<'a>,
    /// The operation.
    pub operation: Option<Operation>,
    /// The mount of the path.
    pub mount: Mount<'a>,
    /// The token; hashed.
    pub client_token: Token<'a>,
    /// Its accessor; hashed unless the device says `hmac_accessor=false`.
    pub client_token_accessor: Accessor<'a>,
    /// The namespace.
    pub namespace: Option<Namespace<'a>>,
    /// The logical path, without `v1/`; that of a list ends in `/`.
    pub path: Path<'a>,
    /// The body, or the query parameters; hashed.
    pub data: Data<'a>,
    /// Whether soft policies were overridden.
    pub policy_override: bool,
    /// The client's address, without brackets or port.
    pub remote_address: Clear<'a>,
    /// The client's port; 0 is left out.
    pub remote_port: u16,
    /// How long the wrapping token shall live if the client wants the answer wrapped, seconds; 0 is left out.
    pub wrap_ttl: u64,
    /// The headers which the configuration calls audited.
    pub headers: Headers<'a>,
    /// The decimal serial number of the client's verified certificate.
    pub client_certificate_serial_number: Clear<'a>,
}

/// What a request does to its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Operation {
    Create,
    Read,
    Update,
    Patch,
    Delete,
    List,
    Scan,
    Help,
    Header,
    Revoke,
    Renew,
    Rollback,
    AliasLookahead,
    ResolveRole,
}

impl Operation {
    /// Every operation.
    pub(crate) const ALL: [Self; 14] = [
        Self::Create,
        Self::Read,
        Self::Update,
        Self::Patch,
        Self::Delete,
        Self::List,
        Self::Scan,
        Self::Help,
        Self::Header,
        Self::Revoke,
        Self::Renew,
        Self::Rollback,
        Self::AliasLookahead,
        Self::ResolveRole,
    ];

    /// The name in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Scan => "scan",
            Self::Help => "help",
            Self::Header => "header",
            Self::Revoke => "revoke",
            Self::Renew => "renew",
            Self::Rollback => "rollback",
            Self::AliasLookahead => "alias-lookahead",
            Self::ResolveRole => "resolve-role",
        }
    }
}

/// The mount of a path. Each fact that is empty is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mount<'a> {
    /// Its path, for instance `secret/`.
    pub point: Clear<'a>,
    /// Its type, for instance `kv`.
    pub kind: Clear<'a>,
    /// Its accessor, for instance `kv_12345678`.
    pub accessor: Clear<'a>,
    /// The version of what runs there.
    pub running_version: Clear<'a>,
    /// The digest of the external plugin that runs there.
    pub running_sha256: Clear<'a>,
    /// `secret` or `auth`.
    pub class: Clear<'a>,
    /// Whether an external plugin runs there.
    pub is_external_plugin: bool,
}

/// A namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Namespace<'a> {
    /// Its id.
    pub id: Clear<'a>,
    /// Its path; empty for the root namespace.
    pub path: Clear<'a>,
}

impl Namespace<'static> {
    /// The root namespace.
    pub const ROOT: Self = Self { id: Clear::new("root"), path: Clear::new("") };
}

/// A body: a client's or a backend's data, of which every string is hashed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Data<'a> {
    /// The data; an empty object is left out.
    pub object: Option<&'a Object>,
    /// The keys whose strings the mount leaves in the clear (`audit_non_hmac_request_keys` or `…_response_keys`).
    pub plain_keys: Names<'a>,
    /// Set only by [`decode`](crate::decode()): the limit that was exceeded when the line was written, so that `object`
    /// is a digest.
    pub(crate) exceeded: Option<ExceededLimit>,
}

impl<'a> Data<'a> {
    /// Data all of whose strings are hashed.
    pub fn new(object: &'a Object) -> Self {
        Self { object: Some(object), plain_keys: Names::default(), exceeded: None }
    }

    /// Data of a mount which leaves the strings at these keys in the clear.
    ///
    /// A key means the nearest enclosing map key, at any depth; arrays in between do not matter.
    pub fn with_plain_keys(object: &'a Object, plain_keys: impl Into<Names<'a>>) -> Self {
        Self { object: Some(object), plain_keys: plain_keys.into(), exceeded: None }
    }
}

impl<'a> From<&'a Object> for Data<'a> {
    fn from(object: &'a Object) -> Self {
        Self::new(object)
    }
}
