//! The `storage` stanza: a kind of the table, or the integrated storage of compatible servers, which is taken for the embedded
//! store at the same path.
//! Never in it: back ends.

use std::collections::BTreeMap;
use std::path::Path;

use onrecord_hcl::Block;
use onrecord_storage::backend::OptionError;
use onrecord_storage::{BackendConfig, BackendKinds};

use super::given::Given;
use super::reader::Reader;
use crate::error::FileError;

/// The integrated storage of compatible servers.
const RAFT: &str = "raft";
/// The kind that takes its place.
const EMBEDDED: &str = "file";

/// The keys of its stanza that have no effect on a single node.
const RAFT_KEYS: [&str; 19] = [
    "autopilot_reconcile_interval",
    "autopilot_redundancy_zone",
    "autopilot_update_interval",
    "autopilot_upgrade_version",
    "max_entry_size",
    "max_mount_and_namespace_table_entry_size",
    "max_transaction_size",
    "node_id",
    "path",
    "performance_multiplier",
    "raft_log_verification_interval",
    "raft_log_verifier_enabled",
    "raft_wal",
    "retry_join",
    "retry_join_as_non_voter",
    "snapshot_delay",
    "snapshot_interval",
    "snapshot_threshold",
    "trailing_logs",
];

/// What the directories of other servers hold, and whose it is.
const FOREIGN: [(&str, &str); 5] = [
    ("vault.db", "integrated storage"),
    ("raft/raft.db", "integrated storage"),
    ("core/_keyring", "file storage"),
    ("core/_seal-config", "file storage"),
    ("sys/token/_salt", "file storage"),
];

/// Reads a stanza.
pub(super) fn read(
    kinds: &BackendKinds,
    reader: &mut Reader,
    block: &Block<'_>,
) -> Result<BackendConfig, FileError> {
    let name = block.labels.first().copied().unwrap_or_default();
    if name == RAFT && kinds.get(RAFT).is_err() {
        return raft(kinds, reader, block);
    }
    let keys: Vec<&str> = match kinds.get(name) {
        Ok(kind) => kind.options.iter().map(|option| option.key).collect(),
        Err(error) => return Err(reader.error(block.position, error.to_string()).with_source(error)),
    };
    let place = format!("storage {name:?}: ");
    reader.refuse_unknown_keys(block.body, &keys, &place)?;
    Given::default().each_once(reader, block.body, &place)?;
    let mut options = BTreeMap::new();
    for key in keys {
        options.extend(reader.text(block.body, key)?.map(|text| (key.to_owned(), text)));
    }
    parse(kinds, reader, block, name, options)
}

fn raft(kinds: &BackendKinds, reader: &mut Reader, block: &Block<'_>) -> Result<BackendConfig, FileError> {
    const PLACE: &str = "storage \"raft\": ";
    reader.refuse_unknown_keys(block.body, &RAFT_KEYS, PLACE)?;
    let mut given = Given::default();
    for item in block.body.items.iter().filter(|item| item.name() != "retry_join") {
        given.once(reader, &format!("{PLACE}{}", item.name()), item.position())?;
    }
    let in_environment =
        || ["VAULT_RAFT_PATH", "BAO_RAFT_PATH"].into_iter().find_map(|name| std::env::var(name).ok());
    let path = reader.text(block.body, "path")?.or_else(in_environment).unwrap_or_default();
    let mut ignored: Vec<&str> = block.body.items.iter().map(onrecord_hcl::Item::name).collect();
    ignored.retain(|name| *name != "path");
    ignored.sort_unstable();
    ignored.dedup();
    let ignored =
        if ignored.is_empty() { String::new() } else { format!("; without effect: {}", ignored.join(", ")) };
    let options = BTreeMap::from([("path".to_owned(), path.clone())]);
    let config = parse(kinds, reader, block, EMBEDDED, options)?;
    reader.warn(
        block.position,
        format!(
            "{PLACE}this server runs as a single node and keeps its data in its embedded store at the same path: write storage \
             {EMBEDDED:?} {{ path = {path:?} }}{ignored}"
        ),
    );
    Ok(config)
}

fn parse(
    kinds: &BackendKinds,
    reader: &Reader,
    block: &Block<'_>,
    kind: &str,
    options: BTreeMap<String, String>,
) -> Result<BackendConfig, FileError> {
    let rejected = |error: OptionError| reader.error(block.position, error.to_string()).with_source(error);
    let config = kinds.parse(kind, options).map_err(rejected)?;
    match config.target.directory().and_then(foreign) {
        None => Ok(config),
        Some(message) => Err(reader.error(block.position, message)),
    }
}

/// What is wrong with a directory that another server has filled: this one cannot read it, and must not mix its own with it.
fn foreign(directory: &Path) -> Option<String> {
    let (file, whose) = FOREIGN.into_iter().find(|(file, _)| directory.join(file).exists())?;
    Some(format!(
        "{} holds the {whose} of another server ({file}), which this one cannot read: give an empty directory, and copy the \
         secrets through the API",
        directory.display()
    ))
}
