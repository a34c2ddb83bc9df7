//! One request: what a call wants, and what is sent for it. No sending here.

use std::fmt;

/// The verbs of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read (and list, with `?list=true`).
    Get,
    /// Create or update.
    Put,
    /// Create or update; some endpoints are recorded with it.
    Post,
    /// Change parts.
    Patch,
    /// Delete.
    Delete,
    /// Only headers.
    Head,
}

impl Method {
    /// As on the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }

    pub(crate) fn http(self) -> http::Method {
        match self {
            Self::Get => http::Method::GET,
            Self::Put => http::Method::PUT,
            Self::Post => http::Method::POST,
            Self::Patch => http::Method::PATCH,
            Self::Delete => http::Method::DELETE,
            Self::Head => http::Method::HEAD,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a call wants: the path begins behind `/v1/` and is neither cleaned nor escaped.
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
    /// A request without body.
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

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// Names the type of the body; the API needs none but for PATCH.
    #[must_use]
    pub fn content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// Sends no token, as a login does.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.with_token = false;
        self
    }
}

/// A request ready to be sent, or to be shown instead.
#[derive(Clone, Debug)]
pub struct PreparedRequest {
    /// Verb.
    pub method: Method,
    /// Whole URL, escaped.
    pub url: String,
    /// The path as cleaned, behind `/v1/`, not escaped.
    pub path: String,
    /// Whether it lists.
    pub list: bool,
    /// Headers but the token, sorted by name.
    pub headers: Vec<(String, String)>,
    /// Whether a token goes with it.
    pub has_token: bool,
    /// The body.
    pub body: Option<Vec<u8>>,
}
