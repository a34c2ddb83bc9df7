//! The development server: initialised, unsealed, with a root token, KV 2 at `secret/` and an audit device at `dev/`
//! from the first request on.
//! Never in it: anything a server without `-dev` does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use onrecord_core::{Core, EnableRequest, Exchange, Headers, InitOptions, Received, Target};
use onrecord_seal::Secret;
use onrecord_storage::BackendKinds;

use crate::config::{Config, DEV_SOURCE, Device, ListenerConfig};
use crate::error::StartError;
use crate::options::Dev;
use crate::settings::absolute;

/// The file beside a development server's data that holds its key share and root token.
const KEYS_FILE: &str = "dev-keys";

pub(crate) fn configure(dev: &Dev, kinds: &BackendKinds, config: &mut Config) -> Result<(), StartError> {
    let durable = config.storage.as_ref().map(|storage| storage.kind).filter(|kind| kind.is_durable);
    if let (None, Some(kind)) = (&dev.storage, durable) {
        let instead =
            "-dev keeps its keys beside its data: give -dev-storage=DIR instead of a configuration with";
        return Err(format!("{instead} {} storage", kind.name).into());
    }
    if config.storage.is_none() {
        let path = |directory| absolute(directory).join("data").display().to_string();
        let (kind, options) = match &dev.storage {
            None => ("inmem", BTreeMap::new()),
            Some(directory) => ("file", BTreeMap::from([("path".to_owned(), path(directory))])),
        };
        config.storage = Some(kinds.parse(kind, options)?);
    }
    if config.listeners.is_empty() || dev.listen_address.is_some() {
        let address = dev.listen_address.as_deref().unwrap_or("127.0.0.1:8200");
        config.listeners = vec![ListenerConfig::plain(address)];
    }
    config.disable_mlock = true;
    let log = match dev.audit.as_deref() {
        Some("off") => return Ok(()),
        Some("stdout") => "stdout".to_owned(),
        Some(path) => absolute(Path::new(path)).display().to_string(),
        None => default_log(dev)?.display().to_string(),
    };
    let declared = EnableRequest {
        kind: "file".to_owned(),
        path: "dev".to_owned(),
        description: "the development server's log".to_owned(),
        local: false,
        options: [("file_path".to_owned(), log)].into(),
    };
    let file = PathBuf::from(DEV_SOURCE);
    config.devices.push(Device { declared, file, line: 1, problems: Vec::new() });
    Ok(())
}

/// The audit log of a server that is not given one: beside its data, or in a new private directory.
fn default_log(dev: &Dev) -> io::Result<PathBuf> {
    if let Some(directory) = &dev.storage {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        return Ok(absolute(directory).join("audit.log"));
    }
    let base = std::env::temp_dir();
    for attempt in 0..100_u32 {
        let directory = base.join(format!("onrecord-dev-{}-{attempt}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory.join("audit.log")),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free directory for the development server's log"))
}

struct Keys {
    share: String,
    root_token: String,
}

/// Initialises the server unless that was done, unseals it, mounts KV 2. Returns the text for the user.
pub(crate) async fn open(dev: &Dev, core: &Core) -> Result<String, StartError> {
    let keys = if core.initialised().await? { read_keys(dev)? } else { initialise(dev, core).await? };
    core.unseal(&keys.share).await?;
    mount_kv(core, &keys.root_token).await;
    if !dev.no_store_token {
        store_token(&keys.root_token);
    }
    let mut text = String::from(
        "WARNING! This is a development server: it is unsealed from the start, with a single key share. Do not keep real secrets in it.\n\n",
    );
    let devices = &core.settings().audit.declared_devices;
    let log = devices.iter().find_map(|device| device.options.get("file_path")).map_or("off", String::as_str);
    for (name, value) in
        [("Unseal Key", keys.share.as_str()), ("Root Token", &keys.root_token), ("Audit Log", log)]
    {
        text.extend([name, ": ", value, "\n"]);
    }
    Ok(text)
}

async fn initialise(dev: &Dev, core: &Core) -> Result<Keys, StartError> {
    let root_token = dev.root_token_id.clone().map(Secret::new);
    let made = core.init(InitOptions { shares: 1, threshold: 1, root_token }).await?;
    let share = made.keys.first().map(|key| const_hex::encode(key.expose())).unwrap_or_default();
    let keys = Keys { share, root_token: made.root_token.id.expose().clone() };
    if let Some(directory) = &dev.storage {
        let text = format!("{}\n{}\n", keys.share, keys.root_token);
        write_private(&directory.join(KEYS_FILE), &text)?;
    }
    Ok(keys)
}

fn read_keys(dev: &Dev) -> Result<Keys, StartError> {
    let file = dev.storage.as_deref().unwrap_or(Path::new(".")).join(KEYS_FILE);
    let unreadable = |error: &dyn std::fmt::Display| {
        let meaning = "the data there is not a development server's, or its keys are lost";
        StartError::from(format!("{}: {error}: {meaning}", file.display()))
    };
    let text = fs::read_to_string(&file).map_err(|error| unreadable(&error))?;
    let mut lines = text.lines();
    let (Some(share), Some(root_token)) = (lines.next(), lines.next()) else {
        return Err(unreadable(&"two lines were expected"));
    };
    Ok(Keys { share: share.to_owned(), root_token: root_token.to_owned() })
}

/// Mounts KV 2 at `secret/` by a request, so that it is on record. A later start is answered 400: it is mounted already.
async fn mount_kv(core: &Core, root_token: &str) {
    let mut headers = Headers::new();
    headers.push("x-vault-token", root_token);
    let target = Target::Api("sys/mounts/secret".to_owned());
    let permit = core.arrive(&core.account(None), &target);
    let exchange = Exchange {
        method: "POST".to_owned(),
        target,
        query: String::new(),
        headers,
        body: Received::Whole(Bytes::from_static(
            br#"{"type":"kv","options":{"version":"2"},"description":"key/value secret storage"}"#,
        )),
        peer: None,
        client_certificate_serial: None,
        client_certificates: None,
    };
    let status = core.answer(permit, exchange).await.status();
    if status != 204 && status != 400 {
        tracing::error!(status, "KV 2 could not be mounted at secret/");
    }
}

/// Stores the token where the command line reads it. The server starts without that too.
fn store_token(token: &str) {
    let Some(home) = std::env::var_os("HOME") else { return };
    if let Err(error) = write_private(&Path::new(&home).join(".vault-token"), token) {
        tracing::warn!(%error, "the root token could not be stored in ~/.vault-token");
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // The file may have been there before, with another mode.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}
