//! Turns the configuration into the core's settings.
//! Never in it: reading the configuration, or applying the settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_audit::Placement;
use onrecord_core::{AuditSettings, Settings};
use onrecord_value::{Object, Value, object};

use crate::config::{Config, ListenerConfig, LogFormat};
use crate::error::FileError;

/// The settings of a start. `sources`: the files and folders that the configuration was read from.
pub(crate) fn settings(sources: &[PathBuf], config: &Config) -> Settings {
    let mut settings = Settings::default();
    // 0 means the default, as in existing configurations.
    let ttl = |given: Option<Duration>, default| given.filter(|ttl| !ttl.is_zero()).unwrap_or(default);
    settings.default_lease_ttl = ttl(config.default_lease_ttl, settings.default_lease_ttl);
    settings.max_lease_ttl = ttl(config.max_lease_ttl, settings.max_lease_ttl);
    settings.shutdown_timeout = config.shutdown_timeout.unwrap_or(settings.shutdown_timeout);
    settings.requests_in_flight = config.requests_in_flight.unwrap_or(settings.requests_in_flight);
    settings.max_request_size = config.largest_body().unwrap_or(settings.max_request_size);
    // Where only the largest body is configured, what it needs comes with it.
    let default = settings.request_memory.max(settings.least_request_memory());
    settings.request_memory = config.request_memory.unwrap_or(default);
    let rate = config.unauthenticated_rate_limit.map(|rate| u32::try_from(rate).unwrap_or(u32::MAX));
    settings.unauthenticated_rate_limit = rate.unwrap_or(settings.unauthenticated_rate_limit);
    settings.audit = audit_settings(sources, config);
    settings.configuration = sanitized(config);
    settings
}

/// What may be shown of the configuration: no path, and nothing that could hold a secret.
fn sanitized(config: &Config) -> Object {
    let listener = |listener: &ListenerConfig| {
        let config =
            object! { "address" => listener.address.as_str(), "tls_disable" => listener.tls.is_none() };
        object! { "config" => config, "type" => "tcp" }
    };
    let listeners: Value = config.listeners.iter().map(listener).collect();
    object! {
        "api_addr" => config.api_addr.as_deref().unwrap_or_default(),
        "disable_mlock" => config.disable_mlock,
        "listeners" => listeners,
        "log_format" => if config.log_format == LogFormat::Json { "json" } else { "standard" },
        "log_level" => config.log_level.map_or_else(String::new, |level| level.to_string().to_lowercase()),
        "seals" => vec![object! { "disabled" => false, "type" => "shamir" }],
        "storage" => object! { "type" => config.storage.as_ref().map_or("", |storage| storage.kind.name) },
    }
}

/// The memory of requests must have room for what the listeners let in.
pub(crate) fn check_memory(config: &Config) -> Result<(), FileError> {
    let (Some(memory), Some(file)) = (config.request_memory, &config.memory_file) else { return Ok(()) };
    let mut settings = Settings::default();
    settings.max_request_size = config.largest_body().unwrap_or(settings.max_request_size);
    let least = settings.least_request_memory();
    if memory >= least {
        return Ok(());
    }
    let message = format!(
        "request_memory = {memory} bytes: max_request_size = {} bytes needs at least {least}, so that the largest value \
         can be read whatever characters are in it; raise request_memory or lower max_request_size",
        settings.max_request_size
    );
    Err(FileError::new(file, None, message))
}

pub(crate) fn audit_settings(sources: &[PathBuf], config: &Config) -> AuditSettings {
    let mut audit = AuditSettings::default();
    audit.rules.settle_grace = config.audit.settle_grace.unwrap_or(audit.rules.settle_grace);
    audit.rules.audit_timeout = config.audit.audit_timeout.unwrap_or(audit.rules.audit_timeout);
    audit.rules.drills = config.audit.drills;
    audit.rules.queue_bytes = config.audit.queue_size.unwrap_or(audit.rules.queue_bytes);
    audit.rules.minimum = config.audit.minimum.unwrap_or(audit.rules.minimum);
    audit.fail_closed = config.audit.minimum.is_some_and(|minimum| minimum > 0);
    audit.origin.clone_from(&config.audit.origin);
    audit.placement = placement(sources, config);
    audit.declared_devices = config.devices.iter().map(|device| device.declared.clone()).collect();
    audit
}

/// Where devices of the API may place files, and to which addresses they may connect. The server's own directories are
/// excluded, and so are configuration folders: an audit line with a chosen prefix would be configuration at the next start.
fn placement(sources: &[PathBuf], config: &Config) -> Placement {
    let rules = &config.audit;
    let placement = Placement::api().with_api_creation(rules.api_creation).with_prefixes(rules.prefixing);
    let placement = rules.syslog_socket.iter().fold(placement, Placement::with_syslog_socket);
    let placement = rules.allowed_directories.iter().fold(placement, Placement::widen);
    let placement = rules.allowed_addresses.iter().copied().fold(placement, Placement::widen_address);
    let placement = rules.only_directories.iter().fold(placement, Placement::narrow);
    let storage = config.storage.iter().filter_map(|storage| storage.target.directory());
    let own = sources.iter().filter(|path| path.is_dir()).map(PathBuf::as_path).chain(storage);
    let placement = own.map(absolute).fold(placement, Placement::keep_out);
    own_files(sources, config).map(absolute).fold(placement, Placement::keep_off)
}

/// The files that the server reads: of its configuration, and of TLS.
fn own_files<'a>(sources: &'a [PathBuf], config: &'a Config) -> impl Iterator<Item = &'a Path> {
    let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let tls = tls.flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_authorities.as_ref()]);
    sources.iter().filter(|path| !path.is_dir()).chain(tls.flatten()).map(PathBuf::as_path)
}

pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
