//! Unsealing: shares become the key, the key opens the barrier, and what is behind it is loaded.
//! Never in it: how shares are put together (`seal`).

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use onrecord_audit::Broker;
use onrecord_entry::Boot;
use onrecord_seal::{Progress, SecretBytes};
use onrecord_storage::{BarrierError, TablesError, View};

use super::init::{Ceremony, load};
use super::{CeremonyError, Core, Gate};
use crate::VERSION;
use crate::alarm::Alarm;
use crate::audited_headers::AuditedHeaders;
use crate::blocking_task::BlockingTask;
use crate::boots::Boots;
use crate::ceremonies::attempt::decode_share;
use crate::cpu_work::CpuWork;
use crate::devices::{self, Devices, Table, Unopened};
use crate::engine::mounts::Mounts;
use crate::engine::unsealed::{Cluster, Unsealed};
use crate::expiry_clock::StoredMark;
use crate::host::Host;
use crate::identity::Identity;
use crate::leases::Leases;
use crate::leases::counts::LeaseCounts;
use crate::lockout::Lockouts;
use crate::log_keys::LogKeys;
use crate::operations::Operations;
use crate::place;
use crate::policies::Policies;
use crate::quotas::Quotas;
use crate::restorations::Restorations;
use crate::settings::AuditSettings;
use crate::snapshots::Snapshots;
use crate::tokens::Tokens;
use crate::versions;

impl Core {
    /// Takes a key share: hex, or else base64. With the last one needed the server is unsealed. Unsealed already, it
    /// changes nothing.
    pub async fn unseal(&self, key: &str) -> Result<(), CeremonyError> {
        if decode_share(key).is_none() {
            return Err(CeremonyError::BadKey);
        }
        self.inner.barrier.seal_config().await?.ok_or(CeremonyError::NotInitialised)?;
        let _ceremony = Ceremony::begin(&self.inner.ceremony)?;
        if self.unsealed().is_some() {
            return Ok(());
        }
        if self.inner.gate.is_shutting() {
            return Err(CeremonyError::Busy);
        }
        let Some(unseal_key) = self.take_share(key).await? else { return Ok(()) };
        // A configuration that is read again now finds the server sealed or unsealed, and not between: it would be kept
        // for the next unsealing, with this one going by the old.
        let _settled = self.inner.reloading.lock().await;
        self.open_barrier(&unseal_key).await?;
        match self.load().await {
            Ok(unsealed) => {
                if unsealed.broker.devices() == 0 {
                    devices::warn_of_none();
                }
                // What was removed while no server ran is the first thing on record.
                unsealed.keep_record().await;
                self.inner.gate.set(unsealed);
                tracing::info!("the server is unsealed");
                Ok(())
            }
            Err(error) => {
                self.inner.barrier.seal();
                tracing::error!(%error, "unsealing failed");
                Err(error)
            }
        }
    }

    /// Takes a key share; the key, with the last one needed.
    pub(super) async fn take_share(&self, key: &str) -> Result<Option<SecretBytes>, CeremonyError> {
        let share = decode_share(key).ok_or(CeremonyError::BadKey)?;
        let config = self.inner.barrier.seal_config().await?.ok_or(CeremonyError::NotInitialised)?;
        let progress = {
            let mut shares = self.inner.shares.lock().unwrap_or_else(PoisonError::into_inner);
            shares.add(share, config.threshold(), &*self.inner.host.entropy)?
        };
        let Progress::Complete(unseal_key) = progress else { return Ok(None) };
        unseal_key.map(Some).map_err(|error| CeremonyError::WrongKey(error.to_string()))
    }

    /// Forgets the shares given so far; whether there were any.
    pub fn reset_unseal(&self) -> Result<bool, CeremonyError> {
        if self.unsealed().is_some() {
            return Err(CeremonyError::Unsealed);
        }
        let mut shares = self.inner.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let were_given = shares.progress() > 0;
        shares.reset();
        Ok(were_given)
    }

    async fn load(&self) -> Result<Arc<Unsealed>, CeremonyError> {
        let (barrier, settings) = (&self.inner.barrier, &self.inner.settings);
        let audit = self.audit_settings();
        let view = |prefix| barrier.view(prefix).map_err(|error| BarrierError::Store(error.into()));
        let core = view(place::CORE)?;
        self.check_tables().await?;
        // Devices show the machine's time; whatever expires goes by the other.
        let (machine, clock, now) = (&self.inner.host, &self.inner.expiry_clock, self.now());
        let mark = Arc::new(StoredMark::load(&core, clock).await.map_err(load("the time"))?);
        let host = &Host { clock: Arc::clone(clock) as _, ..machine.clone() };
        let cluster = Cluster::load(&core).await.map_err(load("the cluster's name"))?;
        let policies = Policies::load(barrier).await.map_err(load("policies"))?;
        let identity = Identity::load(barrier, host).await.map_err(load("entities and groups"))?;
        let (tokens, leases, quotas) = self.load_tokens(&core, &policies, &identity, host, &mark).await?;
        let mounts = Mounts::load(barrier, host, &self.inner.kinds).await;
        let mounts = mounts.map_err(load("the mount table"))?;
        let boot = self.random_boot()?;
        let boots = Boots::begin(&core, boot).await?;
        let audited_headers = AuditedHeaders::load(core.clone()).await?;
        let operations = Operations::load(&core, &self.inner.acts).await?;
        let restorations = Restorations::load(barrier).map_err(BarrierError::from)?;
        let log = Arc::new(devices::Log::new(Arc::clone(&machine.clock)));
        let broker = self.broker(&audit, &log, boot);
        let (table, kinds) = (view(place::AUDIT)?, settings.device_kinds.clone());
        if let Some(at) = restorations.newest().await {
            Devices::forget_salt_lines(&table, at).await.map_err(CeremonyError::DeviceTable)?;
        }
        let log_keys = self.load_log_keys(&table, &cluster, &audit).await?;
        let loaded =
            Devices::load(table, machine.clone(), kinds, log_keys, Arc::clone(&audit), &broker).await;
        let (devices, unopened) = loaded.map_err(CeremonyError::DeviceTable)?;
        let logs_ahead = boots.compare(&broker);
        // The configuration may replace a device that cannot be opened: its word comes before the count of those that work.
        // Fewer devices than demanded are no reason to stay sealed: more can be enabled then.
        devices.declare(&broker, &audit, 0, now).await.map_err(CeremonyError::Declared)?;
        report_unopened(&devices.table(), unopened)?;
        boots.finish(&core, &broker).await?;
        versions::note(&core, VERSION, now).await?;
        Ok(Arc::new(Unsealed {
            barrier: barrier.clone(),
            broker: Arc::new(broker),
            log_keys: devices.log_keys(),
            devices,
            audited_headers,
            mounts,
            tokens,
            leases,
            policies,
            identity,
            quotas,
            host: host.clone(),
            machine_clock: Arc::clone(&machine.clock),
            settings: Arc::clone(settings),
            cluster,
            alarm: Alarm::default(),
            log,
            unkept: Mutex::default(),
            logs_ahead,
            meters: Arc::clone(&self.inner.meters),
            witnesses: Arc::clone(&self.inner.witnesses),
            snapshots: Snapshots::default(),
            restorations,
            mark,
            clock_lines: Mutex::default(),
            refusals: Arc::clone(&self.inner.refusals),
            lockouts: Lockouts::default(),
            cpu_work: CpuWork::default(),
            operations,
            gate: Arc::<Gate>::downgrade(&self.inner.gate),
            ended: AtomicBool::new(false),
        }))
    }

    /// A broker without devices, with the rules of the configuration.
    fn broker(&self, audit: &AuditSettings, log: &Arc<devices::Log>, boot: Boot) -> Broker {
        Broker::builder()
            .rules(audit.rules.clone())
            .clock(Arc::clone(&self.inner.host.clock))
            .observer(Arc::clone(log) as _)
            .build_with_boot(boot)
    }

    /// Tokens, leases, and the quotas that count them.
    async fn load_tokens(
        &self,
        core: &View,
        policies: &Policies,
        identity: &Identity,
        host: &Host,
        mark: &Arc<StoredMark>,
    ) -> Result<(Tokens, Leases, Quotas), CeremonyError> {
        let (barrier, counts) = (&self.inner.barrier, Arc::new(LeaseCounts::default()));
        let tokens =
            Tokens::open_marking(barrier, policies, identity, host, Arc::clone(mark), Arc::clone(&counts));
        let tokens = tokens.map_err(load("tokens"))?;
        tokens.index_leases().await.map_err(load("the leases of tokens"))?;
        let leases = Leases::open(barrier, counts).map_err(load("leases"))?;
        let quotas = Quotas::load(core, &leases).await.map_err(load("quotas"))?;
        Ok((tokens, leases, quotas))
    }

    async fn load_log_keys(
        &self,
        view: &View,
        cluster: &Cluster,
        audit: &AuditSettings,
    ) -> Result<Arc<LogKeys>, CeremonyError> {
        let (entropy, now) = (Arc::clone(&self.inner.host.entropy), self.inner.host.clock.now());
        let server = audit.origin.clone().unwrap_or_else(|| cluster.name.clone());
        let loaded = LogKeys::load(view.clone(), entropy, server, now).await;
        loaded.map(Arc::new).map_err(load("the key of audit logs"))
    }

    fn random_boot(&self) -> Result<Boot, CeremonyError> {
        let mut boot = [0; 8];
        self.inner.host.entropy.fill(&mut boot)?;
        Ok(Boot::new(u64::from_le_bytes(boot)))
    }

    /// Refuses a storage that lacks something, or has something older. Compares everything that is stored with what was stored
    /// last, in a thread of its own: it may take a while.
    async fn check_tables(&self) -> Result<(), CeremonyError> {
        let barrier = self.inner.barrier.clone();
        let checking = BlockingTask::begin("onrecord-check", move || barrier.check_tables());
        let checked = match checking.map(BlockingTask::done) {
            Ok(done) => done.await.unwrap_or(Err(TablesError::Unreadable)),
            Err(_) => self.inner.barrier.check_tables(),
        };
        let unchecked = checked?;
        if !unchecked.is_empty() {
            tracing::warn!(
                tables = unchecked.join(" "),
                "the storage is too large to be read whole at a start: the values of these tables were counted only; operator \
                 diagnose -storage reads every page of a stopped server's storage"
            );
        }
        Ok(())
    }
}

/// Logs the devices that could not be opened. If none of the enabled ones could, unsealing fails. What may start after this server, such as a syslog daemon, is
/// no reason to stay sealed: its device waits for it.
fn report_unopened(table: &Table, mut unopened: Vec<Unopened>) -> Result<(), CeremonyError> {
    unopened.retain(|device| same(table, device));
    let hopeless = unopened.iter().filter(|device| !device.may_start_later).count();
    if hopeless > 0 && hopeless >= table.len() {
        let failed =
            unopened.into_iter().map(|device| (device.device.path.clone(), device.error.to_string()));
        return Err(CeremonyError::Devices(failed.collect()));
    }
    for Unopened { device, error, .. } in &unopened {
        let error = error.without_options();
        tracing::error!(path = device.path, error, "the server runs without this audit device");
    }
    Ok(())
}

/// Whether a device that could not be opened is still the enabled one, or the configuration has replaced it.
fn same(table: &Table, unopened: &Unopened) -> bool {
    table.get(&unopened.device.path).is_some_and(|device| Arc::ptr_eq(device, &unopened.device))
}
