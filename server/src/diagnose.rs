//! Would a server start with this configuration? Looked at without starting one, and without leaving anything behind
//! (`operator diagnose`). Never in it: mending what is found.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::net::{TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::{
    Broker, Clock, DeviceConfig, DeviceKinds, DeviceOptions, Placement, Probe, Rules, SystemClock, wait,
};
use onrecord_entry::Formatter;
use onrecord_entry::{Boot, Salt};
use onrecord_seal::{Entropy, OsEntropy};

use crate::config::{Config, Device, ListenerConfig, StorageConfig};
use crate::patience::within;
use crate::settings::audit_settings;
use crate::tls::Certificates;

/// How long a check may take: a file system or a name server that hangs is a finding, not a reason to hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing stands in the way.
    Ok,
    /// A server would start, but something is not as it should be, or could not be looked at.
    Warn,
    /// A server would not start, or this part of it would not work.
    Fail,
}

impl Verdict {
    /// `ok`, `warn`, `fail`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it is.
    pub verdict: Verdict,
    /// What there is to know about it.
    pub detail: String,
}

#[expect(clippy::needless_pass_by_value, reason = "texts and errors of many kinds, each used once")]
fn finding(check: impl Into<String>, verdict: Verdict, detail: impl ToString) -> Finding {
    Finding { check: check.into(), verdict, detail: detail.to_string() }
}

/// Looks at a configuration and at all that it names. `probe`: every audit device also gets a test entry, which stays in
/// its log. A server may be running meanwhile, on the same directory and files.
pub fn diagnose(paths: &[PathBuf], kinds: &DeviceKinds, probe: bool) -> Vec<Finding> {
    let read = paths.to_vec();
    let config = match checked(move || Config::read(&read)) {
        Some(Ok(config)) => config,
        Some(Err(error)) => return vec![finding("configuration", Verdict::Fail, error)],
        None => return vec![hangs("configuration")],
    };
    let mut found = Vec::new();
    if config.warnings.is_empty() {
        found.push(finding("configuration", Verdict::Ok, "read"));
    }
    found.extend(config.warnings.iter().map(|warning| finding("configuration", Verdict::Warn, warning)));
    let place = config.storage.clone();
    found.push(checked(move || storage(place.as_ref())).unwrap_or_else(|| hangs("storage")));
    if config.listeners.is_empty() {
        found.push(finding("listener", Verdict::Fail, "there is none: nobody could ask the server anything"));
    }
    for listener in &config.listeners {
        let (name, listener) = (format!("listener {}", listener.address), listener.clone());
        found.extend(checked(move || of_listener(&listener)).unwrap_or_else(|| vec![hangs(name)]));
    }
    let placement = audit_settings(paths, &config).placement.for_configuration();
    if config.devices.is_empty() {
        let what = "the configuration names no audit device; those enabled through the API are not looked at";
        found.push(finding("audit", Verdict::Warn, what));
    }
    for device in &config.devices {
        let (name, device, placement) = (check_of(device), device.clone(), placement.clone());
        let kinds = kinds.clone();
        let look = move || audit_device(&kinds, &device, &placement, probe);
        found.extend(checked(look).unwrap_or_else(|| vec![hangs(name)]));
    }
    found
}

/// What comes of a check, unless it hangs.
fn checked<T: Send + 'static>(check: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    within("check", PATIENCE, check)
}

fn hangs(check: impl Into<String>) -> Finding {
    finding(check, Verdict::Fail, format!("looking at it hangs: given up after {} s", PATIENCE.as_secs()))
}

fn check_of(device: &Device) -> String {
    format!("audit {}/ ({})", device.path, device.kind)
}

fn storage(storage: Option<&StorageConfig>) -> Finding {
    let check = "storage";
    let directory = match storage {
        None => return finding(check, Verdict::Fail, "there is none: storage \"file\" { path = … }"),
        Some(StorageConfig::Memory) => {
            return finding(check, Verdict::Warn, "in memory: everything is gone when the server ends");
        }
        Some(StorageConfig::File(directory)) => directory,
    };
    let name = directory.display();
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let writable = rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    if let Err(errno) = writable {
        return finding(
            check,
            Verdict::Fail,
            format!("{}: {}", there.display(), std::io::Error::from(errno)),
        );
    }
    if there != directory {
        return finding(check, Verdict::Ok, format!("{name} will be made"));
    }
    if !directory.is_dir() {
        return finding(check, Verdict::Fail, format!("{name} is not a directory"));
    }
    match File::open(directory.join("lock")) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            finding(check, Verdict::Ok, format!("{name} holds no data yet"))
        }
        Err(error) => finding(check, Verdict::Fail, format!("{name}/lock: {error}")),
        Ok(lock) => match lock.try_lock() {
            Ok(()) => finding(check, Verdict::Ok, format!("{name} is there and free")),
            Err(TryLockError::WouldBlock) => finding(
                check,
                Verdict::Warn,
                format!("{name} is in use by a running server: not looked into"),
            ),
            Err(TryLockError::Error(error)) => finding(check, Verdict::Fail, format!("{name}/lock: {error}")),
        },
    }
}

fn of_listener(listener: &ListenerConfig) -> Vec<Finding> {
    let check = format!("listener {}", listener.address);
    let mut found = Vec::new();
    found.push(match listener.address.to_socket_addrs().map(|mut all| all.next()) {
        Ok(Some(address)) => match TcpListener::bind(address) {
            Ok(_) => finding(&check, Verdict::Ok, "the address is free"),
            Err(error) if error.kind() == ErrorKind::AddrInUse => finding(
                &check,
                Verdict::Warn,
                "the address is in use, by a running server or another program",
            ),
            Err(error) => finding(&check, Verdict::Fail, error),
        },
        Ok(None) => finding(&check, Verdict::Fail, "the name has no address"),
        Err(error) => finding(&check, Verdict::Fail, error),
    });
    let Some(tls) = &listener.tls else {
        found.push(finding(
            format!("{check}: TLS"),
            Verdict::Warn,
            "disabled: whoever listens reads all secrets",
        ));
        return found;
    };
    let served = Certificates::load(tls.clone()).map(Arc::new).and_then(|loaded| loaded.server_config());
    found.push(match served {
        Ok(_) => finding(format!("{check}: TLS"), Verdict::Ok, "certificate and key fit together"),
        Err(error) => finding(format!("{check}: TLS"), Verdict::Fail, error),
    });
    found
}

fn audit_device(kinds: &DeviceKinds, device: &Device, placement: &Placement, probe: bool) -> Vec<Finding> {
    let check = check_of(device);
    let options = match kinds.parse(&device.kind, &device.options.iter().cloned().collect()) {
        Ok(options) => options,
        Err(error) => return vec![finding(check, Verdict::Fail, error)],
    };
    let mut found = Vec::new();
    if !options.unknown.is_empty() {
        let names = options.unknown.join(", ");
        found.push(finding(&check, Verdict::Warn, format!("these options mean nothing: {names}")));
    }
    if options.discards() {
        found.push(finding(&check, Verdict::Warn, "it throws every entry away"));
        return found;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    if let Err(error) = options.preflight(placement, Arc::clone(&clock)) {
        found.push(finding(check, Verdict::Fail, error));
        return found;
    }
    found.push(match probe.then(|| test_entry(&options, placement, clock)) {
        None => finding(check, Verdict::Ok, "it can be opened"),
        Some(Ok(())) => finding(check, Verdict::Ok, "it took a test entry"),
        Some(Err(error)) => finding(check, Verdict::Fail, error),
    });
    found
}

/// Lets the device take a test entry, as enabling it would.
fn test_entry(options: &DeviceOptions, placement: &Placement, clock: Arc<dyn Clock>) -> Result<(), String> {
    let device = options.open(placement, Arc::clone(&clock)).map_err(|error| error.to_string())?;
    let entropy = OsEntropy::new();
    let id = || entropy.uuid().map_err(|error| error.to_string());
    let salt = Arc::new(Salt::new(&id()?));
    let broker = Broker::new(Rules::default(), Boot::new(0), clock);
    let config = DeviceConfig::new("probe/", device, Formatter::new(options.form.clone(), Arc::clone(&salt)));
    let tried = wait(broker.try_out(config, Some(Probe { id: id()?, salt })));
    tried.map(drop).map_err(|error| error.to_string())
}
