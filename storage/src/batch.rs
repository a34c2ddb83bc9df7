//! What becomes durable together: puts, deletes and the preconditions of all of them. Never in it:
//! encryption; what is put here is stored as it is.

use std::fmt;
use std::sync::Arc;

use crate::error::Conflict;

/// Changes that are made all or not at all. Later changes of a key win over earlier ones.
#[derive(Default)]
pub struct Batch {
    changes: Vec<Change>,
    preconditions: Vec<Precondition>,
}

/// One change of one key.
#[derive(Clone)]
#[non_exhaustive]
pub struct Change {
    /// The whole key.
    pub key: String,
    /// The bytes to be stored, whatever was there; `None`: nothing is there afterwards, and no error if nothing was.
    pub value: Option<Arc<[u8]>>,
}

/// What must hold, at this batch's place in the order of commits, for its changes to be made.
#[derive(Clone)]
#[non_exhaustive]
pub enum Precondition {
    /// Nothing is stored at the key.
    Absent(String),
    /// Something is stored at the key.
    Present(String),
    /// Exactly these bytes are stored at the key. An encrypted value is never the same twice, so for those
    /// it means: not written since.
    Is(String, Arc<[u8]>),
}

/// What a reader saw at a key, to be required of a batch that depends on it. Made by
/// [`Storage::latest`](crate::Storage::latest), [`View::latest`](crate::View::latest) and
/// [`View::seen`](crate::View::seen).
#[derive(Clone)]
#[non_exhaustive]
pub struct Seen {
    /// The whole key.
    pub key: String,
    /// The stored bytes, as they are; `None` if nothing was there.
    pub stored: Option<Arc<[u8]>>,
}

impl From<Seen> for Precondition {
    fn from(seen: Seen) -> Self {
        match seen.stored {
            Some(stored) => Self::Is(seen.key, stored),
            None => Self::Absent(seen.key),
        }
    }
}

impl Precondition {
    /// The key it speaks of.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent(key) | Self::Present(key) | Self::Is(key, _) => key,
        }
    }

    /// A conflict unless it holds where `stored` is what is there.
    pub fn check(&self, stored: Option<&[u8]>) -> Result<(), Conflict> {
        let holds = match self {
            Self::Absent(_) => stored.is_none(),
            Self::Present(_) => stored.is_some(),
            Self::Is(_, expected) => stored == Some(expected),
        };
        if holds { Ok(()) } else { Err(Conflict::new(self.key())) }
    }
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value`, as it is, at the whole key `key`.
    pub fn put(&mut self, key: impl Into<String>, value: impl Into<Arc<[u8]>>) {
        self.changes.push(Change { key: key.into(), value: Some(value.into()) });
    }

    /// Removes what is at the whole key `key`.
    pub fn delete(&mut self, key: impl Into<String>) {
        self.changes.push(Change { key: key.into(), value: None });
    }

    /// Refuses the whole batch unless this holds.
    pub fn require(&mut self, precondition: impl Into<Precondition>) {
        self.preconditions.push(precondition.into());
    }

    /// Its changes, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Its preconditions.
    pub fn preconditions(&self) -> &[Precondition] {
        &self.preconditions
    }

    /// A second batch of the same changes and preconditions; the values are shared.
    pub(crate) fn duplicate(&self) -> Self {
        Self { changes: self.changes.clone(), preconditions: self.preconditions.clone() }
    }

    /// Whether it neither changes nor requires anything.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.preconditions.is_empty()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch of {} changes", self.changes.len())
    }
}
