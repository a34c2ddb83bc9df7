//! What can go wrong between a call and its answer, with the texts that users of the command line know. No printing.

use crate::answer::Response;
use crate::request::Prepared;
use std::fmt;
use std::io;

/// Why a call has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with a refusal.
    Api(Box<ApiError>),
    /// There was no answer.
    Transport(Box<TransportError>),
    /// The token cannot stand in a header.
    UnprintableToken,
    /// The answer came but is not what the call promises.
    Answer(AnswerError),
    /// A path with `.` or `..` segments: its URL would be another path, even outside the API.
    Dots(String),
    /// The client only describes requests ([`crate::Client::describing`]); this one was not sent.
    NotSent(Box<Prepared>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(error) => error.fmt(f),
            Self::Transport(error) => error.fmt(f),
            Self::UnprintableToken => {
                f.write_str("configured Vault token contains non-printable characters and cannot be used")
            }
            Self::Answer(error) => error.fmt(f),
            Self::Dots(path) => {
                write!(f, "path {path:?} has \".\" or \"..\" segments; write the path itself")
            }
            Self::NotSent(_) => f.write_str("request was described, not sent"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(error) => Some(error.status),
            _ => None,
        }
    }
}

/// An answer that breaks the promise of its call.
#[derive(Debug)]
#[non_exhaustive]
pub enum AnswerError {
    /// The body is not the JSON the call expects.
    Json(String),
    /// An envelope without `data`.
    NoData,
    /// A field of `data` is missing or has another type.
    Field(&'static str),
    /// The body is longer than the client takes, in bytes.
    TooLong(usize),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) => write!(f, "the server's answer is not understood: {text}"),
            Self::NoData => f.write_str("data from server response is empty"),
            Self::Field(name) => {
                write!(f, "the server's answer lacks the field {name:?} or has another type for it")
            }
            Self::TooLong(limit) => write!(f, "the server's answer is longer than {limit} bytes"),
        }
    }
}

/// A refusal by the server.
#[derive(Debug, Clone)]
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

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Error making API request.\n\n")?;
        if !self.namespace.is_empty() && self.namespace != "root/" {
            writeln!(f, "Namespace: {}", self.namespace)?;
        }
        writeln!(f, "URL: {} {}", self.method, self.url)?;
        let kind = if self.raw { "Raw Message" } else { "Errors" };
        write!(f, "Code: {}. {kind}:\n\n", self.status)?;
        match (self.raw, self.errors.as_slice()) {
            (true, [text]) => f.write_str(text),
            (_, texts) => texts.iter().try_for_each(|text| write!(f, "* {text}")),
        }
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub struct TransportError {
    /// Method as sent.
    pub method: String,
    /// URL as sent.
    pub url: String,
    /// What happened.
    pub cause: Cause,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.method.chars();
        if let Some(first) = letters.next() {
            write!(f, "{first}{}", letters.as_str().to_lowercase())?;
        }
        write!(f, " \"{}\": {}", self.url, self.cause)
    }
}

/// What kept an answer away.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// No connection.
    Dial {
        /// `tcp` or `unix`.
        network: &'static str,
        /// Address as `host:port` or a path.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The host name has no address.
    Lookup(String),
    /// TLS failed.
    Tls(rustls::Error),
    /// TLS was spoken to a server that speaks plain HTTP.
    PlainServer,
    /// The host is no name a certificate can be checked for.
    ServerName(String),
    /// The time for the whole call is over.
    Timeout,
    /// The server closed the connection before it answered.
    Closed,
    /// The connection failed while in use.
    Io(io::Error),
    /// The server spoke something that is no HTTP/1.1.
    Protocol(hyper::Error),
    /// A header of the request cannot be sent; its name.
    Header(String),
    /// The answer is longer than the client takes.
    TooLong,
    /// A redirect from TLS to plain HTTP.
    Downgrade,
    /// A redirect that names no usable place.
    Location(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial { network, address, source } => {
                write!(f, "dial {network} {address}: connect: {}", os_text(source))
            }
            Self::Lookup(host) => write!(f, "dial tcp: lookup {host}: no such host"),
            Self::Tls(error) => write_tls(error, f),
            Self::PlainServer => f.write_str("http: server gave HTTP response to HTTPS client"),
            Self::ServerName(name) => write!(f, "tls: {name:?} is not a valid server name"),
            Self::Timeout => f.write_str("context deadline exceeded"),
            Self::Closed => f.write_str("EOF"),
            Self::Io(error) => f.write_str(&os_text(error)),
            Self::Protocol(error) => write!(f, "net/http: HTTP/1.x transport connection broken: {error}"),
            Self::Header(name) => write!(f, "net/http: invalid header field value for {name:?}"),
            Self::TooLong => f.write_str("the answer is too long"),
            Self::Downgrade => f.write_str("redirect would cause protocol downgrade"),
            Self::Location(text) => write!(f, "redirect to {text:?}, which is no usable URL"),
        }
    }
}

fn write_tls(error: &rustls::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use rustls::CertificateError as C;
    let rustls::Error::InvalidCertificate(kind) = error else {
        return write!(f, "tls: {error}");
    };
    f.write_str("tls: failed to verify certificate: x509: ")?;
    match kind {
        C::UnknownIssuer => f.write_str("certificate signed by unknown authority"),
        C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
            f.write_str("certificate has expired or is not yet valid")
        }
        C::Other(cause) if cause.to_string() == CA_AS_SERVER => f.write_str(
            "the server's certificate is one of an authority (CA:TRUE); give the server one with basicConstraints=CA:FALSE",
        ),
        C::Other(cause) => write!(f, "{cause}"),
        other => write!(f, "{other}"),
    }
}

/// What the verifier calls a certificate that `openssl req -x509` makes if it is told nothing else.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";

/// A system error in the words other tools of this family use: `connection refused`, `no such file or directory`.
pub fn os_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    let mut letters = text.chars();
    match letters.next() {
        // Only a plain sentence is lowered; `I/O error` and the like keep their capitals.
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        struct Shown(rustls::Error);
        impl fmt::Display for Shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_tls(&self.0, f)
            }
        }
        let cause = rustls::OtherError(std::sync::Arc::new(Cause));
        let shown =
            Shown(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(cause))).to_string();
        assert!(shown.ends_with("give the server one with basicConstraints=CA:FALSE"), "{shown}");
    }
}
