//! HTTP, TLS, configuration and signals around the core: everything between a process and [`onrecord_core`].
//! Never in it: decisions about requests; the core makes them all.

mod blocking;
mod clock;
mod config;
mod connection_timer;
mod dev;
mod diagnose;
mod http;
mod listener;
mod logging;
mod options;
mod process;
mod reload;
mod repair;
mod run;
mod settings;
mod signals;
mod start_error;
mod tls;
mod wake_queue;
mod workers;
mod write_timeout;

pub use onrecord_audit::DeviceKinds;

#[cfg(feature = "test-support")]
pub use listener::one_connection::serve_connection;

pub use diagnose::{CheckStatus, Finding, diagnose};
pub use options::{Dev, Options};
pub use repair::{AuditRepair, StoredDevice};
pub use run::run;
pub use start_error::StartError;
