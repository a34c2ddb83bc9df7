//! The `audit` stanzas: the rule (`audit { minimum = 1 }`) and devices (`audit "file" "path" { … }`).
//! Never in it: what a device's options mean (the audit library knows).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use onrecord_audit::DeviceKinds;
use onrecord_audit::device::{AddressBlock, AddressBlockError};
use onrecord_core::{EnableRequest, check_origin};
use onrecord_hcl::{Body, Data, Item, Position, Value};

use super::given::Given;
use super::reader::Reader;
use super::witness::{self, WitnessConfig};
use crate::error::FileError;

const RULE_KEYS: &[&str] = &[
    "allowed_addresses",
    "allowed_directories",
    "api_creation",
    "audit_timeout",
    "drills",
    "minimum",
    "only_directories",
    "origin",
    "prefixing",
    "queue_size",
    "settle_grace",
    "syslog_socket",
    WITNESS,
];

const WITNESS: &str = "witness";

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
    /// What the origins of audit logs begin with; the cluster's name if it is not given.
    pub(crate) origin: Option<String>,
    /// The socket of the machine's syslog daemon, if it is not one of the usual ones.
    pub(crate) syslog_socket: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) declared: EnableRequest,
    pub(crate) file: PathBuf,
    pub(crate) line: u32,
    /// What is wrong with its options, each with its place. A server does not start with any.
    pub(crate) problems: Vec<Problem>,
}

/// A line of a file, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) line: u32,
    pub(crate) text: String,
}

/// The `audit` stanzas of all files: where they are read into, and the kinds of devices that they may name.
pub(super) struct Stanzas<'a> {
    pub(super) reader: &'a Reader,
    pub(super) kinds: &'a DeviceKinds,
    pub(super) given: &'a mut Given,
    pub(super) rules: &'a mut AuditRules,
    pub(super) devices: &'a mut Vec<Device>,
    pub(super) witnesses: &'a mut Vec<WitnessConfig>,
}

impl Stanzas<'_> {
    /// Reads the value of an `audit` item: the rule, a device, or several of them. Its labels may be nested keys in JSON,
    /// and a list holds several items.
    pub(super) fn read(
        &mut self,
        labels: &[&str],
        value: &Value,
        position: Position,
    ) -> Result<(), FileError> {
        let body = match &value.data {
            Data::List(items) => {
                return items.iter().try_for_each(|item| self.read(labels, item, item.position));
            }
            Data::Object(body) => body,
            _ => return Err(self.reader.error(value.position, "audit must be a block".to_owned())),
        };
        let has = |test: fn(&Item) -> bool| body.items.is_empty() || body.items.iter().any(test);
        match labels {
            [] if body.items.iter().any(is_device_key) => self.read_device(labels, body, position),
            [] if has(is_rule_key) => self.read_rule(body),
            [_] if has(|item| is_device_key(item) || is_plain(item)) => {
                self.read_device(labels, body, position)
            }
            [_, _] => self.read_device(labels, body, position),
            [_, _, _, ..] => {
                let message = "an audit device has two labels: its type and its path".to_owned();
                Err(self.reader.error(position, message))
            }
            _ => body.items.iter().try_for_each(|item| {
                let mut labels = labels.to_vec();
                labels.extend(item.keys.iter().map(|key| key.text.as_str()));
                self.read(&labels, &item.value, item.position())
            }),
        }
    }

    fn read_rule(&mut self, body: &Body) -> Result<(), FileError> {
        let is_witness = |item: &&Item| item.name() == WITNESS;
        for item in body.items.iter().filter(is_witness) {
            let labels: Vec<&str> = item.keys.iter().skip(1).map(|key| key.text.as_str()).collect();
            self.read_witnesses(&labels, &item.value, item.position())?;
        }
        let items = body.items.iter().filter(|item| !is_witness(item)).cloned().collect();
        let rule = Body { items };
        self.reader.refuse_unknown_keys(&rule, RULE_KEYS, "audit: ")?;
        self.given.each_once(self.reader, &rule, "audit: ")?;
        read_rule(self.reader, &rule, self.rules)
    }

    /// Reads a witness, or several of them: in JSON its name may be a key, and a list holds several.
    fn read_witnesses(
        &mut self,
        labels: &[&str],
        value: &Value,
        position: Position,
    ) -> Result<(), FileError> {
        let body = match &value.data {
            Data::List(items) => {
                return items.iter().try_for_each(|item| self.read_witnesses(labels, item, item.position));
            }
            Data::Object(body) => body,
            _ => {
                let message =
                    "audit: witness must be a block: witness \"NAME\" { url = …, verifier_key = … }";
                return Err(self.reader.error(value.position, message.to_owned()));
            }
        };
        let are_names = !body.items.is_empty() && body.items.iter().all(|item| !is_plain(item));
        if labels.is_empty() && are_names {
            return body.items.iter().try_for_each(|item| {
                let labels: Vec<&str> = item.keys.iter().map(|key| key.text.as_str()).collect();
                self.read_witnesses(&labels, &item.value, item.position())
            });
        }
        let witness = witness::read(self.reader, labels, body, position)?;
        self.given.once(self.reader, &format!("audit: witness {:?}", witness.name), position)?;
        self.witnesses.push(witness);
        Ok(())
    }

    fn read_device(&mut self, labels: &[&str], body: &Body, position: Position) -> Result<(), FileError> {
        let mut device = read_device(self.reader, labels, body, position)?;
        device.problems = self.problems(&device.declared, body, position)?;
        self.devices.push(device);
        Ok(())
    }

    /// Options that are unknown or wrong, each at its own line.
    fn problems(
        &self,
        declared: &EnableRequest,
        body: &Body,
        position: Position,
    ) -> Result<Vec<Problem>, FileError> {
        let blocks = self.reader.blocks(body, "options", 0)?;
        let items = blocks.iter().flat_map(|block| &block.body.items);
        let line = |option: Option<String>| {
            let item = items.clone().find(|item| Some(item.name()) == option.as_deref());
            item.map_or(position, Item::position).line
        };
        let found = self.kinds.problems(&declared.kind, &declared.options).into_iter();
        Ok(found.map(|problem| Problem { line: line(problem.option), text: problem.text }).collect())
    }
}

impl Device {
    /// Refuses it for what is wrong with its options.
    pub(super) fn check(&self) -> Result<(), FileError> {
        let refusal = |problem: &Problem| {
            let message = format!("audit device {}/: {}", self.declared.path, problem.text);
            FileError::new(&self.file, Some(problem.line), message)
        };
        let mut refusals = self.problems.iter().map(refusal);
        let Some(first) = refusals.next() else { return Ok(()) };
        let others: Vec<String> = refusals.map(|other| other.to_string()).collect();
        Err(first.with_notes(&others))
    }
}

fn object(value: &Value) -> Option<&Body> {
    match &value.data {
        Data::Object(body) => Some(body),
        _ => None,
    }
}

/// Whether an item is a value, not a block or a list of blocks.
fn is_plain(item: &Item) -> bool {
    match &item.value.data {
        Data::Object(_) => false,
        Data::List(items) => items.iter().all(|item| object(item).is_none()),
        _ => true,
    }
}

fn is_device_key(item: &Item) -> bool {
    DEVICE_KEYS.contains(&item.name())
}

fn is_rule_key(item: &Item) -> bool {
    RULE_KEYS.contains(&item.name()) || is_plain(item)
}

fn read_rule(reader: &Reader, body: &Body, rules: &mut AuditRules) -> Result<(), FileError> {
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
    let place = |key| body.get(key).map_or(Position { line: 1, column: 1 }, |value| value.position);
    for text in reader.texts(body, "allowed_addresses")? {
        let rejected = |error: AddressBlockError| {
            let message = format!("audit: allowed_addresses: {text:?} is {error}");
            reader.error(place("allowed_addresses"), message).with_source(error)
        };
        rules.allowed_addresses.push(text.parse().map_err(rejected)?);
    }
    if let Some(origin) = reader.text(body, "origin")? {
        check_origin(&origin)
            .map_err(|why| reader.error(place("origin"), format!("audit: origin = {origin:?}: {why}")))?;
        rules.origin = Some(origin);
    }
    rules.syslog_socket =
        reader.text(body, "syslog_socket")?.map(PathBuf::from).or(rules.syslog_socket.take());
    let named = |kind| move |path| (kind, path);
    let allowed = rules.allowed_directories.iter().map(named("allowed_directories"));
    let only = rules.only_directories.iter().map(named("only_directories"));
    let mut paths = allowed.chain(only).chain(rules.syslog_socket.iter().map(named("syslog_socket")));
    if let Some((key, path)) = paths.find(|(_, path): &(&str, &PathBuf)| path.is_relative()) {
        let kind = if key == "syslog_socket" { "socket" } else { "directory" };
        let message = format!("audit: the {kind} \"{}\" must be absolute", path.display());
        return Err(reader.error(place(key), message));
    }
    Ok(())
}

fn read_device(
    reader: &Reader,
    labels: &[&str],
    body: &Body,
    position: Position,
) -> Result<Device, FileError> {
    reader.refuse_unknown_keys(body, &DEVICE_KEYS, "audit device: ")?;
    Given::default().each_once(reader, body, "audit device: ")?;
    let kind = reader.text(body, "type")?.or_else(|| labels.first().map(|label| (*label).to_owned()));
    let path = reader.text(body, "path")?.or_else(|| labels.get(1).map(|label| (*label).to_owned()));
    let path = path.map(|path| path.trim_matches('/').to_owned()).filter(|path| !path.is_empty());
    let missing = |key: &str| reader.error(position, format!("an audit device is missing its {key}"));
    let kind = kind.ok_or_else(|| missing("type"))?;
    let path = path.ok_or_else(|| missing("path"))?;
    let mut options = BTreeMap::new();
    for block in reader.blocks(body, "options", 0)? {
        Given::default().each_once(reader, block.body, "audit device: option ")?;
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
    let (file, line) = (reader.file().to_owned(), position.line);
    Ok(Device { declared, file, line, problems: Vec::new() })
}
