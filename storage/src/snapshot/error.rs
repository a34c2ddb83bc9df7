//! Why a snapshot is not made, or not taken.
//! Never in it: values.

use std::io;

use super::FORMAT;
use crate::error::{BackendError, StoreError};
use crate::key::STORED_MAX_BYTES;

/// Why a snapshot is not made, or a file is not taken for one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The store could not be read, or a value in it does not open: it is damaged, and so would be the snapshot.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A value is longer than a snapshot can hold.
    #[error("the value of {key:?} has {bytes} bytes: a snapshot holds at most {max} bytes in a value", max = super::VALUE_MAX)]
    TooLarge {
        /// Its key.
        key: String,
        /// Its length.
        bytes: usize,
    },
    /// A key is longer than a snapshot can hold: its length.
    #[error("a key has {0} bytes: a snapshot holds at most {STORED_MAX_BYTES} bytes in a key")]
    KeyTooLong(usize),
    /// The page that was asked for is neither the next one nor the one before.
    #[error(
        "page {asked} was asked for: page {next} is the next one, and only the page before it can be had again"
    )]
    Page {
        /// The page that was asked for.
        asked: u64,
        /// The next one.
        next: u64,
    },
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file does not begin like a snapshot.
    #[error("it is not a snapshot of this server: it does not begin with \"onrecord-snapshot\"")]
    NotASnapshot,
    /// The snapshot has another format than those that are known.
    #[error(
        "it has snapshot format {0}, and this version reads format {FORMAT}: use the version that wrote it, or a newer one"
    )]
    Format(u64),
    /// The file ends before the end of the snapshot.
    #[error("it ends after {0} bytes, before the end of the snapshot: it was not written completely")]
    Incomplete(u64),
    /// The file is not as it was written.
    #[error("it is damaged at byte {at}: {what}")]
    Damaged {
        /// Where that was found.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

impl From<BackendError> for SnapshotError {
    fn from(error: BackendError) -> Self {
        Self::Store(error.into())
    }
}
