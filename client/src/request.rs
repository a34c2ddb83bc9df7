//! One request: what a call describes, and what is sent for it.
//! Never in it: sending.

use std::fmt;

/// The methods of the API.
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

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
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
