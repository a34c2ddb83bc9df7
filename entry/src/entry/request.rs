//! The facts of a request.
//! Never in it: HTTP types.

use std::fmt;

use onrecord_value::{Object, Value};

use super::list::List;
use super::text::{Accessor, Clear, Names, Path, Private, Token};
use crate::options::ExceededLimit;

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
    /// The address of the other end of the connection, without brackets or port.
    pub remote_address: Clear<'a>,
    /// The port of the other end of the connection; 0 is left out.
    pub remote_port: u16,
    /// How long the wrapping token shall live if the client wants the answer wrapped, seconds; 0 is left out.
    pub wrap_ttl: u64,
    /// The headers which the configuration calls audited.
    pub headers: Headers<'a>,
    /// The decimal serial number of the client's verified certificate.
    pub client_certificate_serial_number: Clear<'a>,
    /// The client's address, where the other end of the connection is a trusted proxy that stated it.
    pub client_address: Clear<'a>,
    /// The client's port, where that proxy stated it; 0 is left out.
    pub client_port: u16,
    /// The id of the trace that the request belongs to, as its `traceparent` header says: 32 lower-case hex digits.
    pub trace_id: Clear<'a>,
    /// The span in which the caller made the request, as that header says: 16 lower-case hex digits.
    pub parent_id: Clear<'a>,
    /// Whether no valid token came with it. What such a client sends must not be found again in the hashes of the log:
    /// its data is written as a summary (unless [`Data::of_credentials`] says otherwise), what is hashed elsewhere is
    /// hashed together with [`id`](Self::id) if it does not look like a token, and a long path is cut. It is not written
    /// to a line.
    pub unauthenticated: bool,
}

words! {
    /// What a request does to its path.
    #[allow(missing_docs, reason = "the names are the meaning")]
    pub enum Operation {
        Create = "create",
        Read = "read",
        Update = "update",
        Patch = "patch",
        Delete = "delete",
        List = "list",
        Scan = "scan",
        Help = "help",
        Header = "header",
        Revoke = "revoke",
        Renew = "renew",
        Rollback = "rollback",
        AliasLookahead = "alias-lookahead",
        ResolveRole = "resolve-role",
        Options = "options",
        Trace = "trace",
        Connect = "connect",
        Unknown = "unknown",
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

/// A body: a client's or a backend's data. Every string of it is hashed; numbers, booleans and null stay clear.
///
/// A caller for whom a number or a boolean is a secret names its key:
///
/// ```
/// use onrecord_entry::request::Data;
/// use onrecord_value::object;
///
/// let body = object! { "user" => "ann", "pin" => 4711, "tries" => 2 };
/// let data = Data::new(&body).with_secret_keys(&["pin"]); // `tries` stays clear
/// # let _ = data;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Data<'a> {
    /// The data; an empty object is left out.
    pub object: Option<&'a Object>,
    /// The keys whose strings the mount leaves in the clear (`audit_non_hmac_request_keys` or `…_response_keys`).
    pub plain_keys: Names<'a>,
    /// The keys at which numbers, booleans and instants are hashed, too.
    pub secret_keys: Names<'a>,
    /// Set only by [`decode`](crate::decode()): the limit that was exceeded when the line was written, so that `object`
    /// is a digest.
    pub(crate) exceeded: Option<ExceededLimit>,
    /// Whether it is written field by field even where the request is unauthenticated.
    pub(crate) credentials: bool,
}

impl<'a> Data<'a> {
    /// Data all of whose strings are hashed.
    pub fn new(object: &'a Object) -> Self {
        Self { object: Some(object), ..Self::default() }
    }

    /// The same data, as what a client proves itself with: written field by field although no token came with it.
    #[must_use]
    pub fn of_credentials(self) -> Self {
        Self { credentials: true, ..self }
    }

    /// Data of a mount which leaves the strings at these keys in the clear. A key means the nearest enclosing map key, at any
    /// depth; arrays in between do not matter.
    pub fn with_plain_keys(object: &'a Object, plain_keys: impl Into<Names<'a>>) -> Self {
        Self { object: Some(object), plain_keys: plain_keys.into(), ..Self::default() }
    }

    /// The same data, where at these keys numbers, booleans and instants are hashed as strings are: as the text that a
    /// line would show otherwise, `4711` for instance. Of a key that is a plain key, too, everything is hashed. Null
    /// stays, and on a raw device all of `data` does.
    #[must_use]
    pub fn with_secret_keys(self, secret_keys: impl Into<Names<'a>>) -> Self {
        Self { secret_keys: secret_keys.into(), ..self }
    }
}

impl<'a> From<&'a Object> for Data<'a> {
    fn from(object: &'a Object) -> Self {
        Self::new(object)
    }
}

/// One audited header.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Its name in lower case.
    pub name: &'a str,
    /// Its values in the order of the request.
    pub values: &'a [Private<'a>],
    /// Whether the values are hashed; on a raw device too.
    pub hmac: bool,
}

/// Audited headers, each once.
#[derive(Clone, Copy)]
pub struct Headers<'a>(HeadersIn<'a>);

#[derive(Clone, Copy)]
enum HeadersIn<'a> {
    Given(&'a [Header<'a>]),
    Object(&'a Object),
}

impl<'a> Headers<'a> {
    pub(crate) const fn decoded(object: &'a Object) -> Self {
        Self(HeadersIn::Object(object))
    }

    /// Whether there are none; the key is then left out of the line.
    pub fn is_empty(self) -> bool {
        match self.0 {
            HeadersIn::Given(list) => list.is_empty(),
            HeadersIn::Object(object) => object.is_empty(),
        }
    }

    /// Calls back for each header in the order of the names: name, values, whether they are hashed.
    pub(crate) fn for_each(self, mut visit: impl FnMut(&'a str, List<'a, Private<'a>>, bool)) {
        match self.0 {
            HeadersIn::Given(list) => {
                let mut seen: Option<&str> = None;
                // Few headers are audited, and they mostly come in order: choosing the next one each time needs no memory.
                while let Some(next) = list
                    .iter()
                    .filter(|header| seen.is_none_or(|name| header.name > name))
                    .min_by_key(|header| header.name)
                {
                    visit(next.name, next.values.into(), next.hmac);
                    seen = Some(next.name);
                }
            }
            HeadersIn::Object(object) => object.iter().for_each(|(name, value)| {
                if let Value::Array(list) = value {
                    visit(name, List::decoded(list), false);
                }
            }),
        }
    }
}

impl Default for Headers<'_> {
    fn default() -> Self {
        Self(HeadersIn::Given(&[]))
    }
}

impl<'a> From<&'a [Header<'a>]> for Headers<'a> {
    fn from(list: &'a [Header<'a>]) -> Self {
        Self(HeadersIn::Given(list))
    }
}

impl<'a> From<&'a Vec<Header<'a>>> for Headers<'a> {
    fn from(list: &'a Vec<Header<'a>>) -> Self {
        Self(HeadersIn::Given(list))
    }
}

opaque!(Headers<'_>);
