//! Checks whether the server would start with a configuration, without starting it and without changing anything
//! (`operator diagnose`).
//! Never in it: repairs.

use std::io::ErrorKind;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::broker::Probe;
use onrecord_audit::{
    Broker, Clock, DeviceConfig, DeviceKinds, DeviceOptions, Placement, SystemClock, Wait as _,
};
use onrecord_entry::{Boot, Formatter, Salt};
use onrecord_seal::{Entropy, OsEntropy};
use onrecord_storage::BackendConfig;
use onrecord_storage::backend::{CheckStatus, DataFinding};

use rustix::fs::Access;

use crate::blocking::run_with_timeout;
use crate::config::{Config, Device, ListenerConfig, Problem, UnixSocketConfig};
use crate::error::StartError;
use crate::kinds::Kinds;
use crate::listener::socket::{group_id, user_id};
use crate::settings::{audit_settings, check_memory};
use crate::tls::Certificates;

/// How long a check may take: a file system or a name server that hangs is a finding, and the next check runs.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

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

impl Finding {
    fn ok(check: &str, detail: &str) -> Self {
        Self { check: check.to_owned(), status: CheckStatus::Ok, detail: detail.to_owned() }
    }

    fn warn(check: &str, detail: &str) -> Self {
        Self { status: CheckStatus::Warn, ..Self::ok(check, detail) }
    }

    #[expect(clippy::needless_pass_by_value, reason = "texts and errors of many kinds, each used once")]
    fn fail(check: &str, detail: impl ToString) -> Self {
        Self { status: CheckStatus::Fail, ..Self::ok(check, &detail.to_string()) }
    }
}

/// Checks a configuration and everything that it names. With `probe`, every audit device also takes a test entry, which
/// stays in its log. A server may be running meanwhile on the same directory and files.
pub fn diagnose(paths: &[PathBuf], kinds: &Kinds, probe: bool) -> Vec<Finding> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::fail("configuration", error)],
    };
    let found = runtime.block_on(check_all(paths, kinds, probe));
    // A check that hangs is left behind.
    runtime.shutdown_background();
    found
}

/// Checks everything that is stored of a server that does not run, as far as that can be done without its key shares.
/// `progress` is told the bytes done and all bytes.
pub fn diagnose_storage(
    paths: &[PathBuf],
    kinds: &Kinds,
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<Finding> {
    let Ok(Config { storage: Some(storage), .. }) = Config::read(paths, kinds) else {
        return vec![Finding::warn("storage: data", "not checked: the configuration names no storage")];
    };
    let found = storage.target.check_data(progress).into_iter();
    found
        .map(|DataFinding { check, status, detail }| Finding { check: check.to_owned(), status, detail })
        .collect()
}

async fn check_all(paths: &[PathBuf], kinds: &Kinds, probe: bool) -> Vec<Finding> {
    let (read, known) = (paths.to_vec(), kinds.clone());
    let config = match run_check(move || Config::read_with_problems(&read, &known)).await {
        Some(Ok(config)) => config,
        Some(Err(error)) => return refused(&error.to_string()),
        None => return vec![timed_out("configuration")],
    };
    if let Err(error) = check_memory(&config) {
        return vec![Finding::fail("configuration", error)];
    }
    let mut found = Vec::new();
    if config.warnings.is_empty() {
        found.push(Finding::ok("configuration", "read"));
    }
    found.extend(config.warnings.iter().map(|warning| Finding::warn("configuration", warning)));
    let storage = config.storage.clone();
    found.push(
        run_check(move || check_storage(storage.as_ref())).await.unwrap_or_else(|| timed_out("storage")),
    );
    if config.listeners.is_empty() {
        found.push(Finding::fail("listener", "no listener is configured: the server could not be reached"));
    }
    for listener in &config.listeners {
        let (name, listener) = (format!("listener {}", listener.address), listener.clone());
        let checked = run_check(move || check_listener(&listener)).await;
        found.extend(checked.unwrap_or_else(|| vec![timed_out(&name)]));
    }
    let placement = audit_settings(paths, &config).placement.for_configuration();
    let discards = |device: &Device| {
        let options = kinds.devices.parse(&device.declared.kind, &device.declared.options);
        options.is_ok_and(|options| options.discards())
    };
    if config.devices.iter().all(discards) {
        let why = match config.devices.len() {
            0 => "the configuration declares no audit device",
            _ => "every audit device of the configuration discards its entries",
        };
        let detail = format!(
            "{why}: the server is NOT AUDITED unless a device was enabled through the API; those are not checked"
        );
        found.push(Finding::warn("audit", &detail));
    }
    for device in &config.devices {
        let (name, device, placement) = (device_name(device), device.clone(), placement.clone());
        let kinds = kinds.devices.clone();
        let checked = run_check(move || check_device(&kinds, &device, &placement, probe)).await;
        found.extend(checked.unwrap_or_else(|| vec![timed_out(&name)]));
    }
    found
}

/// Why a configuration is refused, and what else was noticed until then: a line each.
fn refused(error: &str) -> Vec<Finding> {
    let mut lines = error.lines();
    let first = Finding::fail("configuration", lines.next().unwrap_or_default());
    [first].into_iter().chain(lines.map(|line| Finding::warn("configuration", line))).collect()
}

/// Runs a check; `None` if it hangs.
async fn run_check<T: Send + 'static>(check: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    run_with_timeout(CHECK_TIMEOUT, check).await
}

fn timed_out(check: &str) -> Finding {
    Finding::fail(check, format!("the check has not ended after {} s", CHECK_TIMEOUT.as_secs()))
}

fn device_name(device: &Device) -> String {
    format!("audit {}/ ({})", device.declared.path, device.declared.kind)
}

fn check_storage(storage: Option<&BackendConfig>) -> Finding {
    let Some(storage) = storage else {
        return Finding::fail("storage", "no storage is configured: add storage \"file\" { path = … }");
    };
    let (status, detail) = storage.target.check();
    Finding { check: "storage".to_owned(), status, detail }
}

fn check_listener(listener: &ListenerConfig) -> Vec<Finding> {
    if let Some(unix) = &listener.unix {
        return vec![check_unix_listener(&listener.address, unix)];
    }
    let check = format!("listener {}", listener.address);
    let address = match listener.address.to_socket_addrs().map(|mut all| all.next()) {
        Ok(Some(address)) => match TcpListener::bind(address) {
            Ok(_) => Finding::ok(&check, "the address is free"),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Finding::warn(&check, "the address is in use, by a running server or another program")
            }
            Err(error) => Finding::fail(&check, error),
        },
        Ok(None) => Finding::fail(&check, "the host name has no address"),
        Err(error) => Finding::fail(&check, error),
    };
    let check = format!("{check}: TLS");
    let Some(tls) = &listener.tls else {
        let detail = "disabled: anyone on the network path can read all secrets";
        return vec![address, Finding::warn(&check, detail)];
    };
    let served = Certificates::load(tls.clone()).map(Arc::new).and_then(|loaded| loaded.server_config());
    let tls = match served {
        Ok(_) => Finding::ok(&check, "the key belongs to the certificate"),
        Err(error) => Finding::fail(&check, error),
    };
    vec![address, tls]
}

fn check_unix_listener(path: &str, config: &UnixSocketConfig) -> Finding {
    let check = format!("listener {path}");
    let owner = [config.user.as_deref().map(user_id), config.group.as_deref().map(group_id)];
    if let Some(error) = owner.into_iter().flatten().find_map(Result::err) {
        return Finding::fail(&check, error);
    }
    let path = Path::new(path);
    match std::fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Finding::fail(&check, "there is a file of this name that is not a socket");
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Finding::warn(&check, "the socket is in use, by a running server or another program");
        }
        Ok(_) | Err(_) => {}
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::is_dir) {
        Some(false) => Finding::fail(&check, "the folder of the socket does not exist"),
        Some(true) | None => Finding::ok(&check, "the path is free"),
    }
}

fn check_device(kinds: &DeviceKinds, device: &Device, placement: &Placement, probe: bool) -> Vec<Finding> {
    let check = device_name(device);
    if !device.problems.is_empty() {
        let fail = |problem: &Problem| {
            Finding::fail(&check, format!("{}:{}: {}", device.file.display(), problem.line, problem.text))
        };
        return device.problems.iter().map(fail).collect();
    }
    let options = match kinds.parse(&device.declared.kind, &device.declared.options) {
        Ok(options) => options,
        Err(error) => return vec![Finding::fail(&check, error)],
    };
    let mut found = Vec::new();
    if options.discards() {
        found.push(Finding::warn(&check, "it discards every entry"));
        return found;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    if let Err(error) = options.preflight(placement, Arc::clone(&clock)) {
        found.push(Finding::fail(&check, error));
        return found;
    }
    let is_off = device.declared.options.get("evidence").is_some_and(|value| value == "off");
    let tree = options.file().filter(|_| !is_off).map(|file| (file, tree_folder(file)));
    found.extend(tree.as_ref().and_then(|(file, folder)| check_tree(&check, file, folder)));
    // Only the device itself appends to a log that has a tree.
    if let Some((_, folder)) = tree.filter(|(_, folder)| probe && folder.exists()) {
        let detail = format!(
            "the device can be opened; no test entry is written, because the log has a tree ({}): a line that is not in it \
             would be found as a forged one",
            folder.display()
        );
        found.push(Finding::warn(&check, &detail));
        return found;
    }
    found.push(match probe.then(|| write_test_entry(&options, placement, clock)) {
        None => Finding::ok(&check, "the device can be opened"),
        Some(Ok(())) => Finding::ok(&check, "the device took a test entry"),
        Some(Err(error)) => Finding::fail(&check, error),
    });
    found
}

/// The folder of the tree of a file: beside it, with `.tlog` after its name.
fn tree_folder(file: &Path) -> PathBuf {
    let mut folder = file.as_os_str().to_owned();
    folder.push(".tlog");
    folder.into()
}

/// What is wrong with the folder of a file's tree. Entries are recorded all the same, so it is a warning.
fn check_tree(check: &str, file: &Path, folder: &Path) -> Option<Finding> {
    let name = folder.display();
    let writable = |folder: &Path| rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK);
    let detail = match std::fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => match writable(folder) {
            Ok(()) => return None,
            Err(error) => format!("the folder of its tree, {name}, cannot be written: {error}"),
        },
        Ok(_) => format!("{name}, where its tree would be, is not a folder"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = file.parent().filter(|parent| parent.is_dir())?;
            let error = writable(parent).err()?;
            format!("the folder of its tree, {name}, cannot be created: {error}")
        }
        Err(error) => format!("the folder of its tree, {name}: {error}"),
    };
    let detail = format!(
        "{detail}; the device writes its entries, and no checkpoints of them (evidence=off turns them off)"
    );
    Some(Finding::warn(check, &detail))
}

/// Writes a test entry to the device, as enabling it would.
fn write_test_entry(
    options: &DeviceOptions,
    placement: &Placement,
    clock: Arc<dyn Clock>,
) -> Result<(), StartError> {
    let device = options.open(placement, Arc::clone(&clock))?;
    let entropy = OsEntropy::new();
    let salt = Arc::new(Salt::new(&entropy.uuid()?));
    let probe = Probe { id: entropy.uuid()?, salt: Arc::clone(&salt) };
    let broker = Broker::builder().clock(clock).build_with_boot(Boot::new(0));
    let config = DeviceConfig::new("probe/", device, Formatter::new(options.form.clone(), salt));
    broker.try_out(config, Some(probe)).wait()?;
    Ok(())
}
