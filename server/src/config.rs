//! The configuration of a server as plain, checked data, and how it is read from files. Wrong values are refused here,
//! with file and line.
//! Never in it: sockets, storage, the core.

mod audit;
mod changes;
mod listener;
mod reader;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_hcl::Body;

pub(crate) use audit::{AuditRules, Device};
pub(crate) use changes::DEV_SOURCE;
pub(crate) use listener::ListenerConfig;
use reader::Reader;

/// Where secrets are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorageConfig {
    /// In memory: gone when the process ends.
    Memory,
    /// In an embedded store in this directory.
    File(PathBuf),
}

/// How the server's own log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Standard,
    /// One JSON object a line.
    Json,
}

/// A checked configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// Where it listens.
    pub(crate) listeners: Vec<ListenerConfig>,
    /// Where secrets are kept.
    pub(crate) storage: Option<StorageConfig>,
    /// `trace`, `debug`, `info`, `warn`, `error`.
    pub(crate) log_level: Option<tracing::Level>,
    /// How its log is written.
    pub(crate) log_format: LogFormat,
    /// Whether memory is left unlocked.
    pub(crate) disable_mlock: bool,
    /// The address by which clients reach the server; shown, not used yet.
    pub(crate) api_addr: Option<String>,
    /// TTL of a token that does not ask for one.
    pub(crate) default_lease_ttl: Option<Duration>,
    /// The longest TTL.
    pub(crate) max_lease_ttl: Option<Duration>,
    /// How long a shutdown waits for the requests in progress.
    pub(crate) shutdown_timeout: Option<Duration>,
    /// The audit rule, and the limits of devices enabled through the API.
    pub(crate) audit: AuditRules,
    /// The devices that the configuration declares.
    pub(crate) devices: Vec<Device>,
    /// Keys without effect, for the log: `FILE:LINE: …`.
    pub(crate) warnings: Vec<String>,
}

/// Why a configuration is refused: `FILE:LINE: message`.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct ConfigError {
    file: PathBuf,
    line: Option<u32>,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConfigError {
    fn new(file: &Path, line: Option<u32>, message: String) -> Self {
        Self { file: file.to_owned(), line, message, source: None }
    }

    fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}

/// All keys of the top level.
const KEYS: [&str; 18] = [
    "api_addr",
    "audit",
    "cluster_addr",
    "cluster_name",
    "default_lease_ttl",
    "disable_mlock",
    "listener",
    "log_format",
    "log_level",
    "max_lease_ttl",
    "pid_file",
    "shutdown_timeout",
    "storage",
    "telemetry",
    "ui",
    "unsafe_allow_api_audit_creation",
    "allow_audit_log_prefixing",
    "backend",
];

/// Keys that are accepted because existing configurations have them, and have no effect here.
const WITHOUT_EFFECT: [(&str, &str); 5] = [
    ("cluster_addr", "there is no cluster"),
    ("cluster_name", "the cluster's name is made when the server is initialised"),
    ("pid_file", "no PID file is written"),
    ("telemetry", "no metrics are sent"),
    ("ui", "there is no web console yet"),
];

impl Config {
    /// Reads files and folders (their `.hcl` and `.json` files, by name) in the order given; a later value wins, listeners and
    /// devices add up.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for path in paths {
            for file in files(path)? {
                let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
                config.merge(&file, &text)?;
            }
        }
        config.check_paths()?;
        Ok(config)
    }

    /// Merges one file.
    fn merge(&mut self, file: &Path, text: &str) -> Result<(), ConfigError> {
        let mut reader = Reader::new(file);
        let body = onrecord_hcl::parse(text).map_err(|error| reader.syntax_error(error))?;
        reader.warn_unknown_keys(&body, &KEYS, "");
        for (key, reason) in WITHOUT_EFFECT {
            if let Some(item) = body.all(key).next() {
                reader.warn(item.position(), format!("{key} has no effect: {reason}"));
            }
        }
        self.merge_scalars(&reader, &body)?;
        for name in ["storage", "backend"] {
            for block in reader.blocks(&body, name, 1)? {
                self.storage = Some(storage(&mut reader, &block)?);
            }
        }
        for block in reader.blocks(&body, "listener", 1)? {
            self.listeners.push(ListenerConfig::read(&mut reader, &block)?);
        }
        for item in body.all("audit") {
            audit::read(&mut reader, item, &mut self.audit, &mut self.devices)?;
        }
        self.warnings.append(&mut reader.into_warnings());
        Ok(())
    }

    fn merge_scalars(&mut self, reader: &Reader, body: &Body) -> Result<(), ConfigError> {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut self.disable_mlock, reader.boolean(body, "disable_mlock")?);
        set(&mut self.api_addr, reader.text(body, "api_addr")?.map(Some));
        set(&mut self.default_lease_ttl, reader.duration(body, "default_lease_ttl")?.map(Some));
        set(&mut self.max_lease_ttl, reader.duration(body, "max_lease_ttl")?.map(Some));
        set(&mut self.shutdown_timeout, reader.duration(body, "shutdown_timeout")?.map(Some));
        set(&mut self.audit.api_creation, reader.boolean(body, "unsafe_allow_api_audit_creation")?);
        set(&mut self.audit.prefixing, reader.boolean(body, "allow_audit_log_prefixing")?);
        let level = reader.one_of(body, "log_level", &["trace", "debug", "info", "warn", "error"])?;
        set(&mut self.log_level, level.map(|level| level.parse().ok()));
        let format = reader.one_of(body, "log_format", &["standard", "json"])?;
        set(
            &mut self.log_format,
            format.map(|f| if f == "json" { LogFormat::Json } else { LogFormat::Standard }),
        );
        Ok(())
    }

    /// Devices are checked against each other once all files are read.
    fn check_paths(&self) -> Result<(), ConfigError> {
        for (index, device) in self.devices.iter().enumerate() {
            if self.devices.iter().skip(index + 1).any(|other| other.path == device.path) {
                let message = format!("two audit devices with same path ({}/) exist in config", device.path);
                return Err(ConfigError::new(&device.file, Some(device.line), message));
            }
        }
        Ok(())
    }
}

/// The configuration files at a path: the file itself, or those of a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
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
        let message = "the folder holds no .hcl or .json file".to_owned();
        return Err(ConfigError::new(path, None, message));
    }
    found.sort();
    Ok(found)
}

fn unreadable(file: &Path, error: std::io::Error) -> ConfigError {
    ConfigError::new(file, None, format!("cannot be read: {error}")).with_source(error)
}

/// The `storage` stanza.
fn storage(reader: &mut Reader, block: &onrecord_hcl::Block<'_>) -> Result<StorageConfig, ConfigError> {
    match block.labels.first().copied().unwrap_or_default() {
        "inmem" => {
            reader.warn_unknown_keys(block.body, &[], "storage \"inmem\": ");
            Ok(StorageConfig::Memory)
        }
        "file" => {
            reader.warn_unknown_keys(block.body, &["path"], "storage \"file\": ");
            let path = reader.text(block.body, "path")?.filter(|path| !path.is_empty());
            let missing = || {
                reader
                    .error(block.position, "storage \"file\" needs a path: the directory of its data".into())
            };
            path.map(|path| StorageConfig::File(path.into())).ok_or_else(missing)
        }
        other => {
            let what = format!("unknown storage {other:?}: there are \"file\" (with a path) and \"inmem\"");
            Err(reader.error(block.position, what))
        }
    }
}

#[cfg(test)]
mod tests;
