//! What a client needs to know before its first call. Plain facts: who fills them (flags, environment) is not known here.

use crate::address::{Address, AddressError};
use crate::token::Token;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How TLS is spoken.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// A PEM file with the authorities to trust.
    pub ca_cert: Option<PathBuf>,
    /// The same as text; wins over `ca_cert`.
    pub ca_cert_bytes: Option<String>,
    /// A folder of PEM files.
    pub ca_path: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub client_cert: Option<PathBuf>,
    /// PEM file of its key.
    pub client_key: Option<PathBuf>,
    /// Name to check instead of the host, and to send as SNI.
    pub server_name: Option<String>,
    /// Trust any certificate.
    pub skip_verify: bool,
}

/// Everything a client needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server is.
    pub address: Address,
    /// TLS.
    pub tls: Tls,
    /// Token sent with each call that needs one.
    pub token: Option<Token>,
    /// Namespace, such as `ns1/`.
    pub namespace: Option<String>,
    /// Ask for the answer to be wrapped for this long, as the header has it (`5m0s`).
    pub wrap_ttl: Option<String>,
    /// One-time codes, one header each.
    pub mfa: Vec<String>,
    /// Override a soft-mandatory policy.
    pub policy_override: bool,
    /// More headers, names as typed.
    pub headers: Vec<(String, String)>,
    /// Bound of a whole call, connecting included.
    pub timeout: Duration,
    /// How often a call is tried again after 5xx, 412, 429 or a failed connection.
    pub retries: u32,
    /// Whether a 301, 302 or 307 is followed, once.
    pub redirects: bool,
    /// Longest answer that is read, in bytes.
    pub answer_bytes_max: usize,
}

impl Config {
    /// The defaults for a server at this address: 60 s, two retries, one redirect.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            tls: Tls::default(),
            token: None,
            namespace: None,
            wrap_ttl: None,
            mfa: Vec::new(),
            policy_override: false,
            headers: Vec::new(),
            timeout: Duration::from_mins(1),
            retries: 2,
            redirects: true,
            answer_bytes_max: 256 * 1024 * 1024,
        }
    }
}

/// Why there is no client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is none.
    Address(AddressError),
    /// A certificate or key file cannot be read: what it is for, the path, the reason.
    File {
        /// Such as `CA File`.
        purpose: &'static str,
        /// As given.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file holds no usable certificate or key.
    Pem {
        /// Such as `CA File`.
        purpose: &'static str,
        /// As given, or `-` for text.
        path: PathBuf,
    },
    /// A client certificate without its key, or a key without its certificate.
    HalfPair,
    /// rustls refuses the material.
    Tls(rustls::Error),
    /// A header that only the client itself may send.
    ReservedHeader(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => error.fmt(f),
            Self::File { purpose, path, source } => {
                write!(f, "Error loading {purpose}: open {}: {}", path.display(), crate::os_text(source))
            }
            Self::Pem { purpose, path } => {
                write!(f, "Error loading {purpose}: {} holds no usable PEM", path.display())
            }
            Self::HalfPair => f.write_str("both client cert and client key must be provided"),
            Self::Tls(error) => write!(f, "tls: {error}"),
            Self::ReservedHeader(name) => {
                write!(f, "Headers[{name}]: Header starting by 'X-Vault-' are for internal usage only")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<AddressError> for ConfigError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}
