//! One request with its answer, as a row.
//! Never in it: how lines are found or joined.

use std::borrow::Cow;
use std::sync::Arc;

use onrecord_entry::HASH_PREFIX;
use onrecord_value::{Time, Value, json};

use super::field::Field;
use super::json::find;
use super::kv;
use super::leaf::{Leaf, Leaves};

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The name of the source.
    pub source: Arc<str>,
    /// Its line, from 1 on.
    pub line: u64,
}

/// Where the two halves of a row are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// The request entry, if the logs have it.
    pub request: Option<Position>,
    /// The response entry, if the logs have it.
    pub response: Option<Position>,
}

/// One request with its answer. What both halves have is that of the answer.
///
/// The row that a sink is given shares the memory of what was read; its clone has its own lines only.
#[derive(Clone, Debug)]
pub struct Row {
    /// The entry in JSON: the answer, if there is one.
    pub(super) entry: Bytes,
    pub(super) leaves: Leaves,
    pub(super) answered: bool,
    pub(super) time: Time,
    pub(super) at: At,
    pub(super) request_line: Option<Bytes>,
    pub(super) response_line: Option<Bytes>,
}

/// The error of a request that policies refuse.
pub(super) const PERMISSION_DENIED: &str = "permission denied";

/// A half of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Request,
    Response,
}

/// Bytes of a line, in the chunk that was read, or their own.
pub(super) enum Bytes {
    Shared(Arc<Vec<u8>>, usize, usize),
    Own(Box<[u8]>),
}

impl Bytes {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Self::Shared(chunk, start, end) => chunk.get(*start..*end).unwrap_or_default(),
            Self::Own(bytes) => bytes,
        }
    }

    /// The same bytes once more; those of a chunk stay in it.
    pub(super) fn share(&self) -> Self {
        match self {
            Self::Shared(chunk, start, end) => Self::Shared(Arc::clone(chunk), *start, *end),
            Self::Own(bytes) => Self::Own(bytes.clone()),
        }
    }
}

impl Clone for Bytes {
    /// A clone does not keep the chunk.
    fn clone(&self) -> Self {
        Self::Own(self.get().into())
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.get().len())
    }
}

impl Row {
    /// When the request arrived: the time of its request entry, or of its answer if that is missing or earlier.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The text of a field that holds one; of a number, time, flag or list its text. `None` if the row lacks it.
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        let leaf = match field {
            Field::Time => return Some(self.time.to_string().into()),
            Field::Type => return Some(if self.answered { "response" } else { "request" }.into()),
            Field::Denied | Field::Elided => {
                return self.flag(field).map(|truth| if truth { "true" } else { "false" }.into());
            }
            Field::Policy
            | Field::TokenPolicies
            | Field::IdentityPolicies
            | Field::GrantedBy
            | Field::DeniedBy => {
                let list = self.list(field);
                return (!list.is_empty()).then(|| list.join(", ").into());
            }
            Field::Status | Field::TokenTtl | Field::Duration | Field::Version | Field::Port | Field::Seq => {
                return self.number(field).map(|number| number.to_string().into());
            }
            Field::Who => return self.str(Leaf::DisplayName).or_else(|| self.str(Leaf::IssuedName)),
            Field::Entity => return self.str(Leaf::Entity).or_else(|| self.str(Leaf::IssuedEntity)),
            Field::Token => return self.accessor().or_else(|| self.hashed_token()),
            Field::Address => return self.str(Leaf::ClientAddress).or_else(|| self.str(Leaf::RemoteAddress)),
            Field::Namespace => {
                return self.str(Leaf::NamespacePath).or_else(|| self.str(Leaf::NamespaceId));
            }
            Field::Device => return self.str(Leaf::Device).or_else(|| self.str(Leaf::Salt)),
            Field::Id => Leaf::Id,
            Field::Operation => Leaf::Operation,
            Field::Path => Leaf::Path,
            Field::Error => Leaf::Error,
            Field::Issued => Leaf::IssuedAccessor,
            Field::Wrapping => Leaf::WrapAccessor,
            Field::RemoteAddress => Leaf::RemoteAddress,
            Field::Mount => Leaf::MountPoint,
            Field::MountType => Leaf::MountType,
            Field::TokenType => Leaf::TokenType,
            Field::TokenIssued => Leaf::TokenIssued,
            Field::Lease => Leaf::Lease,
            Field::Serial => Leaf::Serial,
            Field::Trace => Leaf::Trace,
            Field::ClientId => Leaf::ClientId,
            Field::Boot => Leaf::Boot,
        };
        self.str(leaf)
    }

    /// The accessor of the token. A token that is not valid has none.
    pub fn accessor(&self) -> Option<Cow<'_, str>> {
        self.str(Leaf::TokenAccessor).or_else(|| self.str(Leaf::Accessor))
    }

    /// The token itself, as a device that hashes has it. In the clear it would let anyone in who sees an answer.
    fn hashed_token(&self) -> Option<Cow<'_, str>> {
        self.str(Leaf::ClientToken).filter(|token| token.starts_with(HASH_PREFIX))
    }

    /// What a filter may know the token by: its accessor, and itself.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.accessor().into_iter().chain(self.str(Leaf::ClientToken))
    }

    /// The texts of a field that holds a list; of another field its one text, if the row has it.
    pub fn list(&self, field: Field) -> Vec<Cow<'_, str>> {
        let (leaf, other) = match field {
            Field::Policy => (Leaf::Policies, Leaf::IssuedPolicies),
            Field::TokenPolicies => (Leaf::TokenPolicies, Leaf::IssuedTokenPolicies),
            Field::IdentityPolicies => (Leaf::IdentityPolicies, Leaf::IdentityPolicies),
            Field::GrantedBy => (Leaf::GrantedBy, Leaf::GrantedBy),
            Field::DeniedBy => (Leaf::DeniedBy, Leaf::DeniedBy),
            _ => return self.text(field).into_iter().collect(),
        };
        let Some(raw) = self.raw(leaf).or_else(|| self.raw(other)) else { return Vec::new() };
        let parsed = json::parse(raw, json::Limits::default()).unwrap_or_default();
        let name = |item: &Value| {
            let text = item.as_str().or_else(|| item.as_object()?.str("name"))?;
            Some(Cow::Owned(text.to_owned()))
        };
        parsed.as_array().unwrap_or_default().iter().filter_map(name).collect()
    }

    /// The number of a field that holds one; a duration in nanoseconds.
    pub fn number(&self, field: Field) -> Option<i64> {
        let number = |leaf| std::str::from_utf8(self.raw(leaf)?).ok()?.parse().ok();
        match field {
            Field::Status => number(Leaf::Status),
            Field::TokenTtl => number(Leaf::TokenTtl),
            Field::Duration => number(Leaf::Duration),
            // Other engines have numbers of this name with other meanings.
            Field::Version if self.str(Leaf::MountType).is_some_and(|kind| kv::is_kv(&kind)) => {
                number(Leaf::MetadataVersion).or_else(|| number(Leaf::DataVersion))
            }
            Field::Port => number(Leaf::ClientPort).or_else(|| number(Leaf::RemotePort)),
            Field::Seq => number(Leaf::Seq),
            _ => None,
        }
    }

    /// The point in time of a field that holds one.
    pub fn instant(&self, field: Field) -> Option<Time> {
        match field {
            Field::Time => Some(self.time),
            Field::TokenIssued => Time::parse(&self.str(Leaf::TokenIssued)?).ok(),
            _ => None,
        }
    }

    /// The truth of a field that holds one.
    pub fn flag(&self, field: Field) -> Option<bool> {
        match field {
            Field::Denied => Some(self.denied()),
            Field::Elided => Some(self.raw(Leaf::Elided).is_some()),
            _ => None,
        }
    }

    /// The value at a path of keys of the entry (`["request", "data", "x"]`), of the answer if it has one.
    pub fn value(&self, keys: &[impl AsRef<str>]) -> Option<Value> {
        let raw = find(self.entry.get(), keys).filter(|raw| *raw != b"null")?;
        json::parse(raw, json::Limits { depth: usize::MAX, nodes: usize::MAX }).ok()
    }

    /// The entry as JSON: that of the answer, if there is one; of a line in JSONx the same in JSON.
    pub fn entry_json(&self) -> &[u8] {
        self.entry.get()
    }

    /// Whether its device left something out, or replaced data by a digest.
    pub(super) fn is_cut(&self) -> bool {
        self.raw(Leaf::Elided).is_some()
            || self.is_over_limit(Half::Request)
            || self.is_over_limit(Half::Response)
    }

    /// Whether data was replaced by a digest.
    pub(super) fn is_over_limit(&self, half: Half) -> bool {
        let leaf = match half {
            Half::Request => Leaf::RequestOverLimit,
            Half::Response => Leaf::ResponseOverLimit,
        };
        self.raw(leaf).is_some()
    }

    /// Whether policies refused it: the log says that it was not allowed, or the answer is 403, or its error, or one of several, is
    /// "permission denied". The error of a database may have these words, too, among others.
    pub fn denied(&self) -> bool {
        let is_refusal = |line: &str| {
            let line = line.trim();
            line.strip_prefix("* ").unwrap_or(line) == PERMISSION_DENIED
        };
        self.raw(Leaf::Allowed) == Some(b"false")
            || self.raw(Leaf::Status) == Some(b"403")
            || self.str(Leaf::Error).is_some_and(|error| error.lines().any(is_refusal))
    }

    /// Whether the logs have its answer.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// The path as people type it: `secret/app` for `secret/data/app` on a KV mount.
    pub fn typed_path(&self) -> Option<Cow<'_, str>> {
        let path = self.str(Leaf::Path)?;
        let mount = self.str(Leaf::MountPoint).unwrap_or_default();
        let kind = self.str(Leaf::MountType).unwrap_or_default();
        match kv::typed_path(&path, &mount, &kind) {
            Cow::Owned(typed) => Some(Cow::Owned(typed)),
            Cow::Borrowed(_) => Some(path),
        }
    }

    /// The line of the request entry, if lines are kept and the logs have it.
    pub fn request_line(&self) -> Option<&[u8]> {
        self.request_line.as_ref().map(Bytes::get)
    }

    /// The line of the response entry, if lines are kept and the logs have it.
    pub fn response_line(&self) -> Option<&[u8]> {
        self.response_line.as_ref().map(Bytes::get)
    }

    /// Where the two halves are.
    pub fn at(&self) -> &At {
        &self.at
    }

    /// Whether it asks about the log itself: hashes of texts, the log, salts.
    pub fn is_own_question(&self) -> bool {
        let Some(path) = self.str(Leaf::Path) else { return false };
        let Some(rest) = path.strip_prefix("sys/audit-") else { return false };
        // No change of devices or salts, and no export of salts: those are what a responder looks for.
        rest.starts_with("hash/")
            || rest == "query"
            || rest == "salts"
            || rest.starts_with("salts/") && rest.ends_with("/hash")
    }

    /// The bytes of memory that it takes, if it shares none.
    pub(super) fn memory(&self) -> usize {
        let line = |line: &Option<Bytes>| line.as_ref().map_or(0, |line| line.get().len());
        size_of::<Self>() + self.entry.get().len() + line(&self.request_line) + line(&self.response_line)
    }

    pub(super) fn raw(&self, leaf: Leaf) -> Option<&[u8]> {
        self.leaves.raw(self.entry.get(), leaf)
    }

    /// The text of a value, if it is one and not empty.
    pub(super) fn str(&self, leaf: Leaf) -> Option<Cow<'_, str>> {
        self.raw(leaf).and_then(unquoted).filter(|text| !text.is_empty())
    }
}

/// The content of a text in JSON.
pub(super) fn unquoted(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return Some(String::from_utf8_lossy(inner));
    }
    match json::parse(raw, json::Limits::default()) {
        Ok(Value::String(text)) => Some(Cow::Owned(text)),
        _ => None,
    }
}

/// The texts of a value: itself, or those of a list; numbers and truth values as they are written.
pub(super) fn texts(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::String(text) => vec![text.into()],
        Value::Number(number) => vec![number.text().into()],
        Value::Bool(truth) => vec![if *truth { "true" } else { "false" }.into()],
        Value::Array(items) => {
            items.iter().filter(|item| item.as_array().is_none()).flat_map(texts).collect()
        }
        Value::Null | Value::Time(_) | Value::Object(_) => Vec::new(),
    }
}
