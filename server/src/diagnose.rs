//! Checks whether the server would start with a configuration, without starting it and without changing anything
//! (`operator diagnose`).
//! Never in it: repairs.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::net::{TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::broker::Probe;
use onrecord_audit::{
    Broker, Clock, DeviceConfig, DeviceKinds, DeviceOptions, Placement, SystemClock, Wait as _,
};
use onrecord_entry::Formatter;
use onrecord_entry::{Boot, Salt};
use onrecord_seal::{Entropy, OsEntropy};

use crate::blocking::run_with_timeout;
use crate::config::{Config, Device, ListenerConfig, StorageConfig};
use crate::settings::audit_settings;
use crate::tls::Certificates;

/// How long a check may take: a file system or a name server that hangs is a finding, and the next check runs.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    /// The check found no problem.
    Ok,
    /// The server would start, but something is wrong or could not be checked.
    Warn,
    /// The server would not start, or this part of it would not work.
    Fail,
}

impl CheckStatus {
    /// `ok`, `warn`, `fail`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub check: String,
    /// The result.
    pub status: CheckStatus,
    /// What was found.
    pub detail: String,
}

#[expect(clippy::needless_pass_by_value, reason = "texts and errors of many kinds, each used once")]
fn finding(check: impl Into<String>, status: CheckStatus, detail: impl ToString) -> Finding {
    Finding { check: check.into(), status, detail: detail.to_string() }
}

/// Checks a configuration and everything that it names. With `probe`, every audit device also takes a test entry, which
/// stays in its log. A server may be running meanwhile on the same directory and files.
pub fn diagnose(paths: &[PathBuf], kinds: &DeviceKinds, probe: bool) -> Vec<Finding> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![finding("configuration", CheckStatus::Fail, error)],
    };
    let found = runtime.block_on(check_all(paths, kinds, probe));
    // A check that hangs is left behind.
    runtime.shutdown_background();
    found
}

async fn check_all(paths: &[PathBuf], kinds: &DeviceKinds, probe: bool) -> Vec<Finding> {
    let read = paths.to_vec();
    let config = match run_check(move || Config::read(&read)).await {
        Some(Ok(config)) => config,
        Some(Err(error)) => return vec![finding("configuration", CheckStatus::Fail, error)],
        None => return vec![timed_out("configuration")],
    };
    let mut found = Vec::new();
    if config.warnings.is_empty() {
        found.push(finding("configuration", CheckStatus::Ok, "read"));
    }
    found.extend(config.warnings.iter().map(|warning| finding("configuration", CheckStatus::Warn, warning)));
    let storage = config.storage.clone();
    found.push(
        run_check(move || check_storage(storage.as_ref())).await.unwrap_or_else(|| timed_out("storage")),
    );
    if config.listeners.is_empty() {
        found.push(finding(
            "listener",
            CheckStatus::Fail,
            "no listener is configured: the server could not be reached",
        ));
    }
    for listener in &config.listeners {
        let (name, listener) = (format!("listener {}", listener.address), listener.clone());
        let checked = run_check(move || check_listener(&listener)).await;
        found.extend(checked.unwrap_or_else(|| vec![timed_out(name)]));
    }
    let placement = audit_settings(paths, &config).placement.for_configuration();
    if config.devices.is_empty() {
        let detail =
            "the configuration declares no audit device; devices enabled through the API are not checked";
        found.push(finding("audit", CheckStatus::Warn, detail));
    }
    for device in &config.devices {
        let (name, device, placement) = (device_name(device), device.clone(), placement.clone());
        let kinds = kinds.clone();
        let checked = run_check(move || check_device(&kinds, &device, &placement, probe)).await;
        found.extend(checked.unwrap_or_else(|| vec![timed_out(name)]));
    }
    found
}

/// Runs a check; `None` if it hangs.
async fn run_check<T: Send + 'static>(check: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    run_with_timeout(CHECK_TIMEOUT, check).await
}

fn timed_out(check: impl Into<String>) -> Finding {
    finding(check, CheckStatus::Fail, format!("the check has not ended after {} s", CHECK_TIMEOUT.as_secs()))
}

fn device_name(device: &Device) -> String {
    format!("audit {}/ ({})", device.path, device.kind)
}

fn check_storage(storage: Option<&StorageConfig>) -> Finding {
    let check = "storage";
    let directory = match storage {
        None => {
            return finding(
                check,
                CheckStatus::Fail,
                "no storage is configured: add storage \"file\" { path = … }",
            );
        }
        Some(StorageConfig::Memory) => {
            return finding(check, CheckStatus::Warn, "in memory: all data is lost when the server stops");
        }
        Some(StorageConfig::File(directory)) => directory,
    };
    let name = directory.display();
    let existing = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let writable = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    if let Err(errno) = writable {
        return finding(
            check,
            CheckStatus::Fail,
            format!("{}: {}", existing.display(), std::io::Error::from(errno)),
        );
    }
    if existing != directory {
        return finding(check, CheckStatus::Ok, format!("{name} will be created"));
    }
    if !directory.is_dir() {
        return finding(check, CheckStatus::Fail, format!("{name} is not a directory"));
    }
    match File::open(directory.join("lock")) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            finding(check, CheckStatus::Ok, format!("{name} exists and holds no data yet"))
        }
        Err(error) => finding(check, CheckStatus::Fail, format!("{name}/lock: {error}")),
        Ok(lock) => match lock.try_lock() {
            Ok(()) => finding(check, CheckStatus::Ok, format!("{name} exists and is not in use")),
            Err(TryLockError::WouldBlock) => finding(
                check,
                CheckStatus::Warn,
                format!("{name} is in use by a running server: its data is not checked"),
            ),
            Err(TryLockError::Error(error)) => {
                finding(check, CheckStatus::Fail, format!("{name}/lock: {error}"))
            }
        },
    }
}

fn check_listener(listener: &ListenerConfig) -> Vec<Finding> {
    let check = format!("listener {}", listener.address);
    let mut found = Vec::new();
    found.push(match listener.address.to_socket_addrs().map(|mut all| all.next()) {
        Ok(Some(address)) => match TcpListener::bind(address) {
            Ok(_) => finding(&check, CheckStatus::Ok, "the address is free"),
            Err(error) if error.kind() == ErrorKind::AddrInUse => finding(
                &check,
                CheckStatus::Warn,
                "the address is in use, by a running server or another program",
            ),
            Err(error) => finding(&check, CheckStatus::Fail, error),
        },
        Ok(None) => finding(&check, CheckStatus::Fail, "the host name has no address"),
        Err(error) => finding(&check, CheckStatus::Fail, error),
    });
    let Some(tls) = &listener.tls else {
        found.push(finding(
            format!("{check}: TLS"),
            CheckStatus::Warn,
            "disabled: anyone on the network path can read all secrets",
        ));
        return found;
    };
    let served = Certificates::load(tls.clone()).map(Arc::new).and_then(|loaded| loaded.server_config());
    found.push(match served {
        Ok(_) => finding(format!("{check}: TLS"), CheckStatus::Ok, "the key belongs to the certificate"),
        Err(error) => finding(format!("{check}: TLS"), CheckStatus::Fail, error),
    });
    found
}

fn check_device(kinds: &DeviceKinds, device: &Device, placement: &Placement, probe: bool) -> Vec<Finding> {
    let check = device_name(device);
    let options = match kinds.parse(&device.kind, &device.options.iter().cloned().collect()) {
        Ok(options) => options,
        Err(error) => return vec![finding(check, CheckStatus::Fail, error)],
    };
    let mut found = Vec::new();
    if !options.unknown.is_empty() {
        let names = options.unknown.join(", ");
        found.push(finding(&check, CheckStatus::Warn, format!("unknown options: {names}")));
    }
    if options.discards() {
        found.push(finding(&check, CheckStatus::Warn, "it discards every entry"));
        return found;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    if let Err(error) = options.preflight(placement, Arc::clone(&clock)) {
        found.push(finding(check, CheckStatus::Fail, error));
        return found;
    }
    found.push(match probe.then(|| write_test_entry(&options, placement, clock)) {
        None => finding(check, CheckStatus::Ok, "the device can be opened"),
        Some(Ok(())) => finding(check, CheckStatus::Ok, "the device took a test entry"),
        Some(Err(error)) => finding(check, CheckStatus::Fail, error),
    });
    found
}

/// Writes a test entry to the device, as enabling it would.
fn write_test_entry(
    options: &DeviceOptions,
    placement: &Placement,
    clock: Arc<dyn Clock>,
) -> Result<(), String> {
    let device = options.open(placement, Arc::clone(&clock)).map_err(|error| error.to_string())?;
    let entropy = OsEntropy::new();
    let id = || entropy.uuid().map_err(|error| error.to_string());
    let salt = Arc::new(Salt::new(&id()?));
    let broker = Broker::builder().clock(clock).build_with_boot(Boot::new(0));
    let config = DeviceConfig::new("probe/", device, Formatter::new(options.form.clone(), Arc::clone(&salt)));
    let tried = broker.try_out(config, Some(Probe { id: id()?, salt })).wait();
    tried.map(drop).map_err(|error| error.to_string())
}
