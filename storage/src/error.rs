//! What reads and commits fail with. Never in it: values.

use std::error::Error;
use std::sync::Arc;

use onrecord_seal::EnvelopeError;

use crate::key::KeyError;
use crate::table_digests::{TABLES, TableDifference};

/// What an operator can do about damaged storage.
pub const REMEDY: &str = "restore a backup: stop the server and run onrecord operator snapshot restore -config=CONFIG FILE, or put back the whole data directory";

/// A back end's failure. Cheap to clone: all waiters of a failed transaction get it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("storage {operation}: {source}")]
#[non_exhaustive]
pub struct BackendError {
    /// What the back end was doing: `read`, `list`, `commit`, `reopen`.
    pub operation: &'static str,
    /// Its own error.
    pub source: Arc<dyn Error + Send + Sync>,
}

impl BackendError {
    /// A failure of `operation`.
    pub fn new(operation: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation, source: Arc::from(source.into()) }
    }
}

/// Why something was not read, or not put into a batch.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The barrier has no keys.
    #[error("Vault is sealed")]
    Sealed,
    /// The text is not a key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The back end failed.
    #[error("{0}")]
    Backend(#[from] BackendError),
    /// The store failed, could not be reopened, and takes nothing any more.
    #[error("the storage has failed")]
    Failed,
    /// What is stored at the key does not open.
    #[error("the stored value of {key:?} is damaged ({error}); {REMEDY}")]
    Damaged {
        /// The whole key.
        key: String,
        /// What is wrong with it.
        #[source]
        error: EnvelopeError,
    },
    /// What is stored at the key opens, and is not what should be there.
    #[error("the stored value of {0:?} cannot be read; {REMEDY}")]
    Unreadable(String),
    /// Nothing is stored at a key where something must be.
    #[error("the stored value of {0:?} is missing; {REMEDY}")]
    Missing(String),
    /// A value could not be encrypted.
    #[error("{0}")]
    Envelope(#[source] EnvelopeError),
}

/// What is stored is not what was stored last.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TablesError {
    /// The counts and digests are not there.
    #[error("the storage is damaged: the stored value of {TABLES:?} is missing; {REMEDY}")]
    Missing,
    /// The counts and digests cannot be read.
    #[error("the storage is damaged: the stored value of {TABLES:?} cannot be read; {REMEDY}")]
    Unreadable,
    /// A table is not as it was left.
    #[error("the storage is damaged: {0}; {REMEDY}")]
    Difference(#[source] TableDifference),
    /// A store that is too large to be read whole has another number of values than it had.
    #[error(
        "the storage is damaged: {found} values are stored in all, where there were {stored}; the tables that were not read, \
         because they are too large for a start: {unread}; {REMEDY}"
    )]
    Count {
        /// How many values there were when the storage was changed last.
        stored: u64,
        /// How many there are.
        found: u64,
        /// The tables that were not read, with a blank between two.
        unread: String,
    },
    /// The back end failed.
    #[error("{0}")]
    Backend(#[from] BackendError),
}

/// A batch whose precondition did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key:?} was changed meanwhile")]
#[non_exhaustive]
pub struct Conflict {
    /// The key whose state was not the required one.
    pub key: String,
}

impl Conflict {
    /// A conflict at `key`.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into() }
    }
}

/// Why a batch was refused.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A precondition did not hold; nothing was changed. Read again and try again, or give up.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// The transaction failed. The batch counts as not made, but may be found made after all: a device can
    /// do a write and report that it failed.
    #[error("{0}")]
    Backend(#[source] BackendError),
    /// The store failed, could not be reopened, and takes nothing any more.
    #[error("the storage has failed")]
    Failed,
    /// The store was closed.
    #[error("the storage is closed")]
    Closed,
}
