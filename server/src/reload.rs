//! SIGHUP: audit devices and certificates are opened again, and the configuration is read again. Its `audit` stanzas
//! are applied, all of them or none; what else has changed is named.
//! Never in it: what an audit device is (the core applies them).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use onrecord_core::lifecycle::{Core, Reloaded};

use crate::Options;
use crate::config::Config;
use crate::run::files;
use crate::settings::audit_settings;
use crate::tls::Certificates;

/// How long a reload waits for devices that hang before it says so. They go on trying.
const REOPEN_PATIENCE: Duration = Duration::from_secs(10);

/// What a reload needs of a running server.
pub(crate) struct Reload {
    pub(crate) core: Core,
    pub(crate) certificates: Vec<Arc<Certificates>>,
    pub(crate) options: Options,
    /// The configuration in force.
    pub(crate) config: Mutex<Config>,
    /// One at a time, in the order of the signals.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl Reload {
    /// Opens everything again, and applies what has changed in the configuration.
    pub(crate) async fn run(self: Arc<Self>) {
        let _turn = self.turn.lock().await;
        tracing::info!("reload: audit devices and certificates are opened again");
        let opener = Arc::clone(&self);
        // Files are opened on a thread that may block.
        drop(tokio::task::spawn_blocking(move || opener.reopen()).await);
        self.apply().await;
    }

    fn reopen(&self) {
        for (path, why) in self.core.reopen_devices(REOPEN_PATIENCE) {
            tracing::error!("the audit device {path} could not be opened again: {why}");
        }
        for certificate in &self.certificates {
            if let Err(error) = certificate.reload() {
                tracing::error!(%error, "the certificate could not be read again; the old one stays");
            }
        }
    }

    async fn apply(&self) {
        let reader = self.options.clone();
        let read = tokio::task::spawn_blocking(move || files(&reader)).await;
        let old = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let new = match read {
            Ok(Ok(new)) => new.with_development_of(&old, self.options.dev.is_some()),
            Ok(Err(error)) => return refuse(&error),
            Err(error) => return refuse(&error),
        };
        for warning in new.warnings.iter().filter(|warning| !old.warnings.contains(warning)) {
            tracing::warn!("{warning}");
        }
        for key in old.differs_beyond_audit(&new) {
            tracing::warn!(
                "reload: {key} has changed in the configuration: it takes effect at the next start"
            );
        }
        if (&old.audit, &old.devices) == (&new.audit, &new.devices) {
            return;
        }
        for change in old.audit.changes(&new.audit) {
            tracing::info!("reload: {change}");
        }
        match self.core.reload(audit_settings(&self.options.config, &new)).await {
            Ok(Reloaded::Applied(done)) => {
                let changes = done.len();
                tracing::info!(changes, "reload: the audit stanzas of the configuration are in force");
            }
            Ok(_) => {
                tracing::info!("reload: the server is sealed; the audit stanzas apply when it is unsealed");
            }
            Err(error) => return refuse(&error),
        }
        // What needs a restart goes on being named.
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        (config.audit, config.devices, config.warnings) = (new.audit, new.devices, new.warnings);
    }
}

fn refuse(error: &dyn std::fmt::Display) {
    tracing::error!(%error, "reload: THE CONFIGURATION IS NOT APPLIED, and all audit devices stay as they were");
}
