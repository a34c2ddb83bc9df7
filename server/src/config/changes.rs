//! The differences between two readings of the configuration.
//! Never in it: applying them.

use std::fmt::Debug;

use super::{AuditRules, Config, Device};

/// The file name that a development server's own device has.
pub(crate) const DEV_SOURCE: &str = "-dev";

/// Of each field: its name, what stands beside it here, and its change if it has changed. The fields after the `;` are not
/// compared. A field that is in neither list does not compile.
macro_rules! changes {
    ($old:ident, $new:ident, $($field:ident: $beside:expr),*; $($other:ident),*) => {{
        let Self { $($field,)* $($other: _),* } = $old;
        [$((stringify!($field), $beside, describe_change($field, &$new.$field))),*]
    }};
}

fn describe_change<T: PartialEq + Debug>(old: &T, new: &T) -> Option<String> {
    (old != new).then(|| format!("{old:?} becomes {new:?}"))
}

impl Config {
    /// The keys outside of `audit` whose values differ: they take effect at the next start only.
    pub(crate) fn changed_keys_beside_audit(&self, new: &Self) -> Vec<&'static str> {
        let changes = changes!(
            self,
            new,
            listeners: "listener",
            storage: "storage",
            log_level: "log_level",
            log_format: "log_format",
            disable_mlock: "disable_mlock",
            api_addr: "api_addr",
            default_lease_ttl: "default_lease_ttl",
            max_lease_ttl: "max_lease_ttl",
            request_memory: "request_memory",
            requests_in_flight: "requests_in_flight",
            shutdown_timeout: "shutdown_timeout",
            unauthenticated_rate_limit: "unauthenticated_rate_limit",
            witnesses: "audit witness";
            audit, devices, memory_file, seal, warnings
        );
        changes.into_iter().filter_map(|(_, key, change)| change.map(|_| key)).collect()
    }

    /// Keeps what the command line gave a development server: it is not in the files.
    pub(crate) fn with_dev_settings_of(mut self, old: &Self, is_dev: bool) -> Self {
        if !is_dev {
            return self;
        }
        let is_dev_device = |device: &&Device| device.file.as_os_str() == DEV_SOURCE;
        self.devices.retain(|device| !is_dev_device(&device));
        self.devices.extend(old.devices.iter().filter(is_dev_device).cloned());
        Self {
            listeners: old.listeners.clone(),
            storage: old.storage.clone(),
            disable_mlock: old.disable_mlock,
            ..self
        }
    }
}

impl AuditRules {
    /// The differences in the rule, a line for each.
    pub(crate) fn changes(&self, new: &Self) -> Vec<String> {
        let later = " (for devices that are enabled from now on)";
        let changes = changes!(
            self,
            new,
            minimum: "",
            settle_grace: "",
            audit_timeout: "",
            queue_size: later,
            drills: "",
            api_creation: "",
            prefixing: later,
            allowed_directories: later,
            allowed_addresses: later,
            only_directories: later,
            origin: " (from the next unsealing on)",
            syslog_socket: later;
        );
        let lines = changes.into_iter().filter_map(|(key, note, change)| Some((key, change?, note)));
        lines.map(|(key, change, note)| format!("audit {key}: {change}{note}")).collect()
    }
}
