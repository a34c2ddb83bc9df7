//! What the configuration decides about the core: limits and defaults, as plain data.
//! Never in it: parsing (the server's) or listeners.

use std::path::PathBuf;
use std::time::Duration;

use onrecord_audit::{Placement, Rules};

/// Limits and defaults of a server.
pub struct Settings {
    /// TTL of a token or lease that asks for none. Default 768 h.
    pub default_lease_ttl: Duration,
    /// The longest TTL. Default 768 h.
    pub max_lease_ttl: Duration,
    /// The largest request body, in bytes. Default 32 MiB.
    pub max_request_size: usize,
    /// How many requests may be in flight. Default 4096.
    pub requests_in_flight: usize,
    /// How many bytes of bodies may be held at once. Default 512 MiB.
    pub body_bytes_in_flight: usize,
    /// The audit rule: how many devices, grace, time-out, queue bounds.
    pub rules: Rules,
    /// Where the API may place file devices (decision 5).
    pub placement: Placement,
    /// Devices may be created through the API.
    pub api_audit_creation: bool,
    /// Devices of the configuration file.
    pub declared_devices: Vec<DeclaredDevice>,
    /// What `sys/seal-status` calls the storage (`inmem`, `file`).
    pub storage_type: &'static str,
    /// The server's own directories, which no device may touch.
    pub own_directories: Vec<PathBuf>,
}

/// An `audit` stanza of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredDevice {
    /// `file`, …
    pub kind: String,
    /// Where it is enabled, without the closing slash.
    pub path: String,
    /// What it is for.
    pub description: String,
    /// Echoed only.
    pub local: bool,
    /// Its options, as text.
    pub options: Vec<(String, String)>,
}
