//! The configuration of a client.
//! Never in it: flags, and the environment of the process.

use crate::address::{Address, AddressError};
use crate::os_text::os_text;
use crate::token::Token;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Settings of TLS.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// A PEM file with the authorities to trust.
    pub ca_cert: Option<PathBuf>,
    /// The same as text; used instead of `ca_cert`.
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

/// The settings of a client.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the server.
    pub address: Address,
    /// TLS.
    pub tls: Tls,
    /// Token sent with each call that needs one.
    pub token: Option<Token>,
    /// Namespace, such as `ns1/`.
    pub namespace: Option<String>,
    /// Ask the server to wrap responses for this long, as the header has it (`5m0s`).
    pub wrap_ttl: Option<String>,
    /// One-time codes, one header each.
    pub mfa: Vec<String>,
    /// Override a soft-mandatory policy.
    pub policy_override: bool,
    /// More headers, names as typed.
    pub headers: Vec<(String, String)>,
    /// Longest time of a whole call, connecting included.
    pub timeout: Duration,
    /// How often a call is repeated after 5xx, 412, 429 or a failed connection.
    pub retries: u32,
    /// Whether a 301, 302 or 307 is followed, once.
    pub redirects: bool,
    /// Longest response that is read, in bytes.
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

/// Why a configuration is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address cannot be parsed.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A certificate or key file cannot be read.
    #[error("Error loading {purpose}: open {}: {}", path.display(), os_text(source))]
    File {
        /// Such as `CA File`.
        purpose: &'static str,
        /// As given.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file holds no usable certificate or key.
    #[error("Error loading {purpose}: {} holds no usable PEM", path.display())]
    Pem {
        /// Such as `CA File`.
        purpose: &'static str,
        /// As given, or `-` for text.
        path: PathBuf,
    },
    /// A client certificate without its key, or a key without its certificate.
    #[error("both client cert and client key must be provided")]
    HalfPair,
    /// rustls refuses the certificates or the key.
    #[error("tls: {0}")]
    Tls(#[source] rustls::Error),
    /// A header that only the client itself may send.
    #[error("Headers[{0}]: Header starting by 'X-Vault-' are for internal usage only")]
    ReservedHeader(String),
}
