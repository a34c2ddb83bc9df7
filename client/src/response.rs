//! Responses: the bytes, and the envelope that every response of the API has.
//! Never in it: what the data means.

use onrecord_value::{Number, Object, Value, json};
use thiserror::Error;

/// A response that is not what its call expects.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The body is not JSON.
    #[error("the server's response is not valid JSON: {0}")]
    Json(#[from] json::ParseError),
    /// The body is empty or not an object, or its envelope has no `data`.
    #[error("data from server response is empty")]
    NoData,
    /// A field of `data` is missing or has another type.
    #[error("the server's response lacks the field {0:?} or has another type for it")]
    Field(&'static str),
    /// The body is longer than the client reads, in bytes.
    #[error("the server's response is longer than {0} bytes")]
    TooLong(usize),
}

/// A response with its whole body.
#[derive(Clone)]
pub struct Response {
    /// HTTP status, 200 to 399.
    pub status: u16,
    /// The body as received.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

impl Response {
    /// The body as JSON; `None` for an empty one.
    pub fn value(&self) -> Result<Option<Value>, AnswerError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        parse(&self.body).map(Some)
    }

    /// The body as a JSON object.
    pub fn object(&self) -> Result<Object, AnswerError> {
        match self.value()? {
            Some(Value::Object(object)) => Ok(object),
            _ => Err(AnswerError::NoData),
        }
    }

    /// The envelope; `None` for an empty body.
    pub fn secret(&self) -> Result<Option<Secret>, AnswerError> {
        Ok(self.value()?.and_then(|value| Secret::from_value(&value)))
    }

    /// `data` of the envelope.
    pub fn data(&self) -> Result<Object, AnswerError> {
        self.secret()?.and_then(|secret| secret.data).ok_or(AnswerError::NoData)
    }
}

fn parse(body: &[u8]) -> Result<Value, AnswerError> {
    // The length of the body is bounded already, and so is the number of nodes.
    let limits = json::Limits { depth: 512, nodes: usize::MAX };
    Ok(json::parse(body, limits)?)
}

/// The errors of a refusal, and whether the body is not an error envelope and stands for itself.
pub(crate) fn errors_of(body: &[u8]) -> (bool, Vec<String>) {
    let Ok(Value::Object(envelope)) = parse(body) else {
        return (true, vec![String::from_utf8_lossy(body).into_owned()]);
    };
    match envelope.get("errors") {
        Some(Value::Array(list)) => (false, texts(list)),
        _ => (true, envelope.get("warnings").and_then(Value::as_array).map(texts).unwrap_or_default()),
    }
}

fn texts(list: &[Value]) -> Vec<String> {
    list.iter()
        .map(|one| match one {
            Value::String(text) => text.clone(),
            other => String::from_utf8_lossy(&other.to_json()).into_owned(),
        })
        .collect()
}

/// The envelope of a response.
#[derive(Clone, Debug, Default)]
pub struct Secret {
    /// Id of the request; empty when the response is wrapped.
    pub request_id: String,
    /// Id of the lease; empty without a lease.
    pub lease_id: String,
    /// Seconds.
    pub lease_duration: i64,
    /// Whether the lease can be renewed.
    pub renewable: bool,
    /// The data.
    pub data: Option<Object>,
    /// Warnings of the server.
    pub warnings: Option<Vec<String>>,
    /// The token that was created or renewed.
    pub auth: Option<Auth>,
    /// The wrapping token, if the response is wrapped.
    pub wrap_info: Option<WrapInfo>,
}

impl Secret {
    /// Parses an envelope; `None` if the value is not an object.
    pub fn from_value(value: &Value) -> Option<Self> {
        let envelope = value.as_object()?;
        Some(Self {
            request_id: text(envelope, "request_id"),
            lease_id: text(envelope, "lease_id"),
            lease_duration: integer(envelope, "lease_duration"),
            renewable: flag(envelope, "renewable"),
            data: envelope.object("data").cloned(),
            warnings: strings(envelope, "warnings"),
            auth: envelope.object("auth").map(Auth::from_object),
            wrap_info: envelope.object("wrap_info").map(WrapInfo::from_object),
        })
    }
}

/// A token in a response.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// The token, as a value so that it is never shown by accident.
    pub client_token: Value,
    /// Its accessor.
    pub accessor: String,
    /// All policies.
    pub policies: Vec<String>,
    /// Policies of the token itself.
    pub token_policies: Vec<String>,
    /// Policies of its identity.
    pub identity_policies: Option<Vec<String>>,
    /// Metadata of the login.
    pub metadata: Option<Object>,
    /// Whether the token has no parent.
    pub orphan: bool,
    /// Entity.
    pub entity_id: String,
    /// Seconds; 0 is without end.
    pub lease_duration: i64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Further factors that the login needs.
    pub mfa_requirement: Option<Value>,
}

impl Auth {
    fn from_object(object: &Object) -> Self {
        Self {
            client_token: object.get("client_token").cloned().unwrap_or_else(|| Value::from("")),
            accessor: text(object, "accessor"),
            policies: strings(object, "policies").unwrap_or_default(),
            token_policies: strings(object, "token_policies").unwrap_or_default(),
            identity_policies: strings(object, "identity_policies"),
            metadata: object.object("metadata").cloned(),
            orphan: flag(object, "orphan"),
            entity_id: text(object, "entity_id"),
            lease_duration: integer(object, "lease_duration"),
            renewable: flag(object, "renewable"),
            mfa_requirement: object.get("mfa_requirement").filter(|value| !value.is_null()).cloned(),
        }
    }
}

/// The wrapping token of a wrapped response.
#[derive(Clone, Debug, Default)]
pub struct WrapInfo {
    /// The wrapping token.
    pub token: Value,
    /// Its accessor.
    pub accessor: String,
    /// Seconds.
    pub ttl: i64,
    /// RFC 3339.
    pub creation_time: String,
    /// Path of the wrapped request.
    pub creation_path: String,
    /// Accessor of the wrapped token, if the wrapped response has one.
    pub wrapped_accessor: String,
}

impl WrapInfo {
    fn from_object(object: &Object) -> Self {
        Self {
            token: object.get("token").cloned().unwrap_or_else(|| Value::from("")),
            accessor: text(object, "accessor"),
            ttl: integer(object, "ttl"),
            creation_time: text(object, "creation_time"),
            creation_path: text(object, "creation_path"),
            wrapped_accessor: text(object, "wrapped_accessor"),
        }
    }
}

pub(crate) fn text(object: &Object, key: &str) -> String {
    object.str(key).unwrap_or_default().to_owned()
}

pub(crate) fn flag(object: &Object, key: &str) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or_default()
}

pub(crate) fn integer(object: &Object, key: &str) -> i64 {
    object.get(key).and_then(Value::as_number).and_then(Number::as_i64).unwrap_or_default()
}

pub(crate) fn strings(object: &Object, key: &str) -> Option<Vec<String>> {
    let list = object.get(key)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_from_any_body() {
        for (body, raw, errors) in [
            (&br#"{"errors":["a","b"]}"#[..], false, vec!["a", "b"]),
            (br#"{"errors":[]}"#, false, vec![]),
            (br#"{"data":null}"#, true, vec![]),
            (br#"{"data":null,"warnings":["w"]}"#, true, vec!["w"]),
            (b"Bad gateway", true, vec!["Bad gateway"]),
            (b"", true, vec![""]),
        ] {
            let (was_raw, texts) = errors_of(body);
            assert_eq!((was_raw, texts), (raw, errors.into_iter().map(str::to_owned).collect()));
        }
    }
}
