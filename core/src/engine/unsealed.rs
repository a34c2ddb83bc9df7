//! Everything that exists only while the server is unsealed. Dropping it is sealing.
//! Never in it: behaviour; each part has its own module.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use onrecord_audit::status::{DeviceStatus, Outlook};
use onrecord_audit::{Broker, Clock};
use onrecord_seal::{Entropy, EntropyError};
use onrecord_storage::{Barrier, Batch, StoreError, View};

use super::mounts::Mounts;
use crate::alarm::Alarm;
use crate::audited_headers::AuditedHeaders;
use crate::boots::LogsAhead;
use crate::cpu_work::CpuWork;
use crate::devices::{Devices, Log};
use crate::expiry_clock::StoredMark;
use crate::host::Host;
use crate::identity::Identity;
use crate::leases::Leases;
use crate::lockout::Lockouts;
use crate::log_keys::{LogKeys, Moment};
use crate::meters::Meters;
use crate::operations::Operations;
use crate::policies::Policies;
use crate::quotas::Quotas;
use crate::rate_limiter::RateLimiter;
use crate::refusals::Refusals;
use crate::restorations::Restorations;
use crate::settings::Settings;
use crate::snapshots::Snapshots;
use crate::stored::{Record as _, record};
use crate::tokens::Tokens;
use crate::witnesses::Witnesses;

/// The machine's clock is set back by small steps all the time: that is not worth a line.
const CLOCK_BEHIND: Duration = Duration::from_secs(10);

pub(crate) trait Sealer: Send + Sync {
    /// Seals, once all requests but the current one have ended.
    fn seal_around_request(&self, timeout: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
    /// Seals at once: the storage has failed.
    fn seal_at_once(&self, barrier: &Barrier);
}

/// The unsealed server.
pub struct Unsealed {
    /// Encrypted storage.
    pub barrier: Barrier,
    /// The audit broker with all enabled devices.
    pub broker: Arc<Broker>,
    /// The table of audit devices.
    pub devices: Devices,
    /// The keys with which the checkpoints of audit logs are signed.
    pub(crate) log_keys: Arc<LogKeys>,
    /// Which request headers are recorded.
    pub audited_headers: AuditedHeaders,
    /// The mount table.
    pub mounts: Mounts,
    /// The token store.
    pub tokens: Tokens,
    /// The lease store.
    pub leases: Leases,
    /// The policy store.
    pub policies: Policies,
    /// The identity store.
    pub identity: Identity,
    /// Limits of requests and of leases.
    pub(crate) quotas: Quotas,
    /// Clock, entropy and runtime. The clock never goes back: expiry is judged by it.
    pub host: Host,
    /// The machine's clock: what is shown goes by it (entries, devices, salts, snapshots), and may go back.
    pub(crate) machine_clock: Arc<dyn Clock>,
    /// Limits and defaults from the configuration.
    pub settings: Arc<Settings>,
    /// The cluster's name and id, shown by `sys/health` and `sys/seal-status`.
    pub cluster: Cluster,
    /// What follows from refusals of the audit rule.
    pub(crate) alarm: Alarm,
    /// What the server's log says about devices.
    pub(crate) log: Arc<Log>,
    /// How often it was said that the storage does not keep what devices missed: that is tried twice a second.
    pub(crate) unkept: Mutex<RateLimiter>,
    /// The audit logs that are ahead of the storage.
    pub(crate) logs_ahead: LogsAhead,
    pub(crate) meters: Arc<Meters>,
    /// The highest time that was reached.
    pub(crate) mark: Arc<StoredMark>,
    /// Whether it was said that the machine's clock is behind.
    pub(crate) clock_lines: Mutex<bool>,
    /// What is known of the witnesses of audit logs.
    pub(crate) witnesses: Arc<Witnesses>,
    /// The snapshot of the storage that is being made.
    pub(crate) snapshots: Snapshots,
    /// Restorations of the storage that are not on record yet.
    pub(crate) restorations: Restorations,
    /// Refused requests that have no entries of their own.
    pub(crate) refusals: Arc<Refusals>,
    /// Failed logins, and the accounts that they lock.
    pub(crate) lockouts: Lockouts,
    /// Work of requests that keeps a processor busy, such as hashing passwords.
    pub(crate) cpu_work: CpuWork,
    /// What the endpoints of operators keep.
    pub(crate) operations: Operations,
    /// The way back to sealed.
    pub(crate) gate: Weak<dyn Sealer>,
    /// Set when its devices are let go. What comes later cannot be put on record.
    pub(crate) ended: AtomicBool,
}

/// The name and id of the cluster, made with the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// `onrecord-cluster-1a2b3c4d`.
    pub name: String,
    /// A random UUID.
    pub id: String,
}

record! { Cluster() { "id" => id, "name" => name, } }

impl Cluster {
    /// Where it is stored.
    pub(crate) const KEY: &str = "cluster";

    pub(crate) fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let (id, tag) = (entropy.uuid()?, entropy.uuid()?);
        let name = format!("onrecord-cluster-{}", tag.get(..8).unwrap_or_default());
        Ok(Self { name, id })
    }

    pub(crate) fn store(&self, view: &View, batch: &mut Batch) -> Result<(), StoreError> {
        view.put(batch, Self::KEY, &self.encode())
    }

    pub(crate) async fn load(view: &View) -> Result<Self, StoreError> {
        let stored = view.get(Self::KEY).await?.ok_or_else(|| view.missing(Self::KEY))?;
        Self::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(Self::KEY))
    }
}

impl Unsealed {
    /// Keeps in storage what devices have not told yet and what is remembered of their trees, and puts on record what
    /// happened while no server ran.
    pub(crate) async fn keep_record(&self) {
        // Before anything is written: a kill in between must not make lines of this run those of a stopped server.
        self.keep_heads(Moment::Usual).await;
        // A device that could not be opened before may be open now.
        self.logs_ahead.compare(&self.broker);
        self.restorations.record(&self.broker, &self.barrier, &*self.host.clock).await;
        self.devices.record_removals(&self.broker).await;
        self.operations.journal.record(&self.broker, &self.host).await;
        if let Err(error) = self.devices.keep_misses(&self.broker).await
            && let Some(times) = self.unkept()
        {
            tracing::warn!(%error, times, "what audit devices missed could not be stored: a kill now would take it away");
        }
    }

    /// Keeps what is remembered of the trees of audit logs.
    pub(crate) async fn keep_heads(&self, moment: Moment) {
        let now = self.host.clock.monotonic();
        if let Err(error) = self.log_keys.keep_heads(&self.broker, now, moment).await
            && let Some(times) = self.unkept()
        {
            tracing::warn!(%error, times, "the sizes of the trees of audit logs could not be stored");
        }
    }

    /// Whether it is to be said that something could not be kept, and how often it was not said before.
    fn unkept(&self) -> Option<u64> {
        let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        unkept.event(self.host.clock.monotonic())
    }

    /// Stores the time that was reached, and says in the log if the machine's clock is behind it.
    pub(crate) async fn keep_time(&self) {
        if let Err(error) = self.mark.store().await {
            tracing::warn!(%error, "the time that was reached could not be stored");
        }
        let behind = self.mark.machine_is_behind_by();
        let is_behind = behind >= CLOCK_BEHIND;
        let before = std::mem::replace(
            &mut *self.clock_lines.lock().unwrap_or_else(PoisonError::into_inner),
            is_behind,
        );
        if is_behind && !before {
            let seconds = behind.as_secs();
            tracing::warn!(
                seconds,
                "the machine's clock is behind a time that it has shown before: what expires goes on from that time"
            );
        }
    }

    /// Lets go of all devices, and of their files: the next unsealing opens them again, even if this is still held.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.snapshots.clear();
        for device in self.broker.status() {
            self.broker.release(&device.path);
        }
        self.log_keys.forget();
    }

    /// Whether the audit rule can be met at the moment, and what it lacks. A server that must have a device and has none
    /// does not meet it (decision 8).
    pub(crate) fn outlook_of(&self, devices: &[DeviceStatus]) -> (Outlook, bool) {
        let outlook = Outlook::of(self.broker.rules().minimum, devices);
        let met = outlook.is_met() && !(devices.is_empty() && self.devices.settings().fail_closed);
        (outlook, met)
    }

    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Seals at once if the storage takes nothing any more: it has lost track of what is durable.
    pub(crate) fn check_storage(&self) {
        if !self.barrier.storage().has_failed() {
            return;
        }
        if let Some(gate) = self.gate.upgrade() {
            gate.seal_at_once(&self.barrier);
        }
    }
}
