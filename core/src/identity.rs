//! The identity store: who clients are, whatever they log in with, and which groups they are in. All of it is in memory. A
//! change is committed first; then it is made in memory and the generation counted up, before its answer leaves. Each keeper
//! of something that follows from it compares the generation (I11).
//! Never in it: endpoints (`engine::identity`), or what a policy means.

mod caller;
mod login;
mod records;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use onrecord_storage::{Barrier, Batch, KeyError, StoreError, View};

pub use caller::CallerIdentity;
pub(crate) use records::{Alias, Entity, Group};
pub(crate) use state::State;

use crate::engine::space::{failed, refused};
use crate::host::Host;
use crate::outcome::Refusal;
use crate::place;
use crate::stored::Record as _;
use state::Change;

/// How many entities there can be: all of them are in memory.
pub(crate) const ENTITIES_MAX: usize = 100_000;
/// How many groups there can be.
pub(crate) const GROUPS_MAX: usize = 10_000;

const ENTITY: &str = "entity/";
const GROUP: &str = "group/";

/// The identity store; clones are handles to one store.
#[derive(Clone)]
pub struct Identity(Arc<IdentityStore>);

struct IdentityStore {
    view: View,
    host: Host,
    state: RwLock<State>,
    /// Counted up under the lock of `state`, whenever that changes.
    generation: AtomicU64,
    /// Held by a change from its decision until it is in force.
    writing: tokio::sync::Mutex<()>,
}

/// What one change does to the store: one batch.
#[derive(Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    pub(crate) fn put_entity(&mut self, entity: Arc<Entity>) {
        self.0.push(Change::PutEntity(entity));
    }

    pub(crate) fn remove_entity(&mut self, id: &str) {
        self.0.push(Change::RemoveEntity(id.to_owned()));
    }

    pub(crate) fn put_group(&mut self, group: Arc<Group>) {
        self.0.push(Change::PutGroup(group));
    }

    pub(crate) fn remove_group(&mut self, id: &str) {
        self.0.push(Change::RemoveGroup(id.to_owned()));
    }
}

/// Why the store was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The view has no such key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store could not be read, or a record of it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// Reads all that is stored. A record that cannot be read fails it: leaving it out could let a disabled entity in.
    pub async fn load(barrier: &Barrier, host: &Host) -> Result<Self, IdentityError> {
        let view = barrier.view(place::IDENTITY)?;
        let mut state = State::default();
        for key in view.keys("", "", usize::MAX).await? {
            if let Some(change) = read(&view, &key).await? {
                state.apply(change);
            }
        }
        Ok(Self(Arc::new(IdentityStore {
            view,
            host: host.clone(),
            state: RwLock::new(state),
            generation: AtomicU64::new(1),
            writing: tokio::sync::Mutex::default(),
        })))
    }

    /// Counts the changes. What followed from an older generation must not be used any more.
    pub(crate) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// All of it, as it is now. Not to be held while anything is waited for.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entity of a token with policies of its `own`, and the generation. `None` if it is disabled or gone: then the token
    /// is of no use.
    pub(crate) fn caller(&self, entity: &str, own: &[String]) -> (u64, Option<Arc<CallerIdentity>>) {
        let state = self.state();
        let entity = state.entity(entity).filter(|entity| !entity.disabled);
        let caller = entity.map(|entity| {
            Arc::new(CallerIdentity::new(Arc::clone(entity), state.all_groups(&entity.id), own))
        });
        (self.generation(), caller)
    }

    /// A random UUID for a new record.
    pub(crate) fn id(&self) -> Result<String, Refusal> {
        self.0.host.entropy.uuid().map_err(|error| failed(&error))
    }

    /// Makes a change, as one batch, durable and in force on return. One at a time.
    pub(crate) async fn change<T>(
        &self,
        decide: impl FnOnce(&State, &mut Changes) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let _turn = self.0.writing.lock().await;
        let mut changes = Changes::default();
        let result = decide(&self.state(), &mut changes)?;
        if changes.0.is_empty() {
            return Ok(result);
        }
        let mut batch = Batch::new();
        let view = &self.0.view;
        for change in &changes.0 {
            let laid = match change {
                Change::PutEntity(entity) => view.put(&mut batch, &key(ENTITY, &entity.id), &entity.encode()),
                Change::RemoveEntity(id) => view.delete(&mut batch, &key(ENTITY, id)),
                Change::PutGroup(group) => view.put(&mut batch, &key(GROUP, &group.id), &group.encode()),
                Change::RemoveGroup(id) => view.delete(&mut batch, &key(GROUP, id)),
            };
            laid.map_err(refused)?;
        }
        view.commit(batch).await.map_err(|error| failed(&error))?;
        self.show(changes.0);
        Ok(result)
    }

    fn show(&self, changes: Vec<Change>) {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            state.apply(change);
        }
        self.0.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Makes effective what is stored at a key, which another process may have changed.
    pub(crate) async fn invalidate(&self, key: &str) -> Result<(), IdentityError> {
        let _turn = self.0.writing.lock().await;
        let change = match read(&self.0.view, key).await? {
            Some(change) => Some(change),
            None => key
                .strip_prefix(ENTITY)
                .map(|id| Change::RemoveEntity(id.to_owned()))
                .or_else(|| Some(Change::RemoveGroup(key.strip_prefix(GROUP)?.to_owned()))),
        };
        self.show(change.into_iter().collect());
        Ok(())
    }
}

async fn read(view: &View, key: &str) -> Result<Option<Change>, StoreError> {
    let Some(stored) = view.get(key).await? else { return Ok(None) };
    let change = if key.starts_with(ENTITY) {
        Entity::decode(stored.expose(), ()).map(|entity| Change::PutEntity(Arc::new(entity)))
    } else {
        Group::decode(stored.expose(), ()).map(|group| Change::PutGroup(Arc::new(group)))
    };
    change.map(Some).ok_or_else(|| view.unreadable(key))
}

fn key(folder: &str, id: &str) -> String {
    [folder, id].concat()
}

/// The name of a record that was given none: `entity_1a2b3c4d`.
pub(crate) fn random_name(kind: &str, id: &str) -> String {
    format!("{kind}_{}", id.get(..8).unwrap_or(id))
}

/// There are as many records as there can be.
pub(crate) fn too_many(what: &str, max: usize) -> Refusal {
    Refusal::invalid(format!("there are {max} {what}, and there can be no more: delete one first"))
}
