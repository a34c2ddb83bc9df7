//! One request: what a call describes, and what is sent for it.
//! Never in it: sending.

use http::Method;
use onrecord_value::Value;

/// A request to send. The path begins behind `/v1/` and is neither cleaned nor escaped.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) with_token: bool,
}

impl Request {
    /// A request without body. A list is a GET with the query parameter `list`.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            content_type: None,
            with_token: true,
        }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds query parameters.
    #[must_use]
    pub fn queries(mut self, list: &[(String, String)]) -> Self {
        self.query.extend_from_slice(list);
        self
    }

    /// Sets the body, which is sent as JSON.
    #[must_use]
    pub fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.to_json());
        self
    }

    /// Sets the type of the body. The API needs it for PATCH only.
    #[must_use]
    pub fn content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// Sends no token.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.with_token = false;
        self
    }
}

/// A request as it is sent, or shown by a dry run.
#[derive(Clone, Debug)]
pub struct PreparedRequest {
    /// Method.
    pub method: Method,
    /// Complete URL, escaped.
    pub url: String,
    /// Path and query as on the request line.
    pub(crate) target: String,
    /// The path as cleaned, behind `/v1/`, not escaped.
    pub path: String,
    /// Whether it is a list request.
    pub list: bool,
    /// Headers without the token, sorted by name.
    pub headers: Vec<(String, String)>,
    /// Whether a token is sent.
    pub has_token: bool,
    /// The body.
    pub body: Option<Vec<u8>>,
}
