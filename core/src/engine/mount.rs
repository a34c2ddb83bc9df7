//! A mount: an engine at a path, with its options and settings.
//! Never in it: what engines do, or the table of all mounts (`mounts`).

use std::ops::Deref;
use std::sync::Arc;

use crate::engine::{AnyEngine, EngineKind, Space};
use crate::lockout::{self, LockoutRules};
use onrecord_value::Object;

/// Where login methods are mounted.
pub(crate) const LOGINS: &str = "auth/";

/// What an engine says of its own version, in listings and entries.
pub(crate) const RUNNING_VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"), "+builtin.onrecord");

/// What is stored of a mount: all but its engine.
#[derive(Clone)]
pub struct MountEntry {
    /// Where: `secret/`, `auth/token/`, `sys/`.
    pub path: String,
    /// What kind of engine.
    pub kind: &'static EngineKind,
    /// `kv_1a2b3c4d`.
    pub accessor: String,
    /// Random UUID; names the mount's storage.
    pub uuid: String,
    /// What its operator says it is for.
    pub description: String,
    /// Whether it is kept out of replication (echoed only).
    pub local: bool,
    /// Echoed only.
    pub seal_wrap: bool,
    /// Echoed only.
    pub external_entropy_access: bool,
    /// `options` of the mount, e.g. `version`; texts by name. None for the built-in ones.
    pub options: Option<Object>,
    /// Its settings.
    pub tune: Tune,
}

#[cfg(test)]
impl MountEntry {
    /// An entry for tests: nothing is set but the path and the kind.
    pub(crate) fn bare(path: &str, kind: &'static EngineKind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            accessor: String::new(),
            uuid: String::new(),
            description: String::new(),
            local: false,
            seal_wrap: false,
            external_entropy_access: false,
            options: None,
            tune: Tune::default(),
        }
    }
}

/// An engine at a path. Immutable: a change of its settings makes another one with the same engine.
#[derive(Clone)]
pub struct Mount {
    /// What is stored of it.
    pub entry: MountEntry,
    /// The engine.
    pub engine: Arc<dyn AnyEngine>,
    /// Its part of the store.
    pub space: Arc<Space>,
}

/// Settings of a mount that can be tuned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// `unauth` shows the mount to everybody in the listing of `sys/internal/ui/mounts`; else empty or `hidden`.
    pub listing_visibility: String,
    /// Echoed only; `None` when never set.
    pub passthrough_request_headers: Option<Vec<String>>,
    /// Echoed only; `None` when never set.
    pub allowed_response_headers: Option<Vec<String>>,
    /// The kind of tokens a login issues; empty for engines that are no logins.
    pub token_type: String,
    /// How many failed logins lock an account; `None` is the server's default.
    pub user_lockout_threshold: Option<u64>,
    /// For how many seconds an account is locked; `None` is the server's default.
    pub user_lockout_duration: Option<u64>,
    /// After how many seconds failed logins are forgotten; `None` is the server's default.
    pub user_lockout_counter_reset_duration: Option<u64>,
    /// Whether no account is ever locked.
    pub user_lockout_disable: bool,
}

impl Tune {
    /// When accounts of the mount are locked.
    pub(crate) fn lockout_rules(&self) -> LockoutRules {
        LockoutRules {
            is_disabled: self.user_lockout_disable,
            threshold: self.user_lockout_threshold.unwrap_or(lockout::THRESHOLD),
            duration: self.user_lockout_duration.unwrap_or(lockout::DURATION),
            counter_reset: self.user_lockout_counter_reset_duration.unwrap_or(lockout::COUNTER_RESET),
        }
    }
}

impl Deref for Mount {
    type Target = MountEntry;

    fn deref(&self) -> &MountEntry {
        &self.entry
    }
}

impl MountEntry {
    /// `secret` or `auth`, as `mount_class` of an entry.
    pub fn class(&self) -> &'static str {
        if self.path.starts_with(LOGINS) { "auth" } else { "secret" }
    }
}
