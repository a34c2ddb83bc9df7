//! Turns the configuration into the core's settings.
//! Never in it: reading the configuration, or applying the settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_audit::Placement;
use onrecord_core::{AuditSettings, Settings};

use crate::config::Config;

/// The settings of a start. `sources`: the files and folders that the configuration was read from.
pub(crate) fn settings(sources: &[PathBuf], config: &Config) -> Settings {
    let mut settings = Settings::default();
    // 0 means the default, as in existing configurations.
    set(&mut settings.default_lease_ttl, config.default_lease_ttl.filter(|ttl| !ttl.is_zero()));
    set(&mut settings.max_lease_ttl, config.max_lease_ttl.filter(|ttl| !ttl.is_zero()));
    set(&mut settings.shutdown_timeout, config.shutdown_timeout);
    let largest = config.listeners.iter().map(|listener| listener.bounds.max_request_size).max();
    settings.max_request_size = largest.unwrap_or(settings.max_request_size);
    settings.audit = audit_settings(sources, config);
    settings
}

/// The settings that can change while the server runs.
pub(crate) fn audit_settings(sources: &[PathBuf], config: &Config) -> AuditSettings {
    let mut audit = AuditSettings::default();
    set(&mut audit.rules.settle_grace, config.audit.settle_grace);
    set(&mut audit.rules.audit_timeout, config.audit.audit_timeout);
    audit.rules.drills = config.audit.drills;
    audit.rules.queue_bytes = config.audit.queue_size.unwrap_or(audit.rules.queue_bytes);
    audit.rules.minimum = config.audit.minimum.unwrap_or(audit.rules.minimum);
    audit.fail_closed = config.audit.minimum.is_some_and(|minimum| minimum > 0);
    audit.placement = placement(sources, config);
    audit.declared_devices = config.devices.iter().map(|device| device.declared.clone()).collect();
    audit
}

fn set(place: &mut Duration, value: Option<Duration>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Where devices of the API may place files, and to which addresses they may connect. The server's own directories are
/// excluded, and so are configuration folders: an audit line with a chosen prefix would be configuration at the next start.
fn placement(sources: &[PathBuf], config: &Config) -> Placement {
    let mut placement =
        Placement::api().with_api_creation(config.audit.api_creation).with_prefixes(config.audit.prefixing);
    for directory in sources.iter().filter(|path| path.is_dir()) {
        placement = placement.keep_out(absolute(directory));
    }
    if let Some(socket) = &config.audit.syslog_socket {
        placement = placement.with_syslog_socket(socket);
    }
    for directory in &config.audit.allowed_directories {
        placement = placement.widen(directory);
    }
    for block in &config.audit.allowed_addresses {
        placement = placement.widen_address(*block);
    }
    for directory in &config.audit.only_directories {
        placement = placement.narrow(directory);
    }
    if let Some(directory) = config.storage.as_ref().and_then(|storage| storage.target().directory()) {
        placement = placement.keep_out(absolute(directory));
    }
    placement
}

/// The absolute form of a path given on the command line.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
