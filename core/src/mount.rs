//! A mount: an engine at a path, with its options; and the table of all mounts.
//! Never in it: what engines do.

use onrecord_value::Object;

use crate::engine::Engine;

/// An engine at a path.
pub struct Mount {
    /// Where: `secret/`, `auth/token/`, `sys/`.
    pub path: String,
    /// `kv`, `cubbyhole`, `system`, `token`.
    pub kind: &'static str,
    /// `kv_1a2b3c4d`.
    pub accessor: String,
    /// Random UUID; names the mount's storage.
    pub uuid: String,
    /// What its operator says it is for.
    pub description: String,
    /// Whether it is kept out of replication (echoed only).
    pub local: bool,
    /// `options` of the mount, e.g. `version`.
    pub options: Object,
    /// Its settings.
    pub tune: Tune,
    /// The engine.
    pub engine: Engine,
}

/// Settings of a mount that can be tuned.
#[derive(Debug, Clone, Default)]
pub struct Tune {
    /// Seconds; 0 is the system's default.
    pub default_lease_ttl: u64,
    /// Seconds; 0 is the system's default.
    pub max_lease_ttl: u64,
    /// Keys of a request's data that stay in the clear on record; `None` when never set.
    pub audit_non_hmac_request_keys: Option<Vec<String>>,
    /// Keys of a response's data that stay in the clear on record; `None` when never set.
    pub audit_non_hmac_response_keys: Option<Vec<String>>,
    /// Echoed only.
    pub force_no_cache: bool,
    /// `unauth` or empty; echoed only.
    pub listing_visibility: String,
}

impl Mount {
    /// `secret` or `auth`, as `mount_class` of an entry.
    pub fn class(&self) -> &'static str {
        if self.path.starts_with("auth/") { "auth" } else { "secret" }
    }
}
