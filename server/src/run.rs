//! A server from its start to its end: configuration, storage, core, listeners, signals, shutdown.
//! Never in it: what requests mean.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onrecord_core::host::{Host, Spawn, Task};
use onrecord_core::lifecycle::Core;
use onrecord_seal::OsEntropy;
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use onrecord_storage::memory::Memory;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::LocalClock;
use crate::config::{Config, ListenerConfig, LogFormat, StorageConfig};
use crate::listener::Listener;
use crate::patience::within;
use crate::reload::{Reload, Turns};
use crate::settings::settings;
use crate::signals::{Asked, Signals};
use crate::workers::Workers;
use crate::{Options, dev, logging, process};

/// How often dead tokens are removed and worn keys rotated.
const HOUSEKEEPING: Duration = Duration::from_mins(1);

/// How often the log says what is due about refused requests and devices in trouble.
const ATTENDING: Duration = Duration::from_secs(5);

/// How often it is looked whether audit devices have missed something: what they missed since is lost to a kill.
const RECORD_KEEPING: Duration = Duration::from_millis(500);

/// How long a start waits for standard output to take what it has to say.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(1);

/// Why a server does not start, or did not end well: one sentence for the operator.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// Runs a server until it is told to stop.
///
/// # Errors
/// What kept it from starting: a wrong configuration, a directory in use, an address that is taken.
pub fn run(options: &Options) -> Result<(), StartError> {
    let config = configuration(options)?;
    let level = config.log_level.unwrap_or(tracing::Level::INFO);
    let _log = logging::start(level, config.log_format).map_err(StartError::new)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Err(error) = process::forbid_core_dumps() {
        tracing::warn!(%error, "core dumps could not be disabled");
    }
    if !config.disable_mlock {
        process::lock_memory().map_err(|error| {
            StartError::new(format_args!(
                "memory could not be locked ({error}): raise the limit (ulimit -l), grant CAP_IPC_LOCK, or set disable_mlock = true"
            ))
        })?;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::new)?;
    let served = runtime.block_on(serve(options, &config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// The configuration: files, or a development server's.
fn configuration(options: &Options) -> Result<Config, StartError> {
    let mut config = files(options)?;
    if let Some(dev) = &options.dev {
        dev::configure(dev, &mut config).map_err(StartError::new)?;
    }
    if config.storage.is_none() || config.listeners.is_empty() {
        let what = "a server needs a configuration with a storage and a listener (-config=FILE), or -dev to try it out";
        return Err(StartError::new(what));
    }
    Ok(config)
}

/// What the configuration files say, and the command line instead of them.
pub(crate) fn files(options: &Options) -> Result<Config, StartError> {
    let mut config = Config::read(&options.config).map_err(StartError::new)?;
    if let Some(level) = &options.log_level {
        let wrong = || {
            StartError::new(format_args!(
                "-log-level={level}: it must be one of trace, debug, info, warn, error"
            ))
        };
        config.log_level = Some(level.parse().map_err(|_| wrong())?);
    }
    match options.log_format.as_deref() {
        None => {}
        Some("json") => config.log_format = LogFormat::Json,
        Some("standard") => config.log_format = LogFormat::Standard,
        Some(other) => {
            return Err(StartError::new(format_args!("-log-format={other}: it must be standard or json")));
        }
    }
    Ok(config)
}

async fn serve(options: &Options, config: &Config) -> Result<(), StartError> {
    let mut signals = Signals::listen().map_err(StartError::new)?;
    let core = core(options, config)?;
    let mut listeners = Vec::new();
    for listener in &config.listeners {
        listeners.push(bind(listener).await?);
    }
    let development = match &options.dev {
        Some(dev) => Some(dev::open(dev, &core).await.map_err(StartError::new)?),
        None => None,
    };
    announce(config, &listeners, development.as_deref());
    let certificates: Vec<_> = listeners.iter().filter_map(Listener::certificates).collect();
    let patience = core.settings().shutdown_timeout;
    let (stop, stopped) = watch::channel(false);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = Arc::new(Workers::start(cores).map_err(StartError::new)?);
    let mut running = JoinSet::new();
    for (listener, config) in listeners.into_iter().zip(&config.listeners) {
        let core = if config.open_metrics { core.clone().with_open_metrics() } else { core.clone() };
        running.spawn(listener.run(core, Arc::clone(&workers), stopped.clone(), patience));
    }
    let housekeeping = tokio::spawn(keep_house(core.clone()));
    let incidents = tokio::spawn(report_incidents(core.clone()));
    let memory = tokio::spawn(keep_record(core.clone()));
    let reload = Arc::new(Reload {
        core: core.clone(),
        certificates,
        options: options.clone(),
        config: Mutex::new(config.clone()),
        turns: Turns::default(),
    });
    while signals.next().await == Asked::Reload {
        // Signals go on being heard.
        tokio::spawn(Arc::clone(&reload).run());
    }
    tracing::info!("the server stops: requests in progress are finished first");
    housekeeping.abort();
    memory.abort();
    incidents.abort();
    // The receivers live in the listeners' tasks, which end because of this very message.
    stop.send(true).ok();
    while running.join_next().await.is_some() {}
    core.seal(patience).await;
    tracing::info!("the server has stopped");
    Ok(())
}

/// Opens the storage and makes the core of it.
pub(crate) fn core(options: &Options, config: &Config) -> Result<Core, StartError> {
    let storage = match &config.storage {
        Some(StorageConfig::File(directory)) => {
            Storage::start(Embedded::open(directory).map_err(StartError::new)?)
        }
        Some(StorageConfig::Memory) | None => Storage::start(Memory::new()),
    };
    let storage = storage.map_err(StartError::new)?;
    let host = Host {
        clock: Arc::new(LocalClock::new()),
        entropy: Arc::new(OsEntropy::new()),
        spawn: Arc::new(Runtime(tokio::runtime::Handle::current())),
        process: Arc::new(process::Itself),
    };
    Ok(Core::new(storage, host, settings(&options.config, config)))
}

/// The runtime, as the core sees it.
struct Runtime(tokio::runtime::Handle);

impl Spawn for Runtime {
    fn spawn(&self, task: Task) {
        self.0.spawn(task);
    }
}

async fn bind(config: &ListenerConfig) -> Result<Listener, StartError> {
    let bound = Listener::bind(&config.address, config.tls.clone(), config.bounds).await;
    bound.map_err(|error| StartError::new(format_args!("listener {}: {error}", config.address)))
}

/// Says on standard output what is running and where, before anything else can be written there. Where nobody reads
/// it, or something else fills it, the start does not wait for long: the text is not worth a server that hangs.
fn announce(config: &Config, listeners: &[Listener], development: Option<&str>) {
    let text = announcement(config, listeners, development);
    let say = move || {
        let mut out = std::io::stdout().lock();
        // A closed standard output is no reason not to serve.
        let _unsaid = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    if within("announce", ANNOUNCE_PATIENCE, say).is_none() {
        tracing::warn!("standard output takes nothing: what is running and where could not be said there");
    }
}

fn announcement(config: &Config, listeners: &[Listener], development: Option<&str>) -> String {
    let mut rows = Vec::new();
    for (index, listener) in listeners.iter().enumerate() {
        let tls = if listener.is_tls() { "enabled" } else { "disabled" };
        let address = listener.address().map_or_else(|_| "?".to_owned(), |address| address.to_string());
        rows.push((format!("Listener {}", index + 1), format!("tcp (addr: \"{address}\", tls: \"{tls}\")")));
    }
    let storage = match &config.storage {
        Some(StorageConfig::File(path)) => format!("file ({})", path.display()),
        _ => "inmem".to_owned(),
    };
    rows.push(("Storage".to_owned(), storage));
    if let Some(address) = &config.api_addr {
        rows.push(("Api Address".to_owned(), address.clone()));
    }
    rows.push((
        "Log Level".to_owned(),
        config.log_level.unwrap_or(tracing::Level::INFO).to_string().to_lowercase(),
    ));
    rows.push(("Version".to_owned(), format!("OnRecord v{}", env!("CARGO_PKG_VERSION"))));
    let mut text = "==> OnRecord server configuration:\n\n".to_owned();
    for (name, value) in rows {
        let _infallible = writeln!(text, "{name:>24}: {value}");
    }
    if let Some(development) = development {
        let _infallible = writeln!(text, "\n{development}");
    }
    text.push_str("\n==> OnRecord server started! Its log is on standard error.\n\n");
    text
}

/// Keeps what audit devices could not tell yet.
async fn keep_record(core: Core) {
    loop {
        tokio::time::sleep(RECORD_KEEPING).await;
        core.keep_record().await;
    }
}

async fn report_incidents(core: Core) {
    loop {
        tokio::time::sleep(ATTENDING).await;
        core.report_incidents();
    }
}

async fn keep_house(core: Core) {
    for minute in 1_u64.. {
        tokio::time::sleep(HOUSEKEEPING).await;
        core.maintain().await;
        // It reads every token, and nothing depends on it: what is dead is dead before.
        if minute % 60 == 0 {
            core.tidy().await;
        }
    }
}
