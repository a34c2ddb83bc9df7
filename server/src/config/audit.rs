//! The `audit` stanzas: the rule (`audit { minimum = 1 }`) and devices (`audit "file" "path" { … }`).
//! Never in it: what a device's options mean (the audit library's).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use onrecord_audit::device::{AddressBlock, AddressBlockError};
use onrecord_core::EnableRequest;
use onrecord_hcl::{Body, Data, Item, Position, Value};

use super::reader::Reader;
use crate::error::FileError;

const RULE_KEYS: &[&str] = &[
    "allowed_addresses",
    "allowed_directories",
    "api_creation",
    "audit_timeout",
    "drills",
    "minimum",
    "only_directories",
    "prefixing",
    "queue_size",
    "settle_grace",
    "syslog_socket",
];

const DEVICE_KEYS: [&str; 5] = ["description", "local", "options", "path", "type"];

/// The rule, and the limits of devices enabled through the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuditRules {
    /// How many devices must have an entry. With 1 or more, a server without devices only answers initialisation, unsealing
    /// and the enabling of a device.
    pub(crate) minimum: Option<usize>,
    /// How long healthy devices are waited for once the rule is met.
    pub(crate) settle_grace: Option<Duration>,
    /// How long an entry may wait for devices that block.
    pub(crate) audit_timeout: Option<Duration>,
    pub(crate) queue_size: Option<usize>,
    pub(crate) drills: bool,
    pub(crate) api_creation: bool,
    /// Whether devices created through the API may have a prefix.
    pub(crate) prefixing: bool,
    /// Directories in which the API may place files although they are inside of a system directory.
    pub(crate) allowed_directories: Vec<PathBuf>,
    /// Link-local addresses to which sockets of the API may go.
    pub(crate) allowed_addresses: Vec<AddressBlock>,
    /// If not empty: the only directories in which the API may place files.
    pub(crate) only_directories: Vec<PathBuf>,
    /// The socket of the machine's syslog daemon, if it is not one of the usual ones.
    pub(crate) syslog_socket: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) declared: EnableRequest,
    pub(crate) file: PathBuf,
    pub(crate) line: u32,
}

/// Reads the value of an `audit` item: the rule, a device, or several of them. Its labels may be nested keys in JSON, and a
/// list holds several items.
pub(super) fn read(
    reader: &mut Reader,
    labels: &[&str],
    value: &Value,
    rules: &mut AuditRules,
    devices: &mut Vec<Device>,
) -> Result<(), FileError> {
    let body = match &value.data {
        Data::List(items) => {
            return items.iter().try_for_each(|item| read(reader, labels, item, rules, devices));
        }
        Data::Object(body) => body,
        _ => return Err(reader.error(value.position, "audit must be a block".to_owned())),
    };
    let is_device = labels.len() == 2 || body.items.iter().any(|item| DEVICE_KEYS.contains(&item.name()));
    if is_device {
        devices.push(read_device(reader, labels, body, value.position)?);
        return Ok(());
    }
    if labels.is_empty() && body.items.iter().all(|item| RULE_KEYS.contains(&item.name()) || is_scalar(item))
    {
        return read_rule(reader, body, rules);
    }
    for item in &body.items {
        let mut labels = labels.to_vec();
        labels.extend(item.keys.iter().map(|key| key.text.as_str()));
        read(reader, &labels, &item.value, rules, devices)?;
    }
    Ok(())
}

fn is_scalar(item: &Item) -> bool {
    !matches!(item.value.data, Data::Object(_) | Data::List(_))
}

fn read_rule(reader: &mut Reader, body: &Body, rules: &mut AuditRules) -> Result<(), FileError> {
    reader.warn_unknown_keys(body, RULE_KEYS, "audit: ");
    let directories = |found: Vec<String>| found.into_iter().map(PathBuf::from).collect::<Vec<_>>();
    rules.minimum = reader.count(body, "minimum")?.or(rules.minimum);
    rules.settle_grace = reader.duration(body, "settle_grace")?.or(rules.settle_grace);
    rules.audit_timeout = reader.duration(body, "audit_timeout")?.or(rules.audit_timeout);
    rules.queue_size = reader.size(body, "queue_size")?.or(rules.queue_size);
    rules.drills = reader.boolean(body, "drills")?.unwrap_or(rules.drills);
    rules.api_creation = reader.boolean(body, "api_creation")?.unwrap_or(rules.api_creation);
    rules.prefixing = reader.boolean(body, "prefixing")?.unwrap_or(rules.prefixing);
    rules.allowed_directories.extend(directories(reader.texts(body, "allowed_directories")?));
    rules.only_directories.extend(directories(reader.texts(body, "only_directories")?));
    let position = body.items.first().map_or(Position { line: 1, column: 1 }, Item::position);
    for text in reader.texts(body, "allowed_addresses")? {
        let rejected = |error: AddressBlockError| {
            let message = format!("audit: allowed_addresses: {text:?} is {error}");
            reader.error(position, message).with_source(error)
        };
        rules.allowed_addresses.push(text.parse().map_err(rejected)?);
    }
    rules.syslog_socket =
        reader.text(body, "syslog_socket")?.map(PathBuf::from).or(rules.syslog_socket.take());
    let named = |kind| move |path| (kind, path);
    let directories = rules.allowed_directories.iter().chain(&rules.only_directories).map(named("directory"));
    let mut paths = directories.chain(rules.syslog_socket.iter().map(named("socket")));
    if let Some((kind, path)) = paths.find(|(_, path): &(&str, &PathBuf)| path.is_relative()) {
        let message = format!("audit: the {kind} \"{}\" must be absolute", path.display());
        return Err(reader.error(position, message));
    }
    Ok(())
}

fn read_device(
    reader: &mut Reader,
    labels: &[&str],
    body: &Body,
    position: Position,
) -> Result<Device, FileError> {
    reader.warn_unknown_keys(body, &DEVICE_KEYS, "audit device: ");
    let kind = reader.text(body, "type")?.or_else(|| labels.first().map(|label| (*label).to_owned()));
    let path = reader.text(body, "path")?.or_else(|| labels.get(1).map(|label| (*label).to_owned()));
    let path = path.map(|path| path.trim_matches('/').to_owned()).filter(|path| !path.is_empty());
    let missing = |key: &str| reader.error(position, format!("an audit device is missing its {key}"));
    let kind = kind.ok_or_else(|| missing("type"))?;
    let path = path.ok_or_else(|| missing("path"))?;
    let mut options = BTreeMap::new();
    for block in reader.blocks(body, "options", 0)? {
        for item in &block.body.items {
            let Some(text) = item.value.scalar() else {
                let message = format!("option {:?} must be a string, a number or a boolean", item.name());
                return Err(reader.error(item.position(), message));
            };
            options.insert(item.name().to_owned(), text.to_owned());
        }
    }
    let description = reader.text(body, "description")?.unwrap_or_default();
    let local = reader.boolean(body, "local")?.unwrap_or(false);
    let declared = EnableRequest { kind, path, description, local, options };
    Ok(Device { declared, file: reader.file().to_owned(), line: position.line })
}
