//! What an engine returns: a reply or a refusal. It cannot fail to return one.
//! Never in it: envelopes and bytes (`shape`), entries (`record`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onrecord_audit::device::Drill;
use onrecord_entry::text::Template;
use onrecord_storage::Rekey;
use onrecord_value::{Object, Value};

use crate::admission::Overloaded;
use crate::audit_errors;
use crate::exchange::Media;
use crate::identity::CallerIdentity;
use crate::leases::IssuedLease;
use crate::token::{Issued, TokenDraft, Wrapped};

/// The result of a handler. A handler has no other way out.
pub enum Outcome {
    /// The operation was done.
    Reply(Box<Reply>),
    /// The operation was refused; nothing was done.
    Refusal(Box<Refusal>),
}

/// What a handler gives back.
#[derive(Default)]
pub struct Reply {
    /// `data` of the envelope; without data, auth and warnings the answer is 204.
    pub data: Option<Object>,
    /// What is on record in place of `data`, where a key of it holds a secret: keys are recorded in the clear.
    pub recorded: Option<Object>,
    /// A token that this request issued; it is revoked if its response cannot be recorded.
    pub auth: Option<Issued>,
    /// The entity of that token, which the core finds.
    pub identity: Option<Arc<CallerIdentity>>,
    /// Whether this login made the entity.
    pub entity_created: bool,
    /// Lets a client in: the core issues such a token and puts it into `auth`. For login methods alone. They leave `id`
    /// and `path` to the core; it adds `default` to the policies, and the name of the mount to the display name.
    pub login: Option<TokenDraft>,
    /// The token that the answer is wrapped in. The client gets it in place of all of the above; it is revoked if the
    /// response cannot be recorded.
    pub wrapped: Option<Wrapped>,
    /// Whether the data is a leased secret, and for how long a client may keep it (seconds). KV 1 sets it without an id.
    pub lease_seconds: Option<u64>,
    /// The lease of the data, or the one that was renewed; a new one is revoked if its response cannot be recorded.
    pub lease: Option<IssuedLease>,
    /// Warnings for the client.
    pub warnings: Vec<Warning>,
    /// The status and body form when they are not the usual ones.
    pub shape: ReplyShape,
    /// A body of its own instead of the envelope. What is in `data` beside it is on record in its place.
    pub raw: Option<Raw>,
    /// What begins once the answer is on record, and with it: if it is not, nothing does.
    pub afterwards: Option<Afterwards>,
}

/// A body that is no envelope.
pub struct Raw {
    /// What it is.
    pub media: Media,
    /// Its bytes.
    pub body: Bytes,
}

/// Something that must not begin before its response entry has settled.
pub enum Afterwards {
    /// A drill of an audit device: it could keep that very entry from settling.
    Drill {
        /// The device.
        path: String,
        /// What it is made to do.
        drill: Drill,
        /// For how long.
        time: Duration,
    },
    /// New key shares come into force: of those that are not on record nobody has any.
    Rekey(Box<Rekey>),
}

/// A warning: its text goes to the client, its template on record (I1).
pub struct Warning {
    /// `warnings` of the answer; it may name what the client sent.
    pub text: String,
    /// `response.warnings` of the entry: a text without anything of the client's.
    pub template: Template,
}

/// How a reply is put into bytes. The route says whether the keys of `data` are repeated at the top level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplyShape {
    /// Vault's envelope, 200 (204 without contents).
    #[default]
    Envelope,
    /// The data alone, 200 (help).
    Bare,
    /// 404 with an envelope (a deleted version's metadata, a wrong prefix's warnings): recorded as a raw HTTP body.
    NotFound,
    /// This status with an envelope (a batch of which items have failed): recorded as a raw HTTP body.
    Status(u16),
}

/// Why a request was not done, for the client and for the record.
#[derive(Clone)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `errors` of the answer; it may name what the client sent. `None` answers `{"errors":[]}`.
    pub text: Option<String>,
    /// `error` of the response entry: a text without anything of the client's.
    pub audit_error: Option<Template>,
    /// Whether the entry's `response.data.error` carries [`Refusal::text`], hashed.
    pub in_data: bool,
}

impl Outcome {
    /// A reply with nothing in it: 204.
    pub fn empty() -> Self {
        Self::Reply(Box::default())
    }

    /// A reply with data, in the usual envelope.
    pub fn data(data: Object) -> Self {
        Self::Reply(Box::new(Reply { data: Some(data), ..Reply::default() }))
    }

    /// The same with a warning for the client, if there is one. A refusal stays as it is.
    #[must_use]
    pub(crate) fn with_warning(mut self, warning: Option<Warning>) -> Self {
        if let Self::Reply(reply) = &mut self {
            reply.warnings.extend(warning);
        }
        self
    }

    /// 404 without text: nothing is stored there.
    pub fn absent() -> Self {
        Refusal { status: 404, text: None, audit_error: None, in_data: false }.into()
    }

    /// A list of keys; an empty one is [`Outcome::absent`].
    pub fn keys(keys: Vec<String>) -> Self {
        if keys.is_empty() {
            return Self::absent();
        }
        let keys = Value::Array(keys.into_iter().map(Value::String).collect());
        Self::data(Object::from_iter([("keys".to_owned(), keys)]))
    }
}

impl Refusal {
    fn of(status: u16, text: impl Into<String>, audit_error: Option<Template>, in_data: bool) -> Self {
        Self { status, text: Some(text.into()), audit_error, in_data }
    }

    /// 400 with the generic class `invalid request` on record; the text stands hashed in the entry's data.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::of(400, text, Some(audit_errors::INVALID_REQUEST), true)
    }

    /// 400 whose entry carries no `error`, only the hashed text in its data.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::of(400, text, None, true)
    }

    /// The policy, or the lack of a right, forbids it.
    pub fn denied() -> Self {
        let text = "1 error occurred:\n\t* permission denied\n\n";
        Self::of(403, text, Some(audit_errors::PERMISSION_DENIED), true)
    }

    /// No token was sent, or one that is not valid.
    pub fn no_valid_token() -> Self {
        Self { text: Some("permission denied".to_owned()), ..Self::denied() }
    }

    /// Refused while capturing: nothing was looked at.
    pub(crate) fn at_capture(status: u16, text: impl Into<String>, audit_error: Template) -> Self {
        Self::of(status, text, Some(audit_error), true)
    }

    /// A path outside of the API. Where people and misconfigured clients end up, the answer says what is there.
    pub(crate) fn outside(path: &str) -> Self {
        let text = if path == "/" || path == "/ui" || path.starts_with("/ui/") {
            Some(
                "this server has no web console: its API is below /v1/, and GET /v1/sys/health says how it is",
            )
        } else if path.trim_start_matches('/').starts_with("v1/") {
            Some(
                "the path has more than one slash before v1/: take the slash at the end of the server's address away",
            )
        } else {
            None
        };
        let text = text.map(str::to_owned);
        Self { status: 404, text, audit_error: Some(audit_errors::OUTSIDE), in_data: false }
    }

    /// The answer to a browser's question whether a page may send a request: 204, and the headers that say so.
    pub(crate) const fn preflight() -> Self {
        Self { status: 204, text: None, audit_error: None, in_data: false }
    }

    /// The header asks for something that would have to be ignored (decision 9).
    pub(crate) fn unsupported_header(name: &'static str) -> Self {
        let text = format!("this server does not support {name}: send the request without this header");
        Self::at_capture(400, text, audit_errors::UNSUPPORTED_HEADER)
    }

    /// The path exists, the operation on it does not.
    pub fn unsupported_operation() -> Self {
        let text = "1 error occurred:\n\t* unsupported operation\n\n";
        Self::of(405, text, Some(audit_errors::UNSUPPORTED_OPERATION), false)
    }

    /// The mount knows no such path.
    pub fn unsupported_path() -> Self {
        let text = "1 error occurred:\n\t* unsupported path\n\n";
        Self::of(404, text, Some(audit_errors::UNSUPPORTED_PATH), false)
    }

    /// Nothing is mounted where the path leads.
    pub fn no_mount(path: &str) -> Self {
        let text = format!("no handler for route \"{path}\". route entry not found.");
        Self::of(404, text, Some(audit_errors::UNSUPPORTED_PATH), true)
    }

    /// There are as many leases below the path as a quota allows.
    pub(crate) fn over_lease_quota(path: &str) -> Self {
        let text = format!("request path {path:?}: lease count quota exceeded");
        Self::of(429, text, Some(audit_errors::LEASE_QUOTA), true)
    }

    /// There is no room for the answer.
    pub(crate) fn no_room() -> Self {
        let text = "the server is at its limit of memory for answers: try again, or read less at once";
        Self::of(503, text, Some(audit_errors::NO_ROOM), false)
    }

    /// The store could not do it: the request failed, and the text says no more than that.
    pub fn internal() -> Self {
        let text = "1 error occurred:\n\t* internal error\n\n";
        Self::of(500, text, Some(audit_errors::INTERNAL_ERROR), true)
    }
}

impl From<Overloaded> for Refusal {
    fn from(_: Overloaded) -> Self {
        Self::no_room()
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(Box::new(refusal))
    }
}

/// Done, and nothing to say: 204.
impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

/// Lets a handler use `?` on its steps and still return an outcome.
impl<T: Into<Self>> From<Result<T, Refusal>> for Outcome {
    fn from(result: Result<T, Refusal>) -> Self {
        result.map_or_else(Self::from, Into::into)
    }
}
