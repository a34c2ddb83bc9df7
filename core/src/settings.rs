//! What the configuration and the embedding program decide about the core: limits, defaults, the kinds of audit devices.
//! Never in it: parsing (the server's) or listeners.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::{DeviceKinds, Placement, Rules};
use onrecord_value::Object;
use onrecord_value::json::Limits;

use crate::admission::Admission;
use crate::auto_seal::AutoSeal;

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
    /// How many bytes requests and their answers may take: one half for what arrives and what is not yet written, the
    /// other for the work on large requests. Default 1 GiB.
    pub request_memory: usize,
    /// How many requests a second of one address may have entries of their own although they come without a valid token,
    /// are not permitted or cannot be understood; 0: all of them. Default 500.
    pub unauthenticated_rate_limit: u32,
    /// The audit rule and the devices of the configuration, as they are at the start.
    pub audit: AuditSettings,
    /// The kinds of audit devices that can be enabled. Default: the built-in ones.
    pub device_kinds: DeviceKinds,
    /// The key service that unseals the server; key shares do without.
    pub auto_seal: Option<Arc<dyn AutoSeal>>,
    /// How deep and how large the JSON of a request may be.
    pub json_limits: Limits,
    /// How long sealing waits for devices to write what waits for them. Default 10 s.
    pub shutdown_timeout: Duration,
    /// What `sys/config/state/sanitized` shows of the configuration beside these settings: nothing secret. Default: nothing.
    pub configuration: Object,
}

impl Settings {
    /// The least [`Settings::request_memory`] with which every request and every answer finds room whose size is within
    /// [`Settings::max_request_size`].
    pub const fn least_request_memory(&self) -> usize {
        Admission::least(self.max_request_size, self.json_limits.nodes)
    }
}

impl Default for Settings {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        const MONTH: Duration = Duration::from_hours(768);
        Self {
            default_lease_ttl: MONTH,
            max_lease_ttl: MONTH,
            max_request_size: 32 * MIB,
            requests_in_flight: 4096,
            request_memory: 1024 * MIB,
            unauthenticated_rate_limit: 500,
            audit: AuditSettings::default(),
            device_kinds: DeviceKinds::default(),
            auto_seal: None,
            json_limits: Limits::default(),
            shutdown_timeout: Duration::from_secs(10),
            configuration: Object::new(),
        }
    }
}

/// What the configuration decides about auditing. It can change while the server runs ([`Core::reload`]).
///
/// [`Core::reload`]: crate::Core::reload
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// The audit rule: how many devices, grace, time-out, queue bounds.
    pub rules: Rules,
    /// Without a device nothing but enabling one works, and the last one cannot be disabled (decision 8).
    pub fail_closed: bool,
    /// Where the API may place file devices, if it may at all, and which directories are the server's own (decision 5).
    pub placement: Placement,
    /// What the origins of all audit logs begin with, from the next unsealing on; the cluster's name if it is not set. It
    /// passes [`check_origin`](crate::check_origin).
    pub origin: Option<String>,
    /// Devices of the configuration file.
    pub declared_devices: Vec<EnableRequest>,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            fail_closed: false,
            placement: Placement::api(),
            origin: None,
            declared_devices: Vec::new(),
        }
    }
}

impl AuditSettings {
    /// How many devices there must be; none can be disabled below that.
    pub fn demanded(&self) -> usize {
        if self.fail_closed { self.rules.minimum.max(1) } else { 0 }
    }

    /// These settings, with what the older ones know of files in use.
    pub(crate) fn sharing_files_with(self, older: &Self) -> Self {
        Self { placement: self.placement.sharing(&older.placement), ..self }
    }
}

/// A device to be enabled: of a body, or of an `audit` stanza of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnableRequest {
    /// Where, with or without the closing slash.
    pub path: String,
    /// `file`, …
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Echoed only.
    pub local: bool,
    /// Its options.
    pub options: BTreeMap<String, String>,
}
