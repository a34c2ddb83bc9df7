//! What reads and commits fail with. Never in it: values.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use onrecord_seal::EnvelopeError;

use crate::key::KeyError;

/// A back end's failure. Cheap to clone: one failed transaction is told to all its waiters.
#[derive(Debug, Clone)]
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

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "storage {}: {}", self.operation, self.source)
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Why something was not read, or not put into a batch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreError {
    /// The barrier has no keys.
    Sealed,
    /// The text is no key.
    Key(KeyError),
    /// The back end failed.
    Backend(BackendError),
    /// The store failed, did not come back from a reopening, and takes nothing any more.
    Failed,
    /// What is stored at the key does not open.
    Damaged {
        /// The whole key.
        key: String,
        /// What is wrong with it.
        error: EnvelopeError,
    },
    /// A value could not be encrypted.
    Envelope(EnvelopeError),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed => f.write_str("Vault is sealed"),
            Self::Key(error) => error.fmt(f),
            Self::Backend(error) => error.fmt(f),
            Self::Failed => f.write_str("the storage has failed"),
            Self::Damaged { key, error } => write!(f, "the stored value of {key:?} is damaged: {error}"),
            Self::Envelope(error) => error.fmt(f),
        }
    }
}

impl Error for StoreError {}

impl From<KeyError> for StoreError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<BackendError> for StoreError {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

/// A batch whose precondition did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CommitError {
    /// A precondition did not hold; nothing was changed. Read again and try again, or give up.
    Conflict(Conflict),
    /// The transaction failed. The batch counts as not made, but may be found made after all: a device can
    /// do a write and report that it failed.
    Backend(BackendError),
    /// The store failed, did not come back from a reopening, and takes nothing any more.
    Failed,
    /// The store was closed.
    Closed,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(conflict) => write!(f, "{:?} was changed meanwhile", conflict.key),
            Self::Backend(error) => error.fmt(f),
            Self::Failed => f.write_str("the storage has failed"),
            Self::Closed => f.write_str("the storage is closed"),
        }
    }
}

impl Error for CommitError {}

impl From<Conflict> for CommitError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}
