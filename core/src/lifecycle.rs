//! The life of a server: initialised, unsealed, sealed; and the door through which a transport's exchanges come in.
//! Never in it: steps of a journey.

mod auto;
mod exempt;
mod gate;
mod init;
mod journey;
mod repair;
mod status;
mod unseal;
mod upgrade;

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onrecord_seal::{Collector, EntropyError, SealConfigError};
use onrecord_storage::{Barrier, BarrierError, Storage, TablesError};
use onrecord_value::Time;
use tokio::sync::watch;

use crate::admission::{Account, Admission, Permit, Priority};
use crate::auto_seal::AutoSealError;
use crate::ceremonies::guesses::Guesses;
use crate::ceremonies::journal::SealedActs;
use crate::cors::Cors;
use crate::current::Current;
use crate::devices::{self, AuditLog, DeclareError, DevicesError};
use crate::engine::kind::Kinds;
use crate::engine::leases;
use crate::engine::sys;
use crate::engine::unsealed::Unsealed;
use crate::exchange::{Answer, Peer, Target};
use crate::expiry_clock::ExpiryClock;
use crate::host::Host;
use crate::kinds;
use crate::meters::Meters;
use crate::network::Network;
use crate::record;
use crate::refusals::Refusals;
use crate::rotation;
use crate::routes::{ExemptEndpoint, Route};
use crate::settings::{AuditSettings, Settings};
use crate::tokens::TokenError;
use crate::witnesses::Witnesses;

use gate::{DrainTo, Gate};
pub use init::{InitOptions, Initialised};
pub use journey::Journey;
pub use repair::Repair;
pub use status::SealStatus;

/// Below these paths operators find their way when the server is at its limits.
const OPERATORS: [&str; 2] = ["sys/", "auth/token/"];

/// How often refused requests are put on record while a device or a disk is waited for.
const REFUSED_INTERVAL: Duration = Duration::from_secs(1);

/// A server without HTTP. Cheap to clone; all clones are one server.
#[derive(Clone)]
pub struct Core {
    inner: Arc<Inner>,
    /// Whether what comes in here may read the metrics without a token, and off the record.
    open_metrics: bool,
}

struct Inner {
    barrier: Barrier,
    host: Host,
    /// The time by which expiry is judged; that of the host is the machine's.
    expiry_clock: Arc<ExpiryClock>,
    kinds: Kinds,
    settings: Arc<Settings>,
    /// The audit settings that the next unsealing goes by.
    audit: Current<AuditSettings>,
    /// Held by a reload, and by an unsealing that goes by them.
    reloading: tokio::sync::Mutex<()>,
    admission: Arc<Admission>,
    meters: Arc<Meters>,
    refusals: Arc<Refusals>,
    guesses: Guesses,
    /// What is done while it is sealed, for the record.
    acts: SealedActs,
    witnesses: Arc<Witnesses>,
    gate: Arc<Gate>,
    shares: Mutex<Collector>,
    ceremony: AtomicBool,
}

impl Core {
    /// A sealed server over a store, with the built-in kinds of engine.
    pub fn new(storage: Storage, host: Host, settings: Settings) -> Self {
        Self::with_kinds(storage, host, settings, kinds::builtin())
    }

    /// A sealed server over a store, with these kinds of engine.
    pub fn with_kinds(storage: Storage, host: Host, settings: Settings, kinds: Kinds) -> Self {
        let admission = Admission::new(settings.requests_in_flight, settings.request_memory);
        let barrier = Barrier::new(storage, Arc::clone(&host.entropy));
        let meters = Arc::new(Meters::new(host.clock.now(), host.clock.monotonic(), Arc::clone(&admission)));
        let audit = Current::new(settings.audit.clone());
        let expiry_clock = Arc::new(ExpiryClock::new(Arc::clone(&host.clock)));
        Self {
            inner: Arc::new(Inner {
                barrier,
                host,
                expiry_clock,
                kinds,
                audit,
                reloading: tokio::sync::Mutex::new(()),
                refusals: Arc::new(Refusals::new(settings.unauthenticated_rate_limit)),
                guesses: Guesses::default(),
                acts: SealedActs::default(),
                witnesses: Arc::default(),
                settings: Arc::new(settings),
                admission,
                meters,
                gate: Arc::new(Gate::default()),
                shares: Mutex::new(Collector::default()),
                ceremony: AtomicBool::new(false),
            }),
            open_metrics: false,
        }
    }

    /// The account of the connections of a peer; of the process itself where there is no address.
    pub fn account(&self, address: Option<IpAddr>) -> Arc<Account> {
        self.inner.meters.admission.account(address)
    }

    /// The account of the client that a peer's requests come from: of the client that a trusted proxy stated, or of all
    /// clients of Unix sockets together.
    pub fn account_of_client(&self, peer: Option<&Peer>) -> Arc<Account> {
        self.inner.meters.admission.account_of(Network::of_client(peer))
    }

    /// Step 0, before the body is read: the request holds nothing yet, and its body's bytes are taken as they arrive
    /// ([`Permit::grow`]). Exempt routes need no slot; operators' reach further into the budgets.
    pub fn arrive(&self, account: &Arc<Account>, target: &Target) -> Permit {
        let (priority, path) = match target {
            Target::Api(path) if self.exempt(path).is_some() => (Priority::Exempt, path),
            Target::Api(path) if OPERATORS.iter().any(|prefix| path.starts_with(prefix)) => {
                (Priority::Operator, path)
            }
            Target::Api(path) | Target::Outside(path) => (Priority::Ordinary, path),
        };
        account.arrive(priority, path)
    }

    /// Changes whenever the server is sealed: a transport then lets go of what its connections hold of requests and
    /// answers.
    pub fn sealings(&self) -> watch::Receiver<u64> {
        self.inner.gate.sealings()
    }

    /// The 503 for a body that there is no room for.
    pub fn overloaded() -> Answer {
        Answer::overloaded()
    }

    /// The budgets of step 0, for counters.
    pub fn admission(&self) -> &Admission {
        &self.inner.admission
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// What exists only while it is unsealed.
    pub fn unsealed(&self) -> Option<Arc<Unsealed>> {
        self.inner.gate.unsealed()
    }

    /// Opens every audit device again (SIGHUP): what failed, in the words of the server's log. Blocks until each has
    /// done so or `timeout` is over.
    pub fn reopen_devices(&self, timeout: Duration) -> Vec<(Arc<str>, String)> {
        let Some(unsealed) = self.unsealed() else { return Vec::new() };
        let done = unsealed.broker.reopen(None, timeout);
        done.into_iter().filter_map(|(path, done)| Some((path, done.err()?.without_options()))).collect()
    }

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

    /// The logs of all enabled devices that have a tree; none while the server is sealed.
    pub fn audit_logs(&self) -> Vec<AuditLog> {
        self.unsealed().map(|unsealed| devices::logs(&unsealed.broker)).unwrap_or_default()
    }

    /// What is known of the witnesses of audit logs.
    pub fn witnesses(&self) -> &Witnesses {
        &self.inner.witnesses
    }

    /// The machine's time.
    pub fn now(&self) -> Time {
        self.inner.host.clock.now()
    }

    /// Which origins a browser may let ask the server; none while it is sealed.
    pub fn cors(&self) -> Option<Arc<Cors>> {
        Some(self.unsealed()?.operations.cors.current())
    }

    /// The same server for a listener that gives metrics to anybody (`unauthenticated_metrics_access`).
    #[must_use]
    pub fn with_open_metrics(mut self) -> Self {
        self.open_metrics = true;
        self
    }

    /// The route that takes a path without recording it, here.
    fn exempt(&self, path: &str) -> Option<(&'static Route, ExemptEndpoint)> {
        sys::exempt(path, self.open_metrics)
    }

    /// To be called every few seconds: says in the log what is due about refused requests and devices in trouble.
    pub fn report_incidents(&self) {
        let Some(unsealed) = self.unsealed() else { return };
        let (now, devices) = (self.inner.host.clock.monotonic(), unsealed.broker.status());
        unsealed.log.report_incidents(now, &devices);
        unsealed.alarm.report_incidents(now, unsealed.outlook_of(&devices).1);
    }

    /// Keeps what audit devices could not tell, and tells what was kept: to be called about every half second. It may wait for
    /// a device or a disk that hangs; refused requests are put on record meanwhile.
    pub async fn keep_record(&self) {
        let Some(unsealed) = self.unsealed() else { return };
        let mut keeping = std::pin::pin!(unsealed.keep_record());
        loop {
            self.record_refused();
            if tokio::time::timeout(REFUSED_INTERVAL, keeping.as_mut()).await.is_ok() {
                return;
            }
        }
    }

    /// Has refused requests put on record that have no entries of their own: at most once a second, in the background.
    fn record_refused(&self) {
        let Some((unsealed, inside)) = self.inner.gate.enter() else { return };
        self.inner.host.spawn.spawn(Box::pin(async move {
            let now = unsealed.host.clock.monotonic();
            if let Some(taken) = unsealed.refusals.counts.take_due(now) {
                record::refused(&unsealed, taken).await;
            }
            drop(inside);
        }));
    }

    /// Housekeeping, to be called every minute or so: rotates a worn key, stores the time that was reached, ends leases
    /// whose time is over.
    pub async fn maintain(&self) {
        let Some(unsealed) = self.unsealed() else { return };
        let now = self.inner.host.clock.now();
        if let Err(error) = rotation::maintain(&unsealed.barrier, now.unix_seconds()).await {
            tracing::warn!(%error, "the keyring could not be maintained");
        }
        unsealed.snapshots.expire(self.inner.host.clock.monotonic());
        unsealed.keep_time().await;
        if leases::sweep(&unsealed, unsealed.host.clock.now()).await.is_err() {
            tracing::warn!("leases that have ended could not be removed");
        }
        unsealed.check_storage();
    }

    /// Housekeeping, to be called every hour or so: removes tokens that are dead already. It reads all of them.
    pub async fn tidy(&self) {
        let Some(unsealed) = self.unsealed() else { return };
        if let Err(error) = unsealed.tokens.tidy(unsealed.host.clock.now()).await {
            tracing::warn!(%error, "dead tokens could not be removed");
        }
    }

    /// Seals: new requests get 503, those in flight end first, devices write what waits for them, then the keys are
    /// wiped. Requests and devices each have `timeout`. For a shutdown; `sys/seal` does the same from within a
    /// request, and waits for all requests.
    pub async fn seal(&self, timeout: Duration) {
        if !self.inner.gate.seal(DrainTo::NoRequest(timeout), timeout).await {
            // Somebody else's sealing may still be letting devices write.
            self.inner.gate.until_sealed().await;
        }
    }
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reloaded {
    /// It is in force: what was done about devices, a line each.
    Applied(Vec<String>),
    /// The server is sealed: it applies at the next unsealing.
    Later,
}

/// Why a ceremony failed; the texts are the API's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// Keys exist already.
    #[error("Vault is already initialized")]
    AlreadyInitialised,
    /// The server has no key service.
    #[error("this server is unsealed by key shares, not by a seal of its configuration")]
    NoAutoSeal,
    /// Key shares were given to a server that has none.
    #[error(
        "this server is unsealed by its seal of type {0}, which it asks at each start: it takes no key shares"
    )]
    NoShares(&'static str),
    /// A parameter of key shares was given to a server that has none.
    #[error("parameters secret_shares,secret_threshold not applicable to seal type {0}")]
    NotForAutoSeal(&'static str),
    /// The key service did not answer as it should.
    #[error("the key service of the seal: {0}")]
    KeyService(AutoSealError),
    /// The key service decrypts something else than it encrypted.
    #[error("the key service of the seal does not give back what it encrypted; nothing is initialised")]
    KeyServiceMistaken,
    /// The storage was initialised by another seal than the configured one.
    #[error("the data was initialised with the seal {0:?}: {1}")]
    OtherSeal(String, &'static str),
    /// There are no keys yet.
    #[error("Vault is not initialized")]
    NotInitialised,
    /// The wanted shares or threshold are impossible.
    #[error(transparent)]
    Config(SealConfigError),
    /// Encryption of shares to PGP keys was asked for.
    #[error("encrypting keys or tokens to PGP keys is not supported by this server")]
    Pgp,
    /// A parameter of another kind of seal was given.
    #[error(
        "parameters recovery_shares,recovery_threshold,recovery_pgp_keys,stored_shares not applicable to seal \
         type shamir"
    )]
    NotForShamir,
    /// Another ceremony is under way, or a sealing.
    #[error("an initialisation, unsealing or sealing is under way; try again")]
    Busy,
    /// Neither a key nor a reset.
    #[error("'key' must be specified in request body as JSON, or 'reset' set to true")]
    NoKey,
    /// The key is no text of a key.
    #[error("'key' must be a valid hex or base64 string")]
    BadKey,
    /// The shares do not fit together, or what they make opens nothing.
    #[error("{0}")]
    WrongKey(String),
    /// A reset of an unsealed server.
    #[error("vault is unsealed")]
    Unsealed,
    /// The barrier failed.
    #[error(transparent)]
    Barrier(BarrierError),
    /// The root token could not be made.
    #[error(transparent)]
    Token(TokenError),
    /// No stored audit device could be opened: which, and why each.
    #[error("failed to setup audit table{}", listed(.0))]
    Devices(Vec<(String, String)>),
    /// The table of audit devices could not be loaded.
    #[error("failed to setup audit table: {0}")]
    DeviceTable(DevicesError),
    /// The configuration's audit devices could not be enabled.
    #[error(transparent)]
    Declared(DeclareError),
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// What is stored cannot be loaded: what it is, and why.
    #[error("failed to load {0}: {1}")]
    Load(&'static str, Box<dyn std::error::Error + Send + Sync>),
}

impl CeremonyError {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::AlreadyInitialised
            | Self::NotInitialised
            | Self::Config(_)
            | Self::Pgp
            | Self::NotForShamir
            | Self::NoKey
            | Self::BadKey
            | Self::WrongKey(_)
            | Self::Unsealed
            | Self::NoAutoSeal
            | Self::NoShares(_)
            | Self::NotForAutoSeal(_) => 400,
            Self::Busy | Self::KeyService(_) => 503,
            _ => 500,
        }
    }
}

fn listed(failed: &[(String, String)]) -> String {
    let mut listed = String::new();
    for (path, error) in failed {
        let lead = if listed.is_empty() { ": " } else { "; " };
        listed.extend([lead, path, ": ", error]);
    }
    listed
}

impl From<TablesError> for CeremonyError {
    fn from(error: TablesError) -> Self {
        Self::Barrier(error.into())
    }
}

impl From<BarrierError> for CeremonyError {
    fn from(error: BarrierError) -> Self {
        match error {
            BarrierError::AlreadyInitialized => Self::AlreadyInitialised,
            BarrierError::NotInitialized => Self::NotInitialised,
            BarrierError::Unseal(error) => Self::WrongKey(error.to_string()),
            other => Self::Barrier(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use crate::kit::{TestServer, eventually};
    use crate::refusals::Reason;

    #[tokio::test]
    async fn counts_of_refused_requests_do_not_wait_for_a_restoration_that_is_being_recorded() {
        let world = TestServer::new().await;
        let device = world.device("test/", false).await;
        let unsealed = world.core.unsealed().unwrap();
        let counts = &unsealed.refusals.counts;
        counts.add(Reason::Rate, None, unsealed.host.clock.now());
        let held = unsealed.restorations.hold().await;
        let mut keeping = std::pin::pin!(world.core.keep_record());
        assert!(keeping.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        tokio::task::yield_now().await;
        assert!(counts.take_last(unsealed.host.clock.monotonic()).is_none(), "they are being recorded");
        eventually(|| device.lines().len() == 1 && counts.pending() == 0).await;
        drop(held);
        keeping.await;
    }
}
