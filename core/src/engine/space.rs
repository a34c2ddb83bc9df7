//! An engine's own part of the store: reads at any time; changes of a key one after another, each one batch.
//! Never in it: what is stored.

use std::fmt::Display;

use onrecord_seal::SecretBytes;
use onrecord_storage::{Batch, Commit, CommitError, Read, Seen, StoreError, View};
use tokio::sync::RwLock;

use super::codec::Broken;
use crate::admission::Permit;
use crate::outcome::Refusal;

/// How often a change is tried again because one before it, which it had counted on, was refused by the store.
const TRIES: u32 = 4;

/// A mount's part of the store.
pub struct Space {
    view: View,
    /// Whether the mount is gone. A write holds it for reading until it is durable.
    closed: RwLock<bool>,
}

/// The largest value, in bytes, that is kept from the existence check of a write to the write.
const KEPT: usize = 4096;

/// What the existence check of a write read, so that the write need not read it again. A value that takes room is not
/// kept meanwhile.
pub struct Existing {
    is_stored: bool,
    /// How many bytes are.
    size: usize,
    kept: Option<(Option<SecretBytes>, Seen)>,
}

impl Existing {
    /// Something with this number of bytes is stored at the key: it is known without a read.
    pub(crate) const fn known(size: usize) -> Self {
        Self { is_stored: true, size, kept: None }
    }

    /// Whether something is stored at the key.
    pub const fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// How many bytes are stored at the key.
    pub const fn size(&self) -> usize {
        self.size
    }
}

/// What a change makes of the store: one batch.
pub struct ChangeBatch<'a> {
    view: &'a View,
    batch: Batch,
    /// Values beside the one the change depends on, as they were read for it.
    known: Vec<(String, Option<SecretBytes>)>,
    /// One of them that must be waited for.
    wanted: Option<(String, Latest<'a>)>,
}

type Latest<'a> = Read<'a, Result<(Option<SecretBytes>, Seen), StoreError>>;

impl Space {
    /// The part of the store that `view` shows.
    pub fn new(view: View) -> Self {
        Self { view, closed: RwLock::new(false) }
    }

    /// What is stored at a key.
    pub fn get(&self, key: &str) -> Read<'_, Result<Option<SecretBytes>, Refusal>> {
        self.view.get(key).map(|value| value.map_err(refused))
    }

    /// As [`Space::get`], for an answer: the work on a large value goes on on the threads for large requests.
    pub fn read<'a>(
        &'a self,
        key: &str,
        permit: &'a Permit,
    ) -> Read<'a, Result<Option<SecretBytes>, Refusal>> {
        if permit.must_move() {
            let key = key.to_owned();
            return Read::pending(async move {
                permit.move_away().await;
                self.get(&key).await
            });
        }
        self.get(key).then(move |stored| match &stored {
            Ok(Some(value)) if permit.must_move_with(value.expose().len()) => Read::pending(async move {
                permit.move_away().await;
                stored
            }),
            _ => Read::Ready(stored),
        })
    }

    /// What is stored at the key of a write; `None` where that cannot be read.
    pub fn existing(&self, key: &str) -> Read<'_, Option<Box<Existing>>> {
        self.view.seen(key).map(|read| {
            let (value, seen) = read.ok()?;
            let (is_stored, size) = (value.is_some(), value.as_ref().map_or(0, |value| value.expose().len()));
            Some(Box::new(Existing { is_stored, size, kept: (size <= KEPT).then_some((value, seen)) }))
        })
    }

    /// The names below a folder (empty: the whole space; else ends in `/`), sorted; folders end in `/`.
    pub fn list(&self, folder: &str) -> Read<'_, Result<Vec<String>, Refusal>> {
        self.view.list(folder).map(|names| names.map_err(refused))
    }

    /// Changes what depends on the value at `key`, as one batch, durable on return. What the existence check has read of it
    /// (`existing`) is not read again: if it has changed since, the batch is refused, and the change decided again. `decide` is called with that
    /// value and makes the batch; changes of one key are decided one after another. It is called again if a change that
    /// it saw did not become durable, or if a value that it asked for ([`ChangeBatch::latest`]) had to be waited for, and must
    /// not keep anything from the first time. What the change reads takes room of the request's `permit`; what it takes is
    /// given back before the change is decided again.
    pub async fn change<T>(
        &self,
        key: &str,
        existing: Option<&Existing>,
        permit: &Permit,
        mut decide: impl FnMut(Option<&SecretBytes>, &mut ChangeBatch<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let closed = self.closed.read().await;
        if *closed {
            return Err(Refusal::unsupported_path());
        }
        let held = permit.held();
        let mut turn = None;
        for attempt in 0..TRIES {
            permit.shrink_to(held);
            let existing = existing.filter(|_| attempt == 0);
            if turn.is_none() {
                turn = Some(self.view.lock(key).await.map_err(refused)?);
            }
            let (result, commit) = self.attempt(key, existing, permit, &mut decide).await?;
            // It orders the changes of a key up to their place in the line of commits, not their commits. Once refused, a change
            // keeps it to the end: it may have been decided on one before it that was refused, too, and while others come
            // between, that could happen again and again. The next time, all that was before it in the line is settled.
            if attempt == 0 {
                turn = None;
            }
            match commit.await {
                Ok(()) => return Ok(result),
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(failed(&"changes that a change counted on were refused again and again"))
    }

    /// Decides a change, whose turn it is, and puts it into the line of commits.
    async fn attempt<T>(
        &self,
        key: &str,
        existing: Option<&Existing>,
        permit: &Permit,
        decide: &mut impl FnMut(Option<&SecretBytes>, &mut ChangeBatch<'_>) -> Result<T, Refusal>,
    ) -> Result<(T, Commit), Refusal> {
        let read;
        let kept = existing.and_then(|existing| existing.kept.as_ref());
        let (old, seen) = match kept.filter(|(_, seen)| self.view.is_latest(key, seen)) {
            Some((value, seen)) => (value.as_ref(), seen.clone()),
            None => {
                read = self.view.latest(key).await.map_err(refused)?;
                permit.hold_change(read.0.as_ref().map_or(0, |value| value.expose().len()))?;
                (read.0.as_ref(), read.1.clone())
            }
        };
        let mut draft =
            ChangeBatch { view: &self.view, batch: Batch::new(), known: Vec::new(), wanted: None };
        let held = permit.held();
        let result = loop {
            let result = decide(old, &mut draft);
            let Some((key, read)) = draft.wanted.take() else { break result? };
            draft.batch = Batch::new();
            permit.shrink_to(held);
            let (value, _) = read.await.map_err(refused)?;
            draft.known.push((key, value));
        };
        // Even if nothing changes: what was seen may still be on its way, and must not be answered before it is there.
        draft.batch.require(seen);
        Ok((result, self.view.commit(draft.batch)))
    }

    /// Lets the changes that have begun end, and no other begin.
    pub async fn close(&self) {
        *self.closed.write().await = true;
    }
}

impl ChangeBatch<'_> {
    /// Another value that goes with the one the change depends on, as the changes before this one leave it. Where it is
    /// not there at once, this fails, and the change is decided again when it is.
    pub fn latest(&mut self, key: &str) -> Result<Option<SecretBytes>, Refusal> {
        if let Some(at) = self.known.iter().position(|(known, _)| known == key) {
            return Ok(self.known.swap_remove(at).1);
        }
        match self.view.latest(key).now() {
            Ok(latest) => latest.map(|(value, _)| value).map_err(refused),
            Err(read) => {
                self.wanted = Some((key.to_owned(), read));
                Err(Refusal::internal())
            }
        }
    }

    /// The batch, for what is stored elsewhere together with the change.
    pub(crate) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Stores a value.
    pub fn put(&mut self, key: &str, value: &[u8]) -> Result<(), Refusal> {
        self.view.put(&mut self.batch, key, value).map_err(refused)
    }

    /// Removes a value, if it is there.
    pub fn delete(&mut self, key: &str) -> Result<(), Refusal> {
        self.view.delete(&mut self.batch, key).map_err(refused)
    }
}

/// What the client is told when the store cannot read or prepare something. A path that is no key is the client's own
/// doing; of all else it learns only that there was a failure.
pub(crate) fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::Key(error) => Refusal::invalid(error.to_string()),
        StoreError::Sealed => {
            Refusal { status: 503, text: Some("Vault is sealed".to_owned()), ..Refusal::internal() }
        }
        error => failed(&error),
    }
}

/// A failure of the store, for the operator; the client learns only that there was one.
pub(crate) fn failed(error: &dyn Display) -> Refusal {
    tracing::error!(error = %error, "the store failed a request");
    Refusal::internal()
}

impl From<Broken> for Refusal {
    fn from(error: Broken) -> Self {
        failed(&error)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use onrecord_storage::Storage;
    use onrecord_storage::far::Far;

    use super::*;
    use crate::admission::{Admission, Priority};
    use crate::kit::unsealed_barrier;

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn a_change_that_is_decided_several_times_holds_room_for_the_last_time_alone() {
        let storage = Storage::start(Far::new(Duration::from_millis(1)).unwrap()).unwrap();
        let view = unsealed_barrier(storage).await.view("mounts/kv/").unwrap();
        let store = || {
            let mut batch = Batch::new();
            view.put(&mut batch, "key", &vec![0; MIB]).unwrap();
            view.commit(batch)
        };
        store().await.unwrap();
        let space = Space::new(view.clone());
        let admission = Admission::new(64, 128 * MIB);
        let permit = admission.account(None).arrive(Priority::Ordinary, "kv/key");
        permit.grow(MIB).unwrap();
        let (mut decisions, mut attempts) = (0, 0);
        let changed = space.change("key", None, &permit, |stored, draft| {
            decisions += 1;
            assert_eq!(stored.map(|stored| stored.expose().len()), Some(MIB));
            permit.hold_change(2 * MIB)?;
            draft.latest("another key")?;
            attempts += 1;
            if attempts == 1 {
                // A write of the same key that comes first: the store refuses this change.
                drop(store());
            }
            Ok(())
        });
        assert!(changed.await.is_ok());
        assert!(decisions > 2 && attempts == 2, "{decisions} decisions in {attempts} attempts");
        assert_eq!(admission.bytes_held(), (1 + 2 + 4) * MIB);
    }
}
