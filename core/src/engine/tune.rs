//! The settings of a mount. Never in it: how a request changes them (`engine::sys::mounts`).

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
}
