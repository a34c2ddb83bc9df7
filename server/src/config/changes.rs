//! The differences between two readings of the configuration.
//! Never in it: applying them.

use std::fmt::Debug;

use super::{AuditRules, Config, Device};

/// The file name that a development server's own device has.
pub(crate) const DEV_SOURCE: &str = "-dev";

impl Config {
    /// The keys outside of `audit` whose values differ: they take effect at the next start only.
    pub(crate) fn changed_keys_beside_audit(&self, new: &Self) -> Vec<&'static str> {
        // Destructured, so that the compiler asks for each new key here.
        let Self {
            listeners,
            storage,
            log_level,
            log_format,
            disable_mlock,
            api_addr,
            default_lease_ttl,
            max_lease_ttl,
            shutdown_timeout,
            audit: _,
            devices: _,
            warnings: _,
        } = self;
        let differs = [
            ("listener", *listeners != new.listeners),
            ("storage", *storage != new.storage),
            ("log_level", *log_level != new.log_level),
            ("log_format", *log_format != new.log_format),
            ("disable_mlock", *disable_mlock != new.disable_mlock),
            ("api_addr", *api_addr != new.api_addr),
            ("default_lease_ttl", *default_lease_ttl != new.default_lease_ttl),
            ("max_lease_ttl", *max_lease_ttl != new.max_lease_ttl),
            ("shutdown_timeout", *shutdown_timeout != new.shutdown_timeout),
        ];
        differs.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
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
        let Self {
            minimum,
            settle_grace,
            audit_timeout,
            queue_size,
            drills,
            api_creation,
            prefixing,
            allowed_directories,
            allowed_addresses,
            only_directories,
            syslog_socket,
        } = self;
        let later = " (for devices that are enabled from now on)";
        [
            describe_change("minimum", minimum, &new.minimum, ""),
            describe_change("settle_grace", settle_grace, &new.settle_grace, ""),
            describe_change("audit_timeout", audit_timeout, &new.audit_timeout, ""),
            describe_change("queue_size", queue_size, &new.queue_size, later),
            describe_change("drills", drills, &new.drills, ""),
            describe_change("api_creation", api_creation, &new.api_creation, ""),
            describe_change("prefixing", prefixing, &new.prefixing, later),
            describe_change("allowed_directories", allowed_directories, &new.allowed_directories, later),
            describe_change("allowed_addresses", allowed_addresses, &new.allowed_addresses, later),
            describe_change("only_directories", only_directories, &new.only_directories, later),
            describe_change("syslog_socket", syslog_socket, &new.syslog_socket, later),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn describe_change<T: PartialEq + Debug>(key: &str, old: &T, new: &T, note: &str) -> Option<String> {
    (old != new).then(|| format!("audit {key}: {old:?} becomes {new:?}{note}"))
}
