//! The table itself: immutable, looked up by every request.
//! Never in it: storage, engines.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::mount::Mount;

/// All mounts at one moment.
#[derive(Default)]
pub struct Table {
    /// By path without its final slash.
    by_name: HashMap<String, Arc<Mount>>,
    /// The same, in order of their paths.
    sorted: Vec<Arc<Mount>>,
    /// No mount's path has more segments than this.
    deepest: usize,
    /// Ids of removed mounts whose data may still be there.
    pub(super) pending_deletion: Vec<String>,
}

impl Table {
    pub(super) fn new(mut sorted: Vec<Arc<Mount>>, pending_deletion: Vec<String>) -> Self {
        sorted.sort_by(|one, other| one.path.cmp(&other.path));
        let deepest = sorted.iter().map(|mount| mount.path.matches('/').count()).max().unwrap_or(0);
        let by_name = sorted.iter().map(|mount| (name(&mount.path).to_owned(), Arc::clone(mount))).collect();
        Self { by_name, sorted, deepest, pending_deletion }
    }

    /// All mounts, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.sorted.iter()
    }

    /// The mount with the longest path that `path` begins with, its final slash aside.
    pub fn find(&self, path: &str) -> Option<&Arc<Mount>> {
        let path = name(path);
        // Longer than the deepest mount no prefix is looked up, however long a path somebody sends.
        let mut slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
        let end = slashes.nth(self.deepest.saturating_sub(1)).map_or(path.len(), |(at, _)| at);
        let mut head = path.get(..end)?;
        loop {
            if let Some(mount) = self.by_name.get(head) {
                return Some(mount);
            }
            head = head.rsplit_once('/')?.0;
        }
    }

    /// The mount at exactly this path (with its final slash).
    pub fn at(&self, path: &str) -> Option<&Arc<Mount>> {
        self.by_name.get(path.strip_suffix('/')?)
    }

    /// A mount at, above or below a path (with its final slash).
    pub fn conflict(&self, path: &str) -> Option<&Arc<Mount>> {
        self.iter().find(|mount| mount.path.starts_with(path) || path.starts_with(&mount.path))
    }

    /// With this mount added, or in the place of the one at its path.
    pub(super) fn with(&self, mount: Mount) -> Self {
        let others = self.sorted.iter().filter(|other| other.path != mount.path).cloned();
        let mut sorted: Vec<_> = others.collect();
        sorted.push(Arc::new(mount));
        Self::new(sorted, self.pending_deletion.clone())
    }

    /// Without this mount, its data pending deletion.
    pub(super) fn without(&self, mount: &Mount) -> Self {
        let sorted = self.sorted.iter().filter(|other| other.uuid != mount.uuid).cloned().collect();
        let mut pending_deletion = self.pending_deletion.clone();
        pending_deletion.push(mount.uuid.clone());
        Self::new(sorted, pending_deletion)
    }

    /// With the data of a removed mount gone.
    pub(super) fn swept(&self, uuid: &str) -> Self {
        let pending_deletion = self.pending_deletion.iter().filter(|other| *other != uuid).cloned().collect();
        Self::new(self.sorted.clone(), pending_deletion)
    }
}

fn name(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::Table;
    use std::sync::Arc;

    use onrecord_seal::OsEntropy;
    use onrecord_storage::{Barrier, Storage, memory};

    use crate::engine::mount::{Mount, MountEntry};
    use crate::engine::space::Space;
    use crate::engine::sys::{self, Sys};

    fn mount(path: &str) -> Mount {
        let storage = Storage::start(memory::Memory::new()).unwrap();
        let barrier = Barrier::new(storage, Arc::new(OsEntropy::new()));
        Mount {
            entry: MountEntry { uuid: format!("id of {path}"), ..MountEntry::bare(path, &sys::KIND) },
            engine: Arc::new(Sys),
            space: Arc::new(Space::new(barrier.view("mounts/").unwrap())),
        }
    }

    fn table() -> Table {
        Table::new(
            ["sys/", "auth/token/", "kv/", "deep/er/kv/"].map(|path| Arc::new(mount(path))).into(),
            Vec::new(),
        )
    }

    #[test]
    fn the_mount_is_a_whole_number_of_segments() {
        let table = table();
        let found = |path: &str| table.find(path).map(|mount| mount.path.clone());
        assert_eq!(found("kv/a/b").as_deref(), Some("kv/"));
        assert_eq!(found("kv/").as_deref(), Some("kv/"));
        assert_eq!(found("kv").as_deref(), Some("kv/"));
        assert_eq!(found("kvx/a"), None);
        assert_eq!(found("auth/token/create").as_deref(), Some("auth/token/"));
        assert_eq!(found("auth/tokens"), None);
        assert_eq!(found("auth"), None);
        assert_eq!(found("deep/er"), None);
        assert_eq!(found("deep/er/kv/a/b/c/d").as_deref(), Some("deep/er/kv/"));
        assert_eq!(found(""), None);
        assert_eq!(found("/"), None);
        assert_eq!(found(&"a/".repeat(8000)), None);
    }

    #[test]
    fn paths_conflict_in_both_directions() {
        let table = table();
        let conflict = |path: &str| table.conflict(path).map(|mount| mount.path.clone());
        assert_eq!(conflict("kv/").as_deref(), Some("kv/"));
        assert_eq!(conflict("kv/below/").as_deref(), Some("kv/"));
        assert_eq!(conflict("deep/").as_deref(), Some("deep/er/kv/"));
        assert_eq!(conflict("kv2/"), None);
        assert_eq!(conflict("deep/other/"), None);
    }

    #[test]
    fn a_removed_mount_is_doomed_until_it_is_swept() {
        let table = table();
        let gone = mount("kv/");
        let after = table.without(&gone);
        assert!(after.find("kv/a").is_none());
        assert_eq!(after.pending_deletion, ["id of kv/"]);
        assert!(after.swept(&gone.uuid).pending_deletion.is_empty());
        assert!(table.find("kv/a").is_some(), "a snapshot does not change");
    }
}
