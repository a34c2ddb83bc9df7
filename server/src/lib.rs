//! HTTP, TLS, configuration and signals around the core: everything between a process and [`onrecord_core`].
//! Never in it: decisions about requests; the core makes them all.

mod answer_body;
mod blocking;
mod body;
mod clock;
mod config;
mod connection_timer;
mod dev;
mod diagnose;
mod error;
mod forwarded_for;
mod host_facts;
mod http;
mod kinds;
mod listener;
mod logging;
mod options;
mod process;
mod reload;
mod repair;
mod run;
mod settings;
mod signals;
mod snapshot;
mod streams;
mod tls;
mod transfer;
mod transit_seal;
mod turn;
mod wake_queue;
mod witnesses;
mod workers;

pub use diagnose::{Finding, diagnose, diagnose_storage};
pub use error::StartError;
pub use kinds::Kinds;
#[cfg(feature = "test-support")]
pub use listener::one_connection::serve_connection;
pub use onrecord_storage::backend::CheckStatus;
pub use onrecord_storage::embedded::restore::{Restored, Step as RestoreStep};
pub use onrecord_storage::snapshot::SnapshotInfo;
pub use options::{Dev, Options};
pub use process::forbid_core_dumps;
pub use repair::AuditRepair;
pub use run::run;
pub use snapshot::{StoragePlace, inspect_snapshot, restore_snapshot};
