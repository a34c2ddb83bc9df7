//! Snapshots of the storage as files, and a stopped server's storage restored from one.
//! Never in it: the format of a snapshot, or how a store is replaced (`onrecord-storage`).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use onrecord_audit::{Clock as _, SystemClock};
use onrecord_seal::{Entropy as _, OsEntropy};
use onrecord_storage::BackendConfig;
use onrecord_storage::embedded::restore::{Restore, Restored, Step};
use onrecord_storage::snapshot::{self, SnapshotError, SnapshotInfo};

use crate::config::Config;
use crate::error::StartError;
use crate::kinds::Kinds;

/// Where the storage of a stopped server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoragePlace {
    /// As these configuration files and folders say.
    Config(Vec<PathBuf>),
    /// The data directory of a storage `file`.
    Directory(PathBuf),
}

/// Reads a snapshot to its end and checks it.
pub fn inspect_snapshot(file: &Path) -> Result<SnapshotInfo, StartError> {
    let read = snapshot::read(file, |_, _| Ok::<_, SnapshotError>(()));
    Ok(read.map_err(|error| format!("the snapshot {}: {error}", file.display()))?)
}

/// Puts a snapshot in the place of the storage of a stopped server. `step` hears of each step before it is made.
///
/// # Errors
/// Nothing was restored, except with `RestoreError::NotSynced`.
pub fn restore_snapshot(
    place: &StoragePlace,
    kinds: &Kinds,
    file: &Path,
    force: bool,
    mut step: impl FnMut(Step),
) -> Result<Restored, StartError> {
    let storage = storage(place, kinds)?;
    let now = SystemClock::new().now();
    let mut time = Vec::new();
    now.rfc3339_seconds(&mut time);
    let wanted = Restore {
        snapshot: file.to_owned(),
        id: OsEntropy::new().uuid()?,
        at: now.unix_seconds(),
        time: String::from_utf8(time)?.replace(['-', ':'], ""),
        uid: rustix::process::getuid().as_raw(),
        force,
    };
    let mut hear = |next| {
        step(next);
        ControlFlow::Continue(())
    };
    storage.target.restore(&wanted, &mut hear)
}

fn storage(place: &StoragePlace, kinds: &Kinds) -> Result<BackendConfig, StartError> {
    match place {
        StoragePlace::Config(files) => {
            let storage = Config::read(files, kinds)?.storage;
            Ok(storage.ok_or("the configuration has no storage: there is nothing to restore into")?)
        }
        StoragePlace::Directory(directory) => {
            let path = directory.to_str().ok_or("the path of the data directory is not UTF-8")?;
            let options = BTreeMap::from([("path".to_owned(), path.to_owned())]);
            Ok(kinds.backends.parse("file", options)?)
        }
    }
}
