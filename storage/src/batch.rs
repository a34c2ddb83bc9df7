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
#[non_exhaustive]
pub enum Change {
    /// Store this value, whatever was there.
    Put {
        /// The whole key.
        key: String,
        /// The stored bytes.
        value: Arc<[u8]>,
    },
    /// Have nothing there; no error if nothing was.
    Delete {
        /// The whole key.
        key: String,
    },
}

/// What must hold, at this batch's place in the order of commits, for its changes to be made.
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
pub struct Seen {
    pub(crate) key: String,
    pub(crate) stored: Option<Arc<[u8]>>,
}

impl Seen {
    /// The whole key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The stored bytes, as they are; `None` if nothing was there.
    pub fn stored(&self) -> Option<&[u8]> {
        self.stored.as_deref()
    }
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

impl Change {
    /// The key it changes.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// What is stored at the key afterwards.
    pub fn value(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::Put { value, .. } => Some(value),
            Self::Delete { .. } => None,
        }
    }
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value`, as it is, at the whole key `key`.
    pub fn put(&mut self, key: impl Into<String>, value: impl Into<Arc<[u8]>>) {
        self.changes.push(Change::Put { key: key.into(), value: value.into() });
    }

    /// Removes what is at the whole key `key`.
    pub fn delete(&mut self, key: impl Into<String>) {
        self.changes.push(Change::Delete { key: key.into() });
    }

    /// Refuses the whole batch unless this holds.
    pub fn require(&mut self, precondition: impl Into<Precondition>) {
        self.preconditions.push(precondition.into());
    }

    /// Adds the changes and preconditions of another batch after its own.
    pub fn merge(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.preconditions.extend(other.preconditions);
    }

    /// Its changes, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Its preconditions.
    pub fn preconditions(&self) -> &[Precondition] {
        &self.preconditions
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

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}
