//! What the configuration means for the core. Never in it: reading it, or applying it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_audit::Placement;
use onrecord_core::settings::{AuditSettings, DeclaredDevice, Settings};

use crate::config::{Config, StorageConfig};

/// The settings of a start. `read`: the files and folders that the configuration was read from.
pub(crate) fn settings(read: &[PathBuf], config: &Config) -> Settings {
    let mut settings = Settings::default();
    // 0 leaves it to the default, as in the configurations people have.
    set(&mut settings.default_lease_ttl, config.default_lease_ttl.filter(|ttl| !ttl.is_zero()));
    set(&mut settings.max_lease_ttl, config.max_lease_ttl.filter(|ttl| !ttl.is_zero()));
    set(&mut settings.shutdown_timeout, config.shutdown_timeout);
    let largest = config.listeners.iter().map(|listener| listener.bounds.max_request_size).max();
    settings.max_request_size = largest.unwrap_or(settings.max_request_size);
    settings.audit = audit_settings(read, config);
    settings
}

/// What can change while the server runs.
pub(crate) fn audit_settings(read: &[PathBuf], config: &Config) -> AuditSettings {
    let mut audit = AuditSettings::default();
    set(&mut audit.rules.settle_grace, config.audit.settle_grace);
    set(&mut audit.rules.audit_timeout, config.audit.audit_timeout);
    audit.rules.drills = config.audit.drills;
    audit.rules.queue_bytes = config.audit.queue_size.unwrap_or(audit.rules.queue_bytes);
    audit.rules.minimum = config.audit.minimum.unwrap_or(audit.rules.minimum);
    audit.fail_closed = config.audit.minimum.is_some_and(|minimum| minimum > 0);
    audit.placement = placement(read, config);
    let declared = |device: &crate::config::Device| DeclaredDevice {
        kind: device.kind.clone(),
        path: device.path.clone(),
        description: device.description.clone(),
        local: device.local,
        options: device.options.clone(),
    };
    audit.declared_devices = config.devices.iter().map(declared).collect();
    audit
}

fn set(place: &mut Duration, value: Option<Duration>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Where the API may place files, and whom its sockets may talk to: not in the server's own directories. One of them is a folder that configuration is read
/// from: a line with the right prefix would be configuration at the next start.
fn placement(read: &[PathBuf], config: &Config) -> Placement {
    let mut placement =
        Placement::api().with_api_creation(config.audit.api_creation).with_prefixes(config.audit.prefixing);
    for directory in read.iter().filter(|path| path.is_dir()) {
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
    if let Some(StorageConfig::File(directory)) = &config.storage {
        placement = placement.keep_out(absolute(directory));
    }
    placement
}

/// The absolute form of a path given on the command line.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
