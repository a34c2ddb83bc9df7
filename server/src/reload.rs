//! SIGHUP: audit devices are reopened, certificates and the configuration are read again. The `audit` stanzas are applied,
//! all of them or none; other keys that have changed are named in the log.
//! Never in it: what an audit device is (the core applies the stanzas).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use onrecord_core::{Core, Reloaded};
use tokio::sync::{Mutex, MutexGuard};

use crate::blocking::run_with_timeout;
use crate::config::Config;
use crate::options::Options;
use crate::settings::audit_settings;
use crate::tls::Certificates;

/// How long a reload waits for a device that hangs before it logs that. The device goes on trying.
const REOPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it waits for the files of certificates and of the configuration: when a file system hangs, the next reload
/// must still be able to reopen devices.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Reload {
    pub(crate) core: Core,
    pub(crate) certificates: Vec<Arc<Certificates>>,
    pub(crate) options: Options,
    pub(crate) config: RwLock<Config>,
    pub(crate) queue: ReloadQueue,
}

/// One reload runs, and at most one waits. The one that waits will read the newest configuration, so a third one has
/// nothing to do.
#[derive(Default)]
pub(crate) struct ReloadQueue {
    running: Mutex<()>,
    /// Held by the one that waits.
    waiting: Mutex<()>,
}

impl ReloadQueue {
    /// Waits until no other reload runs; `None` if another one waits already.
    async fn enter(&self) -> Option<MutexGuard<'_, ()>> {
        // Released also when this future is dropped, so that later reloads are not skipped.
        let _waiting = self.waiting.try_lock().ok()?;
        Some(self.running.lock().await)
    }
}

impl Reload {
    pub(crate) async fn run(self: Arc<Self>) {
        let Some(_running) = self.queue.enter().await else {
            tracing::info!("reload: one reload runs and another waits, which covers this one");
            return;
        };
        tracing::info!("reload: reopening audit devices and certificates");
        let opener = Arc::clone(&self);
        // It blocks, and has a time-out of its own.
        drop(tokio::task::spawn_blocking(move || opener.reopen_devices()).await);
        let reader = Arc::clone(&self);
        if run_with_timeout(READ_TIMEOUT, move || reader.reload_certificates()).await.is_none() {
            tracing::error!("reading the certificates hangs; the old ones stay in use");
        }
        self.apply().await;
    }

    fn reopen_devices(&self) {
        for (path, why) in self.core.reopen_devices(REOPEN_TIMEOUT) {
            tracing::error!("the audit device {path} could not be reopened: {why}");
        }
    }

    fn reload_certificates(&self) {
        for certificate in &self.certificates {
            if let Err(error) = certificate.reload() {
                tracing::error!(%error, "the certificate could not be read; the old one stays in use");
            }
        }
    }

    async fn apply(&self) {
        let options = self.options.clone();
        let read = run_with_timeout(READ_TIMEOUT, move || options.read_config()).await;
        let old = self.config.read().unwrap_or_else(PoisonError::into_inner).clone();
        let new = match read {
            Some(Ok(new)) => new.with_dev_settings_of(&old, self.options.dev.is_some()),
            Some(Err(error)) => return log_rejection(&error),
            None => return log_rejection(&"reading it hangs"),
        };
        for warning in new.warnings.iter().filter(|warning| !old.warnings.contains(warning)) {
            tracing::warn!("{warning}");
        }
        for key in old.changed_keys_beside_audit(&new) {
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
            Err(error) => return log_rejection(&error),
        }
        // The other keys keep their old values here, so that each reload names those that need a restart.
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        (config.audit, config.devices, config.warnings) = (new.audit, new.devices, new.warnings);
    }
}

fn log_rejection(error: &dyn std::fmt::Display) {
    tracing::error!(%error, "reload: THE CONFIGURATION IS NOT APPLIED, and all audit devices stay as they were");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_reload_waits_for_the_running_one_and_later_ones_are_skipped() {
        let queue = ReloadQueue::default();
        let running = queue.enter().await;
        assert!(running.is_some());
        let mut next = std::pin::pin!(queue.enter());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(next.as_mut().poll(&mut context).is_pending());
        assert!(queue.enter().await.is_none() && queue.enter().await.is_none());
        drop(running);
        let second = next.await;
        assert!(second.is_some());
        let mut third = std::pin::pin!(queue.enter());
        assert!(
            third.as_mut().poll(&mut context).is_pending(),
            "a signal after the second reload has begun is a reload of its own"
        );
        drop(second);
        assert!(third.await.is_some());
        assert!(queue.enter().await.is_some());
    }

    #[tokio::test]
    async fn a_waiting_reload_that_is_dropped_leaves_its_place_to_the_next() {
        let queue = ReloadQueue::default();
        let running = queue.enter().await;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        {
            let mut dropped = std::pin::pin!(queue.enter());
            assert!(dropped.as_mut().poll(&mut context).is_pending());
        }
        let mut next = std::pin::pin!(queue.enter());
        assert!(next.as_mut().poll(&mut context).is_pending(), "it waits");
        drop(running);
        assert!(next.await.is_some());
    }
}
