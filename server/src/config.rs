//! The configuration of a server as plain, checked data, and how it is read from files. Wrong values are refused here,
//! with file and line.
//! Never in it: sockets, storage, the core.

mod audit;
mod changes;
mod given;
mod listener;
mod proxies;
mod reader;
mod seal;
mod storage;
mod without_effect;
mod witness;

use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_hcl::Body;
use onrecord_storage::BackendConfig;
use onrecord_value::suggest;

pub(crate) use audit::{AuditRules, Device, Problem};
pub(crate) use changes::DEV_SOURCE;
use given::Given;
pub(crate) use listener::{ListenerConfig, UnixSocketConfig};
use reader::Reader;
pub(crate) use seal::TransitConfig;
pub(crate) use witness::WitnessConfig;

use crate::error::FileError;
use crate::kinds::Kinds;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    #[default]
    Standard,
    Json,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(crate) listeners: Vec<ListenerConfig>,
    pub(crate) storage: Option<BackendConfig>,
    /// The key service that unseals the server; key shares do without.
    pub(crate) seal: Option<TransitConfig>,
    pub(crate) log_level: Option<tracing::Level>,
    pub(crate) log_format: LogFormat,
    pub(crate) disable_mlock: bool,
    /// The address by which clients reach the server; shown, not used yet.
    pub(crate) api_addr: Option<String>,
    pub(crate) default_lease_ttl: Option<Duration>,
    pub(crate) max_lease_ttl: Option<Duration>,
    /// How long a shutdown waits for the requests in progress.
    pub(crate) shutdown_timeout: Option<Duration>,
    /// How many bytes requests and their answers may take.
    pub(crate) request_memory: Option<usize>,
    /// The file that says so.
    pub(crate) memory_file: Option<PathBuf>,
    /// How many requests may be worked on at once.
    pub(crate) requests_in_flight: Option<usize>,
    /// How many refused requests a second of one address have entries of their own; 0: all.
    pub(crate) unauthenticated_rate_limit: Option<usize>,
    /// The audit rule, and the limits of devices enabled through the API.
    pub(crate) audit: AuditRules,
    pub(crate) devices: Vec<Device>,
    /// Servers that cosign the checkpoints of the logs.
    pub(crate) witnesses: Vec<WitnessConfig>,
    /// Keys without effect, for the log: `FILE:LINE: …`.
    pub(crate) warnings: Vec<String>,
}

const KEYS: [&str; 17] = [
    "allow_audit_log_prefixing",
    "api_addr",
    "audit",
    "backend",
    "default_lease_ttl",
    "disable_mlock",
    "listener",
    "log_format",
    "log_level",
    "max_lease_ttl",
    "request_memory",
    "requests_in_flight",
    "seal",
    "shutdown_timeout",
    "storage",
    "unauthenticated_rate_limit",
    "unsafe_allow_api_audit_creation",
];

/// Keys that decide about auditing, sealing and storage. An unknown key that is near to one of them is refused: the server
/// would start without what it was meant to say. Any other unknown key is ignored with a warning.
const GUARDED: [&str; 6] =
    ["allow_audit_log_prefixing", "audit", "backend", "seal", "storage", "unsafe_allow_api_audit_creation"];

/// Stanzas that may be given several times, or are checked by themselves.
const STANZAS: [&str; 7] = ["audit", "backend", "listener", "seal", "storage", "telemetry", "user_lockout"];

impl Config {
    /// Reads files and folders (their `.hcl` and `.json` files, by name) in the order given; a later value wins, listeners and
    /// devices add up. The storage, the seal and each key of the audit rule may be given once.
    pub(crate) fn read(paths: &[PathBuf], kinds: &Kinds) -> Result<Self, FileError> {
        let config = Self::read_with_problems(paths, kinds)?;
        let notes = |error: FileError| error.with_notes(&config.warnings);
        config.devices.iter().try_for_each(Device::check).map_err(notes)?;
        Ok(config)
    }

    /// As [`Config::read`]; what is wrong with the options of devices stands with them.
    pub(crate) fn read_with_problems(paths: &[PathBuf], kinds: &Kinds) -> Result<Self, FileError> {
        let audit = AuditRules { api_creation: true, prefixing: true, ..AuditRules::default() };
        let mut config = Self { audit, ..Self::default() };
        let mut given = Given::default();
        for path in paths {
            for file in files(path)? {
                let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
                let mut reader = Reader::new(&file);
                let merged = config.merge(&mut reader, &text, kinds, &mut given);
                config.warnings.extend(reader.into_warnings());
                // What was ignored may be why something else is missing.
                merged.map_err(|error| error.with_notes(&config.warnings))?;
            }
        }
        config.check_paths()?;
        Ok(config)
    }

    fn merge(
        &mut self,
        reader: &mut Reader,
        text: &str,
        kinds: &Kinds,
        given: &mut Given,
    ) -> Result<(), FileError> {
        let body = onrecord_hcl::parse(text).map_err(|error| reader.syntax_error(error))?;
        check_keys(reader, &body)?;
        self.merge_scalars(reader, &body)?;
        self.seal = seal::read(reader, &body, given)?.or(self.seal.take());
        for name in ["storage", "backend"] {
            for block in reader.blocks(&body, name, 1)? {
                given.once(reader, "storage", block.position)?;
                self.storage = Some(storage::read(&kinds.backends, reader, &block)?);
            }
        }
        for block in reader.blocks(&body, "listener", 1)? {
            self.listeners.push(ListenerConfig::read(reader, &block)?);
        }
        let mut stanzas = audit::Stanzas {
            reader,
            kinds: &kinds.devices,
            given,
            rules: &mut self.audit,
            devices: &mut self.devices,
            witnesses: &mut self.witnesses,
        };
        for item in body.all("audit") {
            let labels: Vec<&str> = item.keys.iter().skip(1).map(|key| key.text.as_str()).collect();
            stanzas.read(&labels, &item.value, item.position())?;
        }
        Ok(())
    }

    fn merge_scalars(&mut self, reader: &Reader, body: &Body) -> Result<(), FileError> {
        self.disable_mlock = reader.boolean(body, "disable_mlock")?.unwrap_or(self.disable_mlock);
        self.api_addr = reader.text(body, "api_addr")?.or(self.api_addr.take());
        self.default_lease_ttl = reader.duration(body, "default_lease_ttl")?.or(self.default_lease_ttl);
        self.max_lease_ttl = reader.duration(body, "max_lease_ttl")?.or(self.max_lease_ttl);
        self.shutdown_timeout = reader.duration(body, "shutdown_timeout")?.or(self.shutdown_timeout);
        let memory = reader.not_zero(body, "request_memory", Reader::size)?;
        if memory.is_some() {
            (self.request_memory, self.memory_file) = (memory, Some(reader.file().to_owned()));
        }
        let requests = reader.not_zero(body, "requests_in_flight", Reader::count)?;
        self.requests_in_flight = requests.or(self.requests_in_flight);
        let rate = reader.count(body, "unauthenticated_rate_limit")?;
        self.unauthenticated_rate_limit = rate.or(self.unauthenticated_rate_limit);
        let rules = &mut self.audit;
        let api_creation = reader.boolean(body, "unsafe_allow_api_audit_creation")?;
        rules.api_creation = api_creation.unwrap_or(rules.api_creation);
        rules.prefixing = reader.boolean(body, "allow_audit_log_prefixing")?.unwrap_or(rules.prefixing);
        let levels = ["trace", "debug", "info", "warn", "error"];
        // Names that compatible servers take beside these.
        let level = match reader.text(body, "log_level")?.as_deref().map(str::trim) {
            Some("") => None,
            Some(level) if level.eq_ignore_ascii_case("notice") => Some("info"),
            Some(level) if level.eq_ignore_ascii_case("warning") => Some("warn"),
            Some(level) if level.eq_ignore_ascii_case("err") => Some("error"),
            Some(_) | None => reader.one_of(body, "log_level", &levels)?,
        };
        self.log_level = level.and_then(|level| level.parse().ok()).or(self.log_level);
        match reader.one_of(body, "log_format", &["standard", "json"])? {
            None => {}
            Some("json") => self.log_format = LogFormat::Json,
            Some(_) => self.log_format = LogFormat::Standard,
        }
        Ok(())
    }

    /// Devices are checked against each other once all files are read.
    fn check_paths(&self) -> Result<(), FileError> {
        for (index, device) in self.devices.iter().enumerate() {
            let path = &device.declared.path;
            let same = |other: &&Device| other.declared.path == *path;
            if let Some(other) = self.devices.iter().skip(index + 1).find(same) {
                let message = format!(
                    "two audit devices with same path ({path}/) exist in config: the other is at {}:{}",
                    other.file.display(),
                    other.line
                );
                return Err(FileError::new(&device.file, Some(device.line), message));
            }
        }
        Ok(())
    }
}

impl Config {
    /// The largest body that a listener takes.
    pub(crate) fn largest_body(&self) -> Option<usize> {
        self.listeners.iter().map(|listener| listener.bounds.max_request_size).max()
    }
}

/// The configuration files at a path: the file itself, or those of a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| unreadable(path, error))?.path();
        if file.extension().is_some_and(|ending| ending == "hcl" || ending == "json") {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(FileError::new(path, None, "the folder holds no .hcl or .json file"));
    }
    found.sort();
    Ok(found)
}

fn unreadable(file: &Path, error: std::io::Error) -> FileError {
    FileError::new(file, None, format!("cannot be read: {error}")).with_source(error)
}

/// Warns about unknown keys and those without effect; refuses an unknown key that is near to a guarded one, and keys without
/// which the server would be less than its operator wrote.
fn check_keys(reader: &mut Reader, body: &Body) -> Result<(), FileError> {
    without_effect::refuse_top(reader, body)?;
    let known: Vec<&str> = KEYS.into_iter().chain(without_effect::names(&without_effect::TOP)).collect();
    for item in body.items.iter().filter(|item| !known.contains(&item.name())) {
        let near = suggest::nearest(item.name(), known.iter().copied());
        if near.is_some_and(|near| GUARDED.contains(&near)) {
            return Err(reader.unknown_key(item, &known, ""));
        }
        reader.warn_unknown_key(item, &known, "");
    }
    reader.warn_repeated_keys(body, &STANZAS, "");
    without_effect::warn(reader, body, &without_effect::TOP, "");
    Ok(())
}

#[cfg(test)]
mod tests;
