//! A changed configuration applied to a server that runs: its audit rule, its limits for the API, its devices. All of
//! it or nothing. Never in it: reading files.

use std::sync::Arc;

use super::Core;
use crate::devices::DeclareError;
use crate::settings::AuditSettings;

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reloaded {
    /// It is in force: what was done about devices, a line each.
    Applied(Vec<String>),
    /// The server is sealed: it applies at the next unsealing.
    Later,
}

impl Core {
    /// Applies the audit settings of a configuration that was read again. New devices are tried before anything
    /// changes; no entry falls between an old one and a new one.
    ///
    /// # Errors
    /// [`DeclareError`]: nothing is changed.
    pub async fn reload(&self, settings: AuditSettings) -> Result<Reloaded, DeclareError> {
        let _one = self.inner.reloading.lock().await;
        let settings = Arc::new(settings.sharing_files_with(&self.audit_settings()));
        // A sealing waits for it as for a journey.
        let Some((unsealed, _inside)) = self.inner.gate.enter() else {
            self.inner.audit.set(settings);
            return Ok(Reloaded::Later);
        };
        let now = self.inner.host.clock.now();
        // Until it is done the old limits hold for everybody else.
        let done = unsealed.devices.declare(&unsealed.broker, &settings, settings.demanded(), now).await?;
        unsealed.broker.set_rules(&settings.rules);
        unsealed.devices.set_settings(Arc::clone(&settings));
        self.inner.audit.set(settings);
        Ok(Reloaded::Applied(done))
    }

    /// The audit settings that the next unsealing goes by.
    pub fn audit_settings(&self) -> Arc<AuditSettings> {
        self.inner.audit.get()
    }
}
