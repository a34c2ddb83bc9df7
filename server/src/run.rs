//! A server from its start to its end: configuration, storage, core, listeners, signals, shutdown.
//! Never in it: what requests mean.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use onrecord_audit::Placement;
use onrecord_core::{Core, Host, Spawn, Task};
use onrecord_seal::OsEntropy;
use onrecord_storage::Storage;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::blocking::run_with_timeout;
use crate::clock::LocalClock;
use crate::config::{Config, WitnessConfig};
use crate::error::{At, StartError};
use crate::listener::Listener;
use crate::options::Options;
use crate::reload::{Reload, ReloadQueue};
use crate::settings::settings;
use crate::signals::{Request, Signals};
use crate::transit_seal::{self, TransitSeal};
use crate::workers::Workers;
use crate::{dev, logging, process, witnesses};

/// How often expired tokens are removed and worn keys rotated.
const MAINTENANCE_INTERVAL: Duration = Duration::from_mins(1);

/// How often the log reports refused requests and failing devices, where a line is due.
const INCIDENT_INTERVAL: Duration = Duration::from_secs(1);

/// How often the losses of audit devices are stored: a kill forgets those that are newer.
const LOSS_INTERVAL: Duration = Duration::from_millis(500);

/// How long a start waits for standard output to take its announcement.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(1);

const INCOMPLETE: &str =
    "a server needs a configuration with a storage and a listener (-config=FILE), or -dev to try it out";

/// Runs a server until a signal stops it.
///
/// # Errors
/// The server cannot start: the configuration is wrong, its directory is in use, an address is taken.
pub fn run(options: &Options) -> Result<(), StartError> {
    let config = configuration(options)?;
    let level = config.log_level.unwrap_or(tracing::Level::INFO);
    let _log = logging::start(level, config.log_format)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let volatile =
        config.storage.as_ref().filter(|storage| !storage.kind.is_durable && options.dev.is_none());
    if let Some(storage) = volatile {
        tracing::warn!("storage {:?}: all data is lost when the server ends", storage.kind.name);
    }
    if let Err(error) = process::forbid_core_dumps() {
        tracing::warn!(%error, "core dumps could not be disabled");
    }
    if !config.disable_mlock {
        process::lock_memory().map_err(|error| {
            format!(
                "memory could not be locked ({error}): raise the limit (ulimit -l), grant CAP_IPC_LOCK, or set disable_mlock = true"
            )
        })?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(options, &config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// The configuration: the files', with a development server's own.
fn configuration(options: &Options) -> Result<Config, StartError> {
    let mut config = options.read_config()?;
    if let Some(dev) = &options.dev {
        dev::configure(dev, &options.kinds.backends, &mut config)?;
    }
    if config.storage.is_none() || config.listeners.is_empty() {
        return Err(INCOMPLETE.into());
    }
    Ok(config)
}

async fn serve(options: &Options, config: &Config) -> Result<(), StartError> {
    let mut signals = Signals::listen()?;
    let storage = open_storage(config)?;
    let listeners = bind(config).await?;
    let core = new_core(options, config, storage, &listeners)?;
    core.check_seal().await?;
    let development = match &options.dev {
        Some(dev) => Some(dev::open(dev, &core).await?),
        None => None,
    };
    announce(config, &listeners, development.as_deref()).await;
    let tls = listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let certificates = tls.map(|(_, certificates)| Arc::clone(certificates)).collect();
    let shutdown_timeout = core.settings().shutdown_timeout;
    let (stop, stopped) = watch::channel(false);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = Arc::new(Workers::start(cores)?);
    let mut running = JoinSet::new();
    for (listener, config) in listeners.into_iter().zip(&config.listeners) {
        let core = if config.open_metrics { core.clone().with_open_metrics() } else { core.clone() };
        running.spawn(listener.run(core, Arc::clone(&workers), stopped.clone(), shutdown_timeout));
    }
    let mut background = vec![
        tokio::spawn(run_maintenance(core.clone())),
        tokio::spawn(report_incidents(core.clone())),
        tokio::spawn(store_losses(core.clone())),
    ];
    background.extend(spawn_unsealing(&core, config));
    let witness = |witness: &WitnessConfig| tokio::spawn(witnesses::run(core.clone(), witness.clone()));
    background.extend(config.witnesses.iter().map(witness));
    let reload = Arc::new(Reload {
        core: core.clone(),
        certificates,
        options: options.clone(),
        config: RwLock::new(config.clone()),
        queue: ReloadQueue::default(),
    });
    while signals.next().await == Request::Reload {
        // The next signal is handled while it runs.
        tokio::spawn(Arc::clone(&reload).run());
    }
    tracing::info!("the server stops: requests in progress are finished first");
    background.iter().for_each(tokio::task::JoinHandle::abort);
    // No receiver is left when all listeners have ended already.
    stop.send(true).ok();
    while running.join_next().await.is_some() {}
    core.seal(shutdown_timeout).await;
    tracing::info!("the server has stopped");
    Ok(())
}

async fn bind(config: &Config) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for listener in &config.listeners {
        let at = |cause| At { place: format!("listener {}", listener.address), cause };
        listeners.push(Listener::bind(listener).await.map_err(at)?);
    }
    Ok(listeners)
}

/// A core without listeners, for a server that stays stopped.
pub(crate) fn open_core(options: &Options, config: &Config) -> Result<Core, StartError> {
    new_core(options, config, open_storage(config)?, &[])
}

fn open_storage(config: &Config) -> Result<Storage, StartError> {
    Storage::open(config.storage.as_ref().ok_or(INCOMPLETE)?)
}

fn new_core(
    options: &Options,
    config: &Config,
    storage: Storage,
    listeners: &[Listener],
) -> Result<Core, StartError> {
    let host = Host {
        clock: Arc::new(LocalClock::new()),
        entropy: Arc::new(OsEntropy::new()),
        spawn: Arc::new(Runtime(tokio::runtime::Handle::current())),
        process: Arc::new(process::CurrentProcess),
    };
    let mut settings = settings(&options.config, config);
    settings.device_kinds = options.kinds.devices.clone();
    let addresses = listeners.iter().filter_map(|listener| listener.socket.local_addr());
    settings.audit.placement = addresses.fold(settings.audit.placement, Placement::with_listener);
    if let Some(seal) = &config.seal {
        settings.auto_seal = Some(Arc::new(TransitSeal::new(seal)?));
    }
    Ok(Core::new(storage, host, settings))
}

/// Unseals the server by its key service, and keeps the token for that alive.
fn spawn_unsealing(core: &Core, config: &Config) -> Vec<JoinHandle<()>> {
    let Some(seal) = config.seal.clone() else { return Vec::new() };
    let mut tasks = vec![tokio::spawn(transit_seal::unseal_at_start(core.clone()))];
    if seal.renews_token {
        tasks.push(tokio::spawn(transit_seal::renew_token(seal)));
    }
    tasks
}

struct Runtime(tokio::runtime::Handle);

impl Spawn for Runtime {
    fn spawn(&self, task: Task) {
        self.0.spawn(task);
    }
}

/// Writes to standard output what is running and where, before anything else can be written there. When standard output
/// is full and not read, the start goes on without the text.
async fn announce(config: &Config, listeners: &[Listener], development: Option<&str>) {
    let text = announcement(config, listeners, development);
    let write = move || {
        let mut out = std::io::stdout().lock();
        // The server goes on when standard output is closed.
        let _unwritten = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    if run_with_timeout(ANNOUNCE_TIMEOUT, write).await.is_none() {
        tracing::warn!("standard output is not read: the server's addresses could not be written there");
    }
}

fn announcement(config: &Config, listeners: &[Listener], development: Option<&str>) -> String {
    let mut text = "==> OnRecord server configuration:\n\n".to_owned();
    let mut row = |name: &str, value: &str| {
        let _infallible = writeln!(text, "{name:>24}: {value}");
    };
    for (listener, number) in listeners.iter().zip(1..) {
        let tls = if listener.tls.is_some() { "enabled" } else { "disabled" };
        let (kind, address) = (listener.socket.kind(), &listener.socket);
        row(&format!("Listener {number}"), &format!("{kind} (addr: \"{address}\", tls: \"{tls}\")"));
    }
    if let Some(storage) = &config.storage {
        row("Storage", &storage.to_string());
    }
    if let Some(address) = &config.api_addr {
        row("Api Address", address);
    }
    row("Log Level", &config.log_level.unwrap_or(tracing::Level::INFO).to_string().to_lowercase());
    row("Version", concat!("OnRecord v", env!("CARGO_PKG_VERSION")));
    if let Some(development) = development {
        let _infallible = writeln!(text, "\n{development}");
    }
    text.push_str("\n==> OnRecord server started! Its log is on standard error.\n\n");
    text
}

async fn store_losses(core: Core) {
    loop {
        tokio::time::sleep(LOSS_INTERVAL).await;
        core.keep_record().await;
    }
}

async fn report_incidents(core: Core) {
    loop {
        tokio::time::sleep(INCIDENT_INTERVAL).await;
        core.report_incidents();
    }
}

async fn run_maintenance(core: Core) {
    for minute in 1_u64.. {
        tokio::time::sleep(MAINTENANCE_INTERVAL).await;
        core.maintain().await;
        // It reads every token, so it runs seldom. An expired token is refused before it is removed.
        if minute % 60 == 0 {
            core.tidy().await;
        }
    }
}
