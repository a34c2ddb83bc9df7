//! HTTP, TLS, configuration and signals around the core: everything between a process and [`onrecord_core`].
//! Never in it: decisions about requests; the core makes them all.

mod alarm;
mod clock;
mod config;
mod dev;
mod diagnose;
mod http;
mod inbox;
mod listener;
mod logging;
mod patience;
mod patient;
mod process;
mod reload;
mod repair;
mod run;
mod settings;
mod signals;
mod tls;
mod workers;

use std::path::PathBuf;

pub use onrecord_audit::DeviceKinds;

pub use diagnose::{Finding, Verdict, diagnose};
pub use repair::{AuditRepair, StoredDevice};
pub use run::{StartError, run};

/// What the command line says about a server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Configuration files and folders, in order.
    pub config: Vec<PathBuf>,
    /// A development server, if one is asked for.
    pub dev: Option<Dev>,
    /// Overrides the configuration's `log_level`.
    pub log_level: Option<String>,
    /// Overrides the configuration's `log_format`.
    pub log_format: Option<String>,
    /// The kinds of audit devices that can be enabled. Default: the built-in ones.
    pub device_kinds: DeviceKinds,
}

/// A development server: unsealed from the start, with a root token that is printed.
#[derive(Debug, Clone, Default)]
pub struct Dev {
    /// A directory to keep secrets in; in memory without.
    pub storage: Option<PathBuf>,
    /// The root token; random without.
    pub root_token_id: Option<String>,
    /// Where it listens; `127.0.0.1:8200` without.
    pub listen_address: Option<String>,
    /// Where its audit log goes: a file's path, `stdout` or `off`; a file of its own without.
    pub audit: Option<String>,
    /// Whether the root token is kept out of `~/.vault-token`.
    pub no_store_token: bool,
}
