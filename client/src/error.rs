//! The errors of a call, with the texts that users of the command line know.
//! Never in it: printing.

use crate::config::ConfigError;
use crate::os_text::os_text;
use crate::request::PreparedRequest;
use crate::response::{AnswerError, Response};
use std::io;
use thiserror::Error;

/// Why a call failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the request.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// No response arrived.
    #[error(transparent)]
    Transport(Box<TransportError>),
    /// The token cannot be sent in a header.
    #[error("configured Vault token contains non-printable characters and cannot be used")]
    UnprintableToken,
    /// The response is not what the call expects.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// A path with `.` or `..` segments: its URL would be another path, even outside the API.
    #[error("path {0:?} has \".\" or \"..\" segments; write the full path without them")]
    DotSegments(String),
    /// The client is in dry-run mode ([`crate::Client::dry_run`]): the request was not sent.
    #[error("the request was not sent: the client is in dry-run mode")]
    NotSent(Box<PreparedRequest>),
}

impl Error {
    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(error) => Some(error.status),
            _ => None,
        }
    }
}

/// A refusal of the server.
#[derive(Debug, Clone, Error)]
#[error("{}", self.text())]
pub struct ApiError {
    /// Method as sent.
    pub method: String,
    /// URL as sent.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// Namespace named by the server, if any.
    pub namespace: String,
    /// Whether `errors` is a body that was no error envelope.
    pub raw: bool,
    /// Texts of the server.
    pub errors: Vec<String>,
    /// The body as it came: some refusals carry data.
    pub body: Response,
}

impl ApiError {
    fn text(&self) -> String {
        let Self { method, url, status, namespace, raw, errors, .. } = self;
        let namespace = match namespace.as_str() {
            "" | "root/" => String::new(),
            name => format!("Namespace: {name}\n"),
        };
        let (kind, texts) = match (raw, errors.as_slice()) {
            (true, [text]) => ("Raw Message", text.clone()),
            (true, texts) => ("Raw Message", bullets(texts)),
            (false, texts) => ("Errors", bullets(texts)),
        };
        format!(
            "Error making API request.\n\n{namespace}URL: {method} {url}\nCode: {status}. {kind}:\n\n{texts}"
        )
    }
}

fn bullets(texts: &[String]) -> String {
    texts.iter().map(|text| format!("* {text}")).collect::<Vec<_>>().concat()
}

/// A request without a response.
#[derive(Debug, Error)]
#[error("{} \"{url}\": {cause}", title_case(method))]
pub struct TransportError {
    /// Method as sent.
    pub method: String,
    /// URL as sent.
    pub url: String,
    /// The reason.
    #[source]
    pub cause: Cause,
}

fn title_case(method: &str) -> String {
    let mut letters = method.chars();
    letters.next().map_or_else(String::new, |first| format!("{first}{}", letters.as_str().to_lowercase()))
}

/// Why a request has no response.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Cause {
    /// No connection.
    #[error("dial {network} {address}: connect: {}", os_text(source))]
    Dial {
        /// `tcp` or `unix`.
        network: &'static str,
        /// Address as `host:port` or a path.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The host name has no address.
    #[error("dial tcp: lookup {host}: no such host")]
    Lookup {
        /// The name.
        host: String,
        /// The system's reason; none if the name resolves to no address.
        source: Option<io::Error>,
    },
    /// TLS failed.
    #[error("{}", tls_text(.0))]
    Tls(#[source] rustls::Error),
    /// The TLS configuration is unusable.
    #[error(transparent)]
    TlsConfig(Box<ConfigError>),
    /// The server answered a TLS handshake with plain HTTP.
    #[error("http: server gave HTTP response to HTTPS client")]
    PlainServer,
    /// The host is not a name that a certificate can be checked for.
    #[error("tls: {0:?} is not a valid server name")]
    ServerName(String),
    /// The whole call took longer than the configured time.
    #[error("context deadline exceeded")]
    Timeout,
    /// The server closed the connection before it answered.
    #[error("EOF")]
    Closed,
    /// The connection failed while in use.
    #[error("{}", os_text(.0))]
    Io(#[source] io::Error),
    /// The server's bytes are not HTTP/1.1.
    #[error("net/http: HTTP/1.x transport connection broken: {0}")]
    Protocol(#[source] hyper::Error),
    /// A header of the request cannot be sent; its name.
    #[error("net/http: invalid header field value for {0:?}")]
    Header(String),
    /// The response is longer than the client reads.
    #[error("the response is too long")]
    TooLong,
    /// A redirect from TLS to plain HTTP.
    #[error("redirect would cause protocol downgrade")]
    Downgrade,
    /// A redirect whose `Location` is not a usable URL.
    #[error("redirect to {0:?}, which is not a usable URL")]
    Location(String),
}

fn tls_text(error: &rustls::Error) -> String {
    use rustls::CertificateError as C;
    let rustls::Error::InvalidCertificate(kind) = error else {
        return format!("tls: {error}");
    };
    let reason = match kind {
        C::UnknownIssuer => "certificate signed by unknown authority".to_owned(),
        C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
            "certificate has expired or is not yet valid".to_owned()
        }
        C::Other(cause) if cause.to_string() == CA_AS_SERVER => {
            "the server's certificate is one of an authority (CA:TRUE); give the server one with basicConstraints=CA:FALSE"
                .to_owned()
        }
        C::Other(cause) => cause.to_string(),
        other => other.to_string(),
    };
    format!("tls: failed to verify certificate: x509: {reason}")
}

/// The verifier's error for a server certificate with `CA:TRUE`, which `openssl req -x509` makes by default.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[test]
    fn a_certificate_of_an_authority_is_named_with_what_to_do() {
        #[derive(Debug)]
        struct Cause;
        impl fmt::Display for Cause {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(CA_AS_SERVER)
            }
        }
        impl std::error::Error for Cause {}
        let cause = rustls::OtherError(std::sync::Arc::new(Cause));
        let shown = tls_text(&rustls::Error::InvalidCertificate(rustls::CertificateError::Other(cause)));
        assert!(shown.ends_with("give the server one with basicConstraints=CA:FALSE"), "{shown}");
    }
}
