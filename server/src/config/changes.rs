//! What has changed between two readings of the configuration. Never in it: applying it.

use std::fmt::Debug;

use super::{AuditRules, Config, Device};

/// The file that a development server's own device is said to stand in.
pub(crate) const DEVELOPMENT: &str = "-dev";

impl Config {
    /// The keys outside of `audit` whose values differ: they count at a start only.
    pub(crate) fn differs_beyond_audit(&self, new: &Self) -> Vec<&'static str> {
        // Taken apart so that a new key cannot be forgotten here.
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

    /// A development server keeps what its command line gave it: the files may say nothing of it.
    pub(crate) fn with_development_of(mut self, old: &Self, development: bool) -> Self {
        if !development {
            return self;
        }
        let own = |device: &&Device| device.file.as_os_str() == DEVELOPMENT;
        self.devices.retain(|device| !own(&device));
        self.devices.extend(old.devices.iter().filter(own).cloned());
        Self {
            listeners: old.listeners.clone(),
            storage: old.storage.clone(),
            disable_mlock: old.disable_mlock,
            ..self
        }
    }
}

impl AuditRules {
    /// What differs in the rule, a line each.
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
            change("minimum", minimum, &new.minimum, ""),
            change("settle_grace", settle_grace, &new.settle_grace, ""),
            change("audit_timeout", audit_timeout, &new.audit_timeout, ""),
            change("queue_size", queue_size, &new.queue_size, later),
            change("drills", drills, &new.drills, ""),
            change("api_creation", api_creation, &new.api_creation, ""),
            change("prefixing", prefixing, &new.prefixing, later),
            change("allowed_directories", allowed_directories, &new.allowed_directories, later),
            change("allowed_addresses", allowed_addresses, &new.allowed_addresses, later),
            change("only_directories", only_directories, &new.only_directories, later),
            change("syslog_socket", syslog_socket, &new.syslog_socket, later),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn change<T: PartialEq + Debug>(key: &str, old: &T, new: &T, note: &str) -> Option<String> {
    (old != new).then(|| format!("audit {key}: {old:?} becomes {new:?}{note}"))
}
