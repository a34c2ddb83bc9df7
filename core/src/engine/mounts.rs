//! The mount table: which engine is where. Every change is one batch; a request looks up in an immutable snapshot.
//! Never in it: endpoints and their texts (`engine::sys::mounts`), or what engines do.

mod remount;
mod stored;
mod table;

use std::sync::{Arc, PoisonError, RwLock};

use onrecord_seal::EntropyError;
use onrecord_storage::{Barrier, Batch, CommitError, KeyError, StoreError, View};
use onrecord_value::printable::{Invisible, find_invisible};
pub(crate) use table::Table;

use crate::engine::codec::Broken;
use crate::engine::mount::LOGINS;
use crate::engine::{Builtin, EngineKind, Kinds, Mount, MountEntry, Mounting, Space};
use crate::host::Host;
use crate::place;

pub(crate) const KEY: &str = "mounts";
/// How many keys of a removed mount one batch removes.
const SWEPT_KEYS: usize = 512;
/// How many mounts there can be: the table is in memory, and each change writes all of it.
const MOUNTS_MAX: usize = 10_000;
/// How long the stored table can be, in bytes.
const TABLE_BYTES_MAX: usize = 8 << 20;
/// Paths that nothing can be mounted at or below.
const RESERVED: [&str; 5] = ["sys/", "auth/", "cubbyhole/", "identity/", "audit/"];

/// The mount table of the unsealed server. Clones are handles to one table.
#[derive(Clone)]
pub struct Mounts(Arc<Shared>);

struct Shared {
    table: RwLock<Arc<Table>>,
    /// Held by the task that changes the table, from reading it to showing the new one.
    writer: tokio::sync::Mutex<()>,
    barrier: Barrier,
    view: View,
    host: Host,
    kinds: Kinds,
}

impl Mounts {
    /// Adds the table with the server's own mounts to the batch that initialises it. Nothing else makes one.
    pub fn make(batch: &mut Batch, barrier: &Barrier, host: &Host, kinds: &Kinds) -> Result<(), MountError> {
        let view = barrier.view(place::CORE)?;
        let first = stored::first(kinds, &*host.entropy)?;
        view.require_absent(batch, KEY)?;
        Ok(view.put(batch, KEY, &stored::encode(&first, &[]))?)
    }

    /// The stored table, with an engine for every mount. What removals before the last sealing have left is removed
    /// meanwhile.
    pub async fn load(barrier: &Barrier, host: &Host, kinds: &Kinds) -> Result<Self, MountError> {
        let view = barrier.view(place::CORE)?;
        let stored = view.get(KEY).await?.ok_or_else(|| view.missing(KEY))?;
        let mut stored = stored::decode(stored.expose(), kinds).map_err(|error| unreadable(error, &view))?;
        // A server of a version before this one was initialised without them.
        let missing = stored::missing(&stored.0, kinds, &*host.entropy)?;
        if !missing.is_empty() {
            stored.0.extend(missing);
            let mut batch = Batch::new();
            view.put(&mut batch, KEY, &stored::encode(&stored.0, &stored.1))?;
            view.commit(batch).await?;
        }
        let mounts = Self(Arc::new(Shared {
            table: RwLock::new(Arc::default()),
            writer: tokio::sync::Mutex::default(),
            barrier: barrier.clone(),
            view,
            host: host.clone(),
            kinds: kinds.clone(),
        }));
        let table = mounts.open(stored).await?;
        let leftovers = table.pending_deletion.clone();
        mounts.show(table);
        if !leftovers.is_empty() {
            let mounts = mounts.clone();
            host.spawn.spawn(Box::pin(async move {
                for uuid in leftovers {
                    mounts.sweep(&uuid).await;
                }
            }));
        }
        Ok(mounts)
    }

    /// The mount that a request's path leads to: the one with the longest path that it begins with. A path that lacks
    /// only the final slash leads there too.
    pub fn find(&self, path: &str) -> Option<Arc<Mount>> {
        self.read().find(path).cloned()
    }

    /// The kinds of engine that can be mounted.
    pub fn kinds(&self) -> &Kinds {
        &self.0.kinds
    }

    /// The mount at exactly this path (with its final slash).
    pub fn at(&self, path: &str) -> Option<Arc<Mount>> {
        self.read().at(path).cloned()
    }

    /// The table as it is now.
    pub fn snapshot(&self) -> Arc<Table> {
        Arc::clone(&self.read())
    }

    /// Makes a mount, which gets its ids here, with its engine.
    pub async fn enable(&self, mut draft: MountEntry) -> Result<(), MountError> {
        check_path(&draft.path, draft.kind)?;
        let _turn = self.0.writer.lock().await;
        let table = self.snapshot();
        if let Some(other) = table.conflict(&draft.path) {
            let path = other.path.strip_prefix(LOGINS).unwrap_or(&other.path);
            return Err(MountError::InUse(path.to_owned()));
        }
        if !self.0.kinds.is_version(draft.kind, "") {
            draft.options.get_or_insert_default().insert("version", draft.kind.version);
        }
        if table.iter().count() >= MOUNTS_MAX {
            return Err(MountError::TooMany);
        }
        let mount = self.instantiate(stored::with_ids(draft, &*self.0.host.entropy)?).await?;
        self.replace_within_bound(&table, table.with(mount)).await
    }

    /// Removes the engine at a path (with its final slash), if there is one, then its data. Once the table without it is
    /// durable the mount is gone, whatever becomes of its data: what is left is removed after the next unsealing.
    pub async fn disable(&self, path: &str) -> Result<(), MountError> {
        let gone = {
            let _turn = self.0.writer.lock().await;
            let table = self.snapshot();
            let mount = table.at(path).cloned();
            let builtin = mount.as_ref().map_or(RESERVED.contains(&path), |mount| mount.kind.is_builtin());
            if builtin {
                return Err(MountError::Builtin(path.to_owned()));
            }
            let Some(mount) = mount else { return Ok(()) };
            self.replace(table.without(&mount)).await?;
            mount
        };
        gone.space.close().await;
        self.sweep(&gone.uuid).await;
        Ok(())
    }

    /// Changes description and settings of the mount at a path (with its final slash).
    pub async fn tune<E: From<MountError>>(
        &self,
        path: &str,
        change: impl FnOnce(&mut MountEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let _turn = self.0.writer.lock().await;
        let table = self.snapshot();
        let mut mount = Mount::clone(table.at(path).ok_or_else(|| MountError::Missing(path.to_owned()))?);
        change(&mut mount.entry)?;
        Ok(self.replace_within_bound(&table, table.with(mount)).await?)
    }

    /// Shows the table that is stored now. An engine that stays mounted keeps what it has in memory.
    pub async fn invalidate(&self) -> Result<(), MountError> {
        let _turn = self.0.writer.lock().await;
        let view = &self.0.view;
        let bytes = view.get(KEY).await?.ok_or_else(|| view.missing(KEY))?;
        let stored =
            stored::decode(bytes.expose(), &self.0.kinds).map_err(|error| unreadable(error, view))?;
        let table = self.open(stored).await?;
        let before = self.snapshot();
        let removed = |mount: &&Arc<Mount>| !table.iter().any(|now| now.uuid == mount.uuid);
        let removed: Vec<Arc<Mount>> = before.iter().filter(removed).cloned().collect();
        self.show(table);
        for mount in removed {
            mount.space.close().await;
        }
        Ok(())
    }

    /// Reads again what the engine of a mount keeps in memory of the value at a key of its part of the store.
    pub async fn invalidate_engine(&self, uuid: &str, key: &str) -> Result<(), MountError> {
        let table = self.snapshot();
        let Some(mount) = table.iter().find(|mount| mount.uuid == uuid) else { return Ok(()) };
        let done = mount.engine.invalidate(key).await;
        done.map_err(|_| MountError::Engine(mount.path.clone()))
    }

    /// Removes all data of a removed mount, then forgets it. A failure is tried again after the next unsealing.
    async fn sweep(&self, uuid: &str) {
        if let Err(error) = self.try_sweep(uuid).await {
            tracing::warn!(%error, mount = uuid, "data of a removed mount is left until the next unsealing");
        }
    }

    async fn try_sweep(&self, uuid: &str) -> Result<(), MountError> {
        let view = self.0.barrier.view(&data_folder(uuid))?;
        let mut removed = SWEPT_KEYS;
        while removed == SWEPT_KEYS {
            let mut batch = Batch::new();
            removed = view.delete_below(&mut batch, "", SWEPT_KEYS).await?;
            view.commit(batch).await?;
        }
        let _turn = self.0.writer.lock().await;
        self.replace(self.snapshot().swept(uuid)).await
    }

    /// Stores a table in place of `old`, then shows it, unless it is longer than that and than a table can be: an old
    /// one beyond the bound can be shortened. The writer's turn must be held.
    async fn replace_within_bound(&self, old: &Table, table: Table) -> Result<(), MountError> {
        let bytes = encode(&table);
        if bytes.len() > TABLE_BYTES_MAX && bytes.len() > encode(old).len() {
            return Err(MountError::TableTooLong(bytes.len()));
        }
        self.store(table, &bytes).await
    }

    /// Stores a smaller table, then shows it. The writer's turn must be held.
    async fn replace(&self, table: Table) -> Result<(), MountError> {
        let bytes = encode(&table);
        self.store(table, &bytes).await
    }

    /// Stores a table as these bytes, then shows it. The writer's turn must be held.
    async fn store(&self, table: Table, bytes: &[u8]) -> Result<(), MountError> {
        let mut batch = Batch::new();
        self.0.view.put(&mut batch, KEY, bytes)?;
        self.0.view.commit(batch).await?;
        self.show(table);
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Arc<Table>> {
        self.0.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, table: Table) {
        *self.0.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// A stored table with an engine for every mount: the one that is shown now, if there is one.
    async fn open(
        &self,
        (entries, pending_deletion): (Vec<MountEntry>, Vec<String>),
    ) -> Result<Table, MountError> {
        let before = self.snapshot();
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries {
            let same = |mount: &&Arc<Mount>| mount.uuid == entry.uuid && std::ptr::eq(mount.kind, entry.kind);
            list.push(Arc::new(match before.iter().find(same).cloned() {
                Some(mount) => Mount { entry, ..Mount::clone(&mount) },
                None => self.instantiate(entry).await?,
            }));
        }
        Ok(Table::new(list, pending_deletion))
    }

    async fn instantiate(&self, entry: MountEntry) -> Result<Mount, MountError> {
        let folder = match entry.kind.mounting {
            Mounting::Builtin(Builtin { folder: Some(folder), .. }) => folder.to_owned(),
            Mounting::Builtin(_) | Mounting::Secrets | Mounting::Login => data_folder(&entry.uuid),
        };
        let space = Arc::new(Space::new(self.0.barrier.view(&folder)?));
        let opened = (entry.kind.open)(Arc::clone(&space)).await;
        let engine = opened.map_err(|_| MountError::Engine(entry.path.clone()))?;
        Ok(Mount { entry, engine, space })
    }
}

fn unreadable(error: MountError, view: &View) -> MountError {
    if let MountError::Damaged(_) = error { view.unreadable(KEY).into() } else { error }
}

fn encode(table: &Table) -> Vec<u8> {
    stored::encode(table.iter().map(|mount| &mount.entry), &table.pending_deletion)
}

fn data_folder(uuid: &str) -> String {
    format!("{}{uuid}/", place::MOUNTS)
}

/// A path that an engine of this kind can be mounted at: a login method below `auth/`, all else nowhere that is reserved.
fn check_path(path: &str, kind: &EngineKind) -> Result<(), MountError> {
    let allowed = match kind.mounting {
        Mounting::Login => path.starts_with(LOGINS),
        Mounting::Secrets | Mounting::Builtin(_) => {
            !RESERVED.iter().any(|reserved| path.starts_with(reserved))
        }
    };
    if !allowed {
        return Err(MountError::Reserved(path.to_owned()));
    }
    if let Some(found) = find_invisible(path) {
        return Err(MountError::Invisible(found));
    }
    let bad = |part: &str| matches!(part, "" | "." | "..");
    match path.strip_suffix('/') {
        Some(name) if path.len() <= 1024 && name.trim() == name && !name.split('/').any(bad) => Ok(()),
        _ => Err(MountError::BadPath(path.to_owned())),
    }
}

/// Why the table was not read or changed. Clients are told the texts of the first ones.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// Another mount is at, above or below the path. Its path, as its listing has it.
    #[error("path is already in use at {0}")]
    InUse(String),
    #[error("cannot mount {0:?}")]
    Reserved(String),
    #[error("{0:?} is not a path that can be mounted at")]
    BadPath(String),
    #[error("the path of a mount must not contain {0}")]
    Invisible(Invisible),
    #[error("cannot unmount {0:?}")]
    Builtin(String),
    #[error("no matching mount at {0:?}")]
    NoMount(String),
    #[error("cannot remount {0:?}: it is part of the server")]
    Fixed(String),
    #[error("tune of path {0:?} failed: no mount entry found")]
    Missing(String),
    #[error("there are {MOUNTS_MAX} mounts, and there can be no more: disable one first")]
    TooMany,
    #[error(
        "the mount table would have {0} bytes; it may have {TABLE_BYTES_MAX}: disable a mount, or shorten descriptions and \
         lists of settings"
    )]
    TableTooLong(usize),
    #[error("the engine at {0} cannot be opened")]
    Engine(String),
    #[error("the stored mount table is damaged")]
    Damaged(#[from] Broken),
    #[error("{0}")]
    Entropy(#[from] EntropyError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Commit(#[from] CommitError),
}

impl From<KeyError> for MountError {
    fn from(error: KeyError) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onrecord_audit::SystemClock;
    use onrecord_storage::memory::Memory;
    use onrecord_storage::{Batch, Storage};

    use super::{MountError, Mounts, TABLE_BYTES_MAX};
    use crate::engine::mount::{Mount, MountEntry};
    use crate::kinds;
    use crate::kit::{host, unsealed_barrier};

    fn check_path(path: &str) -> Result<(), MountError> {
        super::check_path(path, &crate::engine::kv1::KIND)
    }

    #[tokio::test]
    async fn a_stored_table_beyond_the_bound_can_be_shortened_but_not_lengthened() {
        let host = host(Arc::new(SystemClock::new()));
        let barrier = unsealed_barrier(Storage::start(Memory::new()).unwrap()).await;
        let kinds = kinds::builtin();
        let mut batch = Batch::new();
        Mounts::make(&mut batch, &barrier, &host, &kinds).unwrap();
        barrier.commit(batch).await.unwrap();
        let mounts = Mounts::load(&barrier, &host, &kinds).await.unwrap();
        let entry = |path: &str| MountEntry::bare(path, &crate::engine::kv1::KIND);
        mounts.enable(entry("kv/")).await.unwrap();
        // As a version without the bound stored it.
        let mut mount = Mount::clone(&mounts.at("kv/").unwrap());
        mount.entry.description = "d".repeat(TABLE_BYTES_MAX + 1000);
        mounts.replace(mounts.snapshot().with(mount)).await.unwrap();

        let describe = async |bytes: usize| {
            let change = |mount: &mut MountEntry| {
                mount.description = "d".repeat(bytes);
                Ok::<_, MountError>(())
            };
            mounts.tune("kv/", change).await
        };
        assert!(matches!(describe(TABLE_BYTES_MAX + 1001).await, Err(MountError::TableTooLong(_))));
        describe(TABLE_BYTES_MAX + 999).await.unwrap();
        assert!(matches!(mounts.enable(entry("more/")).await, Err(MountError::TableTooLong(_))));
        describe(1).await.unwrap();
        assert!(matches!(describe(TABLE_BYTES_MAX).await, Err(MountError::TableTooLong(_))));
        mounts.enable(entry("more/")).await.unwrap();
    }

    #[test]
    fn what_can_be_mounted_at() {
        for good in ["kv/", "a/b/c/", "ä b/", "a.b/", "sysx/", "..a/"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "kv", "a//b/", "../", "a/../b/", "./", " kv/", "kv /", "/kv/"] {
            assert!(matches!(check_path(bad), Err(MountError::BadPath(_))), "{bad:?}");
        }
        for unseen in ["a\nb/", "a\u{200b}/", "\u{202e}/"] {
            assert!(matches!(check_path(unseen), Err(MountError::Invisible(_))), "{unseen:?}");
        }
        for taken in ["sys/", "sys/x/", "auth/", "auth/x/", "cubbyhole/", "identity/y/", "audit/"] {
            assert!(matches!(check_path(taken), Err(MountError::Reserved(_))), "{taken}");
        }
    }
}
