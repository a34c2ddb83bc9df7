//! A mount that gets another path. Never in it: what a client may ask for (`engine::sys::remount`).

use super::{MountError, Mounts, Table, check_path};
use crate::engine::mount::{LOGINS, Mount, MountEntry};

impl Mounts {
    /// Moves the mount at a path to another one (both with their final slash): once the table is durable, requests to the new
    /// path reach it, and those to the old one nothing.
    pub async fn remount(&self, from: &str, to: &str) -> Result<(), MountError> {
        let _turn = self.0.writer.lock().await;
        let table = self.snapshot();
        let moved = moved(&table, from, to)?;
        self.replace_within_bound(&table, moved).await
    }

    /// Whether that could be done now.
    pub fn check_remount(&self, from: &str, to: &str) -> Result<(), MountError> {
        moved(&self.snapshot(), from, to).map(drop)
    }
}

fn moved(table: &Table, from: &str, to: &str) -> Result<Table, MountError> {
    let mount = table.at(from).ok_or_else(|| MountError::NoMount(from.to_owned()))?;
    if mount.kind.is_builtin() {
        return Err(MountError::Fixed(from.to_owned()));
    }
    check_path(to, mount.kind)?;
    if from.starts_with(LOGINS) != to.starts_with(LOGINS) {
        return Err(MountError::Reserved(to.to_owned()));
    }
    let others = table.without_path(from);
    if let Some(other) = others.conflict(to) {
        return Err(MountError::InUse(other.path.clone()));
    }
    let entry = MountEntry { path: to.to_owned(), ..mount.entry.clone() };
    Ok(others.with(Mount { entry, ..Mount::clone(mount) }))
}

impl Table {
    /// Without the mount at a path; its data stays.
    fn without_path(&self, path: &str) -> Self {
        let others = self.iter().filter(|mount| mount.path != path).cloned().collect();
        Self::new(others, self.pending_deletion.clone())
    }
}
