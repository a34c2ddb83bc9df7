//! One path of an engine, as a row: its pattern, the operations it takes, who may use it, whether it is recorded, which
//! part of it is secret, and its help text. The router, the policy step, redaction, help and OpenAPI read these rows.
//! Never in it: handlers (`engine`), or a path of any particular engine.

use std::ops::Range;

use onrecord_value::{Object, Value};

use crate::operation::Operation;

/// The longest text of a login that is hashed on its own: a signed document of another server fits.
const CREDENTIAL_BYTES: usize = 16 * 1024;

/// Whether requests to a route are put on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Both entries.
    Both,
    /// The request entry alone when it succeeds: after it nothing can be recorded any more.
    RequestOnly(&'static str),
    /// No entry, for the reason given.
    Exempt(&'static str, ExemptEndpoint),
    /// Both entries; none on a listener that was configured so, for the reason given.
    ListenerMayExempt(&'static str, ExemptEndpoint),
}

/// What answers a request that is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the paths below sys/")]
pub enum ExemptEndpoint {
    Init,
    Unseal,
    SealStatus,
    Leader,
    Health,
    Metrics,
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A token whose policies allow it.
    Policy,
    /// A token whose policies allow it with `sudo`.
    Sudo,
    /// Any client, without a token.
    Anybody,
}

/// What the core does at a route beside calling its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Plain,
    /// An update is let through where a device must be enabled and none is (decision 8): it enables one.
    EnablesDevice,
    /// The core answers it: a preview needs all of the client's request.
    Preview,
    /// The request names a wrapping token, by the field `token` or by being sent with it: one that is not valid is refused
    /// before the request is recorded. The answer cannot be wrapped.
    NamesWrappingToken,
    /// What it changes without an audit device is kept for the first one (R-CEREMONY).
    Ceremony,
}

/// What the captured part of a route's path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captured {
    /// A name, clear on record.
    Name,
    /// A secret (a token, an accessor), hashed on record.
    Secret,
    /// A name whose last segment may be a secret (the role id of an AppRole): that is hashed on record.
    SecretEnd,
    /// The path of another request: what is secret in that is hashed on record.
    Path,
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pattern: Pattern,
    operations: u16,
    /// Who may use it.
    pub access: Access,
    /// Whether it is recorded.
    pub recording: Recording,
    /// Whether the keys of `data` are repeated at the top level of the answer.
    pub injected: bool,
    /// What the captured part of the path is, for the record.
    pub captured: Captured,
    /// Fields of the body and of the answer that are secret. They stay hashed even where the mount lists them in
    /// `audit_non_hmac_request_keys`: such a route knows no plain keys. Where no token is needed they are what lets a client
    /// in, and the only fields that are recorded one by one without a token.
    pub sensitive_fields: &'static [&'static str],
    /// Whether what is captured of the path is a name without case.
    pub caseless: bool,
    /// What the core does beside calling the handler.
    pub role: Role,
    /// Why this server refuses all that is asked there, if it does.
    pub refused: Option<&'static str>,
    /// What it is for, in one line.
    pub synopsis: &'static str,
    /// More about it, for those who ask for help.
    pub description: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Pattern {
    text: &'static str,
    before: &'static str,
    capture: Capture,
    after: &'static str,
    optional_slash: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Capture {
    Nothing,
    /// `{name}`: one segment.
    Segment(&'static str),
    /// `{*name}`: all that lies between, at least one character.
    Rest(&'static str),
}

impl Pattern {
    const fn parse(text: &'static str) -> Self {
        let (body, optional_slash) = match text.as_bytes() {
            [.., b'/', b'?'] => (text.split_at(text.len() - 2).0, true),
            _ => (text, false),
        };
        let (Some(open), Some(close)) = (position(body, b'{'), position(body, b'}')) else {
            return Self { text, before: body, capture: Capture::Nothing, after: "", optional_slash };
        };
        let (before, rest) = body.split_at(open);
        let (braced, after) = rest.split_at(close + 1 - open);
        let name = braced.split_at(1).1.split_at(braced.len() - 2).0;
        let capture = match name.as_bytes() {
            [b'*', ..] => Capture::Rest(name.split_at(1).1),
            _ => Capture::Segment(name),
        };
        Self { text, before, capture, after, optional_slash }
    }
}

const fn position(text: &str, wanted: u8) -> Option<usize> {
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == wanted {
            return Some(text.len() - rest.len());
        }
        rest = tail;
    }
    None
}

impl Route {
    pub(crate) const fn new(pattern: &'static str, synopsis: &'static str) -> Self {
        Self {
            pattern: Pattern::parse(pattern),
            operations: 0,
            access: Access::Policy,
            recording: Recording::Both,
            injected: false,
            captured: Captured::Name,
            sensitive_fields: &[],
            caseless: false,
            role: Role::Plain,
            refused: None,
            synopsis,
            description: "",
        }
    }

    pub(crate) const fn add(&mut self, operation: Operation) {
        self.operations |= 1 << operation as u8;
    }

    /// The pattern, below its mount.
    pub const fn pattern(&self) -> &'static str {
        self.pattern.text
    }

    /// What the pattern has before what it captures; all of it if it captures nothing.
    pub const fn prefix(&self) -> &'static str {
        self.pattern.before
    }

    /// The path with what it captures written as `{name}`, and the name.
    pub fn template(&self) -> (String, Option<&'static str>) {
        let Pattern { before, capture, after, .. } = self.pattern;
        match capture {
            Capture::Nothing => (before.to_owned(), None),
            Capture::Segment(name) | Capture::Rest(name) => {
                (format!("{before}{{{name}}}{after}"), Some(name))
            }
        }
    }

    /// The operations it takes, without `create`: a route takes that with `update`.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        let all = Operation::ALL.into_iter();
        all.filter(|operation| *operation != Operation::Create && self.takes(*operation))
    }

    /// Whether it takes the operation.
    pub const fn takes(&self, operation: Operation) -> bool {
        self.operations & 1 << operation as u8 != 0
    }

    /// Whether the path (below its mount) is this route's, and which part of it is captured.
    pub fn matches(&self, path: &str) -> Option<Range<usize>> {
        let Pattern { before, capture, after, optional_slash, .. } = self.pattern;
        let path = if optional_slash { path.strip_suffix('/').unwrap_or(path) } else { path };
        if capture == Capture::Nothing {
            return (before == path).then_some(0..0);
        }
        let captured = path.strip_prefix(before)?.strip_suffix(after)?;
        if captured.is_empty() || (matches!(capture, Capture::Segment(_)) && captured.contains('/')) {
            return None;
        }
        Some(before.len()..before.len() + captured.len())
    }

    /// Whether a body without a token is what this route lets a client in by, and nothing more: its secret fields, each a
    /// short text, a number, true or false.
    pub fn are_credentials(&self, body: &Object) -> bool {
        let is_short = |value: &Value| match value {
            Value::String(text) => text.len() <= CREDENTIAL_BYTES,
            Value::Object(_) | Value::Array(_) => false,
            _ => true,
        };
        let names = |key: &str| self.sensitive_fields.contains(&key);
        self.access == Access::Anybody && body.iter().all(|(key, value)| names(key) && is_short(value))
    }

    /// The usual spelling of a path of this route, if it is spelt otherwise: slashes around what is captured mean
    /// nothing to its handler, and some names have no case.
    pub fn canonical(&self, path: &str, captured: Range<usize>) -> Option<String> {
        let name = path.get(captured.clone())?;
        let usual = name.trim_matches('/');
        let usual = if self.caseless { usual.to_lowercase() } else { usual.to_owned() };
        let (before, after) = (path.get(..captured.start)?, path.get(captured.end..)?);
        (usual != name).then(|| format!("{before}{usual}{after}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &'static str, path: &str) -> Option<String> {
        Route::new(pattern, "").matches(path).map(|at| path[at].to_owned())
    }

    #[test]
    fn a_pattern_matches_whole_paths_and_captures_what_is_in_braces() {
        assert_eq!(captured("audit", "audit"), Some(String::new()));
        assert_eq!(captured("audit", "audit/"), None);
        assert_eq!(captured("audit/{*path}", "audit/deep/er").as_deref(), Some("deep/er"));
        assert_eq!(captured("audit/{*path}", "audit/"), None);
        assert_eq!(captured("mounts/{*path}/tune", "mounts/kv/tune").as_deref(), Some("kv"));
        assert_eq!(captured("mounts/{*path}/tune", "mounts/tune"), None);
        assert_eq!(captured("acl/?", "acl/"), Some(String::new()));
        assert_eq!(captured("acl/?", "acl"), Some(String::new()));
        assert_eq!(captured("headers/{name}", "headers/a/b"), None);
        assert_eq!(captured("headers/{name}", "headers/a").as_deref(), Some("a"));
        assert_eq!(captured("{*path}", "a/b").as_deref(), Some("a/b"));
        assert_eq!(captured("salts/{id}/hash", "salts/1/hash").as_deref(), Some("1"));
    }

    #[test]
    fn a_template_names_what_is_captured() {
        assert_eq!(
            Route::new("mounts/{*path}/tune", "").template(),
            ("mounts/{path}/tune".to_owned(), Some("path"))
        );
        assert_eq!(Route::new("acl/?", "").template(), ("acl".to_owned(), None));
    }
}
