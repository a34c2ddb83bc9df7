//! The mount table: which engine is where. Every change is one batch; a request looks up in an immutable snapshot.
//! Never in it: endpoints and their texts (`engine::sys::mounts`), or what engines do.

mod stored;
mod sweep;
mod table;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use onrecord_seal::EntropyError;
use onrecord_storage::{Barrier, Batch, CommitError, StoreError, View};
use onrecord_value::Object;

pub(crate) use table::Table;

use crate::engine::kind::{Builtin, EngineKind, Kinds, Mounting};
use crate::engine::mount::{LOGINS, Mount};
use crate::engine::space::Space;
use crate::engine::tune::Tune;
use crate::host::Host;
use crate::place;
use stored::{Row, Stored};

/// The key of the table.
const KEY: &str = "mounts";
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

/// A mount to be made.
#[derive(Clone)]
pub struct MountDraft {
    /// What is to run there.
    pub kind: &'static EngineKind,
    /// What it is for.
    pub description: String,
    /// Kept out of replication (echoed only).
    pub local: bool,
    /// Echoed only.
    pub seal_wrap: bool,
    /// Echoed only.
    pub external_entropy_access: bool,
    /// Texts by name, as they are to be listed.
    pub options: Object,
    /// Settings.
    pub tune: Tune,
}

impl Mounts {
    /// The stored table, with an engine for every mount; made, with the server's own mounts, if there is none yet.
    /// What removals before the last sealing have left is removed meanwhile.
    pub async fn load(barrier: &Barrier, host: &Host, kinds: &Kinds) -> Result<Self, MountError> {
        let view = barrier.view(place::CORE)?;
        let stored = if let Some(bytes) = view.get(KEY)? {
            Stored::decode(bytes.expose()).map_err(|_| MountError::Damaged)?
        } else {
            let first = Stored::first(kinds, &*host.entropy)?;
            let mut batch = Batch::new();
            view.require_absent(&mut batch, KEY)?;
            view.put(&mut batch, KEY, &first.encode())?;
            view.commit(batch).await?;
            first
        };
        let mounts = Self(Arc::new(Shared {
            table: RwLock::new(Arc::default()),
            writer: tokio::sync::Mutex::default(),
            barrier: barrier.clone(),
            view,
            host: host.clone(),
            kinds: kinds.clone(),
        }));
        let list =
            stored.rows.into_iter().map(|row| mounts.instantiate(row)).collect::<Result<Vec<_>, _>>()?;
        let leftovers = !stored.pending_deletion.is_empty();
        mounts.show(Table::new(list, stored.pending_deletion));
        if leftovers {
            let mounts = mounts.clone();
            host.spawn.spawn(Box::pin(async move { mounts.sweep_leftovers().await }));
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

    /// Puts an engine at a path (with its final slash).
    pub async fn enable(&self, path: &str, draft: MountDraft) -> Result<(), MountError> {
        check_path(path, draft.kind)?;
        let _turn = self.0.writer.lock().await;
        let table = self.snapshot();
        if let Some(other) = table.conflict(path) {
            return Err(MountError::InUse { path: other.path.clone() });
        }
        let row = Row::new(&self.0.kinds, path, draft, &*self.0.host.entropy)?;
        let mount = self.instantiate(row)?;
        self.replace(table.with(mount)).await
    }

    /// Removes the engine at a path (with its final slash), then its data; says whether there was one. Once the table
    /// without it is durable the mount is gone, whatever becomes of its data: what is left is removed after the next
    /// unsealing.
    pub async fn disable(&self, path: &str) -> Result<bool, MountError> {
        let gone = {
            let _turn = self.0.writer.lock().await;
            let table = self.snapshot();
            let Some(mount) = table.at(path) else {
                return if RESERVED.contains(&path) { Err(MountError::Builtin) } else { Ok(false) };
            };
            if mount.kind.is_builtin() {
                return Err(MountError::Builtin);
            }
            let mount = Arc::clone(mount);
            self.replace(table.without(&mount)).await?;
            mount
        };
        gone.space.close().await;
        self.sweep(&gone.uuid).await;
        Ok(true)
    }

    /// Changes description and settings of the mount at a path (with its final slash).
    pub async fn tune<E: From<MountError>>(
        &self,
        path: &str,
        change: impl FnOnce(&mut Mount) -> Result<(), E>,
    ) -> Result<(), E> {
        let _turn = self.0.writer.lock().await;
        let table = self.snapshot();
        let mut mount = Mount::clone(table.at(path).ok_or(MountError::Missing)?);
        change(&mut mount)?;
        Ok(self.replace(table.with(mount)).await?)
    }

    /// Stores a table, then shows it. The writer's turn must be held.
    async fn replace(&self, table: Table) -> Result<(), MountError> {
        let mut batch = Batch::new();
        self.0.view.put(&mut batch, KEY, &Stored::of(&table).encode())?;
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

    fn space(&self, folder: &str) -> Result<Arc<Space>, MountError> {
        Ok(Arc::new(Space::new(self.0.barrier.view(folder)?)))
    }

    /// A stored mount with its engine.
    fn instantiate(&self, row: Row) -> Result<Mount, MountError> {
        let failed = || MountError::Engine { path: row.path.clone() };
        let kind = self.0.kinds.stored(&row.kind, row.version()).ok_or_else(failed)?;
        let space = match kind.mounting {
            Mounting::Builtin(Builtin { folder: Some(folder), .. }) => self.space(folder)?,
            _ => self.space(&data_folder(&row.uuid))?,
        };
        let engine = kind.open(Arc::clone(&space)).map_err(|_| failed())?;
        Ok(row.mount(kind, engine, space))
    }
}

/// Where a mount's data is stored.
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
        return Err(MountError::Reserved);
    }
    let name = path.strip_suffix('/').ok_or(MountError::BadPath)?;
    let bad = |part: &str| matches!(part, "" | "." | "..") || part.chars().any(char::is_control);
    if path.len() > 1024 || name.trim() != name || name.split('/').any(bad) {
        return Err(MountError::BadPath);
    }
    Ok(())
}

/// Why the table was not read or changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum MountError {
    /// Another mount is at, above or below the path.
    InUse {
        /// The other one's path.
        path: String,
    },
    /// The path belongs to the server.
    Reserved,
    /// The path is none that something can be mounted at.
    BadPath,
    /// The mount is part of the server.
    Builtin,
    /// Nothing is mounted there.
    Missing,
    /// The engine of a stored mount cannot be opened.
    Engine {
        /// Where it is mounted.
        path: String,
    },
    /// The stored table cannot be read.
    Damaged,
    /// There is no randomness to make ids from.
    Entropy(EntropyError),
    /// The store could not read or prepare something.
    Store(StoreError),
    /// The store did not make the change.
    Commit(CommitError),
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { path } => write!(f, "path is already in use at {path}"),
            Self::Reserved => f.write_str("the path belongs to the server"),
            Self::BadPath => f.write_str("nothing can be mounted at such a path"),
            Self::Builtin => f.write_str("the mount is part of the server"),
            Self::Missing => f.write_str("no mount entry found"),
            Self::Engine { path } => write!(f, "the engine at {path} cannot be opened"),
            Self::Damaged => f.write_str("the stored mount table is damaged"),
            Self::Entropy(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Commit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MountError {}

impl From<EntropyError> for MountError {
    fn from(error: EntropyError) -> Self {
        Self::Entropy(error)
    }
}

impl From<StoreError> for MountError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<onrecord_storage::KeyError> for MountError {
    fn from(error: onrecord_storage::KeyError) -> Self {
        Self::Store(error.into())
    }
}

impl From<CommitError> for MountError {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}

#[cfg(test)]
mod tests {
    use super::MountError;

    fn check_path(path: &str) -> Result<(), MountError> {
        super::check_path(path, &crate::engine::kv1::KIND)
    }

    #[test]
    fn what_can_be_mounted_at() {
        for good in ["kv/", "a/b/c/", "ä b/", "a.b/", "sysx/", "..a/"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "kv", "a//b/", "../", "a/../b/", "./", " kv/", "kv /", "a\nb/", "/kv/"] {
            assert!(matches!(check_path(bad), Err(MountError::BadPath)), "{bad:?}");
        }
        for taken in ["sys/", "sys/x/", "auth/", "auth/x/", "cubbyhole/", "identity/y/", "audit/"] {
            assert!(matches!(check_path(taken), Err(MountError::Reserved)), "{taken}");
        }
    }
}
