//! SIGHUP: audit devices and certificates are opened again, and the configuration is read again. Its `audit` stanzas
//! are applied, all of them or none; what else has changed is named.
//! Never in it: what an audit device is (the core applies them).

use std::sync::atomic::{AtomicBool, Ordering};
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

/// How long it waits for the files of certificates and of the configuration: the next reload must be able to open
/// devices again though a file system hangs.
const READ_PATIENCE: Duration = Duration::from_secs(10);

/// What a reload needs of a running server.
pub(crate) struct Reload {
    pub(crate) core: Core,
    pub(crate) certificates: Vec<Arc<Certificates>>,
    pub(crate) options: Options,
    /// The configuration in force.
    pub(crate) config: Mutex<Config>,
    pub(crate) turns: Turns,
}

/// Whose turn it is: one reload is under way, and at most one waits. That one reads the newest configuration, so a
/// third would find nothing to do.
#[derive(Default)]
pub(crate) struct Turns {
    turn: tokio::sync::Mutex<()>,
    waited_for: AtomicBool,
}

impl Turns {
    /// Waits for its turn; `None` if another waits already, which has not begun to read.
    async fn take(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if self.waited_for.swap(true, Ordering::AcqRel) {
            return None;
        }
        // Also for a waiter that goes away, so that later ones are not forgotten.
        let _waiting = Waiting(&self.waited_for);
        Some(self.turn.lock().await)
    }
}

/// One reload waits; until this is dropped.
struct Waiting<'a>(&'a AtomicBool);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Reload {
    /// Opens everything again, and applies what has changed in the configuration.
    pub(crate) async fn run(self: Arc<Self>) {
        let Some(_turn) = self.turns.take().await else {
            tracing::info!("reload: one waits already, which does this one's work too");
            return;
        };
        tracing::info!("reload: audit devices and certificates are opened again");
        let opener = Arc::clone(&self);
        // It blocks, within its own bound.
        drop(tokio::task::spawn_blocking(move || opener.reopen_devices()).await);
        let reader = Arc::clone(&self);
        if within(READ_PATIENCE, move || reader.reload_certificates()).await.is_none() {
            tracing::error!("reading the certificates again hangs; the old ones stay meanwhile");
        }
        self.apply().await;
    }

    fn reopen_devices(&self) {
        for (path, why) in self.core.reopen_devices(REOPEN_PATIENCE) {
            tracing::error!("the audit device {path} could not be opened again: {why}");
        }
    }

    fn reload_certificates(&self) {
        for certificate in &self.certificates {
            if let Err(error) = certificate.reload() {
                tracing::error!(%error, "the certificate could not be read again; the old one stays");
            }
        }
    }

    async fn apply(&self) {
        let reader = self.options.clone();
        let read = within(READ_PATIENCE, move || files(&reader)).await;
        let old = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let new = match read {
            Some(Ok(new)) => new.with_development_of(&old, self.options.dev.is_some()),
            Some(Err(error)) => return refuse(&error),
            None => return refuse(&"reading it hangs"),
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

/// What comes of something that blocks, on a thread of its own, if it ends in time and well.
async fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::time::timeout(patience, tokio::task::spawn_blocking(work)).await.ok()?.ok()
}

fn refuse(error: &dyn std::fmt::Display) {
    tracing::error!(%error, "reload: THE CONFIGURATION IS NOT APPLIED, and all audit devices stay as they were");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_reload_waits_for_the_one_under_way_and_stands_for_all_later_ones() {
        let turns = Turns::default();
        let under_way = turns.take().await;
        assert!(under_way.is_some());
        let mut next = std::pin::pin!(turns.take());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(next.as_mut().poll(&mut context).is_pending());
        assert!(turns.take().await.is_none() && turns.take().await.is_none());
        drop(under_way);
        let second = next.await;
        assert!(second.is_some());
        let mut third = std::pin::pin!(turns.take());
        assert!(
            third.as_mut().poll(&mut context).is_pending(),
            "a signal from now on is a reload of its own"
        );
        drop(second);
        assert!(third.await.is_some());
        assert!(turns.take().await.is_some());
    }

    #[tokio::test]
    async fn a_reload_that_gives_up_waiting_forgets_no_later_one() {
        let turns = Turns::default();
        let under_way = turns.take().await;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        {
            let mut leaves = std::pin::pin!(turns.take());
            assert!(leaves.as_mut().poll(&mut context).is_pending());
        }
        let mut next = std::pin::pin!(turns.take());
        assert!(next.as_mut().poll(&mut context).is_pending(), "it waits");
        drop(under_way);
        assert!(next.await.is_some());
    }

    #[tokio::test]
    async fn a_file_system_that_hangs_holds_no_reload_up() {
        let (release, hangs) = std::sync::mpsc::channel::<()>();
        assert!(within(Duration::from_millis(10), move || hangs.recv()).await.is_none());
        drop(release);
        assert_eq!(within(Duration::from_mins(10), || 7).await, Some(7));
    }
}
